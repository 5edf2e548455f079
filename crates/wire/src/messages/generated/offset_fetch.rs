//! The API OffsetFetch.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{
    Element, Message, Reader, Request, VersionRange, Writer, check_null, non_null, unsupported_field,
};

/// `OffsetFetchRequest`, API key 9, versions 1 to 10.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequest {
    /// The group to fetch offsets for (up to version 7).
    pub group_id: String,
    /// Each topic we would like to fetch offsets for, or null to fetch offsets for all topics (up to
    /// version 7).
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    /// Each group we would like to fetch offsets for (since version 8).
    pub groups: Vec<OffsetFetchRequestGroup>,
    /// Whether broker should hold on returning unstable offsets but set a retriable error code for the
    /// partitions (since version 7).
    pub require_stable: bool,
}

impl Default for OffsetFetchRequest {
    fn default() -> Self {
        Self { group_id: String::new(), topics: Some(Vec::new()), groups: Vec::new(), require_stable: false }
    }
}

impl Element for OffsetFetchRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            group_id: if version <= 7 { r.string(flexible)? } else { String::new() },
            topics: if version <= 7 {
                non_null(r.nullable_array(version, flexible)?, version >= 2, "OffsetFetchRequest.Topics")?
            } else {
                Some(Vec::new())
            },
            groups: if version >= 8 { r.array(version, flexible)? } else { Vec::new() },
            require_stable: if version >= 7 { r.bool()? } else { false },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version <= 7 {
            w.string(&self.group_id, flexible)?;
        } else if !self.group_id.is_empty() {
            return Err(unsupported_field("OffsetFetchRequest.GroupId", version));
        }
        if version <= 7 {
            check_null(self.topics.is_none(), version >= 2, "OffsetFetchRequest.Topics")?;
            w.nullable_array(self.topics.as_deref(), version, flexible)?;
        } else if self.topics.as_ref().is_none_or(|value| !value.is_empty()) {
            return Err(unsupported_field("OffsetFetchRequest.Topics", version));
        }
        if version >= 8 {
            w.array(&self.groups, version, flexible)?;
        } else if !self.groups.is_empty() {
            return Err(unsupported_field("OffsetFetchRequest.Groups", version));
        }
        if version >= 7 {
            w.bool(self.require_stable);
        } else if self.require_stable {
            return Err(unsupported_field("OffsetFetchRequest.RequireStable", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for OffsetFetchRequest {
    const NAME: &'static str = "OffsetFetchRequest";
    const VERSIONS: VersionRange = VersionRange::new(1, 10);
    const FLEXIBLE_SINCE: Option<i16> = Some(6);
}

impl Request for OffsetFetchRequest {
    const API_KEY: ApiKey = ApiKey::OffsetFetch;
    type Response = OffsetFetchResponse;
}

/// `OffsetFetchRequestTopic`: Each topic we would like to fetch offsets for, or null to fetch offsets for
/// all topics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopic {
    /// The topic name.
    pub name: String,
    /// The partition indexes we would like to fetch offsets for.
    pub partition_indexes: Vec<i32>,
}

impl Element for OffsetFetchRequestTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, partition_indexes: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.partition_indexes, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetFetchRequestGroup`: Each group we would like to fetch offsets for.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchRequestGroup {
    /// The group ID.
    pub group_id: String,
    /// The member id (since version 9).
    pub member_id: Option<String>,
    /// The member epoch if using the new consumer protocol (KIP-848) (since version 9).
    pub member_epoch: i32,
    /// Each topic we would like to fetch offsets for, or null to fetch offsets for all topics.
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

impl Default for OffsetFetchRequestGroup {
    fn default() -> Self {
        Self { group_id: String::new(), member_id: None, member_epoch: -1, topics: Some(Vec::new()) }
    }
}

impl Element for OffsetFetchRequestGroup {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            group_id: r.string(flexible)?,
            member_id: if version >= 9 { r.nullable_string(flexible)? } else { None },
            member_epoch: if version >= 9 { r.i32()? } else { -1 },
            topics: r.nullable_array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        if version >= 9 {
            w.nullable_string(self.member_id.as_deref(), flexible)?;
        }
        if version >= 9 {
            w.i32(self.member_epoch);
        }
        w.nullable_array(self.topics.as_deref(), version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `OffsetFetchRequestTopics`: Each topic we would like to fetch offsets for, or null to fetch offsets for
/// all topics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchRequestTopics {
    /// The topic name (versions 8 to 9).
    pub name: String,
    /// The topic ID (version 10).
    pub topic_id: Uuid,
    /// The partition indexes we would like to fetch offsets for.
    pub partition_indexes: Vec<i32>,
}

impl Element for OffsetFetchRequestTopics {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            name: if version <= 9 { r.string(flexible)? } else { String::new() },
            topic_id: if version >= 10 { r.uuid()? } else { Uuid::nil() },
            partition_indexes: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version <= 9 {
            w.string(&self.name, flexible)?;
        }
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        w.array(&self.partition_indexes, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `OffsetFetchResponse`, API key 9, versions 1 to 10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 3).
    pub throttle_time_ms: i32,
    /// The responses per topic (up to version 7).
    pub topics: Vec<OffsetFetchResponseTopic>,
    /// The top-level error code, or 0 if there was no error (versions 2 to 7).
    pub error_code: i16,
    /// The responses per group id (since version 8).
    pub groups: Vec<OffsetFetchResponseGroup>,
}

impl Element for OffsetFetchResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: if version >= 3 { r.i32()? } else { 0 },
            topics: if version <= 7 { r.array(version, flexible)? } else { Vec::new() },
            error_code: if (2..=7).contains(&version) { r.i16()? } else { 0 },
            groups: if version >= 8 { r.array(version, flexible)? } else { Vec::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        if version <= 7 {
            w.array(&self.topics, version, flexible)?;
        } else if !self.topics.is_empty() {
            return Err(unsupported_field("OffsetFetchResponse.Topics", version));
        }
        if (2..=7).contains(&version) {
            w.i16(self.error_code);
        }
        if version >= 8 {
            w.array(&self.groups, version, flexible)?;
        } else if !self.groups.is_empty() {
            return Err(unsupported_field("OffsetFetchResponse.Groups", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for OffsetFetchResponse {
    const NAME: &'static str = "OffsetFetchResponse";
    const VERSIONS: VersionRange = VersionRange::new(1, 10);
    const FLEXIBLE_SINCE: Option<i16> = Some(6);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `OffsetFetchResponseTopic`: The responses per topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopic {
    /// The topic name.
    pub name: String,
    /// The responses per partition.
    pub partitions: Vec<OffsetFetchResponsePartition>,
}

impl Element for OffsetFetchResponseTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, partitions: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetFetchResponsePartition`: The responses per partition.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchResponsePartition {
    /// The partition index.
    pub partition_index: i32,
    /// The committed message offset.
    pub committed_offset: i64,
    /// The leader epoch (versions 5 to 7).
    pub committed_leader_epoch: i32,
    /// The partition metadata.
    pub metadata: Option<String>,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
}

impl Default for OffsetFetchResponsePartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(String::new()),
            error_code: 0,
        }
    }
}

impl Element for OffsetFetchResponsePartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            partition_index: r.i32()?,
            committed_offset: r.i64()?,
            committed_leader_epoch: if version >= 5 { r.i32()? } else { -1 },
            metadata: r.nullable_string(flexible)?,
            error_code: r.i16()?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 5 {
            w.i32(self.committed_leader_epoch);
        }
        w.nullable_string(self.metadata.as_deref(), flexible)?;
        w.i16(self.error_code);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetFetchResponseGroup`: The responses per group id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseGroup {
    /// The group ID.
    pub group_id: String,
    /// The responses per topic.
    pub topics: Vec<OffsetFetchResponseTopics>,
    /// The group-level error code, or 0 if there was no error.
    pub error_code: i16,
}

impl Element for OffsetFetchResponseGroup {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value =
            Self { group_id: r.string(flexible)?, topics: r.array(version, flexible)?, error_code: r.i16()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.array(&self.topics, version, flexible)?;
        w.i16(self.error_code);
        w.no_tagged_fields();
        Ok(())
    }
}

/// `OffsetFetchResponseTopics`: The responses per topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetFetchResponseTopics {
    /// The topic name (versions 8 to 9).
    pub name: String,
    /// The topic ID (version 10).
    pub topic_id: Uuid,
    /// The responses per partition.
    pub partitions: Vec<OffsetFetchResponsePartitions>,
}

impl Element for OffsetFetchResponseTopics {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            name: if version <= 9 { r.string(flexible)? } else { String::new() },
            topic_id: if version >= 10 { r.uuid()? } else { Uuid::nil() },
            partitions: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version <= 9 {
            w.string(&self.name, flexible)?;
        }
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        w.array(&self.partitions, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `OffsetFetchResponsePartitions`: The responses per partition.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetFetchResponsePartitions {
    /// The partition index.
    pub partition_index: i32,
    /// The committed message offset.
    pub committed_offset: i64,
    /// The leader epoch.
    pub committed_leader_epoch: i32,
    /// The partition metadata.
    pub metadata: Option<String>,
    /// The partition-level error code, or 0 if there was no error.
    pub error_code: i16,
}

impl Default for OffsetFetchResponsePartitions {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            metadata: Some(String::new()),
            error_code: 0,
        }
    }
}

impl Element for OffsetFetchResponsePartitions {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            partition_index: r.i32()?,
            committed_offset: r.i64()?,
            committed_leader_epoch: r.i32()?,
            metadata: r.nullable_string(flexible)?,
            error_code: r.i16()?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        w.i32(self.committed_leader_epoch);
        w.nullable_string(self.metadata.as_deref(), flexible)?;
        w.i16(self.error_code);
        w.no_tagged_fields();
        Ok(())
    }
}
