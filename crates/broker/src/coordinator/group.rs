//! A group: what kind it is, and the offsets it has committed.

use millstream_wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use millstream_wire::protocol::Message as _;

use super::classic::{ClassicGroup, State};
use super::offsets::{ExpiryRule, GroupOffsets};

/// The protocol type of groups whose members consume topics.
const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// The state machines behind groups.
#[derive(Debug)]
pub(crate) enum GroupKind {
    /// JoinGroup, SyncGroup and Heartbeat; also a name under which somebody only commits offsets.
    Classic(ClassicGroup),
}

impl GroupKind {
    /// The type that ListGroups answers.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Classic(_) => "classic",
        }
    }

    pub(crate) fn state_name(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.state().name(),
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

    pub(crate) fn classic(&mut self) -> &mut ClassicGroup {
        match &mut self.kind {
            GroupKind::Classic(group) => group,
        }
    }

    /// Whether a member consumes `topic`, as far as members say so.
    pub(crate) fn consumes(&self, topic: &str) -> bool {
        self.subscriptions().is_some_and(|topics| topics.iter().any(|name| name == topic))
    }

    /// The topics that members consume; none when that is not known (another protocol, an unreadable subscription).
    fn subscriptions(&self) -> Option<Vec<String>> {
        let GroupKind::Classic(group) = &self.kind;
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

    /// Places whose offsets are too old.
    pub(crate) fn expired_offsets(&self, now_ms: i64, retention_ms: i64) -> Vec<(String, i32)> {
        let GroupKind::Classic(group) = &self.kind;
        let rule =
            |empty_since_ms, subscribed| ExpiryRule { now_ms, retention_ms, empty_since_ms, subscribed };
        match group.state() {
            State::Empty if group.protocol_type().is_some() => {
                self.offsets.expired(&rule(Some(group.state_since_ms()), &|_| false))
            }
            State::Empty => self.offsets.expired(&rule(None, &|_| false)),
            State::Stable => match self.subscriptions() {
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
        let GroupKind::Classic(group) = &self.kind;
        group.is_idle() && self.offsets.is_empty()
    }
}
