//! The API Heartbeat.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `HeartbeatRequest`, API key 12, versions 0 to 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeartbeatRequest {
    /// The group id.
    pub group_id: String,
    /// The generation of the group.
    pub generation_id: i32,
    /// The member ID.
    pub member_id: String,
    /// The unique identifier of the consumer instance provided by end user (since version 3).
    pub group_instance_id: Option<String>,
}

impl Element for HeartbeatRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            group_id: r.string(flexible)?,
            generation_id: r.i32()?,
            member_id: r.string(flexible)?,
            group_instance_id: if version >= 3 { r.nullable_string(flexible)? } else { None },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.i32(self.generation_id);
        w.string(&self.member_id, flexible)?;
        if version >= 3 {
            w.nullable_string(self.group_instance_id.as_deref(), flexible)?;
        } else if self.group_instance_id.is_some() {
            return Err(unsupported_field("HeartbeatRequest.GroupInstanceId", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for HeartbeatRequest {
    const NAME: &'static str = "HeartbeatRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);
}

impl Request for HeartbeatRequest {
    const API_KEY: ApiKey = ApiKey::Heartbeat;
    type Response = HeartbeatResponse;
}

/// `HeartbeatResponse`, API key 12, versions 0 to 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeartbeatResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 1).
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
}

impl Element for HeartbeatResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { throttle_time_ms: if version >= 1 { r.i32()? } else { 0 }, error_code: r.i16()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for HeartbeatResponse {
    const NAME: &'static str = "HeartbeatResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}
