//! A consumer group (KIP-848) and its members in `__consumer_offsets`.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use bytes::Bytes;
use uuid::Uuid;

use crate::error::Result;
use crate::protocol::{CoordinatorKey, Element, Message, Reader, VersionRange, Writer};

/// `ConsumerGroupMetadataKey`, record type 3, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupMetadataKey {
    /// The group id.
    pub group_id: String,
}

impl Element for ConsumerGroupMetadataKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        Ok(())
    }
}

impl Message for ConsumerGroupMetadataKey {
    const NAME: &'static str = "ConsumerGroupMetadataKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for ConsumerGroupMetadataKey {
    const TYPE: i16 = 3;
    type Value = ConsumerGroupMetadataValue;
}

/// `ConsumerGroupMetadataValue`, record type 3, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupMetadataValue {
    /// The group epoch.
    pub epoch: i32,
    /// The hash of all topics in the group.
    pub metadata_hash: i64,
}

impl Element for ConsumerGroupMetadataValue {
    fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
        let mut value = Self { epoch: r.i32()?, metadata_hash: 0 };
        r.tagged_fields(&mut |tag, r| {
            match tag {
                0 => value.metadata_hash = r.i64()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
        w.i32(self.epoch);
        let has_metadata_hash = self.metadata_hash != 0;
        w.unsigned_varint(u32::from(has_metadata_hash));
        if has_metadata_hash {
            w.tagged_field(0, |w| {
                w.i64(self.metadata_hash);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Message for ConsumerGroupMetadataValue {
    const NAME: &'static str = "ConsumerGroupMetadataValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

/// `ConsumerGroupPartitionMetadataKey`, record type 4, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupPartitionMetadataKey {
    /// The group id.
    pub group_id: String,
}

impl Element for ConsumerGroupPartitionMetadataKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        Ok(())
    }
}

impl Message for ConsumerGroupPartitionMetadataKey {
    const NAME: &'static str = "ConsumerGroupPartitionMetadataKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for ConsumerGroupPartitionMetadataKey {
    const TYPE: i16 = 4;
    type Value = ConsumerGroupPartitionMetadataValue;
}

/// `ConsumerGroupPartitionMetadataValue`, record type 4, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupPartitionMetadataValue {
    /// The list of topic metadata.
    pub topics: Vec<TopicMetadata>,
}

impl Element for ConsumerGroupPartitionMetadataValue {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topics: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.topics, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ConsumerGroupPartitionMetadataValue {
    const NAME: &'static str = "ConsumerGroupPartitionMetadataValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

/// `TopicMetadata`: The list of topic metadata.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicMetadata {
    /// The topic id.
    pub topic_id: Uuid,
    /// The topic name.
    pub topic_name: String,
    /// The number of partitions of the topic.
    pub num_partitions: i32,
    /// Deprecated: this field is not used after 4.0. Partitions mapped to a set of racks. If the rack
    /// information is unavailable for all the partitions, an empty list is stored.
    pub partition_metadata: Vec<PartitionMetadata>,
}

impl Element for TopicMetadata {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            topic_id: r.uuid()?,
            topic_name: r.string(flexible)?,
            num_partitions: r.i32()?,
            partition_metadata: r.array(version, flexible)?,
        };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.uuid(self.topic_id);
        w.string(&self.topic_name, flexible)?;
        w.i32(self.num_partitions);
        w.array(&self.partition_metadata, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `PartitionMetadata`: Deprecated: this field is not used after 4.0. Partitions mapped to a set of racks.
/// If the rack information is unavailable for all the partitions, an empty list is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionMetadata {
    /// The partition number.
    pub partition: i32,
    /// The set of racks that the partition is mapped to.
    pub racks: Vec<String>,
}

impl Element for PartitionMetadata {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { partition: r.i32()?, racks: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.partition);
        w.array(&self.racks, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `ConsumerGroupMemberMetadataKey`, record type 5, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupMemberMetadataKey {
    /// The group id.
    pub group_id: String,
    /// The member id.
    pub member_id: String,
}

impl Element for ConsumerGroupMemberMetadataKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)?, member_id: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.string(&self.member_id, flexible)?;
        Ok(())
    }
}

impl Message for ConsumerGroupMemberMetadataKey {
    const NAME: &'static str = "ConsumerGroupMemberMetadataKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for ConsumerGroupMemberMetadataKey {
    const TYPE: i16 = 5;
    type Value = ConsumerGroupMemberMetadataValue;
}

/// `ConsumerGroupMemberMetadataValue`, record type 5, version 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerGroupMemberMetadataValue {
    /// The (optional) instance id.
    pub instance_id: Option<String>,
    /// The (optional) rack id.
    pub rack_id: Option<String>,
    /// The client id.
    pub client_id: String,
    /// The client host.
    pub client_host: String,
    /// The list of subscribed topic names.
    pub subscribed_topic_names: Vec<String>,
    /// The subscribed topic regular expression.
    pub subscribed_topic_regex: Option<String>,
    /// The rebalance timeout.
    pub rebalance_timeout_ms: i32,
    /// The server assignor to use; or null if not used.
    pub server_assignor: Option<String>,
    /// The classic member metadata which includes the supported protocols of the consumer if it uses the
    /// classic protocol. The metadata is null if the consumer uses the consumer protocol.
    pub classic_member_metadata: Option<ClassicMemberMetadata>,
}

impl Default for ConsumerGroupMemberMetadataValue {
    fn default() -> Self {
        Self {
            instance_id: Some(String::new()),
            rack_id: Some(String::new()),
            client_id: String::new(),
            client_host: String::new(),
            subscribed_topic_names: Vec::new(),
            subscribed_topic_regex: Some(String::new()),
            rebalance_timeout_ms: -1,
            server_assignor: Some(String::new()),
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
        }
    }
}

impl Element for ConsumerGroupMemberMetadataValue {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let mut value = Self {
            instance_id: r.nullable_string(flexible)?,
            rack_id: r.nullable_string(flexible)?,
            client_id: r.string(flexible)?,
            client_host: r.string(flexible)?,
            subscribed_topic_names: r.array(version, flexible)?,
            subscribed_topic_regex: r.nullable_string(flexible)?,
            rebalance_timeout_ms: r.i32()?,
            server_assignor: r.nullable_string(flexible)?,
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
        };
        r.tagged_fields(&mut |tag, r| {
            match tag {
                0 => value.classic_member_metadata = r.nullable_struct(version, flexible)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.nullable_string(self.instance_id.as_deref(), flexible)?;
        w.nullable_string(self.rack_id.as_deref(), flexible)?;
        w.string(&self.client_id, flexible)?;
        w.string(&self.client_host, flexible)?;
        w.array(&self.subscribed_topic_names, version, flexible)?;
        w.nullable_string(self.subscribed_topic_regex.as_deref(), flexible)?;
        w.i32(self.rebalance_timeout_ms);
        w.nullable_string(self.server_assignor.as_deref(), flexible)?;
        let has_classic_member_metadata =
            self.classic_member_metadata != Some(ClassicMemberMetadata::default());
        w.unsigned_varint(u32::from(has_classic_member_metadata));
        if has_classic_member_metadata {
            w.tagged_field(0, |w| {
                w.nullable_struct(self.classic_member_metadata.as_ref(), version, flexible)
            })?;
        }
        Ok(())
    }
}

impl Message for ConsumerGroupMemberMetadataValue {
    const NAME: &'static str = "ConsumerGroupMemberMetadataValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}

/// `ClassicMemberMetadata`: The classic member metadata which includes the supported protocols of the
/// consumer if it uses the classic protocol. The metadata is null if the consumer uses the consumer
/// protocol.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassicMemberMetadata {
    /// The session timeout if the consumer uses the classic protocol.
    pub session_timeout_ms: i32,
    /// The list of protocols that the member supports if the consumer uses the classic protocol.
    pub supported_protocols: Vec<ClassicProtocol>,
}

impl Element for ClassicMemberMetadata {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { session_timeout_ms: r.i32()?, supported_protocols: r.array(version, flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.session_timeout_ms);
        w.array(&self.supported_protocols, version, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `ClassicProtocol`: The list of protocols that the member supports if the consumer uses the classic
/// protocol.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassicProtocol {
    /// The protocol name.
    pub name: String,
    /// The protocol metadata.
    pub metadata: Bytes,
}

impl Element for ClassicProtocol {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        let value = Self { name: r.string(flexible)?, metadata: r.bytes(flexible)? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.name, flexible)?;
        w.bytes(&self.metadata, flexible)?;
        w.no_tagged_fields();
        Ok(())
    }
}

/// `ConsumerGroupRegularExpressionKey`, record type 16, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupRegularExpressionKey {
    /// The group id.
    pub group_id: String,
    /// The regular expression.
    pub regular_expression: String,
}

impl Element for ConsumerGroupRegularExpressionKey {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        Ok(Self { group_id: r.string(flexible)?, regular_expression: r.string(flexible)? })
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(&self.group_id, flexible)?;
        w.string(&self.regular_expression, flexible)?;
        Ok(())
    }
}

impl Message for ConsumerGroupRegularExpressionKey {
    const NAME: &'static str = "ConsumerGroupRegularExpressionKey";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = None;
}

impl CoordinatorKey for ConsumerGroupRegularExpressionKey {
    const TYPE: i16 = 16;
    type Value = ConsumerGroupRegularExpressionValue;
}

/// `ConsumerGroupRegularExpressionValue`, record type 16, version 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupRegularExpressionValue {
    /// Kafka's `Topics`.
    pub topics: Vec<String>,
    /// Kafka's `Version`.
    pub version: i64,
    /// Kafka's `Timestamp`.
    pub timestamp: i64,
}

impl Element for ConsumerGroupRegularExpressionValue {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self { topics: r.array(version, flexible)?, version: r.i64()?, timestamp: r.i64()? };
        r.skip_tagged_fields()?;
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.array(&self.topics, version, flexible)?;
        w.i64(self.version);
        w.i64(self.timestamp);
        w.no_tagged_fields();
        Ok(())
    }
}

impl Message for ConsumerGroupRegularExpressionValue {
    const NAME: &'static str = "ConsumerGroupRegularExpressionValue";
    const VERSIONS: VersionRange = VersionRange::new(0, 0);
    const FLEXIBLE_SINCE: Option<i16> = Some(0);
}
