//! A classic consumer group (KIP-345, KIP-394, KIP-559, KIP-800, KIP-814) as a pure state machine.
//!
//! The group is told what arrived and what time it is; it answers through the reply channels that come with the requests
//! and says what has to be written to `__consumer_offsets`. It does no I/O, spawns nothing and reads no clock, so a test
//! drives it step by step.
//!
//! ```text
//!            join                     all joined, or timeout            leader's sync, written
//!   Empty ─────────► PreparingRebalance ─────────► CompletingRebalance ─────────► Stable
//!     ▲                  ▲   │                              │                        │
//!     │  nobody joined   │   │      join, leave, expiry     │                        │
//!     └──────────────────┼───┘◄─────────────────────────────┴────────────────────────┘
//! ```
//!
//! Invariants:
//! - every member's parked reply is answered exactly once, or dropped when the same member asks again;
//! - the generation grows by one each time a join phase completes, also when it leaves the group empty;
//! - a member that waits for a join or sync answer does not expire (it cannot send heartbeats), except a new one after
//!   [`NEW_MEMBER_JOIN_TIMEOUT`];
//! - `deadline` answers a time at or before the next thing to do: heartbeats only move deadlines later, so a wake-up
//!   may find nothing to do, but never comes too late.

mod join;
mod membership;
mod rebalance;
mod sync;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_wire::ErrorCode;
use tokio::sync::oneshot;

pub(crate) use join::JoinRequest;
pub(crate) use membership::LeaveTarget;
pub(crate) use sync::SyncRequest;

/// How long a member without a confirmed id may wait for its first join to complete.
const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The moment at which something happens: monotonic for timers, wall clock for what is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    /// Milliseconds since the Unix epoch.
    pub(crate) wall_ms: i64,
}

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// No members; may hold offsets.
    Empty,
    /// Members are asked to join again.
    PreparingRebalance,
    /// All have joined; the leader's assignment is awaited.
    CompletingRebalance,
    /// Members have their assignments.
    Stable,
    /// Deleted; whoever still holds it must look the group up again.
    Dead,
}

impl State {
    /// The name that DescribeGroups and ListGroups answer.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// Limits that the broker's configuration sets for every group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    /// `group.initial.rebalance.delay.ms`.
    pub(crate) initial_rebalance_delay: Duration,
    /// `group.max.size`.
    pub(crate) members_max: usize,
    /// `group.min.session.timeout.ms`.
    pub(crate) session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`.
    pub(crate) session_timeout_max: Duration,
}

/// One way of sharing partitions that a member can work with, and what it tells the leader for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    pub(crate) metadata: Bytes,
}

/// A member as the group's leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) metadata: Bytes,
}

/// Answer to a join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinAnswer {
    pub(crate) error: ErrorCode,
    pub(crate) generation_id: i32,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol_name: Option<String>,
    pub(crate) leader_id: String,
    pub(crate) skip_assignment: bool,
    pub(crate) member_id: String,
    /// Everybody, for the leader; nobody, for the others.
    pub(crate) members: Vec<JoinedMember>,
}

impl JoinAnswer {
    pub(crate) fn failed(error: ErrorCode, member_id: impl Into<String>) -> Self {
        Self {
            error,
            generation_id: -1,
            protocol_type: None,
            protocol_name: None,
            leader_id: String::new(),
            skip_assignment: false,
            member_id: member_id.into(),
            members: Vec::new(),
        }
    }
}

/// Answer to a sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyncAnswer {
    pub(crate) error: ErrorCode,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol_name: Option<String>,
    pub(crate) assignment: Bytes,
}

impl SyncAnswer {
    pub(crate) fn failed(error: ErrorCode) -> Self {
        Self { error, protocol_type: None, protocol_name: None, assignment: Bytes::new() }
    }
}

/// Where an answer goes. A receiver that is gone is a client that is gone, which is not the group's business.
pub(crate) type Reply<T> = oneshot::Sender<T>;

fn answer<T>(reply: Reply<T>, value: T) {
    // The client may have disconnected meanwhile.
    drop(reply.send(value));
}

/// A member of the group.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) session_timeout: Duration,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    awaiting_join: Option<Reply<JoinAnswer>>,
    awaiting_sync: Option<Reply<SyncAnswer>>,
    /// Has never got a join answer.
    is_new: bool,
    /// When the session ends unless the member is heard of; none while it awaits an answer.
    expires: Option<Instant>,
}

impl Member {
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|candidate| candidate.name == protocol);
        found.map(|protocol| protocol.metadata.clone()).unwrap_or_default()
    }

    fn is_awaiting(&self) -> bool {
        self.awaiting_join.is_some() || self.awaiting_sync.is_some()
    }

    fn heard(&mut self, now: Now) {
        self.expires = Some(now.instant + self.session_timeout);
    }
}

/// A member as `__consumer_offsets` keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredMember {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

/// A group as `__consumer_offsets` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StoredGroup {
    pub(crate) protocol_type: String,
    pub(crate) generation_id: i32,
    pub(crate) protocol_name: Option<String>,
    pub(crate) leader_id: Option<String>,
    pub(crate) state_since_ms: i64,
    pub(crate) members: Vec<StoredMember>,
}

/// Something that must be appended to `__consumer_offsets` before the group goes on.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) group: StoredGroup,
    pub(crate) then: AfterWrite,
}

/// What [`ClassicGroup::written`] does once a [`Write`] has been appended.
#[derive(Debug)]
pub(crate) enum AfterWrite {
    /// Nothing waits for it: the group has become empty.
    Nothing,
    /// The leader's assignment: members get it and the group is stable.
    Assign { generation_id: i32, assignments: HashMap<String, Bytes> },
    /// A static member came back under a new id and keeps its assignment.
    Rejoined { reply: Reply<JoinAnswer>, answer: JoinAnswer },
}

/// A classic group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    limits: GroupLimits,
    state: State,
    state_since_ms: i64,
    generation_id: i32,
    protocol_type: Option<String>,
    protocol_name: Option<String>,
    leader_id: Option<String>,
    members: BTreeMap<String, Member>,
    /// Group instance id to member id.
    static_members: HashMap<String, String>,
    /// Ids that were handed out (MEMBER_ID_REQUIRED) and have not joined yet, with their end.
    pending_joins: HashMap<String, Instant>,
    /// Members of this generation that have not asked for their assignment yet.
    pending_syncs: BTreeSet<String>,
    join_phase: Option<JoinPhase>,
    sync_deadline: Option<Instant>,
}

/// The time limit of a join phase.
#[derive(Debug, Clone, Copy)]
struct JoinPhase {
    deadline: Instant,
    /// The group was empty: it waits for the initial delay, prolonged while members arrive, and not for everybody.
    initial: Option<InitialDelay>,
}

#[derive(Debug, Clone, Copy)]
struct InitialDelay {
    remaining: Duration,
    member_added: bool,
}

impl ClassicGroup {
    /// An empty group without members or protocol.
    pub(crate) fn new(limits: GroupLimits, now: Now) -> Self {
        Self {
            limits,
            state: State::Empty,
            state_since_ms: now.wall_ms,
            generation_id: 0,
            protocol_type: None,
            protocol_name: None,
            leader_id: None,
            members: BTreeMap::new(),
            static_members: HashMap::new(),
            pending_joins: HashMap::new(),
            pending_syncs: BTreeSet::new(),
            join_phase: None,
            sync_deadline: None,
        }
    }

    /// The group as it was stored; members get a full session to show that they are alive.
    pub(crate) fn restore(stored: StoredGroup, limits: GroupLimits, now: Now) -> Self {
        let mut group = Self::new(limits, now);
        group.state_since_ms = stored.state_since_ms;
        group.generation_id = stored.generation_id;
        group.protocol_type = Some(stored.protocol_type).filter(|name| !name.is_empty());
        group.protocol_name = stored.protocol_name;
        group.leader_id = stored.leader_id;
        group.state = if stored.members.is_empty() { State::Empty } else { State::Stable };
        let protocol = group.protocol_name.clone().unwrap_or_default();
        for member in stored.members {
            if let Some(instance) = &member.group_instance_id {
                group.static_members.insert(instance.clone(), member.member_id.clone());
            }
            let restored = Member {
                member_id: member.member_id.clone(),
                group_instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout: duration_from_ms(member.rebalance_timeout_ms),
                session_timeout: duration_from_ms(member.session_timeout_ms),
                protocols: vec![Protocol { name: protocol.clone(), metadata: member.subscription }],
                assignment: member.assignment,
                awaiting_join: None,
                awaiting_sync: None,
                is_new: false,
                expires: Some(now.instant + duration_from_ms(member.session_timeout_ms)),
            };
            group.members.insert(member.member_id, restored);
        }
        group
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// When the group came into its state, in milliseconds since the Unix epoch.
    pub(crate) fn state_since_ms(&self) -> i64 {
        self.state_since_ms
    }

    pub(crate) fn generation_id(&self) -> i32 {
        self.generation_id
    }

    pub(crate) fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    pub(crate) fn protocol_name(&self) -> Option<&str> {
        self.protocol_name.as_deref()
    }

    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// Whether nothing is left that keeps the group alive besides its offsets.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Empty && self.members.is_empty() && self.pending_joins.is_empty()
    }

    /// Ends the group; whoever still waits is sent to look for the coordinator again.
    pub(crate) fn kill(&mut self, now: Now) {
        self.end(ErrorCode::NotCoordinator, now);
    }

    /// Ends the group because it is of another kind from now on; whoever still waits joins that.
    pub(crate) fn hand_over(&mut self, now: Now) {
        self.end(ErrorCode::RebalanceInProgress, now);
    }

    fn end(&mut self, error: ErrorCode, now: Now) {
        for member in self.members.values_mut() {
            if let Some(reply) = member.awaiting_join.take() {
                answer(reply, JoinAnswer::failed(error, member.member_id.clone()));
            }
            if let Some(reply) = member.awaiting_sync.take() {
                answer(reply, SyncAnswer::failed(error));
            }
        }
        self.enter(State::Dead, now);
    }

    /// A time at or before the next moment at which [`ClassicGroup::on_time`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let members = self.members.values().filter_map(|member| member.expires);
        let pending = self.pending_joins.values().copied();
        let phases = self.join_phase.map(|phase| phase.deadline).into_iter().chain(self.sync_deadline);
        members.chain(pending).chain(phases).min()
    }

    /// What is written down for this group, with `assignments` in place of those that the members hold.
    fn stored(&self, assignments: Option<&HashMap<String, Bytes>>) -> StoredGroup {
        let protocol = self.protocol_name.clone().unwrap_or_default();
        let members = self.members.values().map(|member| StoredMember {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: duration_to_ms(member.rebalance_timeout),
            session_timeout_ms: duration_to_ms(member.session_timeout),
            subscription: member.metadata(&protocol),
            assignment: match assignments {
                Some(assignments) => assignments.get(&member.member_id).cloned().unwrap_or_default(),
                None => member.assignment.clone(),
            },
        });
        StoredGroup {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation_id: self.generation_id,
            protocol_name: self.protocol_name.clone(),
            leader_id: self.leader_id.clone(),
            state_since_ms: self.state_since_ms,
            members: members.collect(),
        }
    }

    fn enter(&mut self, state: State, now: Now) {
        self.state = state;
        self.state_since_ms = now.wall_ms;
    }

    /// Checks that `member_id` is a member, and the one that holds its group instance id (KIP-345).
    fn check_member(&self, member_id: &str, group_instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = group_instance_id {
            match self.static_members.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }
}

/// A duration from a client's milliseconds; negative ones count as zero.
pub(crate) fn duration_from_ms(milliseconds: i32) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

/// Milliseconds as the protocol and records have them.
pub(crate) fn duration_to_ms(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
