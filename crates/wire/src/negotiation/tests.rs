//! Negotiation: the highest common version, and the answer to a client from the future.

use super::{OfferedVersions, offer, unsupported_api_versions};
use crate::api_key::ApiKey;
use crate::error::WireError;
use crate::frame::decode_response;
use crate::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use crate::messages::fetch::FetchRequest;
use crate::messages::init_producer_id::InitProducerIdRequest;
use crate::messages::metadata::MetadataRequest;
use crate::messages::produce_request::ProduceRequest;
use crate::protocol::VersionRange;

#[test]
fn the_highest_version_that_both_sides_have_is_chosen() {
    let offered = OfferedVersions::new(&ApiVersionsResponse {
        api_keys: vec![
            // An API that this crate does not know, and no order.
            ApiVersion { api_key: 999, min_version: 0, max_version: 1 },
            offer(ApiKey::InitProducerId, VersionRange::new(0, 6)),
            offer(ApiKey::Metadata, VersionRange::new(0, 9)),
            offer(ApiKey::Produce, VersionRange::new(0, 2)),
        ],
        ..Default::default()
    });
    assert_eq!(offered.highest::<MetadataRequest>(), Ok(9));
    assert_eq!(offered.range(ApiKey::Metadata), Some(VersionRange::new(0, 9)));
    // Version 6 is not released, though there is a codec for it.
    assert_eq!(offered.highest::<InitProducerIdRequest>(), Ok(5));
    assert_eq!(offered.highest_of(ApiKey::Metadata, VersionRange::new(0, 4)), Ok(4));
    assert_eq!(offered.highest::<FetchRequest>(), Err(WireError::ApiNotOffered { api: "Fetch" }));
    assert_eq!(
        offered.highest::<ProduceRequest>(),
        Err(WireError::NoCommonVersion {
            api: "Produce",
            ours: VersionRange::new(3, 13),
            theirs: VersionRange::new(0, 2),
        })
    );
}

#[test]
fn a_client_from_the_future_gets_version_0_with_the_range_to_ask_in() {
    let frame = unsupported_api_versions(7, VersionRange::new(0, 4)).unwrap();
    assert_eq!(&frame[..], [0, 0, 0, 16, 0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    let response = decode_response::<ApiVersionsRequest>(frame.slice(4..), 0, 7).unwrap();
    assert_eq!(OfferedVersions::new(&response).highest::<ApiVersionsRequest>(), Ok(4));
}
