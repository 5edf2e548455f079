//! A consumer group's records in `__consumer_offsets`: Kafka's own (key types 3 and 5 to 8 and 16).
//!
//! ```text
//!   3  group              epoch, hash of the topics        7  member's target       partitions
//!   5  member             what it said of itself           8  member's standing     epochs, state, partitions
//!   6  target epoch                                       16  regular expression    topics it matched
//! ```
//!
//! Type 4 (topics of the group, before Kafka 4.1) is passed over. In one append what is taken back comes first, from members'
//! standings to the group; what is written goes the other way, so that whoever replays finds a group before what lies in it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use millstream_wire::WireError;
use millstream_wire::messages::consumer_group_assignment_record as assignments;
use millstream_wire::messages::consumer_group_record as groups;
use millstream_wire::protocol::{CoordinatorKey, Message, Reader};
use uuid::Uuid;

use super::assignment::{Assignment, Holding};
use super::member::{ClassicSide, Current, Member, MemberState, Profile};
use super::{ConsumerGroup, ResolvedRegex};
use crate::coordinator::EncodedRecord;
use crate::coordinator::classic::Protocol;

/// The newest version of the values; all that there is.
const VALUE_VERSION: i16 = 0;

/// A record that is not written as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// A member, by its id.
    Member(String),
    /// A regular expression.
    Regex(String),
    /// The group's epoch.
    Group,
    /// A member's target.
    Target(String),
    /// The epoch of the targets.
    TargetEpoch,
    /// A member's standing.
    Current(String),
}

impl Change {
    /// Its place among the records of an append. The targets' epoch comes behind the targets: where only a part of a large
    /// append got into the log, they are computed anew.
    fn rank(&self, is_tombstone: bool) -> u8 {
        match (is_tombstone, self) {
            (true, Self::Current(_)) => 0,
            (true, Self::Target(_)) => 1,
            (true, Self::TargetEpoch) => 2,
            (true, Self::Regex(_)) => 3,
            (true, Self::Member(_)) => 4,
            (true, Self::Group) => 5,
            (false, Self::Group) => 6,
            (false, Self::Member(_)) => 7,
            (false, Self::Regex(_)) => 8,
            (false, Self::Target(_)) => 9,
            (false, Self::TargetEpoch) => 10,
            (false, Self::Current(_)) => 11,
        }
    }
}

/// A record of a consumer group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConsumerRecord {
    pub(crate) group_id: String,
    pub(crate) content: Content,
}

/// What a record says; none takes back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Epoch and hash of the topics.
    Group(Option<(i32, i64)>),
    Member(String, Option<Profile>),
    /// Epoch and time in milliseconds since the Unix epoch.
    TargetEpoch(Option<(i32, i64)>),
    Target(String, Option<Assignment>),
    Current(String, Option<Current>),
    Regex(String, Option<ResolvedRegex>),
}

impl Content {
    fn is_tombstone(&self) -> bool {
        match self {
            Self::Group(content) | Self::TargetEpoch(content) => content.is_none(),
            Self::Member(_, content) => content.is_none(),
            Self::Target(_, content) => content.is_none(),
            Self::Current(_, content) => content.is_none(),
            Self::Regex(_, content) => content.is_none(),
        }
    }
}

/// The records for `changes`, as they have to follow one another.
pub(super) fn in_order(
    changes: &BTreeSet<Change>,
    record: impl Fn(&Change) -> ConsumerRecord,
) -> Vec<ConsumerRecord> {
    let ranked = changes.iter().map(|change| {
        let record = record(change);
        (change.rank(record.content.is_tombstone()), record)
    });
    let mut ranked: Vec<(u8, ConsumerRecord)> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, record)| record).collect()
}

impl ConsumerGroup {
    /// How a record reads now.
    pub(super) fn record(&self, group_id: &str, change: &Change) -> ConsumerRecord {
        let member = |member_id: &String| self.members.get(member_id);
        let content = match change {
            Change::Group => Content::Group((!self.is_over).then_some((self.epoch, self.metadata_hash))),
            Change::TargetEpoch => Content::TargetEpoch(
                (!self.is_over).then_some((self.assignment_epoch, self.assignment_timestamp_ms)),
            ),
            Change::Member(id) => {
                Content::Member(id.clone(), member(id).map(|member| member.profile.clone()))
            }
            Change::Current(id) => {
                Content::Current(id.clone(), member(id).map(|member| member.current.clone()))
            }
            Change::Target(id) => Content::Target(id.clone(), self.targets.get(id).cloned()),
            Change::Regex(regex) => Content::Regex(regex.clone(), self.regexes.get(regex).cloned()),
        };
        ConsumerRecord { group_id: group_id.to_owned(), content }
    }

    /// Takes over what a record says. Deadlines are set when all is read.
    pub(crate) fn replay(&mut self, content: Content) {
        match content {
            Content::Group(stored) => (self.epoch, self.metadata_hash) = stored.unwrap_or_default(),
            Content::TargetEpoch(stored) => {
                (self.assignment_epoch, self.assignment_timestamp_ms) = stored.unwrap_or_default();
            }
            Content::Member(member_id, Some(profile)) => {
                if let Some(instance) = &profile.instance_id {
                    self.static_members.insert(instance.clone(), member_id.clone());
                }
                self.members.entry(member_id).or_insert_with(Member::new).profile = profile;
            }
            Content::Member(member_id, None) => self.remove(&member_id),
            Content::Target(member_id, Some(target)) => _ = self.targets.insert(member_id, target),
            Content::Target(member_id, None) => _ = self.targets.remove(&member_id),
            Content::Current(member_id, Some(current)) => {
                self.members.entry(member_id.clone()).or_insert_with(Member::new);
                self.set_current(&member_id, current);
            }
            Content::Current(member_id, None) => self.set_current(&member_id, Current::new()),
            Content::Regex(regex, Some(resolved)) => _ = self.regexes.insert(regex, resolved),
            Content::Regex(regex, None) => _ = self.regexes.remove(&regex),
        }
        self.changes.clear();
    }

    /// Whether the log says that there is such a group.
    pub(crate) fn is_stored(&self) -> bool {
        self.epoch > 0 || !self.members.is_empty()
    }
}

impl ConsumerRecord {
    /// Writes the record down.
    pub(crate) fn encode(&self) -> Result<EncodedRecord, WireError> {
        let group_id = self.group_id.clone();
        match &self.content {
            Content::Group(stored) => encode(
                &groups::ConsumerGroupMetadataKey { group_id },
                stored.map(|(epoch, metadata_hash)| groups::ConsumerGroupMetadataValue {
                    epoch,
                    metadata_hash,
                }),
            ),
            Content::Member(member_id, profile) => encode(
                &groups::ConsumerGroupMemberMetadataKey { group_id, member_id: member_id.clone() },
                profile.as_ref().map(member_value),
            ),
            Content::TargetEpoch(stored) => encode(
                &assignments::ConsumerGroupTargetAssignmentMetadataKey { group_id },
                stored.map(|(assignment_epoch, assignment_timestamp)| {
                    assignments::ConsumerGroupTargetAssignmentMetadataValue {
                        assignment_epoch,
                        assignment_timestamp,
                    }
                }),
            ),
            Content::Target(member_id, target) => encode(
                &assignments::ConsumerGroupTargetAssignmentMemberKey {
                    group_id,
                    member_id: member_id.clone(),
                },
                target.as_ref().map(target_value),
            ),
            Content::Current(member_id, current) => encode(
                &assignments::ConsumerGroupCurrentMemberAssignmentKey {
                    group_id,
                    member_id: member_id.clone(),
                },
                current.as_ref().map(current_value),
            ),
            Content::Regex(regex, resolved) => encode(
                &groups::ConsumerGroupRegularExpressionKey { group_id, regular_expression: regex.clone() },
                resolved.as_ref().map(|resolved| groups::ConsumerGroupRegularExpressionValue {
                    topics: resolved.topics.iter().cloned().collect(),
                    version: resolved.version,
                    timestamp: resolved.timestamp_ms,
                }),
            ),
        }
    }

    /// Reads a record whose key is of type `kind`; none if that is no type of a consumer group.
    pub(crate) fn decode(
        kind: i16,
        key: &mut Reader,
        value: Option<Bytes>,
    ) -> Result<Option<Self>, WireError> {
        let (group_id, content) = match kind {
            groups::ConsumerGroupMetadataKey::TYPE => {
                let key = groups::ConsumerGroupMetadataKey::decode(key, 0)?;
                let stored = read::<groups::ConsumerGroupMetadataValue>(value)?;
                (key.group_id, Content::Group(stored.map(|stored| (stored.epoch, stored.metadata_hash))))
            }
            groups::ConsumerGroupMemberMetadataKey::TYPE => {
                let key = groups::ConsumerGroupMemberMetadataKey::decode(key, 0)?;
                (key.group_id, Content::Member(key.member_id, read(value)?.map(profile_of)))
            }
            assignments::ConsumerGroupTargetAssignmentMetadataKey::TYPE => {
                let key = assignments::ConsumerGroupTargetAssignmentMetadataKey::decode(key, 0)?;
                let stored = read::<assignments::ConsumerGroupTargetAssignmentMetadataValue>(value)?;
                let stored = stored.map(|stored| (stored.assignment_epoch, stored.assignment_timestamp));
                (key.group_id, Content::TargetEpoch(stored))
            }
            assignments::ConsumerGroupTargetAssignmentMemberKey::TYPE => {
                let key = assignments::ConsumerGroupTargetAssignmentMemberKey::decode(key, 0)?;
                (key.group_id, Content::Target(key.member_id, read(value)?.map(target_of)))
            }
            assignments::ConsumerGroupCurrentMemberAssignmentKey::TYPE => {
                let key = assignments::ConsumerGroupCurrentMemberAssignmentKey::decode(key, 0)?;
                (key.group_id, Content::Current(key.member_id, read(value)?.map(current_of)))
            }
            groups::ConsumerGroupRegularExpressionKey::TYPE => {
                let key = groups::ConsumerGroupRegularExpressionKey::decode(key, 0)?;
                let stored = read::<groups::ConsumerGroupRegularExpressionValue>(value)?;
                let resolved = stored.map(|stored| ResolvedRegex {
                    topics: stored.topics.into_iter().collect(),
                    version: stored.version,
                    timestamp_ms: stored.timestamp,
                });
                (key.group_id, Content::Regex(key.regular_expression, resolved))
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { group_id, content }))
    }
}

fn encode<K: CoordinatorKey>(key: &K, value: Option<K::Value>) -> Result<EncodedRecord, WireError>
where
    K::Value: Message,
{
    let value = value.map(|value| value.encode_with_version(VALUE_VERSION)).transpose()?;
    Ok(EncodedRecord { key: key.encode_key()?, value })
}

fn read<V: Message>(value: Option<Bytes>) -> Result<Option<V>, WireError> {
    value.map(V::decode_with_version).transpose()
}

fn member_value(profile: &Profile) -> groups::ConsumerGroupMemberMetadataValue {
    let protocol = |protocol: &Protocol| groups::ClassicProtocol {
        name: protocol.name.clone(),
        metadata: protocol.metadata.clone(),
    };
    groups::ConsumerGroupMemberMetadataValue {
        instance_id: profile.instance_id.clone(),
        rack_id: profile.rack_id.clone(),
        client_id: profile.client_id.clone(),
        client_host: profile.client_host.clone(),
        subscribed_topic_names: profile.topic_names.iter().cloned().collect(),
        subscribed_topic_regex: Some(profile.topic_regex.clone()),
        rebalance_timeout_ms: profile.rebalance_timeout_ms,
        server_assignor: profile.server_assignor.clone(),
        classic_member_metadata: profile.classic.as_ref().map(|classic| groups::ClassicMemberMetadata {
            session_timeout_ms: classic.session_timeout_ms,
            supported_protocols: classic.protocols.iter().map(protocol).collect(),
        }),
    }
}

fn profile_of(value: groups::ConsumerGroupMemberMetadataValue) -> Profile {
    let protocol =
        |protocol: groups::ClassicProtocol| Protocol { name: protocol.name, metadata: protocol.metadata };
    // Without protocols it is no classic member: that is how the value reads when the field was left out.
    let classic = value.classic_member_metadata.filter(|classic| !classic.supported_protocols.is_empty());
    Profile {
        instance_id: value.instance_id,
        rack_id: value.rack_id,
        client_id: value.client_id,
        client_host: value.client_host,
        topic_names: value.subscribed_topic_names.into_iter().collect(),
        topic_regex: value.subscribed_topic_regex.unwrap_or_default(),
        rebalance_timeout_ms: value.rebalance_timeout_ms,
        server_assignor: value.server_assignor,
        classic: classic.map(|classic| ClassicSide {
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic.supported_protocols.into_iter().map(protocol).collect(),
        }),
    }
}

fn target_value(target: &Assignment) -> assignments::ConsumerGroupTargetAssignmentMemberValue {
    let topic = |(&topic_id, partitions): (&Uuid, &BTreeSet<i32>)| assignments::TopicPartition {
        topic_id,
        partitions: partitions.iter().copied().collect(),
    };
    assignments::ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: target.iter().map(topic).collect(),
    }
}

fn target_of(value: assignments::ConsumerGroupTargetAssignmentMemberValue) -> Assignment {
    let topics = value.topic_partitions.into_iter().filter(|topic| !topic.partitions.is_empty());
    topics.map(|topic| (topic.topic_id, topic.partitions.into_iter().collect())).collect()
}

fn current_value(current: &Current) -> assignments::ConsumerGroupCurrentMemberAssignmentValue {
    assignments::ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: current.epoch,
        previous_member_epoch: current.previous_epoch,
        state: current.state.number(),
        assigned_partitions: holding_value(&current.assigned),
        partitions_pending_revocation: holding_value(&current.revoking),
    }
}

fn holding_value(holding: &Holding) -> Vec<assignments::TopicPartitions> {
    let topic = |(&topic_id, partitions): (&Uuid, &BTreeMap<i32, i32>)| assignments::TopicPartitions {
        topic_id,
        partitions: partitions.keys().copied().collect(),
        assignment_epochs: Some(partitions.values().copied().collect()),
    };
    holding.iter().map(topic).collect()
}

fn current_of(value: assignments::ConsumerGroupCurrentMemberAssignmentValue) -> Current {
    // Before Kafka 4.3 epochs were not written: what is held has been since the member's epoch.
    let epoch = value.member_epoch;
    Current {
        epoch,
        previous_epoch: value.previous_member_epoch,
        state: MemberState::from_number(value.state),
        assigned: holding_of(value.assigned_partitions, epoch),
        revoking: holding_of(value.partitions_pending_revocation, epoch),
    }
}

fn holding_of(topics: Vec<assignments::TopicPartitions>, member_epoch: i32) -> Holding {
    let holding = topics.into_iter().filter(|topic| !topic.partitions.is_empty()).map(|topic| {
        let epochs = topic.assignment_epochs.filter(|epochs| epochs.len() == topic.partitions.len());
        let epochs = epochs.unwrap_or_else(|| vec![member_epoch; topic.partitions.len()]);
        (topic.topic_id, topic.partitions.into_iter().zip(epochs).collect())
    });
    holding.collect()
}
