//! From the classic protocol to the new one and back, while members stay (KIP-848, "online migration").
//!
//! *Up*: when a member with the new protocol joins a classic group, its members become classic members of a consumer group, at
//! the generation as epoch, with what they have as target and as holding. Requests that were parked are answered with
//! REBALANCE_IN_PROGRESS; their members join again. *Down*: when the last member with the new protocol has gone, the others become
//! members of a classic group with their targets as assignment, which then rebalances.

use bytes::Bytes;
use millstream_wire::ErrorCode;
use millstream_wire::messages::consumer_protocol::ConsumerProtocolAssignment;
use millstream_wire::protocol::Message as _;

use super::assignment::{Assignment, holding_since};
use super::classic_members::encode_assignment;
use super::member::{ClassicSide, Current, Deadlines, Member, MemberState, Profile, read_subscription};
use super::{CONSUMER_PROTOCOL_TYPE, Change, ConsumerGroup, Context};
use crate::api::Refusal;
use crate::config::GroupMigrationPolicy;
use crate::coordinator::classic::{self, ClassicGroup, Protocol, StoredGroup, StoredMember, duration_to_ms};
use crate::coordinator::topics::Topics;

impl ConsumerGroup {
    /// A consumer group of a classic group's members, which stay as they are.
    pub(crate) fn from_classic(classic: &ClassicGroup, context: &Context<'_>) -> Result<Self, Refusal> {
        check_upgrade(classic, context)?;
        let generation_id = classic.generation_id();
        let mut group = Self { epoch: generation_id, assignment_epoch: generation_id, ..Self::default() };
        for classic_member in classic.members() {
            let mut target = read_assignment(&classic_member.assignment, context.topics)?;
            // The leader that made the assignment is a client: what it gave twice, the first has.
            target.retain(|&topic, partitions| {
                partitions.retain(|&partition| !group.held.contains(&(topic, partition)));
                !partitions.is_empty()
            });
            let profile = profile_of(classic_member, classic.protocol_name())?;
            let member_id = classic_member.member_id.clone();
            if let Some(instance) = &profile.instance_id {
                group.static_members.insert(instance.clone(), member_id.clone());
            }
            let (current, deadlines) = (Current::new(), Deadlines::default());
            group.members.insert(member_id.clone(), Member { profile, current, deadlines });
            let current = Current {
                epoch: generation_id,
                previous_epoch: generation_id,
                state: MemberState::Stable,
                assigned: holding_since(&target, generation_id),
                ..Current::new()
            };
            group.set_current(&member_id, current);
            group.targets.insert(member_id.clone(), target);
            group.changes.extend([
                Change::Member(member_id.clone()),
                Change::Target(member_id.clone()),
                Change::Current(member_id),
            ]);
        }
        group.metadata_hash = group.hash_of_topics(context.topics);
        group.changes.extend([Change::Group, Change::TargetEpoch]);
        group.start_timers(context);
        Ok(group)
    }

    /// The classic group that the members, all of them classic, are from now on. The caller ends this one.
    ///
    /// # Errors
    /// UNKNOWN_SERVER_ERROR if an assignment cannot be encoded: the group stays as it is.
    pub(crate) fn to_classic(&self, context: &Context<'_>) -> Result<StoredGroup, ErrorCode> {
        let sides = || self.members.values().filter_map(|member| member.profile.classic.as_ref());
        let knows =
            |side: &ClassicSide, name: &str| side.protocols.iter().any(|protocol| protocol.name == name);
        let candidates = sides().next().into_iter().flat_map(|side| &side.protocols);
        let protocol =
            candidates.map(|protocol| &protocol.name).find(|name| sides().all(|side| knows(side, name)));
        let members = self.members.iter().filter_map(|(member_id, member)| {
            self.stored_classic(member_id, member, protocol.map(String::as_str), context.topics).transpose()
        });
        Ok(StoredGroup {
            protocol_type: CONSUMER_PROTOCOL_TYPE.to_owned(),
            generation_id: self.epoch,
            protocol_name: protocol.cloned(),
            leader_id: self.members.keys().next().cloned(),
            state_since_ms: context.now.wall_ms,
            members: members.collect::<Result<_, _>>()?,
        })
    }

    /// None for a member that is not classic.
    fn stored_classic(
        &self,
        member_id: &str,
        member: &Member,
        protocol: Option<&str>,
        topics: &dyn Topics,
    ) -> Result<Option<StoredMember>, ErrorCode> {
        let Some(side) = member.profile.classic.as_ref() else { return Ok(None) };
        let chosen = side.protocols.iter().find(|candidate| Some(candidate.name.as_str()) == protocol);
        let Some(protocol) = chosen.or(side.protocols.first()) else { return Ok(None) };
        let subscription = protocol.metadata.clone();
        let version = subscription.get(..2).map_or(0, |version| i16::from_be_bytes([version[0], version[1]]));
        let target = self.targets.get(member_id).cloned().unwrap_or_default();
        Ok(Some(StoredMember {
            member_id: member_id.to_owned(),
            group_instance_id: member.profile.instance_id.clone(),
            client_id: member.profile.client_id.clone(),
            client_host: member.profile.client_host.clone(),
            rebalance_timeout_ms: member.profile.rebalance_timeout_ms,
            session_timeout_ms: side.session_timeout_ms,
            subscription,
            assignment: encode_assignment(&target, version, topics)?,
        }))
    }

    /// Whether the group is to be a classic one again.
    pub(crate) fn is_to_be_classic(&self, policy: GroupMigrationPolicy, classic_members_max: usize) -> bool {
        policy.allows_downgrade() && self.is_all_classic() && self.members.len() <= classic_members_max
    }

    /// Whether it would be if a static member were replaced by one with the classic protocol.
    pub(crate) fn is_last_of_new_protocol(&self, instance_id: &str) -> bool {
        let holder = self.static_members.get(instance_id);
        holder.is_some_and(|holder| {
            let is_other = |(member_id, _): &(&String, &Member)| *member_id != holder;
            let all_others_classic =
                self.members.iter().filter(is_other).all(|(_, member)| member.is_classic());
            all_others_classic && self.members.get(holder).is_some_and(|member| !member.is_classic())
        })
    }
}

fn check_upgrade(classic: &ClassicGroup, context: &Context<'_>) -> Result<(), Refusal> {
    let refused = |why: &str| {
        let message = format!("Cannot upgrade classic group to consumer group because {why}.");
        Err(Refusal::new(ErrorCode::GroupIdNotFound, message))
    };
    if !context.settings.migration_policy.allows_upgrade() {
        return refused("online upgrade is disabled");
    }
    if classic.protocol_type() != Some(CONSUMER_PROTOCOL_TYPE) {
        return refused("the group does not use the consumer embedded protocol");
    }
    if classic.members().len() > context.settings.members_max {
        return refused("the group size exceeds the consumer group maximum size");
    }
    Ok(())
}

fn malformed() -> Refusal {
    let message =
        "Cannot upgrade classic group to consumer group because the embedded consumer protocol is malformed.";
    Refusal::new(ErrorCode::GroupIdNotFound, message)
}

fn read_assignment(assignment: &Bytes, topics: &dyn Topics) -> Result<Assignment, Refusal> {
    let mut partitions = Assignment::new();
    if assignment.is_empty() {
        return Ok(partitions);
    }
    let read =
        ConsumerProtocolAssignment::decode_with_version(assignment.clone()).map_err(|_| malformed())?;
    if read.user_data.is_some_and(|user_data| !user_data.is_empty()) {
        let message = "Cannot upgrade classic group to consumer group because an unsupported custom assignor is in \
                       use. Please refer to the documentation or switch to a default assignor before re-attempting \
                       the upgrade.";
        return Err(Refusal::new(ErrorCode::GroupIdNotFound, message));
    }
    for topic in read.assigned_partitions {
        if let Some(id) = topics.id_of(&topic.topic).filter(|_| !topic.partitions.is_empty()) {
            partitions.entry(id).or_default().extend(topic.partitions);
        }
    }
    Ok(partitions)
}

fn profile_of(member: &classic::Member, protocol: Option<&str>) -> Result<Profile, Refusal> {
    let is_chosen = |candidate: &&Protocol| Some(candidate.name.as_str()) == protocol;
    let chosen = member.protocols.iter().find(is_chosen).or(member.protocols.first());
    let subscription =
        chosen.and_then(|protocol| read_subscription(&protocol.metadata)).ok_or_else(malformed)?;
    Ok(Profile {
        instance_id: member.group_instance_id.clone(),
        rack_id: subscription.rack_id.filter(|rack| !rack.is_empty()),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topic_names: subscription.topics.into_iter().collect(),
        topic_regex: String::new(),
        rebalance_timeout_ms: duration_to_ms(member.rebalance_timeout),
        server_assignor: None,
        classic: Some(ClassicSide {
            session_timeout_ms: duration_to_ms(member.session_timeout),
            protocols: member.protocols.clone(),
        }),
    })
}
