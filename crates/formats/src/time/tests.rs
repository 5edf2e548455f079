use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn dates_go_both_ways(days in -800_000_000i64..800_000_000) {
        let (year, month, day) = date_of(days);
        prop_assert_eq!(days_of(year, month, day), days);
        prop_assert!((1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day));
    }

    #[test]
    fn timestamps_are_read_as_they_are_written(days in -5_000_000i64..5_000_000, nanos in 0..NANOS_PER_DAY, iso: bool, local: bool) {
        let standard = if iso { TimestampStandard::Iso8601 } else { TimestampStandard::Sql };
        let mut text = Vec::new();
        write_timestamp(&mut text, Moment { days, nanos }, standard, local);
        prop_assert_eq!(parse_timestamp(&text, standard, local), Some(Moment { days, nanos }));
    }

    #[test]
    fn no_text_panics(text in "[-+0-9T :.Zz]{0,40}", iso: bool, local: bool) {
        let standard = if iso { TimestampStandard::Iso8601 } else { TimestampStandard::Sql };
        let parsed = parse_timestamp(text.as_bytes(), standard, local);
        prop_assert!(parsed.is_none_or(|moment| moment.nanos < NANOS_PER_DAY));
        parse_date(text.as_bytes());
        parse_date_leniently(text.as_bytes());
        parse_iso_time(text.as_bytes());
        parse_sql_time(text.as_bytes());
    }
}

#[test]
fn known_days() {
    assert_eq!(days_of(1970, 1, 1), 0);
    assert_eq!(days_of(2000, 3, 1), 11_017);
    assert_eq!(date_of(-1), (1969, 12, 31));
    assert_eq!(date_of(-719_528), (0, 1, 1));
}
