//! Members of a consumer group that use the classic protocol: JoinGroup, SyncGroup, Heartbeat and LeaveGroup.
//!
//! They are followers of a leader that does not exist: JoinGroup does what a heartbeat of the new protocol does and answers
//! with the member's epoch as the generation, SyncGroup fetches what is assigned, and Heartbeat says REBALANCE_IN_PROGRESS when
//! there is something to join again for. Nobody waits for anybody: no request is parked.

use bytes::Bytes;
use millstream_wire::ErrorCode;
use millstream_wire::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition, ConsumerProtocolSubscription,
};
use millstream_wire::protocol::Message as _;

use super::assignment::Assignment;
use super::member::{ClassicSide, Member, MemberState, Profile, owned_partitions, read_subscription};
use super::{CONSUMER_PROTOCOL_TYPE, ConsumerGroup, Context};
use crate::coordinator::classic::{
    JoinAnswer, JoinRequest, LeaveTarget, Protocol, SyncAnswer, SyncRequest, duration_to_ms,
};
use crate::coordinator::topics::Topics;

impl ConsumerGroup {
    /// A classic member joins, or joins again.
    pub(crate) fn join_classic(&mut self, request: &JoinRequest, context: &Context<'_>) -> JoinAnswer {
        let is_new = request.member_id.is_empty();
        let member_id = if is_new { request.new_id_suffix.clone() } else { request.member_id.clone() };
        match self.check_join(&member_id, request, context) {
            Ok(subscription) => self.join_checked(member_id, &subscription, request, context),
            Err(ErrorCode::MemberIdRequired) => JoinAnswer::failed(ErrorCode::MemberIdRequired, member_id),
            Err(error) => JoinAnswer::failed(error, request.member_id.clone()),
        }
    }

    fn check_join(
        &self,
        member_id: &str,
        request: &JoinRequest,
        context: &Context<'_>,
    ) -> Result<ConsumerProtocolSubscription, ErrorCode> {
        let is_new = request.member_id.is_empty();
        self.check_room(member_id, context.settings).map_err(|refusal| refusal.error)?;
        if !self.supports_classic(&request.protocol_type, &request.protocols) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if is_new && request.group_instance_id.is_none() && request.requires_known_member_id {
            return Err(ErrorCode::MemberIdRequired);
        }
        if let Some(instance_id) = request.group_instance_id.as_deref().filter(|_| !is_new) {
            self.check_instance(instance_id, member_id).map_err(|refusal| refusal.error)?;
        }
        // All protocols carry the same subscription.
        let metadata = request.protocols.first().map(|protocol| &protocol.metadata);
        metadata.and_then(read_subscription).ok_or(ErrorCode::InconsistentGroupProtocol)
    }

    fn join_checked(
        &mut self,
        member_id: String,
        subscription: &ConsumerProtocolSubscription,
        request: &JoinRequest,
        context: &Context<'_>,
    ) -> JoinAnswer {
        if request.member_id.is_empty() || !self.members.contains_key(&member_id) {
            self.admit(&member_id, request.group_instance_id.as_deref());
        }
        let owned = owned_partitions(subscription, context.topics);
        let profile = classic_profile(subscription, request);
        let subscribed_anew = self.update_profile(&member_id, profile, context);
        self.update_targets(context);
        self.reconcile(&member_id, Some(&owned), subscribed_anew, context);
        self.heard(&member_id, context);
        let sync_deadline = context.now.instant + request.rebalance_timeout;
        let Some(member) = self.members.get_mut(&member_id) else {
            return JoinAnswer::failed(ErrorCode::UnknownMemberId, member_id);
        };
        (member.deadlines.join, member.deadlines.sync) = (None, Some(sync_deadline));
        let generation_id = member.current.epoch;
        self.note_deadline(sync_deadline);
        JoinAnswer {
            error: ErrorCode::None,
            generation_id,
            protocol_type: Some(CONSUMER_PROTOCOL_TYPE.to_owned()),
            protocol_name: request.protocols.first().map(|protocol| protocol.name.clone()),
            leader_id: String::new(),
            skip_assignment: false,
            member_id,
            members: Vec::new(),
        }
    }

    /// Whether one of the protocols is known to all classic members.
    fn supports_classic(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        let classic: Vec<&ClassicSide> =
            self.members.values().filter_map(|member| member.profile.classic.as_ref()).collect();
        let is_known_to_all = |protocol: &Protocol| {
            classic.iter().all(|side| side.protocols.iter().any(|known| known.name == protocol.name))
        };
        protocol_type == CONSUMER_PROTOCOL_TYPE && protocols.iter().any(is_known_to_all)
    }

    /// The classic member that a request means, if it names its generation.
    fn classic_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        generation_id: i32,
    ) -> Result<(&Member, &ClassicSide), ErrorCode> {
        let member = match instance_id {
            Some(instance_id) => self.check_instance(instance_id, member_id),
            None => self.member(member_id),
        };
        let member = member.map_err(|refusal| refusal.error)?;
        let classic = member.profile.classic.as_ref().ok_or(ErrorCode::UnknownMemberId)?;
        if generation_id != member.current.epoch {
            return Err(ErrorCode::IllegalGeneration);
        }
        Ok((member, classic))
    }

    /// Whether there is a newer target for the member, or could be if somebody asked.
    fn is_behind(&self, member: &Member, context: &Context<'_>) -> bool {
        member.current.epoch < self.assignment_epoch || self.is_assignment_due(context)
    }

    /// A classic member fetches its assignment.
    pub(crate) fn sync_classic(&mut self, request: &SyncRequest, context: &Context<'_>) -> SyncAnswer {
        let instance_id = request.group_instance_id.as_deref();
        let found = self.classic_member(&request.member_id, instance_id, request.generation_id);
        let (member, classic) = match found {
            Ok(found) => found,
            Err(error) => return SyncAnswer::failed(error),
        };
        let first = classic.protocols.first();
        let differs = |given: &Option<String>, own: Option<&str>| given.is_some() && given.as_deref() != own;
        if differs(&request.protocol_type, Some(CONSUMER_PROTOCOL_TYPE))
            || differs(&request.protocol_name, first.map(|protocol| protocol.name.as_str()))
        {
            return SyncAnswer::failed(ErrorCode::InconsistentGroupProtocol);
        }
        if member.current.state != MemberState::Unrevoked && self.is_behind(member, context) {
            self.expect_join(&request.member_id, context);
            return SyncAnswer::failed(ErrorCode::RebalanceInProgress);
        }
        let assigned = super::assignment::held(&member.current.assigned);
        let version = first
            .and_then(|protocol| protocol.metadata.get(..2))
            .map_or(0, |version| i16::from_be_bytes([version[0], version[1]]));
        let assignment = match encode_assignment(&assigned, version, context.topics) {
            Ok(assignment) => assignment,
            Err(error) => return SyncAnswer::failed(error),
        };
        let answer = SyncAnswer {
            error: ErrorCode::None,
            protocol_type: Some(CONSUMER_PROTOCOL_TYPE.to_owned()),
            protocol_name: first.map(|protocol| protocol.name.clone()),
            assignment,
        };
        if let Some(member) = self.members.get_mut(&request.member_id) {
            member.deadlines.sync = None;
        }
        self.heard(&request.member_id, context);
        answer
    }

    /// A classic member is alive, and hears whether it has to join again.
    pub(crate) fn heartbeat_classic(
        &mut self,
        member_id: &str,
        instance_id: Option<&str>,
        generation_id: i32,
        context: &Context<'_>,
    ) -> ErrorCode {
        let member = match self.classic_member(member_id, instance_id, generation_id) {
            Ok((member, _)) => member,
            Err(error) => return error,
        };
        let has_to_join = match member.current.state {
            MemberState::Unrevoked => true,
            MemberState::Unreleased => self.is_behind(member, context) || !self.waits_for_others(member_id),
            MemberState::Stable => self.is_behind(member, context),
        };
        self.heard(member_id, context);
        if has_to_join {
            self.expect_join(member_id, context);
            return ErrorCode::RebalanceInProgress;
        }
        ErrorCode::None
    }

    /// Whether a partition of the member's target is still held by somebody else.
    fn waits_for_others(&self, member_id: &str) -> bool {
        let (Some(member), Some(target)) = (self.members.get(member_id), self.targets.get(member_id)) else {
            return false;
        };
        let is_own = |topic, partition| member.current.holds_since(topic, partition).is_some();
        target.iter().any(|(&topic, partitions)| {
            partitions
                .iter()
                .any(|&partition| !is_own(topic, partition) && self.held.contains(&(topic, partition)))
        })
    }

    /// The member has been told to join again: it has its rebalance timeout for that.
    fn expect_join(&mut self, member_id: &str, context: &Context<'_>) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        let deadline = context.now.instant + member.profile.rebalance_timeout();
        let deadline = *member.deadlines.join.get_or_insert(deadline);
        self.note_deadline(deadline);
    }

    /// Members leave, of whichever protocol; one code for each.
    pub(crate) fn leave_classic(&mut self, targets: &[LeaveTarget], context: &Context<'_>) -> Vec<ErrorCode> {
        let mut leaving = Vec::new();
        let codes = targets.iter().map(|target| {
            let found = match target.group_instance_id.as_deref() {
                None => self
                    .member(&target.member_id)
                    .map(|_| target.member_id.clone())
                    .map_err(|refusal| refusal.error),
                Some(instance_id) => self.leaving_static(instance_id, &target.member_id),
            };
            match found {
                Ok(member_id) => {
                    if !leaving.contains(&member_id) {
                        leaving.push(member_id);
                    }
                    ErrorCode::None
                }
                Err(error) => error,
            }
        });
        let codes = codes.collect();
        self.fence(&leaving, context);
        codes
    }

    /// The id of a static member; an administrator names it by its instance alone.
    fn leaving_static(&self, instance_id: &str, member_id: &str) -> Result<String, ErrorCode> {
        let holder = self.static_members.get(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
        if member_id.is_empty() || member_id == holder {
            return Ok(holder.clone());
        }
        Err(ErrorCode::FencedInstanceId)
    }
}

fn classic_profile(subscription: &ConsumerProtocolSubscription, request: &JoinRequest) -> Profile {
    Profile {
        instance_id: request.group_instance_id.clone(),
        rack_id: subscription.rack_id.clone().filter(|rack| !rack.is_empty()),
        client_id: request.client_id.clone(),
        client_host: request.client_host.clone(),
        topic_names: subscription.topics.iter().cloned().collect(),
        topic_regex: String::new(),
        rebalance_timeout_ms: duration_to_ms(request.rebalance_timeout),
        server_assignor: None,
        classic: Some(ClassicSide {
            session_timeout_ms: duration_to_ms(request.session_timeout),
            protocols: request.protocols.clone(),
        }),
    }
}

/// An assignment as classic members read it, in the version of their subscription.
///
/// # Errors
/// UNKNOWN_SERVER_ERROR if it cannot be said in that version: an empty one would take everything from the member.
pub(super) fn encode_assignment(
    assignment: &Assignment,
    version: i16,
    topics: &dyn Topics,
) -> Result<Bytes, ErrorCode> {
    let assigned = assignment.iter().filter_map(|(&topic, partitions)| {
        let partitions = partitions.iter().copied().collect();
        let topic = topics.name_of(topic)?.to_owned();
        Some(ConsumerProtocolAssignmentTopicPartition { topic, partitions })
    });
    let message = ConsumerProtocolAssignment { assigned_partitions: assigned.collect(), user_data: None };
    let versions = ConsumerProtocolAssignment::VERSIONS;
    message.encode_with_version(version.clamp(versions.min, versions.max)).map_err(|error| {
        tracing::error!(%error, version, "assignment cannot be encoded for a classic member");
        ErrorCode::UnknownServerError
    })
}
