//! The API LeaveGroup.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `LeaveGroupRequest`, API key 13, versions 0 to 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaveGroupRequest {
    /// The ID of the group to leave.
    pub group_id: String,
    /// The member ID to remove from the group (up to version 2).
    pub member_id: String,
    /// List of leaving member identities (since version 3).
    pub members: Vec<MemberIdentity>,
}

impl Element for LeaveGroupRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            group_id: r.string(flexible)?,
            member_id: if version <= 2 { r.string(flexible)? } else { String::new() },
            members: if version >= 3 { r.array(version, flexible)? } else { Vec::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        if version <= 2 {
            w.string(&self.member_id, flexible)?;
        } else if !self.member_id.is_empty() {
            return Err(unsupported_field("LeaveGroupRequest.MemberId", version));
        }
        if version >= 3 {
            w.array(&self.members, version, flexible)?;
        } else if !self.members.is_empty() {
            return Err(unsupported_field("LeaveGroupRequest.Members", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for LeaveGroupRequest {
    const NAME: &'static str = "LeaveGroupRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);
}

impl Request for LeaveGroupRequest {
    const API_KEY: ApiKey = ApiKey::LeaveGroup;
    type Response = LeaveGroupResponse;
}

/// `MemberIdentity`: List of leaving member identities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemberIdentity {
    /// The member ID to remove from the group.
    pub member_id: String,
    /// The group instance ID to remove from the group.
    pub group_instance_id: Option<String>,
    /// The reason why the member left the group (version 5).
    pub reason: Option<String>,
}

impl Element for MemberIdentity {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            member_id: r.string(flexible)?,
            group_instance_id: r.nullable_string(flexible)?,
            reason: if version >= 5 { r.nullable_string(flexible)? } else { None },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.member_id, flexible)?;
        w.nullable_string(self.group_instance_id.as_deref(), flexible)?;
        if version >= 5 {
            w.nullable_string(self.reason.as_deref(), flexible)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `LeaveGroupResponse`, API key 13, versions 0 to 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaveGroupResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 1).
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
    /// List of leaving member responses (since version 3).
    pub members: Vec<MemberResponse>,
}

impl Element for LeaveGroupResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: if version >= 1 { r.i32()? } else { 0 },
            error_code: r.i16()?,
            members: if version >= 3 { r.array(version, flexible)? } else { Vec::new() },
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
        w.i16(self.error_code);
        if version >= 3 {
            w.array(&self.members, version, flexible)?;
        } else if !self.members.is_empty() {
            return Err(unsupported_field("LeaveGroupResponse.Members", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for LeaveGroupResponse {
    const NAME: &'static str = "LeaveGroupResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `MemberResponse`: List of leaving member responses.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberResponse {
    /// The member ID to remove from the group.
    pub member_id: String,
    /// The group instance ID to remove from the group.
    pub group_instance_id: Option<String>,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
}

impl Default for MemberResponse {
    fn default() -> Self {
        Self { member_id: String::new(), group_instance_id: Some(String::new()), error_code: 0 }
    }
}

impl Element for MemberResponse {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            member_id: r.string(flexible)?,
            group_instance_id: r.nullable_string(flexible)?,
            error_code: r.i16()?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.member_id, flexible)?;
        w.nullable_string(self.group_instance_id.as_deref(), flexible)?;
        w.i16(self.error_code);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
