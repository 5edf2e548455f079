//! DescribeQuorum (55), versions 0 to 2: who keeps the metadata (KIP-595). Version 1 brings times, 2 the voters' listeners
//! (KIP-853).
//!
//! This broker is the quorum: the one voter, and the leader. Offsets are the frames of the metadata log.
//!
//! Deviation: the voter has no listener, as there is no controller that others could talk to.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, DescribeQuorumResponsePartitionData,
    DescribeQuorumResponseTopicData, Node, ReplicaState,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<DescribeQuorumRequest>(|core, call| serve(core, call, handle));

/// The topic that keeps the metadata in Kafka.
const METADATA_TOPIC: &str = "__cluster_metadata";
/// The first version that lists voters' addresses.
const NODES_SINCE: i16 = 2;

fn handle(core: &Arc<Core>, call: &Call, request: DescribeQuorumRequest) -> Reply<DescribeQuorumResponse> {
    let is_whole = match &request.topics[..] {
        [topic] => {
            topic.topic_name == METADATA_TOPIC
                && matches!(&topic.partitions[..], [only] if only.partition_index == 0)
        }
        _ => false,
    };
    let (core, version) = (Arc::clone(core), call.version());
    Reply::attempt(async move {
        let store = Arc::clone(&core.store);
        // A change that is being synced is waited for.
        let frames = core.disks.run(move || store.metadata().frames()).await?;
        let topics = request.topics.into_iter().map(|topic| DescribeQuorumResponseTopicData {
            partitions: topic
                .partitions
                .iter()
                .map(|wanted| if is_whole { quorum(&core, frames) } else { unknown(wanted.partition_index) })
                .collect(),
            topic_name: topic.topic_name,
        });
        let mut response =
            DescribeQuorumResponse { topics: topics.collect(), ..DescribeQuorumResponse::default() };
        if is_whole && version >= NODES_SINCE {
            response.nodes.push(Node { node_id: core.config.node_id, listeners: Vec::new() });
        }
        Ok(response)
    })
}

fn quorum(core: &Core, frames: u64) -> DescribeQuorumResponsePartitionData {
    let end = i64::try_from(frames).unwrap_or(i64::MAX);
    let now_ms = core.clock.now_ms();
    let voter = ReplicaState {
        replica_id: core.config.node_id,
        log_end_offset: end,
        last_fetch_timestamp: now_ms,
        last_caught_up_timestamp: now_ms,
        ..ReplicaState::default()
    };
    DescribeQuorumResponsePartitionData {
        leader_id: core.config.node_id,
        leader_epoch: core.store.leader_epoch(),
        high_watermark: end,
        current_voters: vec![voter],
        ..DescribeQuorumResponsePartitionData::default()
    }
}

fn unknown(partition_index: i32) -> DescribeQuorumResponsePartitionData {
    let error = ErrorCode::UnknownTopicOrPartition;
    DescribeQuorumResponsePartitionData {
        partition_index,
        error_code: error.code(),
        error_message: Some(error.message().to_owned()),
        ..DescribeQuorumResponsePartitionData::default()
    }
}
