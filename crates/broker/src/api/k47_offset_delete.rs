//! OffsetDelete (47), version 0: takes back offsets of topics that a group does not consume (KIP-496).

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;

pub(super) const API: Api = Api::whole::<OffsetDeleteRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: OffsetDeleteRequest) -> Reply<OffsetDeleteResponse> {
    let core = Arc::clone(core);
    Reply::later(async move { delete(&core, request).await })
}

async fn delete(core: &Arc<Core>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let table = core.topics();
    let exists = |topic: &str, partition| {
        table.by_name(topic).is_some_and(|topic| topic.partition(partition).is_some())
    };
    let mut places = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let partition_index = partition.partition_index;
            let error = if exists(&topic.name, partition_index) {
                places.push((topic.name.clone(), partition_index));
                ErrorCode::None
            } else {
                ErrorCode::UnknownTopicOrPartition
            };
            partitions.push(OffsetDeleteResponsePartition { partition_index, error_code: error.code() });
        }
        topics.push(OffsetDeleteResponseTopic { name: topic.name, partitions });
    }
    let outcome = match core.group_coordinator_ready(&request.group_id).await {
        Ok(()) => core.groups.delete_offsets(&request.group_id, places).await,
        Err(error) => Err(error),
    };
    let codes = match outcome {
        Ok(codes) => codes,
        Err(error) => {
            return OffsetDeleteResponse { error_code: error.code(), ..OffsetDeleteResponse::default() };
        }
    };
    let asked = topics.iter_mut().flat_map(|topic| topic.partitions.iter_mut());
    for (partition, code) in asked.filter(|partition| partition.error_code == 0).zip(codes) {
        partition.error_code = code.code();
    }
    OffsetDeleteResponse { error_code: 0, throttle_time_ms: 0, topics }
}
