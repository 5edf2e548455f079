//! The API OffsetForLeaderEpoch.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `OffsetForLeaderEpochRequest`, API key 23, versions 2 to 4.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetForLeaderEpochRequest {
    /// The broker ID of the follower, of -1 if this request is from a consumer (since version 3).
    pub replica_id: i32,
    /// Each topic to get offsets for.
    pub topics: Vec<OffsetForLeaderTopic>,
}

impl Default for OffsetForLeaderEpochRequest {
    fn default() -> Self {
        Self { replica_id: -2, topics: Vec::new() }
    }
}

impl Element for OffsetForLeaderEpochRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            replica_id: if version >= 3 { r.i32()? } else { -2 },
            topics: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 3 {
            w.i32(self.replica_id);
        }
        w.array(&self.topics, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for OffsetForLeaderEpochRequest {
    const NAME: &'static str = "OffsetForLeaderEpochRequest";
    const VERSIONS: VersionRange = VersionRange::new(2, 4);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);
}

impl Request for OffsetForLeaderEpochRequest {
    const API_KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
    type Response = OffsetForLeaderEpochResponse;
}

/// `OffsetForLeaderTopic`: Each topic to get offsets for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetForLeaderTopic {
    /// The topic name.
    pub topic: String,
    /// Each partition to get offsets for.
    pub partitions: Vec<OffsetForLeaderPartition>,
}

impl Element for OffsetForLeaderTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topic: r.string(flexible)?, partitions: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.topic, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetForLeaderPartition`: Each partition to get offsets for.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetForLeaderPartition {
    /// The partition index.
    pub partition: i32,
    /// An epoch used to fence consumers/replicas with old metadata. If the epoch provided by the client is
    /// larger than the current epoch known to the broker, then the UNKNOWN_LEADER_EPOCH error code will be
    /// returned. If the provided epoch is smaller, then the FENCED_LEADER_EPOCH error code will be
    /// returned.
    pub current_leader_epoch: i32,
    /// The epoch to look up an offset for.
    pub leader_epoch: i32,
}

impl Default for OffsetForLeaderPartition {
    fn default() -> Self {
        Self { partition: 0, current_leader_epoch: -1, leader_epoch: 0 }
    }
}

impl Element for OffsetForLeaderPartition {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { partition: r.i32()?, current_leader_epoch: r.i32()?, leader_epoch: r.i32()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition);
        w.i32(self.current_leader_epoch);
        w.i32(self.leader_epoch);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `OffsetForLeaderEpochResponse`, API key 23, versions 2 to 4.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetForLeaderEpochResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// Each topic we fetched offsets for.
    pub topics: Vec<OffsetForLeaderTopicResult>,
}

impl Element for OffsetForLeaderEpochResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { throttle_time_ms: r.i32()?, topics: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.array(&self.topics, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for OffsetForLeaderEpochResponse {
    const NAME: &'static str = "OffsetForLeaderEpochResponse";
    const VERSIONS: VersionRange = VersionRange::new(2, 4);
    const FLEXIBLE_SINCE: Option<i16> = Some(4);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `OffsetForLeaderTopicResult`: Each topic we fetched offsets for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetForLeaderTopicResult {
    /// The topic name.
    pub topic: String,
    /// Each partition in the topic we fetched offsets for.
    pub partitions: Vec<EpochEndOffset>,
}

impl Element for OffsetForLeaderTopicResult {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topic: r.string(flexible)?, partitions: r.array(version, flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.topic, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `EpochEndOffset`: Each partition in the topic we fetched offsets for.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochEndOffset {
    /// The error code 0, or if there was no error.
    pub error_code: i16,
    /// The partition index.
    pub partition: i32,
    /// The leader epoch of the partition.
    pub leader_epoch: i32,
    /// The end offset of the epoch.
    pub end_offset: i64,
}

impl Default for EpochEndOffset {
    fn default() -> Self {
        Self { error_code: 0, partition: 0, leader_epoch: -1, end_offset: -1 }
    }
}

impl Element for EpochEndOffset {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value =
            Self { error_code: r.i16()?, partition: r.i32()?, leader_epoch: r.i32()?, end_offset: r.i64()? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.i32(self.partition);
        w.i32(self.leader_epoch);
        w.i64(self.end_offset);
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
