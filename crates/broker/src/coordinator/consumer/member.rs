//! A member of a consumer group: what it has said of itself, and how far it has come with its assignment.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_wire::messages::consumer_protocol::ConsumerProtocolSubscription;
use millstream_wire::protocol::Message as _;
use uuid::Uuid;

use super::assignment::{Assignment, Holding};
use super::regex::Regexes;
use crate::coordinator::classic::{Now, Protocol, duration_from_ms};
use crate::coordinator::topics::Topics;

/// The epoch of a static member that has left for a while (KIP-345 under KIP-848).
pub(crate) const LEFT_FOR_A_WHILE: i32 = -2;

/// How far a member has come towards its target. The numbers are those of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It has what it should have.
    Stable,
    /// It must give partitions up before it goes on.
    Unrevoked,
    /// It has all but partitions that others have not given up yet.
    Unreleased,
}

impl MemberState {
    pub(crate) fn number(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::Unrevoked => 1,
            Self::Unreleased => 2,
        }
    }

    /// A number that a later version may have written counts as a member that has not caught up.
    pub(crate) fn from_number(number: i8) -> Self {
        match number {
            0 => Self::Stable,
            1 => Self::Unrevoked,
            _ => Self::Unreleased,
        }
    }
}

/// Where a member stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Current {
    /// The epoch that its next heartbeat has to name; [`LEFT_FOR_A_WHILE`] for a static member that is away.
    pub(crate) epoch: i32,
    /// The epoch before, for a client that has not heard of its current one.
    pub(crate) previous_epoch: i32,
    pub(crate) state: MemberState,
    /// What it may use.
    pub(crate) assigned: Holding,
    /// What it has to give up and may still hold.
    pub(crate) revoking: Holding,
}

impl Current {
    /// A member that has just come.
    pub(crate) fn new() -> Self {
        Self {
            epoch: 0,
            previous_epoch: 0,
            state: MemberState::Stable,
            assigned: Holding::new(),
            revoking: Holding::new(),
        }
    }

    pub(crate) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// The epoch since which the member holds a partition, given up or not.
    pub(crate) fn holds_since(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let since = |holding: &Holding| holding.get(&topic)?.get(&partition).copied();
        since(&self.assigned).or_else(|| since(&self.revoking))
    }
}

/// What there is to know of a member that uses the classic protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassicSide {
    pub(crate) session_timeout_ms: i32,
    /// In the member's order of preference; never empty.
    pub(crate) protocols: Vec<Protocol>,
}

/// What a member has said of itself: its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) instance_id: Option<String>,
    pub(crate) rack_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) topic_names: BTreeSet<String>,
    /// Empty when it gave none.
    pub(crate) topic_regex: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) server_assignor: Option<String>,
    /// For members with the classic protocol.
    pub(crate) classic: Option<ClassicSide>,
}

impl Profile {
    pub(crate) fn new() -> Self {
        Self {
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            topic_names: BTreeSet::new(),
            topic_regex: String::new(),
            rebalance_timeout_ms: -1,
            server_assignor: None,
            classic: None,
        }
    }

    pub(crate) fn rebalance_timeout(&self) -> Duration {
        duration_from_ms(self.rebalance_timeout_ms)
    }

    /// The ids of the topics that the member wants and that are there.
    pub(crate) fn topic_ids(&self, regexes: &Regexes, topics: &dyn Topics) -> BTreeSet<Uuid> {
        let matching = regexes.get(&self.topic_regex).into_iter().flat_map(|resolved| resolved.topics.iter());
        self.topic_names.iter().chain(matching).filter_map(|name| topics.id_of(name)).collect()
    }
}

/// What a member is waited for until, beyond which it is put out of the group.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadlines {
    /// To be heard of again.
    pub(crate) session: Option<Instant>,
    /// To give up what it must.
    pub(crate) rebalance: Option<Instant>,
    /// To join again, with the classic protocol.
    pub(crate) join: Option<Instant>,
    /// To fetch its assignment, with the classic protocol.
    pub(crate) sync: Option<Instant>,
}

impl Deadlines {
    /// The earliest of them, and why the member is put out then.
    pub(crate) fn earliest(&self) -> Option<(Instant, &'static str)> {
        let named = [
            (self.session, "its session expired"),
            (self.rebalance, "it did not give its partitions up in time"),
            (self.join, "it did not join again in time"),
            (self.sync, "it did not fetch its assignment in time"),
        ];
        named.into_iter().filter_map(|(deadline, why)| Some((deadline?, why))).min_by_key(|(at, _)| *at)
    }
}

/// A member.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) profile: Profile,
    pub(crate) current: Current,
    pub(crate) deadlines: Deadlines,
}

impl Member {
    pub(crate) fn new() -> Self {
        Self { profile: Profile::new(), current: Current::new(), deadlines: Deadlines::default() }
    }

    pub(crate) fn is_classic(&self) -> bool {
        self.profile.classic.is_some()
    }

    /// How long the member may be silent.
    pub(crate) fn session_timeout(&self, of_group: Duration) -> Duration {
        match &self.profile.classic {
            Some(classic) => duration_from_ms(classic.session_timeout_ms),
            None => of_group,
        }
    }

    /// The member is alive.
    pub(crate) fn heard(&mut self, of_group: Duration, now: Now) -> Instant {
        let deadline = now.instant + self.session_timeout(of_group);
        self.deadlines.session = Some(deadline);
        deadline
    }
}

/// A classic member's subscription; none where it cannot be read.
pub(crate) fn read_subscription(metadata: &Bytes) -> Option<ConsumerProtocolSubscription> {
    ConsumerProtocolSubscription::decode_with_version(metadata.clone()).ok()
}

/// What a classic member says that it owns, by topic id.
pub(crate) fn owned_partitions(
    subscription: &ConsumerProtocolSubscription,
    topics: &dyn Topics,
) -> Assignment {
    let mut owned = Assignment::new();
    for topic in &subscription.owned_partitions {
        if let Some(id) = topics.id_of(&topic.topic) {
            owned.entry(id).or_default().extend(topic.partitions.iter().copied());
        }
    }
    owned
}
