//! Ranges as users of `rpk` type them.

use super::{OffsetRange, RangeEnd, RangeStart};

/// 2013-01-02T00:00:00Z.
const NOW_MS: i64 = 1_357_084_800_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn parsed(text: &str) -> (RangeStart, Option<RangeEnd>) {
    let range = OffsetRange::parse(text, NOW_MS).unwrap();
    (range.from, range.until)
}

#[test]
fn offsets_start_and_stop() {
    for (text, from, until) in [
        ("start", RangeStart::Start, None),
        ("oldest", RangeStart::Start, None),
        ("end", RangeStart::End, None),
        ("47", RangeStart::Offset(47), None),
        ("47:", RangeStart::Offset(47), None),
        ("47:50", RangeStart::Offset(47), Some(RangeEnd::Offset(50))),
        (":50", RangeStart::Start, Some(RangeEnd::Offset(50))),
        (":end", RangeStart::Start, Some(RangeEnd::End)),
        ("start:end", RangeStart::Start, Some(RangeEnd::End)),
        ("47:end", RangeStart::Offset(47), Some(RangeEnd::End)),
        ("+2", RangeStart::AfterStart(2), None),
        ("-3", RangeStart::BeforeEnd(3), None),
        ("-3:end", RangeStart::BeforeEnd(3), Some(RangeEnd::End)),
    ] {
        assert_eq!(parsed(text), (from, until), "{text}");
    }
}

#[test]
fn times_are_numbers_days_rfc3339_or_relative() {
    let day = NOW_MS - DAY_MS;
    for (text, from_ms) in [
        ("@1356998400000", day),
        ("@1356998400", day),
        ("@1356998400000:", day),
        ("@2013-01-01", day),
        ("@2013-01-01T00:00:00Z", day),
        ("@2013-01-01T01:00:00.250+01:00", day + 250),
        ("@-1h", NOW_MS - HOUR_MS),
        ("@-1h30m", NOW_MS - HOUR_MS * 3 / 2),
        ("@-1.5h", NOW_MS - HOUR_MS * 3 / 2),
        ("@-2d", NOW_MS - 2 * DAY_MS),
        ("@-250ms", NOW_MS - 250),
    ] {
        assert_eq!(parsed(text), (RangeStart::Time(from_ms), None), "{text}");
    }
}

#[test]
fn ranges_of_times_find_the_colon_between() {
    let day = NOW_MS - DAY_MS;
    for (text, until) in [
        ("@2013-01-01:2013-01-02", RangeEnd::Time(NOW_MS)),
        ("@2013-01-01T00:00:00Z:2013-01-01T06:00:00Z", RangeEnd::Time(day + 6 * HOUR_MS)),
        ("@2013-01-01T00:00:00Z:end", RangeEnd::End),
        ("@2013-01-01:6h", RangeEnd::Time(day + 6 * HOUR_MS)),
        ("@-24h:-12h", RangeEnd::Time(NOW_MS - 12 * HOUR_MS)),
        ("@1356998400000:1357084800000", RangeEnd::Time(NOW_MS)),
    ] {
        assert_eq!(parsed(text), (RangeStart::Time(day), Some(until)), "{text}");
    }
    assert_eq!(parsed("@:2013-01-02"), (RangeStart::Start, Some(RangeEnd::Time(NOW_MS))));
}

#[test]
fn what_is_no_range_is_refused() {
    for text in [
        "",
        ":",
        "x",
        "1x",
        "--1",
        "+-1",
        "+",
        "-",
        "1:2:3",
        "1:x",
        "99999999999999999999",
        "5:5",
        "7:5",
        "@",
        "@:",
        "@x",
        "@1h",
        "@:1h",
        "@2013-13-01",
        "@2013-01-02:2013-01-01",
        "@-",
        "@-h",
        "@-1",
        "@-1w",
        "@-99999999999999999d",
        "@2013-01-01T00:00",
        "@2013-01-01::",
    ] {
        assert!(OffsetRange::parse(text, NOW_MS).is_err(), "{text}");
    }
}
