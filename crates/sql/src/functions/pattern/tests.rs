use chrono::{NaiveDate, NaiveDateTime};
use proptest::prelude::*;

use super::Pattern;

fn moment() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2013, 1, 31).unwrap().and_hms_nano_opt(0, 4, 5, 678_000_000).unwrap()
}

fn format(pattern: &str) -> String {
    let mut text = String::new();
    Pattern::parse(pattern).unwrap().format(moment(), &mut text);
    text
}

#[test]
fn letters_and_text() {
    assert_eq!(format("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"), "2013-01-31T00:04:05.678Z");
    assert_eq!(format("yy M d H m s S"), "13 1 31 0 4 5 6");
    assert_eq!(format("EEE, d MMM uuuu h a k K"), "Thu, 31 Jan 2013 12 AM 24 0");
    assert_eq!(format("EEEE MMMM D Q 'o''clock' ''"), "Thursday January 31 1 o'clock '");
    assert_eq!(format("SSSSSSSSS"), "678000000");
}

#[test]
fn what_is_no_pattern() {
    assert!(Pattern::parse("yyyy-bb").unwrap_err().contains("'b'"));
    assert!(Pattern::parse("'open").unwrap_err().contains("quote"));
    assert!(Pattern::parse(&"y".repeat(1_000)).is_err());
}

#[test]
fn numbers_without_separators_have_their_width() {
    let pattern = Pattern::parse("yyyyMMddHHmmss").unwrap();
    assert_eq!(pattern.read("20130131000405"), moment().with_nanosecond_zero());
    assert_eq!(pattern.read("2013013100040"), None);
    assert_eq!(Pattern::parse("h:mm a").unwrap().read("1:30 PM").unwrap().to_string(), "1970-01-01 13:30:00");
    assert_eq!(
        Pattern::parse("dd MMM yyyy").unwrap().read("30 Feb 2013").unwrap().to_string(),
        "2013-02-28 00:00:00"
    );
}

trait ZeroNanos {
    fn with_nanosecond_zero(self) -> Option<NaiveDateTime>;
}

impl ZeroNanos for NaiveDateTime {
    fn with_nanosecond_zero(self) -> Option<NaiveDateTime> {
        chrono::Timelike::with_nanosecond(&self, 0)
    }
}

proptest! {
    #[test]
    fn any_pattern_and_text_is_answered(pattern in any::<String>(), text in any::<String>()) {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.read(&text);
            let mut out = String::new();
            pattern.format(moment(), &mut out);
        }
    }

    #[test]
    fn what_is_written_reads_back(seconds in -2_000_000_000_i64..4_000_000_000, millis in 0_u32..1_000) {
        let moment = chrono::DateTime::from_timestamp(seconds, millis * 1_000_000).unwrap().naive_utc();
        for pattern in ["yyyy-MM-dd HH:mm:ss.SSS", "d/M/yyyy H:m:s.SSS", "yyyyMMddHHmmssSSS", "dd MMMM yyyy hh:mm:ss a SSS"] {
            let pattern = Pattern::parse(pattern).unwrap();
            let mut text = String::new();
            pattern.format(moment, &mut text);
            prop_assert_eq!(pattern.read(&text), Some(moment), "{}", text);
        }
    }
}
