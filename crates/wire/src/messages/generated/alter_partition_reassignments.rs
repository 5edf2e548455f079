//! The API AlterPartitionReassignments.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer, unsupported_field};

/// `AlterPartitionReassignmentsRequest`, API key 45, versions 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterPartitionReassignmentsRequest {
    /// The time in ms to wait for the request to complete.
    pub timeout_ms: i32,
    /// The option indicating whether changing the replication factor of any given partition as part of this
    /// request is a valid move (version 1).
    pub allow_replication_factor_change: bool,
    /// The topics to reassign.
    pub topics: Vec<ReassignableTopic>,
}

impl Default for AlterPartitionReassignmentsRequest {
    fn default() -> Self {
        Self { timeout_ms: 60000, allow_replication_factor_change: true, topics: Vec::new() }
    }
}

impl Element for AlterPartitionReassignmentsRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            timeout_ms: r.i32()?,
            allow_replication_factor_change: if version >= 1 { r.bool()? } else { true },
            topics: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.timeout_ms);
        if version >= 1 {
            w.bool(self.allow_replication_factor_change);
        } else if !self.allow_replication_factor_change {
            return Err(unsupported_field(
                "AlterPartitionReassignmentsRequest.AllowReplicationFactorChange",
                version,
            ));
        }
        w.array(&self.topics, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for AlterPartitionReassignmentsRequest {
    const NAME: &'static str = "AlterPartitionReassignmentsRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

impl Request for AlterPartitionReassignmentsRequest {
    const API_KEY: ApiKey = ApiKey::AlterPartitionReassignments;
    type Response = AlterPartitionReassignmentsResponse;
}

/// `ReassignableTopic`: The topics to reassign.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReassignableTopic {
    /// The topic name.
    pub name: String,
    /// The partitions to reassign.
    pub partitions: Vec<ReassignablePartition>,
}

impl Element for ReassignableTopic {
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

/// `ReassignablePartition`: The partitions to reassign.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReassignablePartition {
    /// The partition index.
    pub partition_index: i32,
    /// The replicas to place the partitions on, or null to cancel a pending reassignment for this
    /// partition.
    pub replicas: Option<Vec<i32>>,
}

impl Element for ReassignablePartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { partition_index: r.i32()?, replicas: r.nullable_array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.nullable_array(self.replicas.as_deref(), version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `AlterPartitionReassignmentsResponse`, API key 45, versions 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterPartitionReassignmentsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// The option indicating whether changing the replication factor of any given partition as part of the
    /// request was allowed (version 1).
    pub allow_replication_factor_change: bool,
    /// The top-level error code, or 0 if there was no error.
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    pub error_message: Option<String>,
    /// The responses to topics to reassign.
    pub responses: Vec<ReassignableTopicResponse>,
}

impl Default for AlterPartitionReassignmentsResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            allow_replication_factor_change: true,
            error_code: 0,
            error_message: Some(String::new()),
            responses: Vec::new(),
        }
    }
}

impl Element for AlterPartitionReassignmentsResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: r.i32()?,
            allow_replication_factor_change: if version >= 1 { r.bool()? } else { true },
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
            responses: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        if version >= 1 {
            w.bool(self.allow_replication_factor_change);
        }
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        w.array(&self.responses, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for AlterPartitionReassignmentsResponse {
    const NAME: &'static str = "AlterPartitionReassignmentsResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `ReassignableTopicResponse`: The responses to topics to reassign.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReassignableTopicResponse {
    /// The topic name.
    pub name: String,
    /// The responses to partitions to reassign.
    pub partitions: Vec<ReassignablePartitionResponse>,
}

impl Element for ReassignableTopicResponse {
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

/// `ReassignablePartitionResponse`: The responses to partitions to reassign.
#[derive(Debug, Clone, PartialEq)]
pub struct ReassignablePartitionResponse {
    /// The partition index.
    pub partition_index: i32,
    /// The error code for this partition, or 0 if there was no error.
    pub error_code: i16,
    /// The error message for this partition, or null if there was no error.
    pub error_message: Option<String>,
}

impl Default for ReassignablePartitionResponse {
    fn default() -> Self {
        Self { partition_index: 0, error_code: 0, error_message: Some(String::new()) }
    }
}

impl Element for ReassignablePartitionResponse {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            partition_index: r.i32()?,
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition_index);
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}
