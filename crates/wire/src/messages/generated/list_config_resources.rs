//! The API ListConfigResources.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `ListConfigResourcesRequest`, API key 74, versions 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListConfigResourcesRequest {
    /// The list of resource type. If the list is empty, it uses default supported config resource types
    /// (version 1).
    pub resource_types: Vec<i8>,
}

impl Element for ListConfigResourcesRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value =
            Self { resource_types: if version >= 1 { r.array(version, flexible)? } else { Vec::new() } };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 1 {
            w.array(&self.resource_types, version, flexible)?;
        } else if !self.resource_types.is_empty() {
            return Err(unsupported_field("ListConfigResourcesRequest.ResourceTypes", version));
        }
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ListConfigResourcesRequest {
    const NAME: &'static str = "ListConfigResourcesRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

impl Request for ListConfigResourcesRequest {
    const API_KEY: ApiKey = ApiKey::ListConfigResources;
    type Response = ListConfigResourcesResponse;
}

/// `ListConfigResourcesResponse`, API key 74, versions 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListConfigResourcesResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
    /// Each config resource in the response.
    pub config_resources: Vec<ConfigResource>,
}

impl Element for ListConfigResourcesResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: r.i32()?,
            error_code: r.i16()?,
            config_resources: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.array(&self.config_resources, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ListConfigResourcesResponse {
    const NAME: &'static str = "ListConfigResourcesResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `ConfigResource`: Each config resource in the response.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigResource {
    /// The resource name.
    pub resource_name: String,
    /// The resource type (version 1).
    pub resource_type: i8,
}

impl Default for ConfigResource {
    fn default() -> Self {
        Self { resource_name: String::new(), resource_type: 16 }
    }
}

impl Element for ConfigResource {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            resource_name: r.string(flexible)?,
            resource_type: if version >= 1 { r.i8()? } else { 16 },
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.resource_name, flexible)?;
        if version >= 1 {
            w.i8(self.resource_type);
        }
        w.no_tagged_fields();
        Ok(())
    }
}
