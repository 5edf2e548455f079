//! Joining: who may, under which id, and what follows.
//!
//! A dynamic member without an id gets one first and joins with it then (KIP-394), so that clients that time out and try
//! again leave no ghosts. A static member takes the place of its predecessor (KIP-345); in a stable group, and with the same
//! protocols, that happens without a rebalance.

use std::time::Duration;

use millstream_wire::ErrorCode;

use super::{
    AfterWrite, ClassicGroup, JoinAnswer, JoinedMember, Member, NEW_MEMBER_JOIN_TIMEOUT, Now, Protocol,
    Reply, State, SyncAnswer, Write, answer,
};

/// A JoinGroup request, with the id that a new member would get.
#[derive(Debug, Clone)]
pub(crate) struct JoinRequest {
    /// Empty for a member that has none yet.
    pub(crate) member_id: String,
    /// Unique suffix for the id of a new member; randomness comes from outside.
    pub(crate) new_id_suffix: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) session_timeout: Duration,
    /// Version 4 and later: a dynamic member learns its id before it joins.
    pub(crate) requires_known_member_id: bool,
    /// Version 9 and later: a leader may be told to skip the assignment.
    pub(crate) can_skip_assignment: bool,
}

impl ClassicGroup {
    /// A member wants to join, or to join again.
    pub(crate) fn join(&mut self, request: JoinRequest, reply: Reply<JoinAnswer>, now: Now) -> Option<Write> {
        if let Err((error, member_id)) = self.check_join(&request) {
            answer(reply, JoinAnswer::failed(error, member_id));
            return None;
        }
        if request.member_id.is_empty() {
            return self.join_new(request, reply, now);
        }
        if self.pending_joins.remove(&request.member_id).is_some() {
            let member_id = request.member_id.clone();
            return self.add_member(member_id, request, reply, now);
        }
        if let Err(error) = self.check_member(&request.member_id, request.group_instance_id.as_deref()) {
            answer(reply, JoinAnswer::failed(error, request.member_id));
            return None;
        }
        self.rejoin(request, reply, now)
    }

    fn check_join(&mut self, request: &JoinRequest) -> Result<(), (ErrorCode, String)> {
        let member_id = request.member_id.clone();
        let session = request.session_timeout;
        if session < self.limits.session_timeout_min || session > self.limits.session_timeout_max {
            return Err((ErrorCode::InvalidSessionTimeout, member_id));
        }
        if !self.has_room_for(&request.member_id) {
            self.remove_member(&member_id);
            return Err((ErrorCode::GroupMaxSizeReached, String::new()));
        }
        if self.state == State::Dead {
            return Err((ErrorCode::CoordinatorNotAvailable, member_id));
        }
        if !self.supports_protocols(&request.protocol_type, &request.protocols) {
            return Err((ErrorCode::InconsistentGroupProtocol, member_id));
        }
        Ok(())
    }

    fn has_room_for(&self, member_id: &str) -> bool {
        match self.state {
            State::Empty | State::Dead => true,
            State::PreparingRebalance => {
                let awaits = self.members.get(member_id).is_some_and(|member| member.awaiting_join.is_some());
                awaits || self.joined_count() < self.limits.members_max
            }
            State::CompletingRebalance | State::Stable => {
                self.members.contains_key(member_id) || self.members.len() < self.limits.members_max
            }
        }
    }

    /// Whether somebody with these protocols can work with everybody else.
    fn supports_protocols(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.members.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.is_supported_by_all(&protocol.name))
    }

    pub(super) fn is_supported_by_all(&self, name: &str) -> bool {
        self.members.values().all(|member| member.protocols.iter().any(|protocol| protocol.name == name))
    }

    fn join_new(&mut self, request: JoinRequest, reply: Reply<JoinAnswer>, now: Now) -> Option<Write> {
        let prefix = request.group_instance_id.as_deref().unwrap_or(&request.client_id);
        let member_id = format!("{prefix}-{}", request.new_id_suffix);
        let known = request.group_instance_id.as_ref().and_then(|instance| self.static_members.get(instance));
        if let Some(predecessor) = known.cloned() {
            return self.replace_static(&predecessor, member_id, request, reply, now);
        }
        if request.group_instance_id.is_none() && request.requires_known_member_id {
            self.pending_joins.insert(member_id.clone(), now.instant + request.session_timeout);
            answer(reply, JoinAnswer::failed(ErrorCode::MemberIdRequired, member_id));
            return None;
        }
        self.add_member(member_id, request, reply, now)
    }

    fn add_member(
        &mut self,
        member_id: String,
        request: JoinRequest,
        reply: Reply<JoinAnswer>,
        now: Now,
    ) -> Option<Write> {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type);
        }
        if let Some(instance) = &request.group_instance_id {
            self.static_members.insert(instance.clone(), member_id.clone());
        }
        self.leader_id.get_or_insert_with(|| member_id.clone());
        if let Some(initial) = self.join_phase.as_mut().and_then(|phase| phase.initial.as_mut()) {
            initial.member_added = true;
        }
        let member = Member {
            member_id: member_id.clone(),
            group_instance_id: request.group_instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            rebalance_timeout: request.rebalance_timeout,
            session_timeout: request.session_timeout,
            protocols: request.protocols,
            assignment: Default::default(),
            awaiting_join: Some(reply),
            awaiting_sync: None,
            is_new: true,
            expires: Some(now.instant + NEW_MEMBER_JOIN_TIMEOUT),
        };
        self.members.insert(member_id, member);
        self.rebalance_or_complete_join(now)
    }

    fn rejoin(&mut self, request: JoinRequest, reply: Reply<JoinAnswer>, now: Now) -> Option<Write> {
        let is_leader = self.leader_id.as_deref() == Some(request.member_id.as_str());
        let unchanged =
            self.members.get(&request.member_id).is_some_and(|member| member.protocols == request.protocols);
        let answered_again = match self.state {
            // The answer to its first join was lost.
            State::CompletingRebalance => unchanged,
            // A leader that joins a stable group wants a rebalance (its view of the topics has changed).
            State::Stable => unchanged && !is_leader,
            State::PreparingRebalance => false,
            State::Empty | State::Dead => {
                answer(reply, JoinAnswer::failed(ErrorCode::UnknownMemberId, request.member_id));
                return None;
            }
        };
        if answered_again {
            let members = if is_leader { self.joined_members() } else { Vec::new() };
            let current = self.join_answer(request.member_id, members);
            answer(reply, current);
            return None;
        }
        self.update_member(request, reply);
        self.rebalance_or_complete_join(now)
    }

    fn update_member(&mut self, request: JoinRequest, reply: Reply<JoinAnswer>) {
        if let Some(member) = self.members.get_mut(&request.member_id) {
            member.protocols = request.protocols;
            member.rebalance_timeout = request.rebalance_timeout;
            member.session_timeout = request.session_timeout;
            member.awaiting_join = Some(reply);
        }
    }

    /// A static member has come back: whoever held its instance id is fenced, and its assignment passes on.
    fn replace_static(
        &mut self,
        predecessor: &str,
        member_id: String,
        mut request: JoinRequest,
        reply: Reply<JoinAnswer>,
        now: Now,
    ) -> Option<Write> {
        let leader_before = self.leader_id.clone().unwrap_or_default();
        let protocol_before = self.protocol_name.clone();
        if let Some(mut member) = self.members.remove(predecessor) {
            if let Some(parked) = member.awaiting_join.take() {
                answer(parked, JoinAnswer::failed(ErrorCode::FencedInstanceId, predecessor));
            }
            if let Some(parked) = member.awaiting_sync.take() {
                answer(parked, SyncAnswer::failed(ErrorCode::FencedInstanceId));
            }
            member.member_id = member_id.clone();
            member.client_id = request.client_id.clone();
            member.client_host = request.client_host.clone();
            member.heard(now);
            self.members.insert(member_id.clone(), member);
        }
        if self.leader_id.as_deref() == Some(predecessor) {
            self.leader_id = Some(member_id.clone());
        }
        if self.pending_syncs.remove(predecessor) {
            self.pending_syncs.insert(member_id.clone());
        }
        if let Some(instance) = &request.group_instance_id {
            self.static_members.insert(instance.clone(), member_id.clone());
        }
        request.member_id = member_id.clone();
        let can_skip = request.can_skip_assignment;
        self.update_member(request, reply);
        if self.state != State::Stable || self.select_protocol() != protocol_before {
            return self.rebalance_or_complete_join(now);
        }
        let reply = self.members.get_mut(&member_id).and_then(|member| member.awaiting_join.take())?;
        Some(self.keep_assignment(member_id, leader_before, can_skip, reply))
    }

    /// The answer that leaves a stable group as it is, held back until the new id is written down.
    fn keep_assignment(
        &mut self,
        member_id: String,
        leader_before: String,
        can_skip: bool,
        reply: Reply<JoinAnswer>,
    ) -> Write {
        let is_leader = can_skip && self.leader_id.as_deref() == Some(member_id.as_str());
        let members = if is_leader { self.joined_members() } else { Vec::new() };
        let mut current = self.join_answer(member_id, members);
        if can_skip {
            current.skip_assignment = is_leader;
        } else {
            // An older client that hears that it leads would compute an assignment nobody waits for.
            current.leader_id = leader_before;
        }
        Write { group: self.stored(None), then: AfterWrite::Rejoined { reply, answer: current } }
    }

    pub(super) fn join_answer(&self, member_id: String, members: Vec<JoinedMember>) -> JoinAnswer {
        JoinAnswer {
            error: ErrorCode::None,
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader_id: self.leader_id.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id,
            members,
        }
    }

    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let joined = self.members.values().map(|member| JoinedMember {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(protocol),
        });
        joined.collect()
    }
}
