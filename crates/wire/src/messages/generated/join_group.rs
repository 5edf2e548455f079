//! The API JoinGroup.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{
    Element, Message, Reader, Request, VersionRange, Writer, check_null, non_null, unsupported_field,
};

/// `JoinGroupRequest`, API key 11, versions 0 to 9.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupRequest {
    /// The group identifier.
    pub group_id: String,
    /// The coordinator considers the consumer dead if it receives no heartbeat after this timeout in
    /// milliseconds.
    pub session_timeout_ms: i32,
    /// The maximum time in milliseconds that the coordinator will wait for each member to rejoin when
    /// rebalancing the group (since version 1).
    pub rebalance_timeout_ms: i32,
    /// The member id assigned by the group coordinator.
    pub member_id: String,
    /// The unique identifier of the consumer instance provided by end user (since version 5).
    pub group_instance_id: Option<String>,
    /// The unique name the for class of protocols implemented by the group we want to join.
    pub protocol_type: String,
    /// The list of protocols that the member supports.
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// The reason why the member (re-)joins the group (since version 8).
    pub reason: Option<String>,
}

impl Default for JoinGroupRequest {
    fn default() -> Self {
        Self {
            group_id: String::new(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: String::new(),
            group_instance_id: None,
            protocol_type: String::new(),
            protocols: Vec::new(),
            reason: None,
        }
    }
}

impl Element for JoinGroupRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            group_id: r.string(flexible)?,
            session_timeout_ms: r.i32()?,
            rebalance_timeout_ms: if version >= 1 { r.i32()? } else { -1 },
            member_id: r.string(flexible)?,
            group_instance_id: if version >= 5 { r.nullable_string(flexible)? } else { None },
            protocol_type: r.string(flexible)?,
            protocols: r.array(version, flexible)?,
            reason: if version >= 8 { r.nullable_string(flexible)? } else { None },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.i32(self.session_timeout_ms);
        if version >= 1 {
            w.i32(self.rebalance_timeout_ms);
        }
        w.string(&self.member_id, flexible)?;
        if version >= 5 {
            w.nullable_string(self.group_instance_id.as_deref(), flexible)?;
        } else if self.group_instance_id.is_some() {
            return Err(unsupported_field("JoinGroupRequest.GroupInstanceId", version));
        }
        w.string(&self.protocol_type, flexible)?;
        w.array(&self.protocols, version, flexible)?;
        if version >= 8 {
            w.nullable_string(self.reason.as_deref(), flexible)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for JoinGroupRequest {
    const NAME: &'static str = "JoinGroupRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 9);
    const FLEXIBLE_SINCE: Option<i16> = Some(6);
}

impl Request for JoinGroupRequest {
    const API_KEY: ApiKey = ApiKey::JoinGroup;
    type Response = JoinGroupResponse;
}

/// `JoinGroupRequestProtocol`: The list of protocols that the member supports.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupRequestProtocol {
    /// The protocol name.
    pub name: String,
    /// The protocol metadata.
    pub metadata: Bytes,
}

impl Element for JoinGroupRequestProtocol {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, metadata: r.bytes(flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.bytes(&self.metadata, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `JoinGroupResponse`, API key 11, versions 0 to 9.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinGroupResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 2).
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
    /// The generation ID of the group.
    pub generation_id: i32,
    /// The group protocol name (since version 7).
    pub protocol_type: Option<String>,
    /// The group protocol selected by the coordinator.
    pub protocol_name: Option<String>,
    /// The leader of the group.
    pub leader: String,
    /// True if the leader must skip running the assignment (version 9).
    pub skip_assignment: bool,
    /// The member ID assigned by the group coordinator.
    pub member_id: String,
    /// The group members.
    pub members: Vec<JoinGroupResponseMember>,
}

impl Default for JoinGroupResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(String::new()),
            leader: String::new(),
            skip_assignment: false,
            member_id: String::new(),
            members: Vec::new(),
        }
    }
}

impl Element for JoinGroupResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: if version >= 2 { r.i32()? } else { 0 },
            error_code: r.i16()?,
            generation_id: r.i32()?,
            protocol_type: if version >= 7 { r.nullable_string(flexible)? } else { None },
            protocol_name: non_null(
                r.nullable_string(flexible)?,
                version >= 7,
                "JoinGroupResponse.ProtocolName",
            )?,
            leader: r.string(flexible)?,
            skip_assignment: if version >= 9 { r.bool()? } else { false },
            member_id: r.string(flexible)?,
            members: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 2 {
            w.i32(self.throttle_time_ms);
        }
        w.i16(self.error_code);
        w.i32(self.generation_id);
        if version >= 7 {
            w.nullable_string(self.protocol_type.as_deref(), flexible)?;
        }
        check_null(self.protocol_name.is_none(), version >= 7, "JoinGroupResponse.ProtocolName")?;
        w.nullable_string(self.protocol_name.as_deref(), flexible)?;
        w.string(&self.leader, flexible)?;
        if version >= 9 {
            w.bool(self.skip_assignment);
        } else if self.skip_assignment {
            return Err(unsupported_field("JoinGroupResponse.SkipAssignment", version));
        }
        w.string(&self.member_id, flexible)?;
        w.array(&self.members, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for JoinGroupResponse {
    const NAME: &'static str = "JoinGroupResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 9);
    const FLEXIBLE_SINCE: Option<i16> = Some(6);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `JoinGroupResponseMember`: The group members.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JoinGroupResponseMember {
    /// The group member ID.
    pub member_id: String,
    /// The unique identifier of the consumer instance provided by end user (since version 5).
    pub group_instance_id: Option<String>,
    /// The group member metadata.
    pub metadata: Bytes,
}

impl Element for JoinGroupResponseMember {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            member_id: r.string(flexible)?,
            group_instance_id: if version >= 5 { r.nullable_string(flexible)? } else { None },
            metadata: r.bytes(flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.member_id, flexible)?;
        if version >= 5 {
            w.nullable_string(self.group_instance_id.as_deref(), flexible)?;
        }
        w.bytes(&self.metadata, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
