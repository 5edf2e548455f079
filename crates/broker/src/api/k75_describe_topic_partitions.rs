//! DescribeTopicPartitions (75), version 0: partitions of topics, page by page (KIP-966).

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponseCursor,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};

use super::{Api, Call, Reply, operations, serve};
use crate::core::Core;
use crate::storage::Topic;

pub(super) const API: Api =
    Api::whole::<DescribeTopicPartitionsRequest>(|core, call| serve(core, call, handle));

/// `max.request.partition.size.limit`: partitions in one answer at most.
const PARTITIONS_MAX: usize = 2000;

fn handle(
    core: &Arc<Core>,
    _: &Call,
    request: DescribeTopicPartitionsRequest,
) -> Reply<DescribeTopicPartitionsResponse> {
    let table = core.topics();
    let mut names: Vec<String> = if request.topics.is_empty() {
        table.iter().map(|topic| topic.name.to_string()).collect()
    } else {
        request.topics.into_iter().map(|topic| topic.name).collect()
    };
    names.sort_unstable();
    names.dedup();
    let mut from = 0;
    if let Some(cursor) = &request.cursor {
        names.retain(|name| *name >= cursor.topic_name);
        if names.first() == Some(&cursor.topic_name) {
            from = usize::try_from(cursor.partition_index).unwrap_or(0);
        }
    }
    let mut left = usize::try_from(request.response_partition_limit).unwrap_or(0).clamp(1, PARTITIONS_MAX);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        let start = std::mem::take(&mut from);
        let Some(topic) = table.by_name(&name) else {
            response.topics.push(missing(name));
            continue;
        };
        if left == 0 {
            let (topic_name, partition_index) = (name, i32::try_from(start).unwrap_or(i32::MAX));
            response.next_cursor =
                Some(DescribeTopicPartitionsResponseCursor { topic_name, partition_index });
            break;
        }
        let described = describe(core, topic, start, left);
        let end = start + described.partitions.len();
        left -= described.partitions.len();
        response.topics.push(described);
        if end < topic.partitions.len() {
            let (topic_name, partition_index) = (name, i32::try_from(end).unwrap_or(i32::MAX));
            response.next_cursor =
                Some(DescribeTopicPartitionsResponseCursor { topic_name, partition_index });
            break;
        }
    }
    Reply::Now(response)
}

fn missing(name: String) -> DescribeTopicPartitionsResponseTopic {
    let is_valid = millstream_log::check_topic_name(&name).is_ok();
    let error = if is_valid { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException };
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(name),
        topic_authorized_operations: operations::TOPIC,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

fn describe(core: &Core, topic: &Topic, start: usize, count: usize) -> DescribeTopicPartitionsResponseTopic {
    let node = core.config.node_id;
    let partitions = topic.partitions.iter().skip(start).take(count).map(|partition| {
        let is_offline = partition.log.is_offline();
        DescribeTopicPartitionsResponsePartition {
            error_code: if is_offline { ErrorCode::LeaderNotAvailable.code() } else { 0 },
            partition_index: partition.log.index(),
            leader_id: if is_offline { -1 } else { node },
            leader_epoch: partition.log.leader_epoch(),
            replica_nodes: vec![node],
            isr_nodes: vec![node],
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            offline_replicas: if is_offline { vec![node] } else { Vec::new() },
        }
    });
    DescribeTopicPartitionsResponseTopic {
        error_code: 0,
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: operations::TOPIC,
    }
}
