//! DeleteRecords (21), versions 0 to 2: moves the start of partitions forward. −1 means the high watermark.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use super::{Api, Call, Reply, serve};
use crate::core::Core;
use crate::error_code;

pub(super) const API: Api = Api::whole::<DeleteRecordsRequest>(|core, call| serve(core, call, handle));

fn handle(core: &Arc<Core>, _: &Call, request: DeleteRecordsRequest) -> Reply<DeleteRecordsResponse> {
    let core = Arc::clone(core);
    Reply::attempt(async move {
        let context = Arc::clone(&core);
        let topics = core.disks.run(move || {
            let topics = request.topics.into_iter().map(|topic| {
                let partitions = topic.partitions.iter().map(|partition| {
                    let index = partition.partition_index;
                    respond(index, delete(&context, &topic.name, index, partition.offset))
                });
                DeleteRecordsTopicResult { partitions: partitions.collect(), name: topic.name }
            });
            topics.collect()
        });
        Ok(DeleteRecordsResponse { throttle_time_ms: 0, topics: topics.await? })
    })
}

/// Deletes records of one partition; gives its new start. Waits for the disk.
fn delete(core: &Core, topic: &str, index: i32, offset: i64) -> Result<i64, ErrorCode> {
    let table = core.topics();
    let topic = table.by_name(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    if !partition.log.config().cleanup_policy.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    core.store.delete_records(&partition.log, offset).map_err(|error| error_code::of_log(&error))
}

fn respond(partition_index: i32, outcome: Result<i64, ErrorCode>) -> DeleteRecordsPartitionResult {
    let (low_watermark, error) = match outcome {
        Ok(start) => (start, ErrorCode::None),
        Err(error) => (-1, error),
    };
    DeleteRecordsPartitionResult { partition_index, low_watermark, error_code: error.code() }
}
