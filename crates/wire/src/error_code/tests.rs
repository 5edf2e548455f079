//! The table of error codes is dense and agrees with Kafka where clients depend on it.

use super::{ErrorCode, TABLE};

#[test]
fn the_table_has_every_code_from_minus_one_without_a_gap() {
    for (place, row) in TABLE.iter().enumerate() {
        assert_eq!(row.0.code(), place as i16 - 1, "{}", row.1);
        assert_eq!(ErrorCode::from_code(row.0.code()), Some(row.0));
        assert_eq!(row.0.name(), row.1);
    }
    assert_eq!(TABLE.len(), 135);
    assert_eq!(ErrorCode::from_code(-2), None);
    assert_eq!(ErrorCode::from_code(134), None);
    assert_eq!(ErrorCode::from_code(i16::MIN), None);
    assert_eq!(ErrorCode::from_code(i16::MAX), None);
}

#[test]
fn properties_are_those_of_kafkas_exceptions() {
    assert_eq!(ErrorCode::UnknownTopicOrPartition.code(), 3);
    assert_eq!(ErrorCode::UnknownTopicOrPartition.name(), "UNKNOWN_TOPIC_OR_PARTITION");
    assert!(ErrorCode::UnknownTopicOrPartition.is_retriable());
    assert!(ErrorCode::UnknownTopicOrPartition.is_stale_metadata());
    assert!(ErrorCode::CoordinatorLoadInProgress.is_retriable());
    assert!(!ErrorCode::CoordinatorLoadInProgress.is_stale_metadata());
    assert!(!ErrorCode::MessageTooLarge.is_retriable());
    assert_eq!(
        ErrorCode::UnsupportedVersion.to_string(),
        "UNSUPPORTED_VERSION: The version of API is not supported."
    );
}
