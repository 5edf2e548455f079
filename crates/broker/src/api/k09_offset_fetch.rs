//! OffsetFetch (9), versions 1 to 10: what groups have committed.
//!
//! Version 2 may ask for all partitions of a group, 7 for stable offsets only (KIP-447), 8 for several groups at once
//! (KIP-709), 9 as a member of a consumer group (KIP-848), 10 by topic id.
//!
//! A partition without a commit is answered with offset −1 and no error. What an open transaction has committed does not show; who
//! wants stable offsets is answered with UNSTABLE_OFFSET_COMMIT for its partitions.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use uuid::Uuid;

use super::{Api, Call, Reply, serve};
use crate::coordinator::{FetchRequest, FetchedOffset};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<OffsetFetchRequest>(|core, call| serve(core, call, handle));

/// The first version with several groups.
const GROUPS_SINCE: i16 = 8;
/// The first version that names topics by id.
const TOPIC_IDS_SINCE: i16 = 10;

fn handle(core: &Arc<Core>, call: &Call, request: OffsetFetchRequest) -> Reply<OffsetFetchResponse> {
    let core = Arc::clone(core);
    let version = call.version();
    Reply::later(async move {
        if version < GROUPS_SINCE {
            return fetch_single(&core, version, request).await;
        }
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            groups.push(fetch_group(&core, version, request.require_stable, group).await);
        }
        OffsetFetchResponse { groups, ..OffsetFetchResponse::default() }
    })
}

async fn fetch_group(
    core: &Arc<Core>,
    version: i16,
    require_stable: bool,
    group: OffsetFetchRequestGroup,
) -> OffsetFetchResponseGroup {
    let by_id = version >= TOPIC_IDS_SINCE;
    // Topics of which not even the name is known are answered as they were asked for.
    let mut unknown = Vec::new();
    let places = group.topics.map(|topics| {
        let named = topics.into_iter().filter_map(|topic| match name_of(core, by_id, &topic) {
            Some(name) => Some((name, topic.partition_indexes)),
            None => {
                unknown.push(unknown_topic(topic));
                None
            }
        });
        named.collect()
    });
    let wanted = FetchRequest { member_id: group.member_id, member_epoch: group.member_epoch, places };
    let mut topics = match fetch(core, &group.group_id, wanted).await {
        Ok(fetched) => group_by_topic(core, by_id, require_stable, fetched),
        Err(error) => {
            return OffsetFetchResponseGroup {
                group_id: group.group_id,
                topics: Vec::new(),
                error_code: error.code(),
            };
        }
    };
    topics.extend(unknown);
    OffsetFetchResponseGroup { group_id: group.group_id, topics, error_code: 0 }
}

fn name_of(core: &Arc<Core>, by_id: bool, topic: &OffsetFetchRequestTopics) -> Option<String> {
    if by_id {
        core.topics().by_id(topic.topic_id).map(|topic| topic.name.to_string())
    } else {
        Some(topic.name.clone())
    }
}

fn unknown_topic(topic: OffsetFetchRequestTopics) -> OffsetFetchResponseTopics {
    let partitions = topic.partition_indexes.iter().map(|&partition_index| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(String::new()),
        error_code: ErrorCode::UnknownTopicId.code(),
    });
    OffsetFetchResponseTopics { name: topic.name, topic_id: topic.topic_id, partitions: partitions.collect() }
}

async fn fetch(
    core: &Arc<Core>,
    group_id: &str,
    request: FetchRequest,
) -> Result<Vec<FetchedOffset>, ErrorCode> {
    core.group_coordinator_ready(group_id).await?;
    core.groups.fetch_offsets(group_id, request).await
}

fn group_by_topic(
    core: &Arc<Core>,
    by_id: bool,
    require_stable: bool,
    fetched: Vec<FetchedOffset>,
) -> Vec<OffsetFetchResponseTopics> {
    let table = core.topics();
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for offset in fetched {
        let partition = partition_response(&offset, require_stable);
        match topics.last_mut() {
            Some(topic) if topic.name == offset.topic => topic.partitions.push(partition),
            _ => {
                let id = table.by_name(&offset.topic).map(|topic| topic.id);
                let topic_id = id.filter(|_| by_id).unwrap_or(Uuid::nil());
                let name = offset.topic;
                topics.push(OffsetFetchResponseTopics { name, topic_id, partitions: vec![partition] });
            }
        }
    }
    if by_id {
        // Offsets of topics that were deleted have no id to be named by.
        topics.retain(|topic| !topic.topic_id.is_nil());
    }
    topics
}

fn partition_response(offset: &FetchedOffset, require_stable: bool) -> OffsetFetchResponsePartitions {
    if require_stable && offset.is_unstable {
        return OffsetFetchResponsePartitions {
            partition_index: offset.partition,
            committed_offset: -1,
            committed_leader_epoch: -1,
            metadata: Some(String::new()),
            error_code: ErrorCode::UnstableOffsetCommit.code(),
        };
    }
    let committed = offset.committed.as_ref();
    OffsetFetchResponsePartitions {
        partition_index: offset.partition,
        committed_offset: committed.map_or(-1, |committed| committed.offset),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map(|committed| committed.metadata.clone()).unwrap_or_default()),
        error_code: 0,
    }
}

/// Versions before [`GROUPS_SINCE`]: one group, its topics at the top.
async fn fetch_single(core: &Arc<Core>, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let asked: Option<Vec<(String, Vec<i32>)>> = request
        .topics
        .map(|topics| topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect());
    let wanted = FetchRequest { member_id: None, member_epoch: -1, places: asked.clone() };
    match fetch(core, &request.group_id, wanted).await {
        Ok(fetched) => {
            let topics = group_by_topic(core, false, request.require_stable, fetched).into_iter();
            let topics = topics.map(|topic| OffsetFetchResponseTopic {
                name: topic.name,
                partitions: topic.partitions.into_iter().map(single_partition).collect(),
            });
            OffsetFetchResponse { topics: topics.collect(), ..OffsetFetchResponse::default() }
        }
        Err(error) => {
            // Version 1 has no error at the top: every partition carries it.
            let topics = asked.filter(|_| version < 2).unwrap_or_default();
            let topics = topics.into_iter().map(|(name, partitions)| OffsetFetchResponseTopic {
                name,
                partitions: partitions.into_iter().map(|index| failed_partition(index, error)).collect(),
            });
            OffsetFetchResponse {
                topics: topics.collect(),
                error_code: error.code(),
                ..OffsetFetchResponse::default()
            }
        }
    }
}

fn single_partition(partition: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    }
}

fn failed_partition(partition_index: i32, error: ErrorCode) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(String::new()),
        error_code: error.code(),
    }
}
