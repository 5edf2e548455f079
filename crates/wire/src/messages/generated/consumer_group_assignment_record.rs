//! The assignments of a consumer group (KIP-848) in `__consumer_offsets`.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use uuid::Uuid;

use crate::error::Result;
use crate::protocol::{CoordinatorKey, Element, Message, Reader, VersionRange, Writer};

/// `ConsumerGroupTargetAssignmentMetadataKey`, record type 6, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMetadataKey {
    /// The group id.
    pub group_id: String,
}

impl Element for ConsumerGroupTargetAssignmentMetadataKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        Ok(())
    }
}

impl Message for ConsumerGroupTargetAssignmentMetadataKey {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMetadataKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for ConsumerGroupTargetAssignmentMetadataKey {
    const TYPE: i16 = 6;
    type Value = ConsumerGroupTargetAssignmentMetadataValue;
}

/// `ConsumerGroupTargetAssignmentMetadataValue`, record type 6, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMetadataValue {
    /// The assignment epoch.
    pub assignment_epoch: i32,
    /// The time at which the assignment calculation finished.
    pub assignment_timestamp: i64,
}

impl Element for ConsumerGroupTargetAssignmentMetadataValue {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        let mut value = Self { assignment_epoch: r.i32()?, assignment_timestamp: 0 };
        r.tagged_fields(&mut |tag, r| {
            match tag {
                0 => value.assignment_timestamp = r.i64()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i32(self.assignment_epoch);
        let has_assignment_timestamp = self.assignment_timestamp != 0;
        w.unsigned_varint(u32::from(has_assignment_timestamp));
        if has_assignment_timestamp {
            w.tagged_field(0, |w| {
                w.i64(self.assignment_timestamp);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Message for ConsumerGroupTargetAssignmentMetadataValue {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMetadataValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

/// `ConsumerGroupTargetAssignmentMemberKey`, record type 7, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMemberKey {
    /// The group id.
    pub group_id: String,
    /// The member id.
    pub member_id: String,
}

impl Element for ConsumerGroupTargetAssignmentMemberKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)?, member_id: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.string(&self.member_id, flexible)?;
        Ok(())
    }
}

impl Message for ConsumerGroupTargetAssignmentMemberKey {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMemberKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for ConsumerGroupTargetAssignmentMemberKey {
    const TYPE: i16 = 7;
    type Value = ConsumerGroupTargetAssignmentMemberValue;
}

/// `ConsumerGroupTargetAssignmentMemberValue`, record type 7, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupTargetAssignmentMemberValue {
    /// The assigned partitions.
    pub topic_partitions: Vec<TopicPartition>,
}

impl Element for ConsumerGroupTargetAssignmentMemberValue {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topic_partitions: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.topic_partitions, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ConsumerGroupTargetAssignmentMemberValue {
    const NAME: &'static str = "ConsumerGroupTargetAssignmentMemberValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

/// `TopicPartition`: The assigned partitions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartition {
    /// The topic id.
    pub topic_id: Uuid,
    /// The partition indexes.
    pub partitions: Vec<i32>,
}

impl Element for TopicPartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topic_id: r.uuid()?, partitions: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.uuid(self.topic_id);
        w.array(&self.partitions, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `ConsumerGroupCurrentMemberAssignmentKey`, record type 8, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupCurrentMemberAssignmentKey {
    /// The group id.
    pub group_id: String,
    /// The member id.
    pub member_id: String,
}

impl Element for ConsumerGroupCurrentMemberAssignmentKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)?, member_id: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.string(&self.member_id, flexible)?;
        Ok(())
    }
}

impl Message for ConsumerGroupCurrentMemberAssignmentKey {
    const NAME: &'static str = "ConsumerGroupCurrentMemberAssignmentKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for ConsumerGroupCurrentMemberAssignmentKey {
    const TYPE: i16 = 8;
    type Value = ConsumerGroupCurrentMemberAssignmentValue;
}

/// `ConsumerGroupCurrentMemberAssignmentValue`, record type 8, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupCurrentMemberAssignmentValue {
    /// The current member epoch that is expected from the member in the heartbeat request.
    pub member_epoch: i32,
    /// If the last epoch bump is lost before reaching the member, the member will retry with the previous
    /// epoch.
    pub previous_member_epoch: i32,
    /// The member state. See MemberState for the possible values.
    pub state: i8,
    /// The partitions assigned to (or owned by) this member.
    pub assigned_partitions: Vec<TopicPartitions>,
    /// The partitions that must be revoked by this member.
    pub partitions_pending_revocation: Vec<TopicPartitions>,
}

impl Element for ConsumerGroupCurrentMemberAssignmentValue {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            member_epoch: r.i32()?,
            previous_member_epoch: r.i32()?,
            state: r.i8()?,
            assigned_partitions: r.array(version, flexible)?,
            partitions_pending_revocation: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.member_epoch);
        w.i32(self.previous_member_epoch);
        w.i8(self.state);
        w.array(&self.assigned_partitions, version, flexible)?;
        w.array(&self.partitions_pending_revocation, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ConsumerGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "ConsumerGroupCurrentMemberAssignmentValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

/// `TopicPartitions` of `ConsumerGroupCurrentMemberAssignmentValue`.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicPartitions {
    /// The topic Id.
    pub topic_id: Uuid,
    /// The partition Ids.
    pub partitions: Vec<i32>,
    /// The epoch at which the partition was assigned to the member. Used to fence zombie commits requests.
    /// Of the same length as Partitions.
    pub assignment_epochs: Option<Vec<i32>>,
}

impl Default for TopicPartitions {
    fn default() -> Self {
        Self { topic_id: Uuid::nil(), partitions: Vec::new(), assignment_epochs: Some(Vec::new()) }
    }
}

impl Element for TopicPartitions {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            topic_id: r.uuid()?,
            partitions: r.array(version, flexible)?,
            assignment_epochs: Some(Vec::new()),
        };
        r.tagged_fields(&mut |tag, r| {
            match tag {
                0 => value.assignment_epochs = r.nullable_array(version, flexible)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.uuid(self.topic_id);
        w.array(&self.partitions, version, flexible)?;
        let has_assignment_epochs = self.assignment_epochs.as_ref().is_none_or(|value| !value.is_empty());
        w.unsigned_varint(u32::from(has_assignment_epochs));
        if has_assignment_epochs {
            w.tagged_field(0, |w| w.nullable_array(self.assignment_epochs.as_deref(), version, flexible))?;
        }
        Ok(())
    }
}
