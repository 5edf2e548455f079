//! The records of `__consumer_offsets`: Kafka's own, so that its tools read our files and we read its.
//!
//! A key starts with the number of its type: 0 and 1 are committed offsets, 2 is a classic group, 3 to 8 and 16 are consumer
//! groups (`consumer::records`). Those of share groups and streams groups are passed over. A record without a value takes
//! back what its key names.

use bytes::Bytes;
use millstream_wire::WireError;
use millstream_wire::messages::group_metadata_record::{
    GroupMetadataKey, GroupMetadataValue, MemberMetadata,
};
use millstream_wire::messages::offset_commit_record::{OffsetCommitKey, OffsetCommitValue};
use millstream_wire::protocol::{CoordinatorKey, Message, Reader};
use uuid::Uuid;

use super::classic::{StoredGroup, StoredMember};
use super::consumer::ConsumerRecord;
use super::offsets::CommittedOffset;

/// Version of an offset's value with an explicit end of its life, which later ones do not have.
const VALUE_VERSION_WITH_EXPIRY: i16 = 1;
/// Version of an offset's value without a topic id.
const VALUE_VERSION: i16 = 3;
/// Version of an offset's value with a topic id.
const VALUE_VERSION_WITH_TOPIC_ID: i16 = 4;
/// Version of a group's value. Version 4 is only read (KIP-915).
const GROUP_VALUE_VERSION: i16 = 3;

/// A record's key and value, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedRecord {
    pub(crate) key: Bytes,
    /// None deletes.
    pub(crate) value: Option<Bytes>,
}

/// What a record of `__consumer_offsets` says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OffsetsRecord {
    /// A committed offset, or none any more.
    Offset { group: String, topic: String, partition: i32, committed: Option<CommittedOffset> },
    /// A classic group, or none any more.
    Group { group: String, stored: Option<StoredGroup> },
    /// A part of a consumer group.
    Consumer(ConsumerRecord),
    /// A record of a kind that this broker does not act on.
    Other,
}

impl OffsetsRecord {
    /// Writes the record down.
    pub(crate) fn encode(&self) -> Result<EncodedRecord, WireError> {
        match self {
            Self::Offset { group, topic, partition, committed } => {
                let key =
                    OffsetCommitKey { group: group.clone(), topic: topic.clone(), partition: *partition };
                Ok(EncodedRecord {
                    key: key.encode_key()?,
                    value: committed.as_ref().map(encode_offset).transpose()?,
                })
            }
            Self::Group { group, stored } => {
                let key = GroupMetadataKey { group: group.clone() };
                Ok(EncodedRecord {
                    key: key.encode_key()?,
                    value: stored.as_ref().map(encode_group).transpose()?,
                })
            }
            Self::Consumer(record) => record.encode(),
            Self::Other => Ok(EncodedRecord { key: Bytes::new(), value: None }),
        }
    }

    /// Reads a record. Strings and bytes are copied out, so that it does not hold on to the batch it came in.
    pub(crate) fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Self, WireError> {
        let mut reader = Reader::new(Bytes::copy_from_slice(key));
        let value = value.map(Bytes::copy_from_slice);
        match reader.i16()? {
            0 | OffsetCommitKey::TYPE => {
                let key = OffsetCommitKey::decode(&mut reader, 0)?;
                let committed = value.map(decode_offset).transpose()?;
                let OffsetCommitKey { group, topic, partition } = key;
                Ok(Self::Offset { group, topic, partition, committed })
            }
            GroupMetadataKey::TYPE => {
                let key = GroupMetadataKey::decode(&mut reader, 0)?;
                let stored = value.map(decode_group).transpose()?;
                Ok(Self::Group { group: key.group, stored })
            }
            kind => {
                let record = ConsumerRecord::decode(kind, &mut reader, value)?;
                Ok(record.map_or(Self::Other, Self::Consumer))
            }
        }
    }
}

fn encode_offset(committed: &CommittedOffset) -> Result<Bytes, WireError> {
    let value = OffsetCommitValue {
        offset: committed.offset,
        leader_epoch: committed.leader_epoch,
        metadata: committed.metadata.clone(),
        commit_timestamp: committed.commit_timestamp_ms,
        expire_timestamp: committed.expire_timestamp_ms.unwrap_or(-1),
        topic_id: committed.topic_id,
    };
    if committed.expire_timestamp_ms.is_some() {
        let value = OffsetCommitValue { leader_epoch: -1, topic_id: Uuid::nil(), ..value };
        return value.encode_with_version(VALUE_VERSION_WITH_EXPIRY);
    }
    let version = if committed.topic_id.is_nil() { VALUE_VERSION } else { VALUE_VERSION_WITH_TOPIC_ID };
    value.encode_with_version(version)
}

fn decode_offset(value: Bytes) -> Result<CommittedOffset, WireError> {
    let value = OffsetCommitValue::decode_with_version(value)?;
    Ok(CommittedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata,
        commit_timestamp_ms: value.commit_timestamp,
        expire_timestamp_ms: (value.expire_timestamp >= 0).then_some(value.expire_timestamp),
        topic_id: value.topic_id,
    })
}

fn encode_group(stored: &StoredGroup) -> Result<Bytes, WireError> {
    let members = stored.members.iter().map(|member| MemberMetadata {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.subscription.clone(),
        assignment: member.assignment.clone(),
    });
    let value = GroupMetadataValue {
        protocol_type: stored.protocol_type.clone(),
        generation: stored.generation_id,
        protocol: stored.protocol_name.clone(),
        leader: stored.leader_id.clone(),
        current_state_timestamp: stored.state_since_ms,
        members: members.collect(),
    };
    value.encode_with_version(GROUP_VALUE_VERSION)
}

fn decode_group(value: Bytes) -> Result<StoredGroup, WireError> {
    let value = GroupMetadataValue::decode_with_version(value)?;
    let members = value.members.into_iter().map(|member| StoredMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        rebalance_timeout_ms: member.rebalance_timeout,
        session_timeout_ms: member.session_timeout,
        subscription: member.subscription,
        assignment: member.assignment,
    });
    Ok(StoredGroup {
        protocol_type: value.protocol_type,
        generation_id: value.generation,
        protocol_name: value.protocol,
        leader_id: value.leader,
        state_since_ms: value.current_state_timestamp,
        members: members.collect(),
    })
}

#[cfg(test)]
mod tests;
