//! The API FindCoordinator.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `FindCoordinatorRequest`, API key 10, versions 0 to 6.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FindCoordinatorRequest {
    /// The coordinator key (up to version 3).
    pub key: String,
    /// The coordinator key type. (group, transaction, share) (since version 1).
    pub key_type: i8,
    /// The coordinator keys (since version 4).
    pub coordinator_keys: Vec<String>,
}

impl Element for FindCoordinatorRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            key: if version <= 3 { r.string(flexible)? } else { String::new() },
            key_type: if version >= 1 { r.i8()? } else { 0 },
            coordinator_keys: if version >= 4 { r.array(version, flexible)? } else { Vec::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version <= 3 {
            w.string(&self.key, flexible)?;
        } else if !self.key.is_empty() {
            return Err(unsupported_field("FindCoordinatorRequest.Key", version));
        }
        if version >= 1 {
            w.i8(self.key_type);
        } else if self.key_type != 0 {
            return Err(unsupported_field("FindCoordinatorRequest.KeyType", version));
        }
        if version >= 4 {
            w.array(&self.coordinator_keys, version, flexible)?;
        } else if !self.coordinator_keys.is_empty() {
            return Err(unsupported_field("FindCoordinatorRequest.CoordinatorKeys", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for FindCoordinatorRequest {
    const NAME: &'static str = "FindCoordinatorRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 6);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);
}

impl Request for FindCoordinatorRequest {
    const API_KEY: ApiKey = ApiKey::FindCoordinator;
    type Response = FindCoordinatorResponse;
}

/// `FindCoordinatorResponse`, API key 10, versions 0 to 6.
#[derive(Debug, Clone, PartialEq)]
pub struct FindCoordinatorResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 1).
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error (up to version 3).
    pub error_code: i16,
    /// The error message, or null if there was no error (versions 1 to 3).
    pub error_message: Option<String>,
    /// The node id (up to version 3).
    pub node_id: i32,
    /// The host name (up to version 3).
    pub host: String,
    /// The port (up to version 3).
    pub port: i32,
    /// Each coordinator result in the response (since version 4).
    pub coordinators: Vec<Coordinator>,
}

impl Default for FindCoordinatorResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(String::new()),
            node_id: 0,
            host: String::new(),
            port: 0,
            coordinators: Vec::new(),
        }
    }
}

impl Element for FindCoordinatorResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: if version >= 1 { r.i32()? } else { 0 },
            error_code: if version <= 3 { r.i16()? } else { 0 },
            error_message: if (1..=3).contains(&version) {
                r.nullable_string(flexible)?
            } else {
                Some(String::new())
            },
            node_id: if version <= 3 { r.i32()? } else { 0 },
            host: if version <= 3 { r.string(flexible)? } else { String::new() },
            port: if version <= 3 { r.i32()? } else { 0 },
            coordinators: if version >= 4 { r.array(version, flexible)? } else { Vec::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        if version <= 3 {
            w.i16(self.error_code);
        } else if self.error_code != 0 {
            return Err(unsupported_field("FindCoordinatorResponse.ErrorCode", version));
        }
        if (1..=3).contains(&version) {
            w.nullable_string(self.error_message.as_deref(), flexible)?;
        }
        if version <= 3 {
            w.i32(self.node_id);
        } else if self.node_id != 0 {
            return Err(unsupported_field("FindCoordinatorResponse.NodeId", version));
        }
        if version <= 3 {
            w.string(&self.host, flexible)?;
        } else if !self.host.is_empty() {
            return Err(unsupported_field("FindCoordinatorResponse.Host", version));
        }
        if version <= 3 {
            w.i32(self.port);
        } else if self.port != 0 {
            return Err(unsupported_field("FindCoordinatorResponse.Port", version));
        }
        if version >= 4 {
            w.array(&self.coordinators, version, flexible)?;
        } else if !self.coordinators.is_empty() {
            return Err(unsupported_field("FindCoordinatorResponse.Coordinators", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for FindCoordinatorResponse {
    const NAME: &'static str = "FindCoordinatorResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 6);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `Coordinator`: Each coordinator result in the response.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinator {
    /// The coordinator key.
    pub key: String,
    /// The node id.
    pub node_id: i32,
    /// The host name.
    pub host: String,
    /// The port.
    pub port: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
    /// The error message, or null if there was no error.
    pub error_message: Option<String>,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self {
            key: String::new(),
            node_id: 0,
            host: String::new(),
            port: 0,
            error_code: 0,
            error_message: Some(String::new()),
        }
    }
}

impl Element for Coordinator {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            key: r.string(flexible)?,
            node_id: r.i32()?,
            host: r.string(flexible)?,
            port: r.i32()?,
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.key, flexible)?;
        w.i32(self.node_id);
        w.string(&self.host, flexible)?;
        w.i32(self.port);
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}
