//! ElectLeaders (43), versions 0 to 2: preferred leaders, since version 1 (KIP-460) also others where none is in sync.
//!
//! One broker leads everything and is the preferred leader everywhere, so that no election is ever needed. Asked for all
//! partitions, Kafka lists only those whose leader it changed: none.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult, TopicPartitions,
};

use super::{Api, Call, Reply, error_with_message, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<ElectLeadersRequest>(|core, call| serve(core, call, handle));

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

fn handle(core: &Arc<Core>, _: &Call, request: ElectLeadersRequest) -> Reply<ElectLeadersResponse> {
    if !matches!(request.election_type, PREFERRED | UNCLEAN) {
        let error_code = ErrorCode::InvalidRequest.code();
        return Reply::Now(ElectLeadersResponse { error_code, ..ElectLeadersResponse::default() });
    }
    let topics = request.topic_partitions.unwrap_or_default();
    let replica_election_results = topics.into_iter().map(|topic| elect(core, topic)).collect();
    Reply::Now(ElectLeadersResponse { replica_election_results, ..ElectLeadersResponse::default() })
}

fn elect(core: &Core, wanted: TopicPartitions) -> ReplicaElectionResult {
    let table = core.topics();
    let topic = table.by_name(&wanted.topic);
    let result = |partition_id: i32| {
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let (error_code, error_message) = match topic {
            None => error_with_message(unknown, Some(format!("No such topic as {}", wanted.topic))),
            Some(topic) if topic.partition(partition_id).is_none() => {
                let message = format!("No such partition as {}-{partition_id}", wanted.topic);
                error_with_message(unknown, Some(message))
            }
            Some(_) => error_with_message(ErrorCode::ElectionNotNeeded, None),
        };
        PartitionResult { partition_id, error_code, error_message }
    };
    let partition_result = wanted.partitions.iter().copied().map(result).collect();
    ReplicaElectionResult { topic: wanted.topic, partition_result }
}
