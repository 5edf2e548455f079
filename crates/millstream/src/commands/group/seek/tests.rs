//! Files of offsets.

use std::path::Path;

use millstream_client::TopicPartition;

use super::from_file;

#[test]
fn a_line_is_a_topic_a_partition_and_an_offset() {
    let wanted =
        from_file(Path::new("offsets"), "raw 0 17\n\nraw\t1   0\nagg 0 9223372036854775807\n").unwrap();
    let found: Vec<_> = wanted.iter().map(|(partition, to)| (partition.to_string(), to.offset)).collect();
    let expected = [
        (TopicPartition::new("agg", 0), i64::MAX),
        (TopicPartition::new("raw", 0), 17),
        (TopicPartition::new("raw", 1), 0),
    ];
    assert_eq!(found, expected.map(|(partition, offset)| (partition.to_string(), offset)));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, hint) in [
        ("raw 0 1\nraw 1\n", "offsets:2: `raw 1`"),
        ("raw 0 -1\n", "offsets:1:"),
        ("raw x 1\n", "offsets:1:"),
        ("raw 0 1 2\n", "offsets:1:"),
        ("raw 0 1\nraw 0 2\n", "offsets:2: raw-0 is there twice"),
    ] {
        let refused = from_file(Path::new("offsets"), text).unwrap_err().to_string();
        assert!(refused.contains(hint), "{refused}");
    }
}
