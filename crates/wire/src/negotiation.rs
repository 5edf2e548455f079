//! Which version of an API two sides speak (KIP-35, KIP-511).
//!
//! A client asks with ApiVersions first and then uses, per API, the highest version that both know. A broker that
//! does not know the version of the ApiVersions request itself answers in version 0, with UNSUPPORTED_VERSION and
//! its range for ApiVersions, and the client asks again.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{Result, WireError};
use crate::error_code::ErrorCode;
use crate::frame;
use crate::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use crate::protocol::{Request, VersionRange};

/// The versions that the other side offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedVersions {
    /// Ordered by key. Keys that this crate does not know stay: they cannot be asked for.
    ranges: Vec<(i16, VersionRange)>,
}

impl OfferedVersions {
    /// What a response to ApiVersions offers.
    pub fn new(response: &ApiVersionsResponse) -> Self {
        let range = |api: &ApiVersion| (api.api_key, VersionRange::new(api.min_version, api.max_version));
        let mut ranges: Vec<_> = response.api_keys.iter().map(range).collect();
        ranges.sort_by_key(|(key, _)| *key);
        Self { ranges }
    }

    /// The versions offered for an API.
    pub fn range(&self, api_key: ApiKey) -> Option<VersionRange> {
        let place = self.ranges.binary_search_by_key(&api_key.code(), |(key, _)| *key).ok()?;
        Some(self.ranges[place].1)
    }

    /// The highest version of `R` that both sides have.
    ///
    /// # Errors
    /// [`WireError::ApiNotOffered`], [`WireError::NoCommonVersion`].
    pub fn highest<R: Request>(&self) -> Result<i16> {
        let ours = R::API_KEY.versions().unwrap_or(R::VERSIONS);
        self.highest_of(R::API_KEY, ours)
    }

    /// The highest version of an API that is offered and in `ours`.
    ///
    /// # Errors
    /// [`WireError::ApiNotOffered`], [`WireError::NoCommonVersion`].
    pub fn highest_of(&self, api_key: ApiKey, ours: VersionRange) -> Result<i16> {
        let api = api_key.name();
        let theirs = self.range(api_key).ok_or(WireError::ApiNotOffered { api })?;
        ours.highest_common(theirs).ok_or(WireError::NoCommonVersion { api, ours, theirs })
    }
}

/// The entry of an ApiVersions response that offers `versions` of an API.
pub fn offer(api_key: ApiKey, versions: VersionRange) -> ApiVersion {
    ApiVersion { api_key: api_key.code(), min_version: versions.min, max_version: versions.max }
}

/// The whole frame that answers an ApiVersions request in a version outside `supported`: version 0, with
/// UNSUPPORTED_VERSION and the supported range of ApiVersions alone, as Kafka does.
///
/// # Errors
/// None in practice: version 0 can carry all that is set.
pub fn unsupported_api_versions(correlation_id: i32, supported: VersionRange) -> Result<Bytes> {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![offer(ApiKey::ApiVersions, supported)],
        ..ApiVersionsResponse::default()
    };
    frame::encode_response(&response, ApiKey::ApiVersions, 0, correlation_id)
}

#[cfg(test)]
mod tests;
