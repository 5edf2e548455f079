//! The API Metadata.
//!
//! Generated from Apache Kafka's definitions by `cargo run -p xtask -- generate-messages`: change the
//! generator, never this file.

use bytestring::ByteString;
use uuid::Uuid;

use crate::api_key::ApiKey;
use crate::error::Result;
use crate::protocol::{
    Element, Message, Reader, Request, VersionRange, Writer, check_null, non_null, unsupported_field,
};

/// `MetadataRequest`, API key 3, versions 0 to 13.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequest {
    /// The topics to fetch metadata for.
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// If this is true, the broker may auto-create topics that we requested which do not already exist, if
    /// it is configured to do so (since version 4).
    pub allow_auto_topic_creation: bool,
    /// Whether to include cluster authorized operations (versions 8 to 10).
    pub include_cluster_authorized_operations: bool,
    /// Whether to include topic authorized operations (since version 8).
    pub include_topic_authorized_operations: bool,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
        }
    }
}

impl Element for MetadataRequest {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            topics: non_null(r.nullable_array(version, flexible)?, version >= 1, "MetadataRequest.Topics")?,
            allow_auto_topic_creation: if version >= 4 { r.bool()? } else { true },
            include_cluster_authorized_operations: if (8..=10).contains(&version) {
                r.bool()?
            } else {
                false
            },
            include_topic_authorized_operations: if version >= 8 { r.bool()? } else { false },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        check_null(self.topics.is_none(), version >= 1, "MetadataRequest.Topics")?;
        w.nullable_array(self.topics.as_deref(), version, flexible)?;
        if version >= 4 {
            w.bool(self.allow_auto_topic_creation);
        } else if !self.allow_auto_topic_creation {
            return Err(unsupported_field("MetadataRequest.AllowAutoTopicCreation", version));
        }
        if (8..=10).contains(&version) {
            w.bool(self.include_cluster_authorized_operations);
        } else if self.include_cluster_authorized_operations {
            return Err(unsupported_field("MetadataRequest.IncludeClusterAuthorizedOperations", version));
        }
        if version >= 8 {
            w.bool(self.include_topic_authorized_operations);
        } else if self.include_topic_authorized_operations {
            return Err(unsupported_field("MetadataRequest.IncludeTopicAuthorizedOperations", version));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for MetadataRequest {
    const NAME: &'static str = "MetadataRequest";
    const VERSIONS: VersionRange = VersionRange::new(0, 13);
    const FLEXIBLE_SINCE: Option<i16> = Some(9);
}

impl Request for MetadataRequest {
    const API_KEY: ApiKey = ApiKey::Metadata;
    type Response = MetadataResponse;
}

/// `MetadataRequestTopic`: The topics to fetch metadata for.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataRequestTopic {
    /// The topic id (since version 10).
    pub topic_id: Uuid,
    /// The topic name.
    pub name: Option<ByteString>,
}

impl Default for MetadataRequestTopic {
    fn default() -> Self {
        Self { topic_id: Uuid::nil(), name: Some(ByteString::new()) }
    }
}

impl Element for MetadataRequestTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            topic_id: if version >= 10 { r.uuid()? } else { Uuid::nil() },
            name: non_null(
                r.nullable_byte_string(flexible)?,
                version >= 10,
                "MetadataRequest.MetadataRequestTopic.Name",
            )?,
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        check_null(self.name.is_none(), version >= 10, "MetadataRequest.MetadataRequestTopic.Name")?;
        w.nullable_string(self.name.as_deref(), flexible)?;
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `MetadataResponse`, API key 3, versions 0 to 13.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero
    /// if the request did not violate any quota (since version 3).
    pub throttle_time_ms: i32,
    /// A list of brokers present in the cluster.
    pub brokers: Vec<MetadataResponseBroker>,
    /// The cluster ID that responding broker belongs to (since version 2).
    pub cluster_id: Option<ByteString>,
    /// The ID of the controller broker (since version 1).
    pub controller_id: i32,
    /// Each topic in the response.
    pub topics: Vec<MetadataResponseTopic>,
    /// 32-bit bitfield to represent authorized operations for this cluster (versions 8 to 10).
    pub cluster_authorized_operations: i32,
    /// The top-level error code, or 0 if there was no error (version 13).
    pub error_code: i16,
}

impl Default for MetadataResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: -1,
            topics: Vec::new(),
            cluster_authorized_operations: i32::MIN,
            error_code: 0,
        }
    }
}

impl Element for MetadataResponse {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            throttle_time_ms: if version >= 3 { r.i32()? } else { 0 },
            brokers: r.array(version, flexible)?,
            cluster_id: if version >= 2 { r.nullable_byte_string(flexible)? } else { None },
            controller_id: if version >= 1 { r.i32()? } else { -1 },
            topics: r.array(version, flexible)?,
            cluster_authorized_operations: if (8..=10).contains(&version) { r.i32()? } else { i32::MIN },
            error_code: if version >= 13 { r.i16()? } else { 0 },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        if version >= 3 {
            w.i32(self.throttle_time_ms);
        }
        w.array(&self.brokers, version, flexible)?;
        if version >= 2 {
            w.nullable_string(self.cluster_id.as_deref(), flexible)?;
        }
        if version >= 1 {
            w.i32(self.controller_id);
        }
        w.array(&self.topics, version, flexible)?;
        if (8..=10).contains(&version) {
            w.i32(self.cluster_authorized_operations);
        } else if self.cluster_authorized_operations != i32::MIN {
            return Err(unsupported_field("MetadataResponse.ClusterAuthorizedOperations", version));
        }
        if version >= 13 {
            w.i16(self.error_code);
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

impl Message for MetadataResponse {
    const NAME: &'static str = "MetadataResponse";
    const VERSIONS: VersionRange = VersionRange::new(0, 13);
    const FLEXIBLE_SINCE: Option<i16> = Some(9);

    fn set_throttle_time_ms(&mut self, throttle_time_ms: i32) {
        self.throttle_time_ms = throttle_time_ms;
    }
}

/// `MetadataResponseBroker`: A list of brokers present in the cluster.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetadataResponseBroker {
    /// The broker ID.
    pub node_id: i32,
    /// The broker hostname.
    pub host: ByteString,
    /// The broker port.
    pub port: i32,
    /// The rack of the broker, or null if it has not been assigned to a rack (since version 1).
    pub rack: Option<ByteString>,
}

impl Element for MetadataResponseBroker {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            node_id: r.i32()?,
            host: r.byte_string(flexible)?,
            port: r.i32()?,
            rack: if version >= 1 { r.nullable_byte_string(flexible)? } else { None },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i32(self.node_id);
        w.string(&self.host, flexible)?;
        w.i32(self.port);
        if version >= 1 {
            w.nullable_string(self.rack.as_deref(), flexible)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `MetadataResponseTopic`: Each topic in the response.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponseTopic {
    /// The topic error, or 0 if there was no error.
    pub error_code: i16,
    /// The topic name. Null for non-existing topics queried by ID. This is never null when ErrorCode is
    /// zero. One of Name and TopicId is always populated.
    pub name: Option<ByteString>,
    /// The topic id. Zero for non-existing topics queried by name. This is never zero when ErrorCode is
    /// zero. One of Name and TopicId is always populated (since version 10).
    pub topic_id: Uuid,
    /// True if the topic is internal (since version 1).
    pub is_internal: bool,
    /// Each partition in the topic.
    pub partitions: Vec<MetadataResponsePartition>,
    /// 32-bit bitfield to represent authorized operations for this topic (since version 8).
    pub topic_authorized_operations: i32,
}

impl Default for MetadataResponseTopic {
    fn default() -> Self {
        Self {
            error_code: 0,
            name: Some(ByteString::new()),
            topic_id: Uuid::nil(),
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: i32::MIN,
        }
    }
}

impl Element for MetadataResponseTopic {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            error_code: r.i16()?,
            name: non_null(
                r.nullable_byte_string(flexible)?,
                version >= 12,
                "MetadataResponse.MetadataResponseTopic.Name",
            )?,
            topic_id: if version >= 10 { r.uuid()? } else { Uuid::nil() },
            is_internal: if version >= 1 { r.bool()? } else { false },
            partitions: r.array(version, flexible)?,
            topic_authorized_operations: if version >= 8 { r.i32()? } else { i32::MIN },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        check_null(self.name.is_none(), version >= 12, "MetadataResponse.MetadataResponseTopic.Name")?;
        w.nullable_string(self.name.as_deref(), flexible)?;
        if version >= 10 {
            w.uuid(self.topic_id);
        }
        if version >= 1 {
            w.bool(self.is_internal);
        }
        w.array(&self.partitions, version, flexible)?;
        if version >= 8 {
            w.i32(self.topic_authorized_operations);
        } else if self.topic_authorized_operations != i32::MIN {
            return Err(unsupported_field(
                "MetadataResponse.MetadataResponseTopic.TopicAuthorizedOperations",
                version,
            ));
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}

/// `MetadataResponsePartition`: Each partition in the topic.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataResponsePartition {
    /// The partition error, or 0 if there was no error.
    pub error_code: i16,
    /// The partition index.
    pub partition_index: i32,
    /// The ID of the leader broker.
    pub leader_id: i32,
    /// The leader epoch of this partition (since version 7).
    pub leader_epoch: i32,
    /// The set of all nodes that host this partition.
    pub replica_nodes: Vec<i32>,
    /// The set of nodes that are in sync with the leader for this partition.
    pub isr_nodes: Vec<i32>,
    /// The set of offline replicas of this partition (since version 5).
    pub offline_replicas: Vec<i32>,
}

impl Default for MetadataResponsePartition {
    fn default() -> Self {
        Self {
            error_code: 0,
            partition_index: 0,
            leader_id: 0,
            leader_epoch: -1,
            replica_nodes: Vec::new(),
            isr_nodes: Vec::new(),
            offline_replicas: Vec::new(),
        }
    }
}

impl Element for MetadataResponsePartition {
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self> {
        let value = Self {
            error_code: r.i16()?,
            partition_index: r.i32()?,
            leader_id: r.i32()?,
            leader_epoch: if version >= 7 { r.i32()? } else { -1 },
            replica_nodes: r.array(version, flexible)?,
            isr_nodes: r.array(version, flexible)?,
            offline_replicas: if version >= 5 { r.array(version, flexible)? } else { Vec::new() },
        };
        if flexible {
            r.skip_tagged_fields()?;
        }
        Ok(value)
    }

    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()> {
        w.i16(self.error_code);
        w.i32(self.partition_index);
        w.i32(self.leader_id);
        if version >= 7 {
            w.i32(self.leader_epoch);
        }
        w.array(&self.replica_nodes, version, flexible)?;
        w.array(&self.isr_nodes, version, flexible)?;
        if version >= 5 {
            w.array(&self.offline_replicas, version, flexible)?;
        }
        if flexible {
            w.no_tagged_fields();
        }
        Ok(())
    }
}
