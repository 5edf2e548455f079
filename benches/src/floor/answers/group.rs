//! A group with one member, which leads it and is assigned what it assigns itself.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use millstream_wire::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use millstream_wire::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
};
use millstream_wire::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::{Host, NODE_ID};

const MEMBER: &str = "member";
const GENERATION: i32 = 1;
const NO_OFFSET: i64 = -1;

pub(super) fn find(request: FindCoordinatorRequest, host: &Host) -> FindCoordinatorResponse {
    let coordinator = |key| Coordinator {
        key,
        node_id: NODE_ID,
        host: Ipv4Addr::LOCALHOST.to_string(),
        port: i32::from(host.port),
        ..Default::default()
    };
    let coordinators = request.coordinator_keys.into_iter().map(coordinator).collect();
    FindCoordinatorResponse { coordinators, ..Default::default() }
}

pub(super) fn join(request: JoinGroupRequest) -> Result<JoinGroupResponse> {
    let protocol = request.protocols.into_iter().next().context("joined with no protocol")?;
    let member = JoinGroupResponseMember {
        member_id: MEMBER.to_owned(),
        metadata: protocol.metadata,
        ..Default::default()
    };
    Ok(JoinGroupResponse {
        generation_id: GENERATION,
        protocol_type: Some(request.protocol_type),
        protocol_name: Some(protocol.name),
        leader: MEMBER.to_owned(),
        member_id: MEMBER.to_owned(),
        members: vec![member],
        ..Default::default()
    })
}

pub(super) fn sync(request: SyncGroupRequest) -> Result<SyncGroupResponse> {
    let own = request.assignments.into_iter().next().context("the leader assigned nothing")?;
    Ok(SyncGroupResponse {
        protocol_type: request.protocol_type,
        protocol_name: request.protocol_name,
        assignment: own.assignment,
        ..Default::default()
    })
}

/// Nothing was ever committed.
pub(super) fn offsets(request: OffsetFetchRequest) -> OffsetFetchResponse {
    let partition = |partition_index| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: NO_OFFSET,
        ..Default::default()
    };
    let groups = request.groups.into_iter().map(|group| OffsetFetchResponseGroup {
        group_id: group.group_id,
        topics: group
            .topics
            .unwrap_or_default()
            .into_iter()
            .map(|topic| OffsetFetchResponseTopics {
                name: topic.name,
                topic_id: topic.topic_id,
                partitions: topic.partition_indexes.into_iter().map(partition).collect(),
            })
            .collect(),
        ..Default::default()
    });
    OffsetFetchResponse { groups: groups.collect(), ..Default::default() }
}

/// Says that it was committed.
pub(super) fn commit(request: OffsetCommitRequest) -> OffsetCommitResponse {
    let topics = request.topics.into_iter().map(|topic| OffsetCommitResponseTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic
            .partitions
            .iter()
            .map(|partition| OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                ..Default::default()
            })
            .collect(),
    });
    OffsetCommitResponse { topics: topics.collect(), ..Default::default() }
}
