//! Names that Kafka writes, and those that it does not.

use super::*;

#[test]
fn topic_names_follow_kafkas_rules() {
    for good in ["a", "raw-temperature", "__consumer_offsets", "A.b_c-9", "...", &"x".repeat(249)] {
        check_topic_name(good).unwrap();
    }
    for bad in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
        assert!(check_topic_name(bad).is_err(), "{bad}");
    }
}

#[test]
fn partition_directories_come_back() {
    for (topic, partition) in [("t", 0), ("raw-temperature", 3), ("a-1", 12)] {
        assert_eq!(
            parse_partition_directory(&partition_directory(topic, partition)),
            Some((topic, partition))
        );
    }
    for other in ["lost+found", "a-", "-1", "a-x", "a--1x", "a-99999999999", "t-0.abc-delete"] {
        assert_eq!(parse_partition_directory(other), None, "{other}");
    }
}

#[test]
fn discarded_names_fit_a_directory_entry_and_are_no_partitions() {
    let name = discarded_directory(&"x".repeat(249), 1_000_000, DELETE_SUFFIX);
    assert_eq!(name.len(), 255);
    assert_eq!(parse_partition_directory(&name), None);
    assert!(discarded_directory("t", 0, STRAY_SUFFIX).starts_with("t-0."));
}

#[test]
fn file_names_come_back() {
    for kind in FileKind::OF_SEGMENT {
        let path = kind.path(Path::new("d"), 1_234_567);
        assert_eq!(FileKind::parse(path.file_name().unwrap().to_str().unwrap()), Some((1_234_567, kind)));
    }
    assert_eq!(FileKind::Log.path(Path::new("d"), 0), Path::new("d/00000000000000000000.log"));
    for other in
        ["", "leader-epoch-checkpoint", "00000000000000000000.log.deleted", "0000000000000000000x.log", "é"]
    {
        assert_eq!(FileKind::parse(other), None, "{other}");
    }
}
