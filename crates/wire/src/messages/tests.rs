//! Walks every message over every version: against the bytes of Kafka's own code, and against damaged ones.

use bytes::Bytes;
use proptest::prelude::*;

use super::walk::{Walked, all, encode};
use super::*;
use crate::api_key::ApiKey;
use crate::error::WireError;
use crate::protocol::{CoordinatorKey as _, Message, Reader};

/// What Kafka 4.3 writes, see `tests/fixtures/README.md`.
const FIXTURE: &str = include_str!("../../tests/fixtures/messages.hex");

/// The lines of the fixture that are messages.
fn golden() -> Vec<(&'static str, i16, Bytes)> {
    let parse = |line: &'static str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let version = words.next().unwrap().parse().unwrap();
        (name, version, from_hex(words.next().unwrap()))
    };
    FIXTURE.lines().filter(|line| !line.starts_with("header ")).map(parse).collect()
}

fn from_hex(text: &str) -> Bytes {
    (0..text.len()).step_by(2).map(|place| u8::from_str_radix(&text[place..place + 2], 16).unwrap()).collect()
}

#[test]
fn every_message_in_every_version_is_what_kafka_writes() {
    let all = all();
    let golden = golden();
    for walked in &all {
        for version in walked.versions.min..=walked.versions.max {
            let mut lines = golden.iter().filter(|line| line.0 == walked.name && line.1 == version);
            let context = format!("{} version {version}", walked.name);
            let defaults = &lines.next().unwrap_or_else(|| panic!("{context}: not in the fixture")).2;
            assert_eq!((walked.encode_default)(version).unwrap(), defaults, "{context}: defaults");
            assert!(lines.clone().count() > 0, "{context}");
            for (_, _, bytes) in lines.chain([&(walked.name, version, defaults.clone())]) {
                let (again, left) = (walked.recode)(bytes.clone(), version).unwrap_or_else(|error| {
                    panic!("{context}: {error} in {bytes:02x?}");
                });
                assert_eq!(left, 0, "{context}: left over of {bytes:02x?}");
                assert_eq!(again, bytes, "{context}");
            }
        }
    }
    for (name, version, _) in &golden {
        assert!(
            all.iter().any(|walked| walked.name == *name && walked.versions.contains(*version)),
            "{name} version {version} has no codec"
        );
    }
}

#[test]
fn every_version_out_of_range_is_refused() {
    for walked in all() {
        for version in [walked.versions.min - 1, walked.versions.max + 1] {
            assert!((walked.encode_default)(version).is_err(), "{} version {version}", walked.name);
            assert!((walked.recode)(Bytes::from_static(&[0; 64]), version).is_err(), "{}", walked.name);
        }
    }
}

#[test]
fn a_field_that_a_version_cannot_carry_is_an_error_unless_it_is_ignorable() {
    let with_timestamp = list_offsets::ListOffsetsRequest { isolation_level: 1, ..Default::default() };
    assert_eq!(
        encode(&with_timestamp, 1),
        Err(WireError::UnsupportedField { field: "ListOffsetsRequest.IsolationLevel", version: 1 })
    );
    assert!(encode(&with_timestamp, 2).is_ok());
    let with_session = fetch::FetchRequest { session_id: 7, rack_id: "a".into(), ..Default::default() };
    let bytes = encode(&with_session, 4).unwrap();
    assert_eq!(fetch::FetchRequest::decode(&mut Reader::new(bytes), 4).unwrap().session_id, 0);
}

#[test]
fn null_is_refused_where_a_version_does_not_allow_it() {
    let all_topics = metadata::MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(encode(&all_topics, 0), Err(WireError::UnexpectedNull { what: "MetadataRequest.Topics" }));
    assert!(encode(&all_topics, 1).is_ok());
    let null = Bytes::from_static(&[0xff; 4]);
    assert_eq!(
        metadata::MetadataRequest::decode(&mut Reader::new(null.clone()), 0),
        Err(WireError::UnexpectedNull { what: "MetadataRequest.Topics" })
    );
    assert_eq!(metadata::MetadataRequest::decode(&mut Reader::new(null), 1).unwrap().topics, None);
}

/// The bytes are those of `kafka-console-consumer` over `__consumer_offsets`: the key's type, then its fields.
#[test]
fn a_key_of_an_internal_topic_begins_with_its_type_and_a_value_with_its_version() {
    let key = OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 3 };
    let bytes = key.encode_key().unwrap();
    assert_eq!(&bytes[..], [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 3]);
    assert_eq!(OffsetCommitKey::decode_key(bytes.clone()), Ok(key));
    assert!(matches!(
        GroupMetadataKey::decode_key(bytes),
        Err(WireError::InvalidValue { found: 1, expected: 2, .. })
    ));
    let value = OffsetCommitValue { offset: 9, ..Default::default() };
    let bytes = value.encode_with_version(3).unwrap();
    assert_eq!(&bytes[..10], [0, 3, 0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(OffsetCommitValue::decode_with_version(bytes), Ok(value));
}

#[test]
fn passwords_do_not_show_in_debug_output() {
    let request = SaslAuthenticateRequest { auth_bytes: Bytes::from_static(b"alice-secret") };
    assert!(!format!("{request:?}").contains("secret"));
}

#[test]
fn headers_have_the_versions_that_kafka_gives_them() {
    let mut seen = 0;
    for line in FIXTURE.lines().filter_map(|line| line.strip_prefix("header ")) {
        let numbers: Vec<i16> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let [key, version, request, response] = numbers[..] else { panic!("{line}") };
        let api = ApiKey::from_code(key).unwrap();
        assert_eq!(api.request_header_version(version), request, "{line}");
        assert_eq!(api.response_header_version(version), response, "{line}");
        seen += 1;
    }
    assert!(seen > 200);
}

#[test]
fn every_cut_of_every_message_is_an_error_or_a_shorter_message() {
    let all = all();
    for (name, version, bytes) in golden() {
        let walked = all.iter().find(|walked| walked.name == name).unwrap();
        for length in 0..bytes.len() {
            let result = (walked.recode)(bytes.slice(..length), version);
            assert!(
                result.is_err(),
                "{name} version {version} decoded from {length} of {} bytes",
                bytes.len()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Damaged bytes never panic; what still decodes is a random message, which must survive a round trip.
    #[test]
    fn damaged_messages_are_refused_or_round_trip(
        line in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        thread_local! {
            static GOLDEN: (Vec<(&'static str, i16, Bytes)>, Vec<Walked>) = (golden(), all());
        }
        GOLDEN.with(|(golden, all)| {
            let (name, version, bytes) = line.get(golden);
            let walked = all.iter().find(|walked| walked.name == *name).unwrap();
            let mut damaged = bytes.to_vec();
            for (place, value) in damage {
                if !damaged.is_empty() {
                    let place = place.index(damaged.len());
                    damaged[place] = value;
                }
            }
            if let Ok((once, _)) = (walked.recode)(damaged.into(), *version) {
                let (twice, left) = (walked.recode)(once.clone(), *version).unwrap();
                prop_assert_eq!(left, 0);
                prop_assert_eq!(once, twice, "{} version {}", name, version);
            }
            Ok(())
        })?;
    }
}
