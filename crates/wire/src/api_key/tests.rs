//! The table of APIs is dense; headers are as Kafka has them.

use super::{ApiKey, SPECIFICATIONS};
use crate::protocol::VersionRange;

#[test]
fn the_table_has_every_key_from_zero_without_a_gap() {
    for (place, row) in SPECIFICATIONS.iter().enumerate() {
        assert_eq!(row.key as usize, place, "{}", row.name);
        assert_eq!(ApiKey::from_code(row.key.code()), Some(row.key));
        assert_eq!(row.key.name(), row.name);
    }
    assert_eq!(ApiKey::from_code(-1), None);
    assert_eq!(ApiKey::from_code(SPECIFICATIONS.len() as i16), None);
    assert_eq!(ApiKey::all().count(), SPECIFICATIONS.len());
}

#[test]
fn versions_are_the_stable_ones() {
    assert_eq!(ApiKey::Fetch.versions(), Some(VersionRange::new(4, 18)));
    assert_eq!(ApiKey::Metadata.versions(), Some(VersionRange::new(0, 13)));
    assert_eq!(ApiKey::LeaderAndIsr.versions(), None);
    // Version 6 exists but is not released yet.
    assert_eq!(ApiKey::InitProducerId.versions(), Some(VersionRange::new(0, 5)));
}

#[test]
fn headers_follow_flexible_versions_except_for_api_versions() {
    assert_eq!(ApiKey::Metadata.request_header_version(8), 1);
    assert_eq!(ApiKey::Metadata.request_header_version(9), 2);
    assert_eq!(ApiKey::Metadata.response_header_version(8), 0);
    assert_eq!(ApiKey::Metadata.response_header_version(9), 1);
    assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
    assert_eq!(ApiKey::ApiVersions.request_header_version(2), 1);
    assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
    assert_eq!(ApiKey::ApiVersions.request_header_version(99), 2);
    assert_eq!(ApiKey::ApiVersions.response_header_version(4), 0);
}
