//! A group: what kind it is, and the offsets it has committed.

use std::time::Instant;

use millstream_wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use millstream_wire::protocol::Message as _;

use super::classic::{ClassicGroup, Now, State};
use super::consumer::{CONSUMER_PROTOCOL_TYPE, ConsumerGroup};
use super::offsets::{ExpiryRule, GroupOffsets};
use super::records::OffsetsRecord;

/// The state machines behind groups.
#[derive(Debug)]
pub(crate) enum GroupKind {
    /// JoinGroup, SyncGroup and Heartbeat; also a name under which somebody only commits offsets.
    Classic(ClassicGroup),
    /// ConsumerGroupHeartbeat (KIP-848); also classic members among those.
    Consumer(ConsumerGroup),
}

impl GroupKind {
    /// The type that ListGroups answers.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Classic(_) => "classic",
            Self::Consumer(_) => "consumer",
        }
    }

    pub(crate) fn state_name(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.state().name(),
            Self::Consumer(group) => group.state_name(),
        }
    }

    /// What its members are, as far as is known.
    pub(crate) fn protocol_type(&self) -> &str {
        match self {
            Self::Classic(group) => group.protocol_type().unwrap_or_default(),
            Self::Consumer(_) => CONSUMER_PROTOCOL_TYPE,
        }
    }

    pub(crate) fn member_count(&self) -> usize {
        match self {
            Self::Classic(group) => group.members().len(),
            Self::Consumer(group) => group.members().len(),
        }
    }

    /// A time at or before the next thing to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Classic(group) => group.deadline(),
            Self::Consumer(group) => group.deadline(),
        }
    }

    /// Sends away whoever waits. The group is not to be used any more.
    pub(crate) fn kill(&mut self, now: Now) {
        match self {
            Self::Classic(group) => group.kill(now),
            // Nobody waits in it.
            Self::Consumer(_) => {}
        }
    }
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: GroupKind,
    pub(crate) offsets: GroupOffsets,
}

impl Group {
    pub(crate) fn new(kind: GroupKind) -> Self {
        Self { kind, offsets: GroupOffsets::default() }
    }

    pub(crate) fn classic(&mut self) -> Option<&mut ClassicGroup> {
        match &mut self.kind {
            GroupKind::Classic(group) => Some(group),
            GroupKind::Consumer(_) => None,
        }
    }

    pub(crate) fn consumer(&mut self) -> Option<&mut ConsumerGroup> {
        match &mut self.kind {
            GroupKind::Classic(_) => None,
            GroupKind::Consumer(group) => Some(group),
        }
    }

    /// Whether a member consumes `topic`, as far as members say so.
    pub(crate) fn consumes(&self, topic: &str) -> bool {
        match &self.kind {
            GroupKind::Classic(group) => {
                subscriptions(group).is_some_and(|topics| topics.iter().any(|name| name == topic))
            }
            GroupKind::Consumer(group) => group.is_subscribed(topic),
        }
    }

    /// Places whose offsets are too old.
    pub(crate) fn expired_offsets(&self, now_ms: i64, retention_ms: i64) -> Vec<(String, i32)> {
        let rule =
            |empty_since_ms, subscribed| ExpiryRule { now_ms, retention_ms, empty_since_ms, subscribed };
        let group = match &self.kind {
            GroupKind::Classic(group) => group,
            GroupKind::Consumer(group) => {
                return self.offsets.expired(&rule(None, &|topic| group.is_subscribed(topic)));
            }
        };
        match group.state() {
            State::Empty if group.protocol_type().is_some() => {
                self.offsets.expired(&rule(Some(group.state_since_ms()), &|_| false))
            }
            State::Empty => self.offsets.expired(&rule(None, &|_| false)),
            State::Stable => match subscriptions(group) {
                Some(topics) => {
                    self.offsets.expired(&rule(None, &|topic| topics.iter().any(|name| name == topic)))
                }
                None => Vec::new(),
            },
            State::PreparingRebalance | State::CompletingRebalance | State::Dead => Vec::new(),
        }
    }

    /// Whether nothing is left worth keeping.
    pub(crate) fn is_over(&self) -> bool {
        let is_idle = match &self.kind {
            GroupKind::Classic(group) => group.is_idle(),
            GroupKind::Consumer(group) => group.is_empty(),
        };
        is_idle && self.offsets.is_empty()
    }

    /// Ends the group, offsets aside, and says what takes it back from the log.
    pub(crate) fn end(&mut self, group_id: &str, now: Now) -> Vec<OffsetsRecord> {
        match &mut self.kind {
            GroupKind::Classic(group) => {
                group.kill(now);
                vec![OffsetsRecord::Group { group: group_id.to_owned(), stored: None }]
            }
            GroupKind::Consumer(group) => {
                group.end();
                group.take_changes(group_id).1.into_iter().map(OffsetsRecord::Consumer).collect()
            }
        }
    }
}

/// The topics that members of a classic group consume; none when that is not known (another protocol, an unreadable
/// subscription).
fn subscriptions(group: &ClassicGroup) -> Option<Vec<String>> {
    if group.protocol_type() != Some(CONSUMER_PROTOCOL_TYPE) {
        return None;
    }
    let protocol = group.protocol_name()?;
    let mut topics = Vec::new();
    for member in group.members() {
        let metadata = member.metadata(protocol);
        topics.extend(ConsumerProtocolSubscription::decode_with_version(metadata).ok()?.topics);
    }
    Some(topics)
}
