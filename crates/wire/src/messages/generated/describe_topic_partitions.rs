//! The API DescribeTopicPartitions.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `DescribeTopicPartitionsRequest`, API key 75, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsRequest {
    /// The topics to fetch details for.
    pub topics: Vec<TopicRequest>,
    /// The maximum number of partitions included in the response.
    pub response_partition_limit: i32,
    /// The first topic and partition index to fetch details for.
    pub cursor: Option<DescribeTopicPartitionsRequestCursor>,
}

impl Default for DescribeTopicPartitionsRequest {
    fn default() -> Self {
        Self { topics: Vec::new(), response_partition_limit: 2000, cursor: None }
    }
}

impl Element for DescribeTopicPartitionsRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            topics: r.array(version, flexible)?,
            response_partition_limit: r.i32()?,
            cursor: r.nullable_struct(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.topics, version, flexible)?;
        w.i32(self.response_partition_limit);
        w.nullable_struct(self.cursor.as_ref(), version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for DescribeTopicPartitionsRequest {
    const NAME: &'static str = "DescribeTopicPartitionsRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

impl Request for DescribeTopicPartitionsRequest {
    const API_KEY: ApiKey = ApiKey::DescribeTopicPartitions;
    type Response = DescribeTopicPartitionsResponse;
}

/// `TopicRequest`: The topics to fetch details for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicRequest {
    /// The topic name.
    pub name: String,
}

impl Element for TopicRequest {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `Cursor`: The first topic and partition index to fetch details for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTopicPartitionsRequestCursor {
    /// The name for the first topic to process.
    pub topic_name: String,
    /// The partition index to start with.
    pub partition_index: i32,
}

impl Element for DescribeTopicPartitionsRequestCursor {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topic_name: r.string(flexible)?, partition_index: r.i32()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.topic_name, flexible)?;
        w.i32(self.partition_index);
        w.no_tagged_fields();
        Ok(())
    }
}

/// `DescribeTopicPartitionsResponse`, API key 75, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTopicPartitionsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// Each topic in the response.
    pub topics: Vec<DescribeTopicPartitionsResponseTopic>,
    /// The next topic and partition index to fetch details for.
    pub next_cursor: Option<DescribeTopicPartitionsResponseCursor>,
}

impl Element for DescribeTopicPartitionsResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: r.i32()?,
            topics: r.array(version, flexible)?,
            next_cursor: r.nullable_struct(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.array(&self.topics, version, flexible)?;
        w.nullable_struct(self.next_cursor.as_ref(), version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for DescribeTopicPartitionsResponse {
    const NAME: &'static str = "DescribeTopicPartitionsResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `DescribeTopicPartitionsResponseTopic`: Each topic in the response.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsResponseTopic {
    /// The topic error, or 0 if there was no error.
    pub error_code: i16,
    /// The topic name.
    pub name: Option<String>,
    /// The topic id.
    pub topic_id: Uuid,
    /// True if the topic is internal.
    pub is_internal: bool,
    /// Each partition in the topic.
    pub partitions: Vec<DescribeTopicPartitionsResponsePartition>,
    /// 32-bit bitfield to represent authorized operations for this topic.
    pub topic_authorized_operations: i32,
}

impl Default for DescribeTopicPartitionsResponseTopic {
    fn default() -> Self {
        Self {
            error_code: 0,
            name: Some(String::new()),
            topic_id: Uuid::nil(),
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
        }
    }
}

impl Element for DescribeTopicPartitionsResponseTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            error_code: r.i16()?,
            name: r.nullable_string(flexible)?,
            topic_id: r.uuid()?,
            is_internal: r.bool()?,
            partitions: r.array(version, flexible)?,
            topic_authorized_operations: r.i32()?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.nullable_string(self.name.as_deref(), flexible)?;
        w.uuid(self.topic_id);
        w.bool(self.is_internal);
        w.array(&self.partitions, version, flexible)?;
        w.i32(self.topic_authorized_operations);
        w.no_tagged_fields();
        Ok(())
    }
}

/// `DescribeTopicPartitionsResponsePartition`: Each partition in the topic.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTopicPartitionsResponsePartition {
    /// The partition error, or 0 if there was no error.
    pub error_code: i16,
    /// The partition index.
    pub partition_index: i32,
    /// The ID of the leader broker.
    pub leader_id: i32,
    /// The leader epoch of this partition.
    pub leader_epoch: i32,
    /// The set of all nodes that host this partition.
    pub replica_nodes: Vec<i32>,
    /// The set of nodes that are in sync with the leader for this partition.
    pub isr_nodes: Vec<i32>,
    /// The new eligible leader replicas otherwise.
    pub eligible_leader_replicas: Option<Vec<i32>>,
    /// The last known ELR.
    pub last_known_elr: Option<Vec<i32>>,
    /// The set of offline replicas of this partition.
    pub offline_replicas: Vec<i32>,
}

impl Default for DescribeTopicPartitionsResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            eligible_leader_replicas: None,
            last_known_elr: None,
            offline_replicas: Vec::new(),
        }
    }
}

impl Element for DescribeTopicPartitionsResponsePartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            error_code: r.i16()?,
            partition_index: r.i32()?,
            leader_id: r.i32()?,
            leader_epoch: r.i32()?,
            replica_nodes: r.array(version, flexible)?,
            isr_nodes: r.array(version, flexible)?,
            eligible_leader_replicas: r.nullable_array(version, flexible)?,
            last_known_elr: r.nullable_array(version, flexible)?,
            offline_replicas: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.i32(self.partition_index);
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.array(&self.replica_nodes, version, flexible)?;
        w.array(&self.isr_nodes, version, flexible)?;
        w.nullable_array(self.eligible_leader_replicas.as_deref(), version, flexible)?;
        w.nullable_array(self.last_known_elr.as_deref(), version, flexible)?;
        w.array(&self.offline_replicas, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `Cursor`: The next topic and partition index to fetch details for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTopicPartitionsResponseCursor {
    /// The name for the first topic to process.
    pub topic_name: String,
    /// The partition index to start with.
    pub partition_index: i32,
}

impl Element for DescribeTopicPartitionsResponseCursor {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topic_name: r.string(flexible)?, partition_index: r.i32()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.topic_name, flexible)?;
        w.i32(self.partition_index);
        w.no_tagged_fields();
        Ok(())
    }
}
