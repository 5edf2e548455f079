//! Staying, leaving, and who may commit offsets.

use millstream_wire::ErrorCode;

use super::{ClassicGroup, JoinAnswer, Now, State, SyncAnswer, Write, answer};

/// Somebody who is to leave: by id, or by group instance id where an administrator removes a static member.
#[derive(Debug, Clone)]
pub(crate) struct LeaveTarget {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
}

impl ClassicGroup {
    /// A member is alive.
    pub(crate) fn heartbeat(
        &mut self,
        member_id: &str,
        group_instance_id: Option<&str>,
        generation_id: i32,
        now: Now,
    ) -> ErrorCode {
        if self.state == State::Dead {
            return ErrorCode::CoordinatorNotAvailable;
        }
        if let Err(error) = self.check_member(member_id, group_instance_id) {
            return error;
        }
        if generation_id != self.generation_id {
            return ErrorCode::IllegalGeneration;
        }
        match self.state {
            State::Empty | State::Dead => return ErrorCode::UnknownMemberId,
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {}
        }
        if let Some(member) = self.members.get_mut(member_id) {
            member.heard(now);
        }
        match self.state {
            State::PreparingRebalance => ErrorCode::RebalanceInProgress,
            _ => ErrorCode::None,
        }
    }

    /// Members leave (KIP-345 allows several in one request). One code per target, in order.
    pub(crate) fn leave(&mut self, targets: &[LeaveTarget], now: Now) -> (Vec<ErrorCode>, Option<Write>) {
        if self.state == State::Dead {
            return (vec![ErrorCode::CoordinatorNotAvailable; targets.len()], None);
        }
        let mut someone_left = false;
        let codes = targets.iter().map(|target| match self.leave_one(target) {
            Ok(()) => {
                someone_left = true;
                ErrorCode::None
            }
            Err(error) => error,
        });
        let codes = codes.collect();
        let write = if !someone_left {
            None
        } else {
            match self.state {
                State::Stable | State::CompletingRebalance => self.rebalance_or_complete_join(now),
                State::PreparingRebalance => self.complete_join_if_all_there(now),
                State::Empty | State::Dead => None,
            }
        };
        (codes, write)
    }

    fn leave_one(&mut self, target: &LeaveTarget) -> Result<(), ErrorCode> {
        let instance = target.group_instance_id.as_deref();
        if target.member_id.is_empty()
            && let Some(instance) = instance
        {
            let member_id = self.static_members.get(instance).cloned().ok_or(ErrorCode::UnknownMemberId)?;
            self.remove_member(&member_id);
            return Ok(());
        }
        if self.pending_joins.remove(&target.member_id).is_some() {
            return Ok(());
        }
        self.check_member(&target.member_id, instance)?;
        self.remove_member(&target.member_id);
        Ok(())
    }

    /// Takes a member out; what it waits for is answered with UNKNOWN_MEMBER_ID.
    pub(super) fn remove_member(&mut self, member_id: &str) {
        self.pending_joins.remove(member_id);
        self.pending_syncs.remove(member_id);
        let Some(mut member) = self.members.remove(member_id) else { return };
        if let Some(reply) = member.awaiting_join.take() {
            answer(reply, JoinAnswer::failed(ErrorCode::UnknownMemberId, member_id));
        }
        if let Some(reply) = member.awaiting_sync.take() {
            answer(reply, SyncAnswer::failed(ErrorCode::UnknownMemberId));
        }
        if let Some(instance) = &member.group_instance_id {
            self.static_members.remove(instance);
        }
        if self.leader_id.as_deref() == Some(member_id) {
            self.leader_id = self.members.keys().next().cloned();
        }
    }

    /// Whether a member, or somebody outside the group's management, may commit offsets now. In a transaction a commit may come
    /// while the assignment is being made, and from a producer that says nothing of a member.
    pub(crate) fn check_offset_commit(
        &self,
        member_id: &str,
        group_instance_id: Option<&str>,
        generation_id: i32,
        is_transactional: bool,
    ) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        if generation_id < 0 && self.state == State::Empty {
            // An administrator, or a consumer that assigns its partitions itself.
            return Ok(());
        }
        if generation_id < 0 && member_id.is_empty() && group_instance_id.is_none() {
            return if is_transactional { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        }
        self.check_member(member_id, group_instance_id)?;
        if generation_id != self.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        match self.state {
            // The member knows the new generation but not yet what is its own.
            State::CompletingRebalance if !is_transactional => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// A commit shows that the member is alive.
    pub(crate) fn committed(&mut self, member_id: &str, now: Now) {
        if matches!(self.state, State::Stable | State::PreparingRebalance)
            && let Some(member) = self.members.get_mut(member_id)
        {
            member.heard(now);
        }
    }
}
