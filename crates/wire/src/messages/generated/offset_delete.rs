//! The API OffsetDelete.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `OffsetDeleteRequest`, API key 47, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequest {
    /// The unique group identifier.
    pub group_id: String,
    /// The topics to delete offsets for.
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

impl Element for OffsetDeleteRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)?, topics: r.array(version, flexible)? })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.array(&self.topics, version, flexible)?;
        Ok(())
    }
}

impl Message for OffsetDeleteRequest {
    const NAME: &'static str = "OffsetDeleteRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl Request for OffsetDeleteRequest {
    const API_KEY: ApiKey = ApiKey::OffsetDelete;
    type Response = OffsetDeleteResponse;
}

/// `OffsetDeleteRequestTopic`: The topics to delete offsets for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequestTopic {
    /// The topic name.
    pub name: String,
    /// Each partition to delete offsets for.
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

impl Element for OffsetDeleteRequestTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { name: r.string(flexible)?, partitions: r.array(version, flexible)? })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        Ok(())
    }
}

/// `OffsetDeleteRequestPartition`: Each partition to delete offsets for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteRequestPartition {
    /// The partition index.
    pub partition_index: i32,
}

impl Element for OffsetDeleteRequestPartition {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        Ok(Self { partition_index: r.i32()? })
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        Ok(())
    }
}

/// `OffsetDeleteResponse`, API key 47, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteResponse {
    /// The top-level error code, or 0 if there was no error.
    pub error_code: i16,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The responses for each topic.
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

impl Element for OffsetDeleteResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { error_code: r.i16()?, throttle_time_ms: r.i32()?, topics: r.array(version, flexible)? })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.i32(self.throttle_time_ms);
        w.array(&self.topics, version, flexible)?;
        Ok(())
    }
}

impl Message for OffsetDeleteResponse {
    const NAME: &'static str = "OffsetDeleteResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `OffsetDeleteResponseTopic`: The responses for each topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteResponseTopic {
    /// The topic name.
    pub name: String,
    /// The responses for each partition in the topic.
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

impl Element for OffsetDeleteResponseTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { name: r.string(flexible)?, partitions: r.array(version, flexible)? })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        Ok(())
    }
}

/// `OffsetDeleteResponsePartition`: The responses for each partition in the topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetDeleteResponsePartition {
    /// The partition index.
    pub partition_index: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
}

impl Element for OffsetDeleteResponsePartition {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        Ok(Self { partition_index: r.i32()?, error_code: r.i16()? })
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.i16(self.error_code);
        Ok(())
    }
}
