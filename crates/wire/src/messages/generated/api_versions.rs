//! The API ApiVersions.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `ApiVersionsRequest`, API key 18, versions 0 to 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersionsRequest {
    /// The name of the client (since version 3).
    pub client_software_name: String,
    /// The version of the client (since version 3).
    pub client_software_version: String,
}

impl Element for ApiVersionsRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            client_software_name: if version >= 3 { r.string(flexible)? } else { String::new() },
            client_software_version: if version >= 3 { r.string(flexible)? } else { String::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 3 {
            w.string(&self.client_software_name, flexible)?;
        }
        if version >= 3 {
            w.string(&self.client_software_version, flexible)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for ApiVersionsRequest {
    const NAME: &'static str = "ApiVersionsRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);
}

impl Request for ApiVersionsRequest {
    const API_KEY: ApiKey = ApiKey::ApiVersions;
    type Response = ApiVersionsResponse;
}

/// `ApiVersionsResponse`, API key 18, versions 0 to 4.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiVersionsResponse {
    /// The top-level error code.
    pub error_code: i16,
    /// The APIs supported by the broker.
    pub api_keys: Vec<ApiVersion>,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 1).
    pub throttle_time_ms: i32,
    /// Features supported by the broker. Note: in v0-v3, features with MinSupportedVersion = 0 are omitted
    /// (since version 3).
    pub supported_features: Vec<SupportedFeatureKey>,
    /// The monotonically increasing epoch for the finalized features information. Valid values are >= 0. A
    /// value of -1 is special and represents unknown epoch (since version 3).
    pub finalized_features_epoch: i64,
    /// List of cluster-wide finalized features. The information is valid only if FinalizedFeaturesEpoch >=
    /// 0 (since version 3).
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Set by a KRaft controller if the required configurations for ZK migration are present (since version
    /// 3).
    pub zk_migration_ready: bool,
}

impl Default for ApiVersionsResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            api_keys: Vec::new(),
            throttle_time_ms: 0,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
        }
    }
}

impl Element for ApiVersionsResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            error_code: r.i16()?,
            api_keys: r.array(version, flexible)?,
            throttle_time_ms: if version >= 1 { r.i32()? } else { 0 },
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
        };
        if flexible {
            r.tagged_fields(&mut |tag, r| {
                match tag {
                    0 if version >= 3 => value.supported_features = r.array(version, flexible)?,
                    1 if version >= 3 => value.finalized_features_epoch = r.i64()?,
                    2 if version >= 3 => value.finalized_features = r.array(version, flexible)?,
                    3 if version >= 3 => value.zk_migration_ready = r.bool()?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.array(&self.api_keys, version, flexible)?;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        if flexible {
            let has_supported_features = version >= 3 && !self.supported_features.is_empty();
            let has_finalized_features_epoch = version >= 3 && self.finalized_features_epoch != -1;
            let has_finalized_features = version >= 3 && !self.finalized_features.is_empty();
            let has_zk_migration_ready = version >= 3 && self.zk_migration_ready;
            w.unsigned_varint(
                u32::from(has_supported_features)
                    + u32::from(has_finalized_features_epoch)
                    + u32::from(has_finalized_features)
                    + u32::from(has_zk_migration_ready),
            );
            if has_supported_features {
                w.tagged_field(0, |w| w.array(&self.supported_features, version, flexible))?;
            }
            if has_finalized_features_epoch {
                w.tagged_field(1, |w| {
                    w.i64(self.finalized_features_epoch);
                    Ok(())
                })?;
            }
            if has_finalized_features {
                w.tagged_field(2, |w| w.array(&self.finalized_features, version, flexible))?;
            }
            if has_zk_migration_ready {
                w.tagged_field(3, |w| {
                    w.bool(self.zk_migration_ready);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}

impl Message for ApiVersionsResponse {
    const NAME: &'static str = "ApiVersionsResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `ApiVersion`: The APIs supported by the broker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersion {
    /// The API index.
    pub api_key: i16,
    /// The minimum supported version, inclusive.
    pub min_version: i16,
    /// The maximum supported version, inclusive.
    pub max_version: i16,
}

impl Element for ApiVersion {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { api_key: r.i16()?, min_version: r.i16()?, max_version: r.i16()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i16(self.api_key);
        w.i16(self.min_version);
        w.i16(self.max_version);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `SupportedFeatureKey`: Features supported by the broker. Note: in v0-v3, features with
/// MinSupportedVersion = 0 are omitted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SupportedFeatureKey {
    /// The name of the feature.
    pub name: String,
    /// The minimum supported version for the feature.
    pub min_version: i16,
    /// The maximum supported version for the feature.
    pub max_version: i16,
}

impl Element for SupportedFeatureKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, min_version: r.i16()?, max_version: r.i16()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.i16(self.min_version);
        w.i16(self.max_version);
        w.no_tagged_fields();
        Ok(())
    }
}

/// `FinalizedFeatureKey`: List of cluster-wide finalized features. The information is valid only if
/// FinalizedFeaturesEpoch >= 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FinalizedFeatureKey {
    /// The name of the feature.
    pub name: String,
    /// The cluster-wide finalized max version level for the feature.
    pub max_version_level: i16,
    /// The cluster-wide finalized min version level for the feature.
    pub min_version_level: i16,
}

impl Element for FinalizedFeatureKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value =
            Self { name: r.string(flexible)?, max_version_level: r.i16()?, min_version_level: r.i16()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.i16(self.max_version_level);
        w.i16(self.min_version_level);
        w.no_tagged_fields();
        Ok(())
    }
}
