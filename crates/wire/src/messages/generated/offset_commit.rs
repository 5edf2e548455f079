//! The API OffsetCommit.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `OffsetCommitRequest`, API key 8, versions 2 to 10.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequest {
    /// The unique group identifier.
    pub group_id: String,
    /// The generation of the group if using the classic group protocol or the member epoch if using the
    /// consumer protocol.
    pub generation_id_or_member_epoch: i32,
    /// The member ID assigned by the group coordinator.
    pub member_id: String,
    /// The unique identifier of the consumer instance provided by end user (since version 7).
    pub group_instance_id: Option<String>,
    /// The time period in ms to retain the offset (up to version 4).
    pub retention_time_ms: i64,
    /// The topics to commit offsets for.
    pub topics: Vec<OffsetCommitRequestTopic>,
}

impl Default for OffsetCommitRequest {
    fn default() -> Self {
        Self {
            group_id: String::new(),
            generation_id_or_member_epoch: -1,
            member_id: String::new(),
            group_instance_id: None,
            retention_time_ms: -1,
            topics: Vec::new(),
        }
    }
}

impl Element for OffsetCommitRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            group_id: r.string(flexible)?,
            generation_id_or_member_epoch: r.i32()?,
            member_id: r.string(flexible)?,
            group_instance_id: if version >= 7 { r.nullable_string(flexible)? } else { None },
            retention_time_ms: if version <= 4 { r.i64()? } else { -1 },
            topics: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.i32(self.generation_id_or_member_epoch);
        w.string(&self.member_id, flexible)?;
        if version >= 7 {
            w.nullable_string(self.group_instance_id.as_deref(), flexible)?;
        } else if self.group_instance_id.is_some() {
            return Err(unsupported_field("OffsetCommitRequest.GroupInstanceId", version));
        }
        if version <= 4 {
            w.i64(self.retention_time_ms);
        }
        w.array(&self.topics, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for OffsetCommitRequest {
    const NAME: &'static str = "OffsetCommitRequest";
    const VERSIONS: VersionRange = VersionRange::new(2, 10);
    const FLEXIBLE_SINCE: Option<i16> = Some(8);
}

impl Request for OffsetCommitRequest {
    const API_KEY: ApiKey = ApiKey::OffsetCommit;
    type Response = OffsetCommitResponse;
}

/// `OffsetCommitRequestTopic`: The topics to commit offsets for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitRequestTopic {
    /// The topic name (up to version 9).
    pub name: String,
    /// The topic ID (version 10).
    pub topic_id: Uuid,
    /// Each partition to commit offsets for.
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

impl Element for OffsetCommitRequestTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            name: if version <= 9 { r.string(flexible)? } else { String::new() },
            topic_id: if version >= 10 { r.uuid()? } else { Uuid::nil() },
            partitions: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
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
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetCommitRequestPartition`: Each partition to commit offsets for.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitRequestPartition {
    /// The partition index.
    pub partition_index: i32,
    /// The message offset to be committed.
    pub committed_offset: i64,
    /// The leader epoch of this partition (since version 6).
    pub committed_leader_epoch: i32,
    /// Any associated metadata the client wants to keep.
    pub committed_metadata: Option<String>,
}

impl Default for OffsetCommitRequestPartition {
    fn default() -> Self {
        Self {
            partition_index: 0,
            committed_offset: 0,
            committed_leader_epoch: -1,
            committed_metadata: Some(String::new()),
        }
    }
}

impl Element for OffsetCommitRequestPartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            partition_index: r.i32()?,
            committed_offset: r.i64()?,
            committed_leader_epoch: if version >= 6 { r.i32()? } else { -1 },
            committed_metadata: r.nullable_string(flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.i64(self.committed_offset);
        if version >= 6 {
            w.i32(self.committed_leader_epoch);
        }
        w.nullable_string(self.committed_metadata.as_deref(), flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetCommitResponse`, API key 8, versions 2 to 10.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 3).
    pub throttle_time_ms: i32,
    /// The responses for each topic.
    pub topics: Vec<OffsetCommitResponseTopic>,
}

impl Element for OffsetCommitResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: if version >= 3 { r.i32()? } else { 0 },
            topics: r.array(version, flexible)?,
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
        w.array(&self.topics, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for OffsetCommitResponse {
    const NAME: &'static str = "OffsetCommitResponse";
    const VERSIONS: VersionRange = VersionRange::new(2, 10);
    const FLEXIBLE_SINCE: Option<i16> = Some(8);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `OffsetCommitResponseTopic`: The responses for each topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponseTopic {
    /// The topic name (up to version 9).
    pub name: String,
    /// The topic ID (version 10).
    pub topic_id: Uuid,
    /// The responses for each partition in the topic.
    pub partitions: Vec<OffsetCommitResponsePartition>,
}

impl Element for OffsetCommitResponseTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            name: if version <= 9 { r.string(flexible)? } else { String::new() },
            topic_id: if version >= 10 { r.uuid()? } else { Uuid::nil() },
            partitions: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
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
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetCommitResponsePartition`: The responses for each partition in the topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetCommitResponsePartition {
    /// The partition index.
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
}

impl Element for OffsetCommitResponsePartition {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { partition_index: r.i32()?, error_code: r.i16()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.i16(self.error_code);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
