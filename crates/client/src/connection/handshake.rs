//! ApiVersions, the first request on every connection (KIP-35, KIP-511).

use millstream_wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use millstream_wire::negotiation::OfferedVersions;
use millstream_wire::protocol::{Message, Reader};
use millstream_wire::{ApiKey, ErrorCode, frame};

use super::Connection;
use crate::config::ClientConfig;
use crate::error::{ClientError, Result, Subject};

/// Asks in our highest version; a broker that does not know it answers in version 0 with its own range, and is
/// asked again.
pub(super) async fn negotiate(connection: &Connection, config: &ClientConfig) -> Result<OfferedVersions> {
    let ours = ApiVersionsRequest::VERSIONS;
    let mut version = ours.max;
    loop {
        let response = ask(connection, config, version).await?;
        let offered = OfferedVersions::new(&response);
        if response.error_code == 0 {
            return Ok(offered);
        }
        let unsupported = response.error_code == ErrorCode::UnsupportedVersion.code();
        match offered.highest_of(ApiKey::ApiVersions, ours) {
            Ok(lower) if unsupported && lower < version => version = lower,
            // Brokers before KIP-511 name no range: version 0 is what everybody knows.
            Err(_) if unsupported && version > 0 => version = 0,
            _ => {
                let code = response.error_code;
                return Err(ClientError::broker(ApiKey::ApiVersions, Subject::Request, code, None));
            }
        }
    }
}

async fn ask(connection: &Connection, config: &ClientConfig, version: i16) -> Result<ApiVersionsResponse> {
    let request = ApiVersionsRequest {
        client_software_name: if version >= 3 { "millstream".to_owned() } else { String::new() },
        client_software_version: if version >= 3 {
            env!("CARGO_PKG_VERSION").to_owned()
        } else {
            String::new()
        },
    };
    let answer = connection.send_as(&request, version, config.connect_timeout).await?;
    let correlation_id = answer.correlation_id;
    let bytes = answer.frame().await?;
    // The error code follows the correlation id in every version and decides in which the rest is.
    let mut peek = Reader::new(bytes.clone());
    let code = peek.i32().and_then(|_| peek.i16());
    let refused = code == Ok(ErrorCode::UnsupportedVersion.code());
    let answered = if refused { 0 } else { version };
    frame::decode_response::<ApiVersionsRequest>(bytes, answered, correlation_id)
        .map_err(|source| ClientError::protocol(connection.address(), ApiKey::ApiVersions, source))
}
