//! Records as Apache Kafka writes them, and back.

use super::*;

fn committed() -> CommittedOffset {
    CommittedOffset {
        offset: 42,
        leader_epoch: 7,
        metadata: "note".to_owned(),
        commit_timestamp_ms: 1_700_000_000_000,
        expire_timestamp_ms: None,
        topic_id: Uuid::nil(),
    }
}

fn offset(committed: Option<CommittedOffset>) -> OffsetsRecord {
    OffsetsRecord::Offset { group: "g".to_owned(), topic: "t".to_owned(), partition: 3, committed }
}

fn round_trip(record: &OffsetsRecord) -> OffsetsRecord {
    let encoded = record.encode().unwrap();
    OffsetsRecord::decode(&encoded.key, encoded.value.as_deref()).unwrap()
}

#[test]
fn an_offset_has_kafkas_bytes() {
    let encoded = offset(Some(committed())).encode().unwrap();
    assert_eq!(&encoded.key[..], b"\0\x01\0\x01g\0\x01t\0\0\0\x03");
    let mut value = vec![0, 3];
    value.extend(42_i64.to_be_bytes());
    value.extend(7_i32.to_be_bytes());
    value.extend(b"\0\x04note");
    value.extend(1_700_000_000_000_i64.to_be_bytes());
    assert_eq!(encoded.value.as_deref(), Some(&value[..]));
}

#[test]
fn every_shape_of_offset_comes_back() {
    let with_id = CommittedOffset { topic_id: Uuid::from_u128(5), ..committed() };
    let with_end = CommittedOffset { expire_timestamp_ms: Some(9), leader_epoch: -1, ..committed() };
    for committed in [None, Some(committed()), Some(with_id), Some(with_end)] {
        assert_eq!(round_trip(&offset(committed.clone())), offset(committed));
    }
}

#[test]
fn a_group_has_kafkas_key_and_comes_back() {
    let member = StoredMember {
        member_id: "m".to_owned(),
        group_instance_id: Some("i".to_owned()),
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        rebalance_timeout_ms: 60_000,
        session_timeout_ms: 10_000,
        subscription: Bytes::from_static(b"s"),
        assignment: Bytes::from_static(b"a"),
    };
    let stored = StoredGroup {
        protocol_type: "consumer".to_owned(),
        generation_id: 4,
        protocol_name: Some("range".to_owned()),
        leader_id: Some("m".to_owned()),
        state_since_ms: 5,
        members: vec![member],
    };
    for stored in [None, Some(StoredGroup::default()), Some(stored)] {
        let record = OffsetsRecord::Group { group: "g".to_owned(), stored };
        assert_eq!(round_trip(&record), record);
        assert_eq!(&record.encode().unwrap().key[..], b"\0\x02\0\x01g");
    }
}

#[test]
fn records_of_other_kinds_are_passed_over_and_garbage_is_an_error() {
    assert_eq!(OffsetsRecord::decode(b"\0\x0a\0\x01g", Some(b"\0\0")), Ok(OffsetsRecord::Other));
    assert!(OffsetsRecord::decode(b"\0", None).is_err());
    assert!(OffsetsRecord::decode(b"\0\x01\0\x09g", None).is_err());
    assert!(OffsetsRecord::decode(b"\0\x02\0\x01g", Some(b"\0\x63")).is_err());
}
