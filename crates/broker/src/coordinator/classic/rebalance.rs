//! The join phase: how it begins, when it is over, and the generation that comes out of it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_wire::ErrorCode;

use super::{AfterWrite, ClassicGroup, InitialDelay, JoinPhase, Now, State, SyncAnswer, Write, answer};

impl ClassicGroup {
    pub(super) fn joined_count(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    /// The longest time that a member may take to join again.
    fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    /// The protocol with most votes among those that everybody supports; each member votes for the first it names.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in self.members.values() {
            let choice = member.protocols.iter().find(|protocol| self.is_supported_by_all(&protocol.name))?;
            match votes.iter_mut().find(|(name, _)| *name == choice.name) {
                Some((_, count)) => *count += 1,
                None => votes.push((&choice.name, 1)),
            }
        }
        // The first of equals wins, so that the same members always choose the same protocol.
        let best = votes.iter().rev().max_by_key(|(_, count)| *count);
        best.map(|(name, _)| (*name).to_owned())
    }

    /// Asks everybody to join again: the group was of another kind before.
    pub(crate) fn start_anew(&mut self, now: Now) -> Option<Write> {
        self.rebalance_or_complete_join(now)
    }

    /// Starts a rebalance, or, where one is under way, completes its join phase if nobody is missing any more.
    pub(super) fn rebalance_or_complete_join(&mut self, now: Now) -> Option<Write> {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(now),
            State::PreparingRebalance => self.complete_join_if_all_there(now),
            State::Dead => None,
        }
    }

    fn prepare_rebalance(&mut self, now: Now) -> Option<Write> {
        if self.state == State::CompletingRebalance {
            self.fail_syncs(ErrorCode::RebalanceInProgress, now);
        }
        self.sync_deadline = None;
        self.pending_syncs.clear();
        let was_empty = self.state == State::Empty;
        self.enter(State::PreparingRebalance, now);
        let timeout = self.rebalance_timeout();
        if was_empty {
            let delay = self.limits.initial_rebalance_delay;
            let initial = InitialDelay { remaining: timeout.saturating_sub(delay), member_added: false };
            self.join_phase = Some(JoinPhase { deadline: now.instant + delay, initial: Some(initial) });
            return if delay.is_zero() { self.complete_join(now) } else { None };
        }
        self.join_phase = Some(JoinPhase { deadline: now.instant + timeout, initial: None });
        self.complete_join_if_all_there(now)
    }

    pub(super) fn complete_join_if_all_there(&mut self, now: Now) -> Option<Write> {
        let is_initial = self.join_phase.is_some_and(|phase| phase.initial.is_some());
        let all_there = self.pending_joins.is_empty() && self.joined_count() == self.members.len();
        if self.state == State::PreparingRebalance && all_there && !is_initial {
            self.complete_join(now)
        } else {
            None
        }
    }

    /// The join phase has reached its deadline.
    pub(super) fn join_phase_over(&mut self, phase: JoinPhase, now: Now) -> Option<Write> {
        if let Some(initial) = phase.initial
            && initial.member_added
            && !initial.remaining.is_zero()
        {
            let delay = self.limits.initial_rebalance_delay.min(initial.remaining);
            let remaining = initial.remaining - delay;
            let initial = InitialDelay { remaining, member_added: false };
            self.join_phase = Some(JoinPhase { deadline: now.instant + delay, initial: Some(initial) });
            return None;
        }
        self.complete_join(now)
    }

    fn complete_join(&mut self, now: Now) -> Option<Write> {
        self.join_phase = None;
        let absent: Vec<_> = self
            .members
            .values()
            .filter(|member| member.awaiting_join.is_none() && member.group_instance_id.is_none())
            .map(|member| member.member_id.clone())
            .collect();
        for member_id in absent {
            self.remove_member(&member_id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left, and none has come back: they keep their places for another timeout.
            let deadline = now.instant + self.rebalance_timeout();
            self.join_phase = Some(JoinPhase { deadline, initial: None });
            return None;
        }
        self.generation_id = self.generation_id.wrapping_add(1).max(0);
        self.pending_syncs.clear();
        if self.members.is_empty() {
            self.protocol_name = None;
            self.leader_id = None;
            self.enter(State::Empty, now);
            return Some(Write { group: self.stored(None), then: AfterWrite::Nothing });
        }
        self.protocol_name = self.select_protocol();
        self.enter(State::CompletingRebalance, now);
        self.answer_joins(now);
        None
    }

    /// Keeps the leader if it has joined, else makes one of those lead that have.
    fn elect_joined_leader(&mut self) -> bool {
        let current = self.leader_id.as_ref().and_then(|id| self.members.get(id));
        if current.is_some_and(|leader| leader.awaiting_join.is_some()) {
            return true;
        }
        let joined = self.members.values().find(|member| member.awaiting_join.is_some());
        let Some(joined) = joined else { return false };
        self.leader_id = Some(joined.member_id.clone());
        true
    }

    fn answer_joins(&mut self, now: Now) {
        let ids: Vec<_> = self.members.keys().cloned().collect();
        self.pending_syncs = ids.iter().cloned().collect();
        for member_id in ids {
            let is_leader = self.leader_id.as_ref() == Some(&member_id);
            let members = if is_leader { self.joined_members() } else { Vec::new() };
            let joined = self.join_answer(member_id.clone(), members);
            if let Some(member) = self.members.get_mut(&member_id) {
                member.is_new = false;
                member.heard(now);
                if let Some(reply) = member.awaiting_join.take() {
                    answer(reply, joined);
                }
            }
        }
        self.sync_deadline = Some(now.instant + self.rebalance_timeout());
    }

    /// Answers all who wait for an assignment with `error`, and forgets assignments.
    pub(super) fn fail_syncs(&mut self, error: ErrorCode, now: Now) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(reply) = member.awaiting_sync.take() {
                member.heard(now);
                answer(reply, SyncAnswer::failed(error));
            }
        }
    }

    /// Gives everybody its part of `assignments`; who waits for it is answered.
    pub(super) fn propagate(&mut self, mut assignments: HashMap<String, Bytes>, now: Now) {
        let (protocol_type, protocol_name) = (self.protocol_type.clone(), self.protocol_name.clone());
        for member in self.members.values_mut() {
            member.assignment = assignments.remove(&member.member_id).unwrap_or_default();
            if let Some(reply) = member.awaiting_sync.take() {
                member.heard(now);
                let synced = SyncAnswer {
                    error: ErrorCode::None,
                    protocol_type: protocol_type.clone(),
                    protocol_name: protocol_name.clone(),
                    assignment: member.assignment.clone(),
                };
                answer(reply, synced);
            }
        }
    }

    /// Does what is due at `now`. Call it when [`ClassicGroup::deadline`] has passed.
    pub(crate) fn on_time(&mut self, now: Now) -> Option<Write> {
        let is_due = |deadline: Instant| deadline <= now.instant;
        let pending_before = self.pending_joins.len();
        self.pending_joins.retain(|_, deadline| !is_due(*deadline));
        let mut lost = self.pending_joins.len() < pending_before;
        let mut expired = Vec::new();
        for member in self.members.values_mut() {
            if !member.expires.is_some_and(is_due) {
                continue;
            }
            member.expires = None;
            if member.is_new || !member.is_awaiting() {
                expired.push(member.member_id.clone());
            }
        }
        lost |= !expired.is_empty();
        let members_lost = !expired.is_empty();
        for member_id in expired {
            self.remove_member(&member_id);
        }
        if let Some(deadline) = self.sync_deadline
            && is_due(deadline)
        {
            return self.sync_phase_over(now);
        }
        if let Some(phase) = self.join_phase
            && is_due(phase.deadline)
        {
            return self.join_phase_over(phase, now);
        }
        match self.state {
            State::PreparingRebalance if lost => self.complete_join_if_all_there(now),
            State::CompletingRebalance | State::Stable if members_lost => self.prepare_rebalance(now),
            _ => None,
        }
    }

    /// Members that never asked for their assignment are dropped, and the others share anew.
    fn sync_phase_over(&mut self, now: Now) -> Option<Write> {
        self.sync_deadline = None;
        if self.pending_syncs.is_empty() {
            return None;
        }
        for member_id in std::mem::take(&mut self.pending_syncs) {
            self.remove_member(&member_id);
        }
        self.prepare_rebalance(now)
    }
}
