//! ApiVersions (18), versions 0 to 4: what this broker offers.
//!
//! Version 3 brings the client's name and version (KIP-511) and features (KIP-584), 4 features that may be off. A request in a
//! version that is not offered is answered in version 0 with UNSUPPORTED_VERSION and the range of this API, and the answer's
//! header is always version 0, so that any client can read it.
//!
//! Deviation: no features are listed until transactions and the new groups, which need them, are there.

use std::sync::Arc;

use millstream_wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use millstream_wire::negotiation::{offer, unsupported_api_versions};
use millstream_wire::protocol::Message as _;
use millstream_wire::{ErrorCode, WireError};

use super::{APIS, Api, Call, Reply, serve};
use crate::core::Core;
use crate::server::{Answer, Handling};

pub(super) const API: Api = Api::whole::<ApiVersionsRequest>(begin);

/// The first version with the client's name and version.
const CLIENT_SOFTWARE_SINCE: i16 = 3;

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
    let api_keys = APIS.iter().map(|api| offer(api.key, api.versions())).collect();
    Reply::Now(ApiVersionsResponse { api_keys, ..ApiVersionsResponse::default() })
}

/// Letters and digits, with dots and hyphens inside.
fn is_software_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let ends = [bytes.first(), bytes.last()];
    bytes.iter().all(inside) && ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
}
