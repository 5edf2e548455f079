//! OffsetCommit (8), versions 2 to 10: a group writes down how far it has read.
//!
//! Version 2 to 4 may say how long the offsets live; 6 brings the leader epoch (KIP-320), 7 static members (KIP-345), 9
//! consumer groups (KIP-848), 10 topic ids (KIP-848).
//!
//! The answer comes when the offsets are appended to `__consumer_offsets` and as safe as the fsync policy asks. A partition that
//! does not exist is refused by itself, the others are committed. Generation −1 commits without being a member.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use super::{Api, Call, Reply, serve};
use crate::coordinator::{CommitOffset, CommitRequest};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<OffsetCommitRequest>(|core, call| serve(core, call, handle));

/// The first version that names topics by id.
const TOPIC_IDS_SINCE: i16 = 10;

fn handle(core: &Arc<Core>, call: &Call, request: OffsetCommitRequest) -> Reply<OffsetCommitResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    Reply::later(async move { commit(&core, version, request).await })
}

async fn commit(core: &Arc<Core>, version: i16, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let (topics, offsets) = resolve(core, version, &request);
    let commit = CommitRequest {
        member_id: request.member_id,
        group_instance_id: request.group_instance_id,
        generation_id: request.generation_id_or_member_epoch,
        version,
        retention_ms: (request.retention_time_ms >= 0).then_some(request.retention_time_ms),
        offsets,
    };
    let outcome = match core.group_coordinator_ready(&request.group_id).await {
        Ok(()) => core.groups.commit(&request.group_id, commit).await,
        Err(error) => Err(error),
    };
    respond(topics, outcome)
}

/// Which partitions exist: the response with those refused that do not, and the offsets to commit.
fn resolve(
    core: &Arc<Core>,
    version: i16,
    request: &OffsetCommitRequest,
) -> (Vec<OffsetCommitResponseTopic>, Vec<CommitOffset>) {
    let table = core.topics();
    let mut offsets = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let by_id = version >= TOPIC_IDS_SINCE;
        let topic = if by_id { table.by_id(asked.topic_id) } else { table.by_name(&asked.name) };
        let missing = if by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for partition in &asked.partitions {
            let index = partition.partition_index;
            let error = match &topic {
                None => missing,
                Some(topic) if topic.partition(index).is_none() => ErrorCode::UnknownTopicOrPartition,
                Some(topic) => {
                    offsets.push(CommitOffset {
                        topic: topic.name.to_string(),
                        topic_id: topic.id,
                        partition: index,
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: partition.committed_metadata.clone().unwrap_or_default(),
                    });
                    ErrorCode::None
                }
            };
            let error_code = error.code();
            partitions.push(OffsetCommitResponsePartition { partition_index: index, error_code });
        }
        topics.push(OffsetCommitResponseTopic {
            name: asked.name.clone(),
            topic_id: asked.topic_id,
            partitions,
        });
    }
    (topics, offsets)
}

/// Puts the outcome into those partitions that were not refused already.
fn respond(
    mut topics: Vec<OffsetCommitResponseTopic>,
    outcome: Result<Vec<ErrorCode>, ErrorCode>,
) -> OffsetCommitResponse {
    let mut codes = outcome.as_ref().map(|codes| codes.iter());
    let partitions = topics.iter_mut().flat_map(|topic| topic.partitions.iter_mut());
    for partition in partitions.filter(|partition| partition.error_code == 0) {
        let error = match &mut codes {
            Ok(codes) => codes.next().copied().unwrap_or(ErrorCode::UnknownServerError),
            Err(error) => **error,
        };
        partition.error_code = error.code();
    }
    OffsetCommitResponse { throttle_time_ms: 0, topics }
}
