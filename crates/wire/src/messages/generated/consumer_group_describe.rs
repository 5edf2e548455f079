//! The API ConsumerGroupDescribe.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{Element, Message, Reader, Request, VersionRange, Writer};

/// `ConsumerGroupDescribeRequest`, API key 69, versions 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupDescribeRequest {
    /// The ids of the groups to describe.
    pub group_ids: Vec<String>,
    /// Whether to include authorized operations.
    pub include_authorized_operations: bool,
}

impl Element for ConsumerGroupDescribeRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { group_ids: r.array(version, flexible)?, include_authorized_operations: r.bool()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.group_ids, version, flexible)?;
        w.bool(self.include_authorized_operations);
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ConsumerGroupDescribeRequest {
    const NAME: &'static str = "ConsumerGroupDescribeRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

impl Request for ConsumerGroupDescribeRequest {
    const API_KEY: ApiKey = ApiKey::ConsumerGroupDescribe;
    type Response = ConsumerGroupDescribeResponse;
}

/// `ConsumerGroupDescribeResponse`, API key 69, versions 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupDescribeResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota.
    pub throttle_time_ms: i32,
    /// Each described group.
    pub groups: Vec<DescribedGroup>,
}

impl Element for ConsumerGroupDescribeResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { throttle_time_ms: r.i32()?, groups: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.throttle_time_ms);
        w.array(&self.groups, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ConsumerGroupDescribeResponse {
    const NAME: &'static str = "ConsumerGroupDescribeResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 1);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `DescribedGroup`: Each described group.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGroup {
    /// The describe error, or 0 if there was no error.
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    pub error_message: Option<String>,
    /// The group ID string.
    pub group_id: String,
    /// The group state string, or the empty string.
    pub group_state: String,
    /// The group epoch.
    pub group_epoch: i32,
    /// The assignment epoch.
    pub assignment_epoch: i32,
    /// The selected assignor.
    pub assignor_name: String,
    /// The members.
    pub members: Vec<Member>,
    /// 32-bit bitfield to represent authorized operations for this group.
    pub authorized_operations: i32,
}

impl Default for DescribedGroup {
    fn default() -> Self {
        Self {
            error_code: 0,
            error_message: None,
            group_id: String::new(),
            group_state: String::new(),
            group_epoch: 0,
            assignment_epoch: 0,
            assignor_name: String::new(),
            members: Vec::new(),
            authorized_operations: i32::MIN,
        }
    }
}

impl Element for DescribedGroup {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            error_code: r.i16()?,
            error_message: r.nullable_string(flexible)?,
            group_id: r.string(flexible)?,
            group_state: r.string(flexible)?,
            group_epoch: r.i32()?,
            assignment_epoch: r.i32()?,
            assignor_name: r.string(flexible)?,
            members: r.array(version, flexible)?,
            authorized_operations: r.i32()?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.nullable_string(self.error_message.as_deref(), flexible)?;
        w.string(&self.group_id, flexible)?;
        w.string(&self.group_state, flexible)?;
        w.i32(self.group_epoch);
        w.i32(self.assignment_epoch);
        w.string(&self.assignor_name, flexible)?;
        w.array(&self.members, version, flexible)?;
        w.i32(self.authorized_operations);
        w.no_tagged_fields();
        Ok(())
    }
}

/// `Member`: The members.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The member ID.
    pub member_id: String,
    /// The member instance ID.
    pub instance_id: Option<String>,
    /// The member rack ID.
    pub rack_id: Option<String>,
    /// The current member epoch.
    pub member_epoch: i32,
    /// The client ID.
    pub client_id: String,
    /// The client host.
    pub client_host: String,
    /// The subscribed topic names.
    pub subscribed_topic_names: Vec<String>,
    /// the subscribed topic regex otherwise or null of not provided.
    pub subscribed_topic_regex: Option<String>,
    /// The current assignment.
    pub assignment: Assignment,
    /// The target assignment.
    pub target_assignment: Assignment,
    /// -1 for unknown. 0 for classic member. +1 for consumer member (version 1).
    pub member_type: i8,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            member_id: String::new(),
            instance_id: None,
            rack_id: None,
            member_epoch: 0,
            client_id: String::new(),
            client_host: String::new(),
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: None,
            assignment: Assignment::default(),
            target_assignment: Assignment::default(),
            member_type: -1,
        }
    }
}

impl Element for Member {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            member_id: r.string(flexible)?,
            instance_id: r.nullable_string(flexible)?,
            rack_id: r.nullable_string(flexible)?,
            member_epoch: r.i32()?,
            client_id: r.string(flexible)?,
            client_host: r.string(flexible)?,
            subscribed_topic_names: r.array(version, flexible)?,
            subscribed_topic_regex: r.nullable_string(flexible)?,
            assignment: Assignment::read(r, version, flexible)?,
            target_assignment: Assignment::read(r, version, flexible)?,
            member_type: if version >= 1 { r.i8()? } else { -1 },
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.string(&self.member_id, flexible)?;
        w.nullable_string(self.instance_id.as_deref(), flexible)?;
        w.nullable_string(self.rack_id.as_deref(), flexible)?;
        w.i32(self.member_epoch);
        w.string(&self.client_id, flexible)?;
        w.string(&self.client_host, flexible)?;
        w.array(&self.subscribed_topic_names, version, flexible)?;
        w.nullable_string(self.subscribed_topic_regex.as_deref(), flexible)?;
        self.assignment.write(w, version, flexible)?;
        self.target_assignment.write(w, version, flexible)?;
        if version >= 1 {
            w.i8(self.member_type);
        }
        w.no_tagged_fields();
        Ok(())
    }
}

/// `Assignment` of `ConsumerGroupDescribeResponse`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignment {
    /// The assigned topic-partitions to the member.
    pub topic_partitions: Vec<TopicPartitions>,
}

impl Element for Assignment {
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

/// `TopicPartitions` of `ConsumerGroupDescribeResponse`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicPartitions {
    /// The topic ID.
    pub topic_id: Uuid,
    /// The topic name.
    pub topic_name: String,
    /// The partitions.
    pub partitions: Vec<i32>,
}

impl Element for TopicPartitions {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            topic_id: r.uuid()?,
            topic_name: r.string(flexible)?,
            partitions: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.uuid(self.topic_id);
        w.string(&self.topic_name, flexible)?;
        w.array(&self.partitions, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}
