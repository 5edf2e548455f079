//! The API ListGroups.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `ListGroupsRequest`, API key 16, versions 0 to 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsRequest {
    /// The states of the groups we want to list. If empty, all groups are returned with their state (since
    /// version 4).
    pub states_filter: Vec<String>,
    /// The types of the groups we want to list. If empty, all groups are returned with their type (version
    /// 5).
    pub types_filter: Vec<String>,
}

impl Element for ListGroupsRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            states_filter: if version >= 4 { r.array(version, flexible)? } else { Vec::new() },
            types_filter: if version >= 5 { r.array(version, flexible)? } else { Vec::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 4 {
            w.array(&self.states_filter, version, flexible)?;
        } else if !self.states_filter.is_empty() {
            return Err(unsupported_field("ListGroupsRequest.StatesFilter", version));
        }
        if version >= 5 {
            w.array(&self.types_filter, version, flexible)?;
        } else if !self.types_filter.is_empty() {
            return Err(unsupported_field("ListGroupsRequest.TypesFilter", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for ListGroupsRequest {
    const NAME: &'static str = "ListGroupsRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);
}

impl Request for ListGroupsRequest {
    const API_KEY: ApiKey = ApiKey::ListGroups;
    type Response = ListGroupsResponse;
}

/// `ListGroupsResponse`, API key 16, versions 0 to 5.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListGroupsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 1).
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
    /// Each group in the response.
    pub groups: Vec<ListedGroup>,
}

impl Element for ListGroupsResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: if version >= 1 { r.i32()? } else { 0 },
            error_code: r.i16()?,
            groups: r.array(version, flexible)?,
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
        w.array(&self.groups, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for ListGroupsResponse {
    const NAME: &'static str = "ListGroupsResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    const FLEXIBLE_SINCE: Option<i16> = Some(3);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `ListedGroup`: Each group in the response.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListedGroup {
    /// The group ID.
    pub group_id: String,
    /// The group protocol type.
    pub protocol_type: String,
    /// The group state name (since version 4).
    pub group_state: String,
    /// The group type name (version 5).
    pub group_type: String,
}

impl Element for ListedGroup {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            group_id: r.string(flexible)?,
            protocol_type: r.string(flexible)?,
            group_state: if version >= 4 { r.string(flexible)? } else { String::new() },
            group_type: if version >= 5 { r.string(flexible)? } else { String::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.string(&self.protocol_type, flexible)?;
        if version >= 4 {
            w.string(&self.group_state, flexible)?;
        }
        if version >= 5 {
            w.string(&self.group_type, flexible)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
