//! ConsumerGroupHeartbeat: how members join, stay, learn what is theirs, and leave.
//!
//! A member epoch of 0 joins, −1 leaves, and −2 is a static member that will be back. Any other must be the member's current one,
//! or the one before when the member shows that it holds nothing that it should not: then its last answer was lost.

use std::collections::BTreeSet;

use millstream_wire::ErrorCode;

use super::assignment::{self, Assignment, Holding};
use super::member::{Current, LEFT_FOR_A_WHILE, Member, Profile};
use super::{Change, ConsumerGroup, Context, regex};
use crate::api::Refusal;

/// The member epoch with which a member joins.
pub(crate) const JOIN: i32 = 0;
/// The member epoch with which a member leaves.
const LEAVE: i32 = -1;

/// A ConsumerGroupHeartbeat request. What is none has not changed since the last one.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeartbeatRequest {
    pub(crate) member_id: String,
    pub(crate) member_epoch: i32,
    pub(crate) instance_id: Option<String>,
    pub(crate) rack_id: Option<String>,
    pub(crate) rebalance_timeout_ms: Option<i32>,
    pub(crate) topic_names: Option<Vec<String>>,
    pub(crate) topic_regex: Option<String>,
    pub(crate) server_assignor: Option<String>,
    pub(crate) owned: Option<Assignment>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
}

impl HeartbeatRequest {
    /// Whether the member wants to leave, for good or for a while.
    pub(crate) fn is_leaving(&self) -> bool {
        self.member_epoch == LEAVE || self.member_epoch == LEFT_FOR_A_WHILE
    }

    /// A member says everything when it joins and after an error: it wants to hear everything as well.
    fn is_full(&self) -> bool {
        let subscribes = self.topic_names.is_some() || self.topic_regex.is_some();
        self.rebalance_timeout_ms.is_some() && subscribes && self.owned.is_some()
    }

    /// The member's profile with what the request says.
    fn updated(&self, before: &Profile) -> Profile {
        let mut profile = before.clone();
        if self.instance_id.is_some() {
            profile.instance_id.clone_from(&self.instance_id);
        }
        if self.rack_id.is_some() {
            profile.rack_id.clone_from(&self.rack_id);
        }
        if self.server_assignor.is_some() {
            profile.server_assignor.clone_from(&self.server_assignor);
        }
        if let Some(timeout_ms) = self.rebalance_timeout_ms {
            profile.rebalance_timeout_ms = timeout_ms;
        }
        if let Some(names) = &self.topic_names {
            profile.topic_names = names.iter().cloned().collect::<BTreeSet<_>>();
        }
        if let Some(expression) = &self.topic_regex {
            profile.topic_regex.clone_from(expression);
        }
        profile.client_id.clone_from(&self.client_id);
        profile.client_host.clone_from(&self.client_host);
        profile.classic = None;
        profile
    }
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeartbeatAnswer {
    pub(crate) member_id: String,
    pub(crate) member_epoch: i32,
    pub(crate) heartbeat_interval_ms: i32,
    /// None where it has not changed.
    pub(crate) assignment: Option<Assignment>,
}

impl ConsumerGroup {
    /// What may be wrong with a heartbeat before the group is even changed into a consumer group for it.
    pub(crate) fn check_new(request: &HeartbeatRequest) -> Result<(), Refusal> {
        check_regex(request.topic_regex.as_deref().unwrap_or_default())
    }

    /// A member joins, or is alive.
    pub(crate) fn heartbeat(
        &mut self,
        request: &HeartbeatRequest,
        context: &Context<'_>,
    ) -> Result<HeartbeatAnswer, Refusal> {
        self.check_room(&request.member_id, context.settings)?;
        let known = self.find_member(request)?;
        let before = known.cloned().unwrap_or_else(Member::new);
        let profile = request.updated(&before.profile);
        if !self.regexes.contains_key(&profile.topic_regex) {
            check_regex(&profile.topic_regex)?;
        }
        let assigned_before = before.current.assigned.clone();
        if known.is_none() {
            self.admit(&request.member_id, request.instance_id.as_deref());
        }
        let subscription_changed = self.update_profile(&request.member_id, profile, context);
        self.update_targets(context);
        self.reconcile(&request.member_id, request.owned.as_ref(), subscription_changed, context);
        if let Some(member) = self.members.get_mut(&request.member_id) {
            // It may have been a classic member.
            (member.deadlines.join, member.deadlines.sync) = (None, None);
        }
        self.heard(&request.member_id, context);
        Ok(self.heartbeat_answer(request, &assigned_before, context))
    }

    /// The member behind a request; none if it is to be admitted.
    fn find_member(&self, request: &HeartbeatRequest) -> Result<Option<&Member>, Refusal> {
        let is_joining = request.member_epoch == JOIN;
        let Some(instance_id) = &request.instance_id else {
            return match self.members.get(&request.member_id) {
                Some(member) => check_epoch(member, request).map(|()| Some(member)),
                None if is_joining => Ok(None),
                None => self.member(&request.member_id).map(Some),
            };
        };
        if !is_joining {
            let member = self.check_instance(instance_id, &request.member_id)?;
            return check_epoch(member, request).map(|()| Some(member));
        }
        let holder = self.static_members.get(instance_id);
        match holder.and_then(|holder| Some((holder, self.members.get(holder)?))) {
            Some((holder, member)) if !member.is_classic() && member.current.epoch != LEFT_FOR_A_WHILE => {
                let message = format!(
                    "Static member {} with instance id {instance_id} cannot join the group because the instance id \
                     is owned by {holder} member.",
                    request.member_id
                );
                Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message))
            }
            _ => Ok(None),
        }
    }

    /// Takes a new member in; a static one takes the place of its predecessor, with what that one holds.
    pub(super) fn admit(&mut self, member_id: &str, instance_id: Option<&str>) {
        let predecessor = instance_id.and_then(|instance| self.static_members.get(instance)).cloned();
        match predecessor {
            Some(predecessor) => self.replace(&predecessor, member_id),
            None => _ = self.members.insert(member_id.to_owned(), Member::new()),
        }
        if let Some(instance) = instance_id {
            self.static_members.insert(instance.to_owned(), member_id.to_owned());
        }
        self.changes.insert(Change::Member(member_id.to_owned()));
        self.changes.insert(Change::Current(member_id.to_owned()));
    }

    /// Gives the place of one static member to another id.
    fn replace(&mut self, predecessor: &str, successor: &str) {
        if predecessor == successor {
            if let Some(current) = self.members.get(predecessor).map(|member| member.current.clone()) {
                self.set_current(predecessor, Current { epoch: 0, previous_epoch: 0, ..current });
            }
            return;
        }
        let Some(mut member) = self.members.get(predecessor).cloned() else { return };
        let target = self.targets.get(predecessor).cloned();
        let resolved = self.regexes.get_key_value(&member.profile.topic_regex);
        let resolved = resolved.map(|(regex, resolved)| (regex.clone(), resolved.clone()));
        self.remove(predecessor);
        let current = std::mem::replace(&mut member.current, Current::new());
        self.regexes.extend(resolved);
        self.members.insert(successor.to_owned(), member);
        self.set_current(successor, Current { epoch: 0, previous_epoch: 0, ..current });
        if let Some(target) = target {
            self.targets.insert(successor.to_owned(), target);
            self.changes.insert(Change::Target(successor.to_owned()));
        }
    }

    /// Takes over what a member says of itself; what follows for the group's epoch as well. Says whether it has subscribed anew.
    pub(super) fn update_profile(
        &mut self,
        member_id: &str,
        profile: Profile,
        context: &Context<'_>,
    ) -> bool {
        let Some(member) = self.members.get_mut(member_id) else { return false };
        let names_changed = member.profile.topic_names != profile.topic_names;
        let regex_changed = member.profile.topic_regex != profile.topic_regex;
        if member.profile != profile {
            self.changes.insert(Change::Member(member_id.to_owned()));
        }
        let expression = profile.topic_regex.clone();
        if let Some(instance) = &profile.instance_id {
            self.static_members.insert(instance.clone(), member_id.to_owned());
        }
        let before = std::mem::replace(&mut member.profile, profile);
        if regex_changed {
            self.forget_regex(&before.topic_regex);
        }
        if !expression.is_empty() && !self.regexes.contains_key(&expression) {
            let resolved = regex::resolve(&expression, context.topics, context.now.wall_ms);
            self.regexes.insert(expression.clone(), resolved);
            self.changes.insert(Change::Regex(expression));
        }
        let matches_changed = self.refresh_regexes(context);
        let changed = names_changed || regex_changed;
        self.refresh_topics(changed || matches_changed || self.epoch == 0, context);
        changed
    }

    fn heartbeat_answer(
        &mut self,
        request: &HeartbeatRequest,
        assigned_before: &Holding,
        context: &Context<'_>,
    ) -> HeartbeatAnswer {
        // An answer must not tell of a state that is not written yet: it queues up behind the writes.
        if self.writes_in_flight > 0 {
            self.changes.insert(Change::Current(request.member_id.clone()));
        }
        let current = self.members.get(&request.member_id).map(|member| member.current.clone());
        let current = current.unwrap_or_else(Current::new);
        let is_news = request.member_epoch == JOIN
            || request.is_full()
            || assignment::held(assigned_before) != assignment::held(&current.assigned);
        HeartbeatAnswer {
            member_id: request.member_id.clone(),
            member_epoch: current.epoch,
            heartbeat_interval_ms: i32::try_from(context.settings.heartbeat_interval.as_millis())
                .unwrap_or(i32::MAX),
            assignment: is_news.then(|| assignment::held(&current.assigned)),
        }
    }

    /// A member leaves.
    pub(crate) fn leave(
        &mut self,
        request: &HeartbeatRequest,
        context: &Context<'_>,
    ) -> Result<HeartbeatAnswer, Refusal> {
        let member = match &request.instance_id {
            Some(instance_id) => self.check_instance(instance_id, &request.member_id)?,
            None => self.member(&request.member_id)?,
        };
        if request.instance_id.is_some() && request.member_epoch == LEFT_FOR_A_WHILE {
            let away =
                Current { epoch: LEFT_FOR_A_WHILE, revoking: Holding::new(), ..member.current.clone() };
            self.set_current(&request.member_id, away);
            self.set_rebalance_deadline(&request.member_id, None);
        } else {
            self.fence(std::slice::from_ref(&request.member_id), context);
        }
        Ok(HeartbeatAnswer {
            member_id: request.member_id.clone(),
            member_epoch: request.member_epoch,
            heartbeat_interval_ms: 0,
            assignment: None,
        })
    }
}

/// Whether a member may go on with the epoch that it names.
fn check_epoch(member: &Member, request: &HeartbeatRequest) -> Result<(), Refusal> {
    let (received, current) = (request.member_epoch, member.current.epoch);
    if received == JOIN || received == current {
        return Ok(());
    }
    let holds_only_its_own =
        || request.owned.as_ref().is_some_and(|owned| assignment::is_within(owned, &member.current.assigned));
    if received < current && received == member.current.previous_epoch && holds_only_its_own() {
        return Ok(());
    }
    let comparison = if received > current { "greater" } else { "smaller" };
    let message = format!(
        "The consumer group member has a {comparison} member epoch ({received}) than the one known by the group \
         coordinator ({current}). The member must abandon all its partitions and rejoin."
    );
    Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
}

fn check_regex(expression: &str) -> Result<(), Refusal> {
    match regex::compile(expression) {
        Ok(_) => Ok(()),
        Err(error) => {
            // The last line says what is wrong, those before show where in the expression as it was put together.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message =
                format!("SubscribedTopicRegex `{expression}` is not a valid regular expression: {reason}.");
            Err(Refusal::new(ErrorCode::InvalidRegularExpression, message))
        }
    }
}
