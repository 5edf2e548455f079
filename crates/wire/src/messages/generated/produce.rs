//! The API Produce.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use bytestring::ByteString;
use uuid::Uuid;

use crate::error::Result;
use crate::protocol::{Element, Message, Reader, VersionRange, Writer, unsupported_field};

/// `ProduceResponse`, API key 0, versions 3 to 13.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProduceResponse {
    /// Each produce response.
    pub responses: Vec<TopicProduceResponse>,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// Endpoints for all current-leaders enumerated in PartitionProduceResponses, with errors
    /// NOT_LEADER_OR_FOLLOWER (since version 10).
    pub node_endpoints: Vec<NodeEndpoint>,
}

impl Element for ProduceResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            responses: r.array(version, flexible)?,
            throttle_time_ms: r.i32()?,
            node_endpoints: Vec::new(),
        };
        if flexible {
            r.tagged_fields(&mut |tag, r| {
                match tag {
                    0 if version >= 10 => value.node_endpoints = r.array(version, flexible)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.responses, version, flexible)?;
        w.i32(self.throttle_time_ms);
        if version < 10 && !self.node_endpoints.is_empty() {
            return Err(unsupported_field("ProduceResponse.NodeEndpoints", version));
        }
        if flexible {
            let has_node_endpoints = version >= 10 && !self.node_endpoints.is_empty();
            w.unsigned_varint(u32::from(has_node_endpoints));
            if has_node_endpoints {
                w.tagged_field(0, |w| w.array(&self.node_endpoints, version, flexible))?;
            }
        }
        Ok(())
    }
}

impl Message for ProduceResponse {
    const NAME: &'static str = "ProduceResponse";
    const VERSIONS: VersionRange = VersionRange::new(3, 13);
    const FLEXIBLE_SINCE: Option<i16> = Some(9);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `TopicProduceResponse`: Each produce response.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicProduceResponse {
    /// The topic name (up to version 12).
    pub name: ByteString,
    /// The unique topic ID (version 13).
    pub topic_id: Uuid,
    /// Each partition that we produced to within the topic.
    pub partition_responses: Vec<PartitionProduceResponse>,
}

impl Element for TopicProduceResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            name: if version <= 12 { r.byte_string(flexible)? } else { ByteString::new() },
            topic_id: if version >= 13 { r.uuid()? } else { Uuid::nil() },
            partition_responses: r.array(version, flexible)?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version <= 12 {
            w.string(&self.name, flexible)?;
        }
        if version >= 13 {
            w.uuid(self.topic_id);
        }
        w.array(&self.partition_responses, version, flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `PartitionProduceResponse`: Each partition that we produced to within the topic.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionProduceResponse {
    /// The partition index.
    pub index: i32,
    /// The error code, or 0 if there was no error.
    pub error_code: i16,
    /// The base offset.
    pub base_offset: i64,
    /// The timestamp returned by broker after appending the messages. If CreateTime is used for the topic,
    /// the timestamp will be -1. If LogAppendTime is used for the topic, the timestamp will be the broker
    /// local time when the messages are appended.
    pub log_append_time_ms: i64,
    /// The log start offset (since version 5).
    pub log_start_offset: i64,
    /// The batch indices of records that caused the batch to be dropped (since version 8).
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    /// The global error message summarizing the common root cause of the records that caused the batch to
    /// be dropped (since version 8).
    pub error_message: Option<ByteString>,
    /// The leader broker that the producer should use for future requests (since version 10).
    pub current_leader: LeaderIdAndEpoch,
}

impl Default for PartitionProduceResponse {
    fn default() -> Self {
        Self {
            index: 0,
            error_code: 0,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
        }
    }
}

impl Element for PartitionProduceResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            index: r.i32()?,
            error_code: r.i16()?,
            base_offset: r.i64()?,
            log_append_time_ms: r.i64()?,
            log_start_offset: if version >= 5 { r.i64()? } else { -1 },
            record_errors: if version >= 8 { r.array(version, flexible)? } else { Vec::new() },
            error_message: if version >= 8 { r.nullable_byte_string(flexible)? } else { None },
            current_leader: LeaderIdAndEpoch::default(),
        };
        if flexible {
            r.tagged_fields(&mut |tag, r| {
                match tag {
                    0 if version >= 10 => {
                        value.current_leader = LeaderIdAndEpoch::read(r, version, flexible)?
                    }
                    _ => return Ok(false),
                }
                Ok(true)
            })?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.index);
        w.i16(self.error_code);
        w.i64(self.base_offset);
        w.i64(self.log_append_time_ms);
        if version >= 5 {
            w.i64(self.log_start_offset);
        }
        if version >= 8 {
            w.array(&self.record_errors, version, flexible)?;
        }
        if version >= 8 {
            w.nullable_string(self.error_message.as_deref(), flexible)?;
        }
        if version < 10 && self.current_leader != LeaderIdAndEpoch::default() {
            return Err(unsupported_field("ProduceResponse.PartitionProduceResponse.CurrentLeader", version));
        }
        if flexible {
            let has_current_leader = version >= 10 && self.current_leader != LeaderIdAndEpoch::default();
            w.unsigned_varint(u32::from(has_current_leader));
            if has_current_leader {
                w.tagged_field(0, |w| self.current_leader.write(w, version, flexible))?;
            }
        }
        Ok(())
    }
}

/// `BatchIndexAndErrorMessage`: The batch indices of records that caused the batch to be dropped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchIndexAndErrorMessage {
    /// The batch index of the record that caused the batch to be dropped.
    pub batch_index: i32,
    /// The error message of the record that caused the batch to be dropped.
    pub batch_index_error_message: Option<ByteString>,
}

impl Element for BatchIndexAndErrorMessage {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value =
            Self { batch_index: r.i32()?, batch_index_error_message: r.nullable_byte_string(flexible)? };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i32(self.batch_index);
        w.nullable_string(self.batch_index_error_message.as_deref(), flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `LeaderIdAndEpoch`: The leader broker that the producer should use for future requests.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaderIdAndEpoch {
    /// The ID of the current leader or -1 if the leader is unknown.
    pub leader_id: i32,
    /// The latest known leader epoch.
    pub leader_epoch: i32,
}

impl Default for LeaderIdAndEpoch {
    fn default() -> Self {
        Self { leader_id: -1, leader_epoch: -1 }
    }
}

impl Element for LeaderIdAndEpoch {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        let value = Self { leader_id: r.i32()?, leader_epoch: r.i32()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i32(self.leader_id);
        w.i32(self.leader_epoch);
        w.no_tagged_fields();
        Ok(())
    }
}

/// `NodeEndpoint`: Endpoints for all current-leaders enumerated in PartitionProduceResponses, with errors
/// NOT_LEADER_OR_FOLLOWER.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeEndpoint {
    /// The ID of the associated node.
    pub node_id: i32,
    /// The node's hostname.
    pub host: ByteString,
    /// The node's port.
    pub port: i32,
    /// The rack of the node, or null if it has not been assigned to a rack.
    pub rack: Option<ByteString>,
}

impl Element for NodeEndpoint {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            node_id: r.i32()?,
            host: r.byte_string(flexible)?,
            port: r.i32()?,
            rack: r.nullable_byte_string(flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.i32(self.node_id);
        w.string(&self.host, flexible)?;
        w.i32(self.port);
        w.nullable_string(self.rack.as_deref(), flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}
