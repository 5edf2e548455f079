//! Ranges of a partition with the offsets 10 to 19.

use millstream_client::{Start, TopicPartition};

use super::{Known, Span};
use crate::cli::OffsetRange;

fn span(range: &str) -> Option<(Start, i64, Option<i64>)> {
    let known = Known { start: 10, end: 20, from_time: None, until_time: None };
    resolved(known, range)
}

fn resolved(known: Known, range: &str) -> Option<(Start, i64, Option<i64>)> {
    let range = OffsetRange::parse(range, 0).unwrap();
    let span = known.span(&TopicPartition::new("t", 0), range);
    span.map(|Span { start, first, stop, .. }| (start, first, stop))
}

#[test]
fn a_range_becomes_offsets_that_the_partition_has() {
    for (range, start, stop) in [
        ("start", 10, None),
        ("end", 20, None),
        (":end", 10, Some(20)),
        ("12", 12, None),
        ("3", 10, None),
        ("12:15", 12, Some(15)),
        (":15", 10, Some(15)),
        (":25", 10, Some(25)),
        ("+2", 12, None),
        ("-3", 17, None),
        ("-3:end", 17, Some(20)),
        ("-30", 10, None),
        ("@5", 20, None),
    ] {
        assert_eq!(span(range), Some((Start::at(start), start, stop)), "{range}");
    }
}

#[test]
fn what_is_not_written_yet_is_waited_for() {
    assert_eq!(span("25"), Some((Start::at(20), 25, None)));
    assert_eq!(span("25:30"), Some((Start::at(20), 25, Some(30))));
    assert_eq!(span("+15"), Some((Start::at(20), 25, None)));
}

#[test]
fn a_partition_with_nothing_in_the_range_is_left_out() {
    for range in [":5", ":10", "20:end", "end:end", "25:end", "-0:end"] {
        assert_eq!(span(range), None, "{range}");
    }
    let empty = Known { start: 10, end: 10, from_time: None, until_time: None };
    assert_eq!(resolved(empty, ":end"), None);
}

#[test]
fn times_use_the_offsets_that_the_cluster_found() {
    let known = Known { start: 10, end: 20, from_time: Some(13), until_time: Some(16) };
    assert_eq!(resolved(known, "@5:9"), Some((Start::at(13), 13, Some(16))));
    let later = Known { until_time: None, ..known };
    assert_eq!(resolved(later, "@5:9"), Some((Start::at(13), 13, Some(20))));
    assert_eq!(resolved(later, "@5:end"), Some((Start::at(13), 13, Some(20))));
    let never = Known { from_time: None, ..later };
    assert_eq!(resolved(never, "@5:9"), None);
}
