//! The API ListPartitionReassignments.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `ListPartitionReassignmentsRequest`, API key 46, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPartitionReassignmentsRequest {
    /// The time in ms to wait for the request to complete.
    pub timeout_ms: i32,
    /// The topics to list partition reassignments for, or null to list everything.
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
}

impl Default for ListPartitionReassignmentsRequest {
    fn default() -> Self {
        Self { timeout_ms: 60000, topics: None }
    }
}

impl Element for ListPartitionReassignmentsRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { timeout_ms: r.i32()?, topics: r.nullable_array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.timeout_ms);
        w.nullable_array(self.topics.as_deref(), version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ListPartitionReassignmentsRequest {
    const NAME: &'static str = "ListPartitionReassignmentsRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

impl Request for ListPartitionReassignmentsRequest {
    const API_KEY: ApiKey = ApiKey::ListPartitionReassignments;
    type Response = ListPartitionReassignmentsResponse;
}

/// `ListPartitionReassignmentsTopics`: The topics to list partition reassignments for, or null to list
/// everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListPartitionReassignmentsTopics {
    /// The topic name.
    pub name: String,
    /// The partitions to list partition reassignments for.
    pub partition_indexes: Vec<i32>,
}

impl Element for ListPartitionReassignmentsTopics {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, partition_indexes: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.partition_indexes, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `ListPartitionReassignmentsResponse`, API key 46, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPartitionReassignmentsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The top-level error code, or 0 if there was no error.
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    pub error_message: Option<String>,
    /// The ongoing reassignments for each topic.
    pub topics: Vec<OngoingTopicReassignment>,
}

impl Default for ListPartitionReassignmentsResponse {
    fn default() -> Self {
        Self { throttle_time_ms: 0, error_code: 0, error_message: Some(String::new()), topics: Vec::new() }
    }
}

impl Element for ListPartitionReassignmentsResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: r.i32()?,
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
            topics: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        w.array(&self.topics, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ListPartitionReassignmentsResponse {
    const NAME: &'static str = "ListPartitionReassignmentsResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `OngoingTopicReassignment`: The ongoing reassignments for each topic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OngoingTopicReassignment {
    /// The topic name.
    pub name: String,
    /// The ongoing reassignments for each partition.
    pub partitions: Vec<OngoingPartitionReassignment>,
}

impl Element for OngoingTopicReassignment {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, partitions: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `OngoingPartitionReassignment`: The ongoing reassignments for each partition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OngoingPartitionReassignment {
    /// The index of the partition.
    pub partition_index: i32,
    /// The current replica set.
    pub replicas: Vec<i32>,
    /// The set of replicas we are currently adding.
    pub adding_replicas: Vec<i32>,
    /// The set of replicas we are currently removing.
    pub removing_replicas: Vec<i32>,
}

impl Element for OngoingPartitionReassignment {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            partition_index: r.i32()?,
            replicas: r.array(version, flexible)?,
            adding_replicas: r.array(version, flexible)?,
            removing_replicas: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.array(&self.replicas, version, flexible)?;
        w.array(&self.adding_replicas, version, flexible)?;
        w.array(&self.removing_replicas, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}
