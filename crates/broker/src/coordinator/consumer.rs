//! A consumer group (KIP-848) as a pure state machine: the coordinator itself decides who gets which partition.
//!
//! The group is told what arrived, which topics there are and what time it is. It changes at once, notes which of its records
//! are no longer as written ([`ConsumerGroup::take_changes`]), and answers; the coordinator appends the records and holds
//! the answer back until they are safe. It does no I/O and reads no clock.
//!
//! ```text
//!   member joins, leaves, subscribes anew; topics change ──► group epoch + 1
//!   group epoch > assignment epoch, at the next heartbeat ──► assignor ──► targets, assignment epoch = group epoch
//!   heartbeat of a member behind its target              ──► one step of reconciliation (`reconcile`), member epoch
//! ```
//!
//! Members with the classic protocol take part (`classic_members`): for them the same steps happen at JoinGroup, and
//! SyncGroup fetches the outcome. A classic group becomes a consumer group when the first member with the new protocol joins, and
//! is one again when the last of those is gone (`convert`).
//!
//! Invariants:
//! - no partition is held by two members: what one holds, wanted or to be given up, is assigned to nobody else;
//! - a record's content is a function of the group's state, so one that could not be written is written with the next change;
//! - a refused request changes nothing;
//! - `deadline` answers a time at or before the next thing to do.

pub(crate) mod assignment;
mod assignor;
pub(crate) mod classic_members;
pub(crate) mod convert;
mod describe;
mod heartbeat;
pub(crate) mod member;
mod offsets;
mod reconcile;
pub(crate) mod records;
pub(crate) mod regex;
mod timers;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use millstream_wire::ErrorCode;
use uuid::Uuid;

use self::regex::{Regexes, ResolvedRegex};
use super::classic::Now;
use super::topics::Topics;
use crate::api::Refusal;
use crate::config::{GroupMigrationPolicy, ServerAssignor};
use assignment::Assignment;
use member::{Current, Member};

pub(crate) use describe::{ConsumerDescription, ConsumerMemberDescription};
pub(crate) use heartbeat::{HeartbeatAnswer, HeartbeatRequest, JOIN};
pub(crate) use offsets::Commit;
pub(crate) use records::{Change, ConsumerRecord};

/// The protocol type of groups whose members consume topics.
pub(crate) const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// What the broker's configuration says of consumer groups.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerSettings {
    /// `group.consumer.session.timeout.ms`.
    pub(crate) session_timeout: Duration,
    /// `group.consumer.heartbeat.interval.ms`.
    pub(crate) heartbeat_interval: Duration,
    /// `group.consumer.max.size`.
    pub(crate) members_max: usize,
    /// `group.consumer.assignors`; the first is the default.
    pub(crate) assignors: Vec<ServerAssignor>,
    /// `group.consumer.migration.policy`.
    pub(crate) migration_policy: GroupMigrationPolicy,
    /// `group.consumer.assignment.interval.ms`: targets are computed no oftener.
    pub(crate) assignment_interval: Duration,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub(crate) regex_refresh_interval: Duration,
}

impl ConsumerSettings {
    fn default_assignor(&self) -> ServerAssignor {
        self.assignors.first().copied().unwrap_or(ServerAssignor::Uniform)
    }
}

/// What a group sees of the world while it works.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a ConsumerSettings,
    pub(crate) topics: &'a dyn Topics,
    pub(crate) now: Now,
}

/// A consumer group.
#[derive(Debug, Default)]
pub(crate) struct ConsumerGroup {
    /// Grows with every change of members, subscriptions or topics.
    epoch: i32,
    /// Of the subscribed topics; what it was when the epoch last grew.
    metadata_hash: i64,
    /// The group epoch that the targets were computed for.
    assignment_epoch: i32,
    /// When that was, in milliseconds since the Unix epoch.
    assignment_timestamp_ms: i64,
    members: BTreeMap<String, Member>,
    /// Instance id to member id.
    static_members: HashMap<String, String>,
    /// What each member should have.
    targets: BTreeMap<String, Assignment>,
    regexes: Regexes,
    /// What members hold, wanted or to be given up.
    held: HashSet<(Uuid, i32)>,
    /// The version of the topics that the group has looked at.
    topics_version: Option<u64>,
    /// Records that are not written as they should be.
    changes: BTreeSet<Change>,
    /// Appends that are under way.
    writes_in_flight: usize,
    /// At or before the first of the members' deadlines.
    deadline: Option<Instant>,
    /// Members have gone since the last look.
    lost_members: bool,
    /// The group is deleted, or a classic one now: nothing of it stays.
    is_over: bool,
}

impl ConsumerGroup {
    /// A group without members.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// The name that ConsumerGroupDescribe and ListGroups answer.
    pub(crate) fn state_name(&self) -> &'static str {
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.assignment_epoch {
            "Assigning"
        } else if self.members.values().all(|member| member.current.is_reconciled_to(self.assignment_epoch)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Whether a member has subscribed to a topic, by name or expression.
    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        self.members.values().any(|member| member.profile.topic_names.contains(topic))
            || self.regexes.values().any(|resolved| resolved.topics.contains(topic))
    }

    /// Whether everybody uses the classic protocol, and somebody is there.
    pub(crate) fn is_all_classic(&self) -> bool {
        !self.members.is_empty() && self.members.values().all(Member::is_classic)
    }

    fn member(&self, member_id: &str) -> Result<&Member, Refusal> {
        self.members.get(member_id).ok_or_else(|| {
            let message = format!("Member {member_id} is not a member of the group.");
            Refusal::new(ErrorCode::UnknownMemberId, message)
        })
    }

    /// The member behind an instance id, which `member_id` has to be.
    fn check_instance(&self, instance_id: &str, member_id: &str) -> Result<&Member, Refusal> {
        let Some(holder) = self.static_members.get(instance_id) else {
            let message = format!("Instance id {instance_id} is unknown.");
            return Err(Refusal::new(ErrorCode::UnknownMemberId, message));
        };
        if holder != member_id {
            let message = format!(
                "Static member {member_id} with instance id {instance_id} was fenced by member {holder}."
            );
            return Err(Refusal::new(ErrorCode::FencedInstanceId, message));
        }
        self.member(member_id)
    }

    fn check_room(&self, member_id: &str, settings: &ConsumerSettings) -> Result<(), Refusal> {
        if self.members.len() < settings.members_max || self.members.contains_key(member_id) {
            return Ok(());
        }
        let message = format!(
            "The consumer group has reached its maximum capacity of {} members.",
            settings.members_max
        );
        Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message))
    }

    /// Puts a member into a new standing.
    fn set_current(&mut self, member_id: &str, current: Current) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        if member.current == current {
            return;
        }
        let places = |current: &Current| {
            assignment::places(&current.assigned)
                .chain(assignment::places(&current.revoking))
                .collect::<Vec<_>>()
        };
        for place in places(&member.current) {
            self.held.remove(&place);
        }
        for place in places(&current) {
            let is_free = self.held.insert(place);
            debug_assert!(is_free, "{place:?} is held by two members");
        }
        member.current = current;
        self.changes.insert(Change::Current(member_id.to_owned()));
    }

    /// Takes a member out, with all that is kept of it.
    fn remove(&mut self, member_id: &str) {
        self.set_current(member_id, Current::new());
        let Some(member) = self.members.remove(member_id) else { return };
        if let Some(instance) = &member.profile.instance_id
            && self.static_members.get(instance).is_some_and(|holder| holder == member_id)
        {
            self.static_members.remove(instance);
        }
        self.targets.remove(member_id);
        self.changes.insert(Change::Current(member_id.to_owned()));
        self.changes.insert(Change::Target(member_id.to_owned()));
        self.changes.insert(Change::Member(member_id.to_owned()));
        self.forget_regex(&member.profile.topic_regex);
    }

    /// Forgets an expression that nobody has any more.
    fn forget_regex(&mut self, regex: &str) {
        let is_used = self.members.values().any(|member| member.profile.topic_regex == regex);
        if !is_used && self.regexes.remove(regex).is_some() {
            self.changes.insert(Change::Regex(regex.to_owned()));
        }
    }

    /// Puts members out of the group; the others share anew.
    pub(crate) fn fence(&mut self, member_ids: &[String], context: &Context<'_>) {
        if member_ids.is_empty() {
            return;
        }
        for member_id in member_ids {
            self.remove(member_id);
        }
        self.lost_members = true;
        self.metadata_hash = self.hash_of_topics(context.topics);
        self.bump_epoch();
    }

    /// Whether members have gone since this was last asked.
    pub(crate) fn has_lost_members(&mut self) -> bool {
        std::mem::take(&mut self.lost_members)
    }

    fn bump_epoch(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        self.changes.insert(Change::Group);
    }

    /// Brings the expressions up to the topics there are. Says whether one matches others than before.
    fn refresh_regexes(&mut self, context: &Context<'_>) -> bool {
        let refresh_ms =
            i64::try_from(context.settings.regex_refresh_interval.as_millis()).unwrap_or(i64::MAX);
        let now_ms = context.now.wall_ms;
        let is_stale = self.topics_version != Some(context.topics.version());
        let due: Vec<String> = self
            .regexes
            .iter()
            .filter(|(_, resolved)| is_stale || resolved.timestamp_ms.saturating_add(refresh_ms) < now_ms)
            .map(|(regex, _)| regex.clone())
            .collect();
        let mut changed = false;
        for regex in due {
            let resolved = regex::resolve(&regex, context.topics, now_ms);
            let before = self.regexes.insert(regex.clone(), resolved);
            let after = self.regexes.get(&regex);
            if before.as_ref().map(|resolved| &resolved.topics) != after.map(|resolved| &resolved.topics) {
                changed = true;
                self.changes.insert(Change::Regex(regex));
            }
        }
        changed
    }

    /// Looks at the topics if they, or subscriptions, have changed: the epoch grows if that makes a difference.
    fn refresh_topics(&mut self, subscriptions_changed: bool, context: &Context<'_>) {
        let version = context.topics.version();
        if !subscriptions_changed && self.topics_version == Some(version) {
            return;
        }
        self.topics_version = Some(version);
        let hash = self.hash_of_topics(context.topics);
        if subscriptions_changed || hash != self.metadata_hash || self.epoch == 0 {
            self.metadata_hash = hash;
            self.bump_epoch();
        }
    }

    /// FNV-1a over names, ids and numbers of partitions of the subscribed topics; 0 when there are none. It is written down,
    /// so it must not change. (Apache Kafka's is another: a group that changes hands shares once more.)
    fn hash_of_topics(&self, topics: &dyn Topics) -> i64 {
        let by_name = self.members.values().flat_map(|member| &member.profile.topic_names);
        let names: BTreeSet<&str> = by_name
            .chain(self.regexes.values().flat_map(|resolved| &resolved.topics))
            .map(String::as_str)
            .collect();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            for &byte in bytes {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        let mut count = 0_u32;
        for name in names {
            let Some((id, partitions)) =
                topics.id_of(name).and_then(|id| Some((id, topics.partition_count(id)?)))
            else {
                continue;
            };
            count += 1;
            add(name.as_bytes());
            add(id.as_bytes());
            add(&partitions.to_be_bytes());
        }
        if count == 0 { 0 } else { i64::from_be_bytes(hash.to_be_bytes()).max(1 + i64::MIN) }
    }

    fn is_assignment_due(&self, context: &Context<'_>) -> bool {
        let interval_ms = i64::try_from(context.settings.assignment_interval.as_millis()).unwrap_or(i64::MAX);
        let next_ms = self.assignment_timestamp_ms.saturating_add(interval_ms);
        let is_late_enough = self.assignment_timestamp_ms == 0 || context.now.wall_ms >= next_ms;
        self.epoch > self.assignment_epoch && is_late_enough
    }

    /// Computes new targets if the group has changed since, and the last time is long enough ago.
    fn update_targets(&mut self, context: &Context<'_>) {
        if !self.is_assignment_due(context) {
            return;
        }
        let nothing = Assignment::new();
        let specs: Vec<_> = self
            .members
            .iter()
            .map(|(member_id, member)| assignor::MemberSpec {
                member_id,
                instance_id: member.profile.instance_id.as_deref(),
                topics: member.profile.topic_ids(&self.regexes, context.topics),
                previous: self.targets.get(member_id).unwrap_or(&nothing),
            })
            .collect();
        let topics: BTreeSet<Uuid> = specs.iter().flat_map(|spec| spec.topics.iter().copied()).collect();
        let counts = topics.into_iter().filter_map(|id| Some((id, context.topics.partition_count(id)?)));
        let assignments =
            assignor::assign(self.preferred_assignor(context.settings), &specs, &counts.collect());
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for (member_id, assignment) in ids.into_iter().zip(assignments) {
            if self.targets.get(&member_id) != Some(&assignment) {
                self.targets.insert(member_id.clone(), assignment);
                self.changes.insert(Change::Target(member_id));
            }
        }
        self.assignment_epoch = self.epoch;
        self.assignment_timestamp_ms = context.now.wall_ms;
        self.changes.insert(Change::TargetEpoch);
    }

    /// The assignor that most members ask for; of equals, the one that is configured first.
    fn preferred_assignor(&self, settings: &ConsumerSettings) -> ServerAssignor {
        let votes = |assignor: ServerAssignor| {
            let asks = |member: &&Member| member.profile.server_assignor.as_deref() == Some(assignor.name());
            self.members.values().filter(asks).count()
        };
        let best = settings.assignors.iter().copied().rev().max_by_key(|&assignor| votes(assignor));
        best.filter(|&assignor| votes(assignor) > 0).unwrap_or_else(|| settings.default_assignor())
    }

    /// Brings a member one step nearer to its target.
    fn reconcile(
        &mut self,
        member_id: &str,
        owned: Option<&Assignment>,
        subscription_changed: bool,
        context: &Context<'_>,
    ) {
        let Some(member) = self.members.get(member_id) else { return };
        if !subscription_changed && member.current.is_reconciled_to(self.assignment_epoch) {
            return;
        }
        let nothing = Assignment::new();
        let subscribed = member.profile.topic_ids(&self.regexes, context.topics);
        let goal = reconcile::Goal {
            epoch: self.assignment_epoch,
            target: self.targets.get(member_id).unwrap_or(&nothing),
            subscribed: &subscribed,
            subscription_changed,
            owned,
            is_held: &|topic, partition| self.held.contains(&(topic, partition)),
        };
        let next = reconcile::step(&member.current, &goal);
        if next != member.current {
            let must_revoke = next.state == member::MemberState::Unrevoked && !member.is_classic();
            let deadline = must_revoke.then(|| context.now.instant + member.profile.rebalance_timeout());
            self.set_current(member_id, next);
            self.set_rebalance_deadline(member_id, deadline);
        }
    }

    /// Ends the group, whoever is in it: all its records go.
    pub(crate) fn end(&mut self) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in ids {
            self.remove(&member_id);
        }
        self.is_over = true;
        self.changes.extend([Change::TargetEpoch, Change::Group]);
    }

    /// Which records have to be written, and how they read now. The caller appends them, and says how that went
    /// ([`ConsumerGroup::written`]).
    pub(crate) fn take_changes(&mut self, group_id: &str) -> (Vec<Change>, Vec<ConsumerRecord>) {
        let changes = std::mem::take(&mut self.changes);
        if changes.is_empty() {
            return (Vec::new(), Vec::new());
        }
        self.writes_in_flight += 1;
        let records = records::in_order(&changes, |change| self.record(group_id, change));
        (changes.into_iter().collect(), records)
    }

    /// An append is over. What was not written is to be written with the next change.
    pub(crate) fn written(&mut self, changes: Vec<Change>, is_written: bool) {
        self.writes_in_flight = self.writes_in_flight.saturating_sub(1);
        if !is_written {
            self.changes.extend(changes);
        }
    }
}
