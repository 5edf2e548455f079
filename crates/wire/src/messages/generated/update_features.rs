//! The API UpdateFeatures.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `UpdateFeaturesRequest`, API key 57, versions 0 to 2.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFeaturesRequest {
    /// How long to wait in milliseconds before timing out the request.
    pub timeout_ms: i32,
    /// The list of updates to finalized features.
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// True if we should validate the request, but not perform the upgrade or downgrade (since version 1).
    pub validate_only: bool,
}

impl Default for UpdateFeaturesRequest {
    fn default() -> Self {
        Self { timeout_ms: 60000, feature_updates: Vec::new(), validate_only: false }
    }
}

impl Element for UpdateFeaturesRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            timeout_ms: r.i32()?,
            feature_updates: r.array(version, flexible)?,
            validate_only: if version >= 1 { r.bool()? } else { false },
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.timeout_ms);
        w.array(&self.feature_updates, version, flexible)?;
        if version >= 1 {
            w.bool(self.validate_only);
        } else if self.validate_only {
            return Err(unsupported_field("UpdateFeaturesRequest.ValidateOnly", version));
        }
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for UpdateFeaturesRequest {
    const NAME: &'static str = "UpdateFeaturesRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 2);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

impl Request for UpdateFeaturesRequest {
    const API_KEY: ApiKey = ApiKey::UpdateFeatures;
    type Response = UpdateFeaturesResponse;
}

/// `FeatureUpdateKey`: The list of updates to finalized features.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureUpdateKey {
    /// The name of the finalized feature to be updated.
    pub feature: String,
    /// The new maximum version level for the finalized feature. A value >= 1 is valid. A value \< 1, is
    /// special, and can be used to request the deletion of the finalized feature.
    pub max_version_level: i16,
    /// DEPRECATED in version 1 (see DowngradeType). When set to true, the finalized feature version level
    /// is allowed to be downgraded/deleted. The downgrade request will fail if the new maximum version
    /// level is a value that's not lower than the existing maximum finalized version level (version 0).
    pub allow_downgrade: bool,
    /// Determine which type of upgrade will be performed: 1 will perform an upgrade only (default), 2 is
    /// safe downgrades only (lossless), 3 is unsafe downgrades (lossy) (since version 1).
    pub upgrade_type: i8,
}

impl Default for FeatureUpdateKey {
    fn default() -> Self {
        Self { feature: String::new(), max_version_level: 0, allow_downgrade: false, upgrade_type: 1 }
    }
}

impl Element for FeatureUpdateKey {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            feature: r.string(flexible)?,
            max_version_level: r.i16()?,
            allow_downgrade: if version <= 0 { r.bool()? } else { false },
            upgrade_type: if version >= 1 { r.i8()? } else { 1 },
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.feature, flexible)?;
        w.i16(self.max_version_level);
        if version <= 0 {
            w.bool(self.allow_downgrade);
        } else if self.allow_downgrade {
            return Err(unsupported_field("UpdateFeaturesRequest.FeatureUpdateKey.AllowDowngrade", version));
        }
        if version >= 1 {
            w.i8(self.upgrade_type);
        } else if self.upgrade_type != 1 {
            return Err(unsupported_field("UpdateFeaturesRequest.FeatureUpdateKey.UpgradeType", version));
        }
        w.no_tagged_fields();
        Ok(())
    }
}

/// `UpdateFeaturesResponse`, API key 57, versions 0 to 2.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFeaturesResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The top-level error code, or `0` if there was no top-level error.
    pub error_code: i16,
    /// The top-level error message, or `null` if there was no top-level error.
    pub error_message: Option<String>,
    /// Results for each feature update (up to version 1).
    pub results: Vec<UpdatableFeatureResult>,
}

impl Default for UpdateFeaturesResponse {
    fn default() -> Self {
        Self { throttle_time_ms: 0, error_code: 0, error_message: Some(String::new()), results: Vec::new() }
    }
}

impl Element for UpdateFeaturesResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: r.i32()?,
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
            results: if version <= 1 { r.array(version, flexible)? } else { Vec::new() },
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        if version <= 1 {
            w.array(&self.results, version, flexible)?;
        }
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for UpdateFeaturesResponse {
    const NAME: &'static str = "UpdateFeaturesResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 2);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `UpdatableFeatureResult`: Results for each feature update.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdatableFeatureResult {
    /// The name of the finalized feature.
    pub feature: String,
    /// The feature update error code or `0` if the feature update succeeded.
    pub error_code: i16,
    /// The feature update error, or `null` if the feature update succeeded.
    pub error_message: Option<String>,
}

impl Default for UpdatableFeatureResult {
    fn default() -> Self {
        Self { feature: String::new(), error_code: 0, error_message: Some(String::new()) }
    }
}

impl Element for UpdatableFeatureResult {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            feature: r.string(flexible)?,
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.feature, flexible)?;
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}
