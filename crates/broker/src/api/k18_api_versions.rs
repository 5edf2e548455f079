//! ApiVersions (18), versions 0 to 4: what this broker offers.
//!
//! Version 3 brings the client's name and version (KIP-511) and features (KIP-584), 4 features that may be off. A request in a
//! version that is not offered is answered in version 0 with UNSUPPORTED_VERSION and the range of this API, and the answer's
//! header is always version 0, so that any client can read it.
//!
//! Deviation: only features that have an effect here are listed, each finalized at its highest level; Kafka also has those of its
//! controllers. Before version 4 a feature that may be off is not listed as supported, as in Kafka.

use std::sync::Arc;

use millstream_wire::messages::api_versions::{
    ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use millstream_wire::negotiation::{offer, unsupported_api_versions};
use millstream_wire::protocol::Message as _;
use millstream_wire::{ErrorCode, WireError};

use super::{APIS, Api, Call, Reply, serve};
use crate::core::Core;
use crate::features::{FEATURES, FEATURES_EPOCH};
use crate::server::{Answer, Handling};
use crate::telemetry::Software;

pub(super) const API: Api = Api::whole::<ApiVersionsRequest>(begin);

/// The first version with the client's name and version.
const CLIENT_SOFTWARE_SINCE: i16 = 3;
/// The first version that can tell of features that may be off.
const OFF_SINCE: i16 = 4;

fn begin(core: &Arc<Core>, call: Call) -> Result<Handling, WireError> {
    if !ApiVersionsRequest::VERSIONS.contains(call.version()) {
        let frame = unsupported_api_versions(call.frame.correlation_id, ApiVersionsRequest::VERSIONS)?;
        return Ok(Handling::Done(Answer::Whole(frame)));
    }
    serve(core, call, handle)
}

fn handle(_: &Arc<Core>, call: &Call, request: ApiVersionsRequest) -> Reply<ApiVersionsResponse> {
    let names = [&request.client_software_name, &request.client_software_version];
    if call.version() >= CLIENT_SOFTWARE_SINCE && !names.iter().all(|name| is_software_name(name)) {
        let error_code = ErrorCode::InvalidRequest.code();
        return Reply::Now(ApiVersionsResponse { error_code, ..ApiVersionsResponse::default() });
    }
    tracing::debug!(
        client_id = call.client_id(),
        software = %request.client_software_name,
        version = %request.client_software_version,
        "client asks for versions"
    );
    if call.version() >= CLIENT_SOFTWARE_SINCE {
        let software =
            Software { name: request.client_software_name, version: request.client_software_version };
        // What it says first counts: a client does not change its library.
        let _ = call.caller.software.set(software);
    }
    let api_keys = APIS.iter().map(|api| offer(api.key, api.versions())).collect();
    let listed = FEATURES.iter().filter(|feature| feature.level_min > 0 || call.version() >= OFF_SINCE);
    let supported_features = listed.map(|feature| SupportedFeatureKey {
        name: feature.name.to_owned(),
        min_version: feature.level_min,
        max_version: feature.level_max,
    });
    let finalized_features = FEATURES.iter().map(|feature| FinalizedFeatureKey {
        name: feature.name.to_owned(),
        max_version_level: feature.level_max,
        min_version_level: feature.level_max,
    });
    Reply::Now(ApiVersionsResponse {
        api_keys,
        supported_features: supported_features.collect(),
        finalized_features_epoch: FEATURES_EPOCH,
        finalized_features: finalized_features.collect(),
        ..ApiVersionsResponse::default()
    })
}

/// Letters and digits, with dots and hyphens inside.
fn is_software_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let ends = [bytes.first(), bytes.last()];
    bytes.iter().all(inside) && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
}
