//! What members of a classic consumer group tell each other through the coordinator.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use bytes::Bytes;

use crate::error::Result;
use crate::protocol::{Element, Message, Reader, VersionRange, Writer};

/// `ConsumerProtocolSubscription`, versions 0 to 3.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerProtocolSubscription {
    /// The topics that the member wants to consume.
    pub topics: Vec<String>,
    /// User data that will be passed back to the consumer.
    pub user_data: Option<Bytes>,
    /// The partitions that the member owns (since version 1).
    pub owned_partitions: Vec<ConsumerProtocolSubscriptionTopicPartition>,
    /// The generation id of the member (since version 2).
    pub generation_id: i32,
    /// The rack id of the member (version 3).
    pub rack_id: Option<String>,
}

impl Default for ConsumerProtocolSubscription {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            user_data: None,
            owned_partitions: Vec::new(),
            generation_id: -1,
            rack_id: None,
        }
    }
}

impl Element for ConsumerProtocolSubscription {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self {
            topics: r.array(version, flexible)?,
            user_data: r.nullable_bytes(flexible)?,
            owned_partitions: if version >= 1 { r.array(version, flexible)? } else { Vec::new() },
            generation_id: if version >= 2 { r.i32()? } else { -1 },
            rack_id: if version >= 3 { r.nullable_string(flexible)? } else { None },
        })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.topics, version, flexible)?;
        w.nullable_bytes(self.user_data.as_deref(), flexible)?;
        if version >= 1 {
            w.array(&self.owned_partitions, version, flexible)?;
        }
        if version >= 2 {
            w.i32(self.generation_id);
        }
        if version >= 3 {
            w.nullable_string(self.rack_id.as_deref(), flexible)?;
        }
        Ok(())
    }
}

impl Message for ConsumerProtocolSubscription {
    const NAME: &'static str = "ConsumerProtocolSubscription";
    const VERSIONS: VersionRange = VersionRange::new(0, 3);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

/// `TopicPartition`: The partitions that the member owns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerProtocolSubscriptionTopicPartition {
    /// The topic name.
    pub topic: String,
    /// The partition ids.
    pub partitions: Vec<i32>,
}

impl Element for ConsumerProtocolSubscriptionTopicPartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { topic: r.string(flexible)?, partitions: r.array(version, flexible)? })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.topic, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        Ok(())
    }
}

/// `ConsumerProtocolAssignment`, versions 0 to 3.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerProtocolAssignment {
    /// The list of topics and partitions assigned to this consumer.
    pub assigned_partitions: Vec<ConsumerProtocolAssignmentTopicPartition>,
    /// User data.
    pub user_data: Option<Bytes>,
}

impl Element for ConsumerProtocolAssignment {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { assigned_partitions: r.array(version, flexible)?, user_data: r.nullable_bytes(flexible)? })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.assigned_partitions, version, flexible)?;
        w.nullable_bytes(self.user_data.as_deref(), flexible)?;
        Ok(())
    }
}

impl Message for ConsumerProtocolAssignment {
    const NAME: &'static str = "ConsumerProtocolAssignment";
    const VERSIONS: VersionRange = VersionRange::new(0, 3);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

/// `TopicPartition`: The list of topics and partitions assigned to this consumer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerProtocolAssignmentTopicPartition {
    /// The topic name.
    pub topic: String,
    /// The list of partitions assigned to this consumer.
    pub partitions: Vec<i32>,
}

impl Element for ConsumerProtocolAssignmentTopicPartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { topic: r.string(flexible)?, partitions: r.array(version, flexible)? })
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.topic, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        Ok(())
    }
}
