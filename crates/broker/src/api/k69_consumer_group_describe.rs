//! ConsumerGroupDescribe (69), versions 0 to 1: consumer groups with their members (KIP-848).
//!
//! Version 1 says which protocol a member uses (KIP-1099). A group that does not exist, or is of another kind, is
//! GROUP_ID_NOT_FOUND. Topics that are gone are left out of assignments.

use std::sync::Arc;

use millstream_wire::messages::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup, Member,
    TopicPartitions,
};

use super::{Api, Call, OPERATIONS_NOT_ASKED, Refusal, Reply, operations, serve};
use crate::coordinator::consumer::assignment;
use crate::coordinator::consumer::{ConsumerDescription, ConsumerMemberDescription};
use crate::core::Core;
use crate::storage::TopicTable;

pub(super) const API: Api =
    Api::whole::<ConsumerGroupDescribeRequest>(|core, call| serve(core, call, handle));

/// The first version with a member's type.
const MEMBER_TYPE_SINCE: i16 = 1;
const TYPE_NOT_SAID: i8 = -1;
const TYPE_CLASSIC: i8 = 0;
const TYPE_CONSUMER: i8 = 1;

fn handle(
    core: &Arc<Core>,
    call: &Call,
    request: ConsumerGroupDescribeRequest,
) -> Reply<ConsumerGroupDescribeResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    let authorized_operations =
        if request.include_authorized_operations { operations::GROUP } else { OPERATIONS_NOT_ASKED };
    Reply::later(async move {
        let mut groups = Vec::with_capacity(request.group_ids.len());
        for group_id in request.group_ids {
            let found = match core.membership_ready(&group_id).await {
                Ok(()) => core.groups.describe_consumer(&group_id).await,
                Err(error) => Err(error.into()),
            };
            let described = describe(group_id, found, version, &core.topics());
            groups.push(DescribedGroup { authorized_operations, ..described });
        }
        ConsumerGroupDescribeResponse { throttle_time_ms: 0, groups }
    })
}

fn describe(
    group_id: String,
    found: Result<ConsumerDescription, Refusal>,
    version: i16,
    topics: &TopicTable,
) -> DescribedGroup {
    match found {
        Ok(group) => DescribedGroup {
            group_id,
            group_state: group.state.to_owned(),
            group_epoch: group.epoch,
            assignment_epoch: group.assignment_epoch,
            assignor_name: group.assignor.to_owned(),
            members: group.members.into_iter().map(|member| to_member(member, version, topics)).collect(),
            ..DescribedGroup::default()
        },
        Err(refusal) => {
            let (error_code, error_message) = refusal.into_parts();
            DescribedGroup { group_id, error_code, error_message, ..DescribedGroup::default() }
        }
    }
}

fn to_member(described: ConsumerMemberDescription, version: i16, topics: &TopicTable) -> Member {
    let kind = if described.member.is_classic() { TYPE_CLASSIC } else { TYPE_CONSUMER };
    let profile = described.member.profile;
    Member {
        member_id: described.member_id,
        instance_id: profile.instance_id,
        rack_id: profile.rack_id,
        member_epoch: described.member.current.epoch,
        client_id: profile.client_id,
        client_host: profile.client_host,
        subscribed_topic_names: profile.topic_names.into_iter().collect(),
        subscribed_topic_regex: Some(profile.topic_regex),
        assignment: to_assignment(&described.assigned, topics),
        target_assignment: to_assignment(&described.target, topics),
        member_type: if version >= MEMBER_TYPE_SINCE { kind } else { TYPE_NOT_SAID },
    }
}

fn to_assignment(partitions: &assignment::Assignment, topics: &TopicTable) -> Assignment {
    let known = partitions.iter().filter_map(|(&topic_id, partitions)| {
        let topic_name = topics.by_id(topic_id)?.name.to_string();
        let partitions = partitions.iter().copied().collect();
        Some(TopicPartitions { topic_id, topic_name, partitions })
    });
    Assignment { topic_partitions: known.collect() }
}
