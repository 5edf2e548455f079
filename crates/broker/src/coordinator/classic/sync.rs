//! The sync phase: the leader brings the assignment, it is written down, and everybody gets a part.

use std::collections::HashMap;

use bytes::Bytes;
use millstream_wire::ErrorCode;

use super::{AfterWrite, ClassicGroup, Now, Reply, State, SyncAnswer, Write, answer};

/// A SyncGroup request.
#[derive(Debug, Clone)]
pub(crate) struct SyncRequest {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) generation_id: i32,
    /// Checked when given (version 5, KIP-559).
    pub(crate) protocol_type: Option<String>,
    /// Checked when given (version 5, KIP-559).
    pub(crate) protocol_name: Option<String>,
    /// Empty unless the member leads.
    pub(crate) assignments: HashMap<String, Bytes>,
}

impl ClassicGroup {
    /// A member asks for its assignment, and brings everybody's if it leads.
    pub(crate) fn sync(&mut self, request: SyncRequest, reply: Reply<SyncAnswer>, now: Now) -> Option<Write> {
        if let Err(error) = self.check_sync(&request) {
            answer(reply, SyncAnswer::failed(error));
            return None;
        }
        self.pending_syncs.remove(&request.member_id);
        let protocol_type = self.protocol_type.clone();
        let protocol_name = self.protocol_name.clone();
        let member = self.members.get_mut(&request.member_id)?;
        if self.state == State::Stable {
            member.heard(now);
            let assignment = member.assignment.clone();
            let synced = SyncAnswer { error: ErrorCode::None, protocol_type, protocol_name, assignment };
            answer(reply, synced);
            self.end_sync_phase_if_all_asked();
            return None;
        }
        member.awaiting_sync = Some(reply);
        if self.leader_id.as_ref() != Some(&request.member_id) {
            return None;
        }
        let group = self.stored(Some(&request.assignments));
        let then = AfterWrite::Assign { generation_id: self.generation_id, assignments: request.assignments };
        Some(Write { group, then })
    }

    fn check_sync(&self, request: &SyncRequest) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |given: &Option<String>, own: &Option<String>| given.is_some() && given != own;
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            State::Empty | State::Dead => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    fn end_sync_phase_if_all_asked(&mut self) {
        if self.pending_syncs.is_empty() {
            self.sync_deadline = None;
        }
    }

    /// A [`Write`] of this group has been appended, or could not be.
    pub(crate) fn written(
        &mut self,
        then: AfterWrite,
        outcome: Result<(), ErrorCode>,
        now: Now,
    ) -> Option<Write> {
        match then {
            AfterWrite::Nothing => None,
            AfterWrite::Rejoined { reply, answer: mut rejoined } => {
                if let Err(error) = outcome {
                    rejoined = super::JoinAnswer::failed(error, rejoined.member_id);
                }
                answer(reply, rejoined);
                None
            }
            AfterWrite::Assign { generation_id, assignments } => {
                // Another rebalance may have overtaken the write.
                if self.state != State::CompletingRebalance || self.generation_id != generation_id {
                    return None;
                }
                if let Err(error) = outcome {
                    self.fail_syncs(error, now);
                    return self.rebalance_or_complete_join(now);
                }
                self.propagate(assignments, now);
                self.enter(State::Stable, now);
                self.end_sync_phase_if_all_asked();
                None
            }
        }
    }
}
