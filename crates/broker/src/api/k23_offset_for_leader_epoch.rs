//! OffsetForLeaderEpoch (23), versions 2 to 4: where a leader epoch ends, by which clients find out that a log was cut
//! (KIP-101, KIP-320).

use std::sync::Arc;

use millstream_log::EpochEnd;
use millstream_wire::ErrorCode;
use millstream_wire::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

use super::k02_list_offsets::check_leader_epoch;
use super::{Api, Call, Reply, serve};
use crate::core::Core;
use crate::error_code;
use crate::storage::TopicTable;

pub(super) const API: Api = Api::whole::<OffsetForLeaderEpochRequest>(|core, call| serve(core, call, handle));

fn handle(
    core: &Arc<Core>,
    _: &Call,
    request: OffsetForLeaderEpochRequest,
) -> Reply<OffsetForLeaderEpochResponse> {
    let core = Arc::clone(core);
    let table = core.topics();
    Reply::attempt(async move {
        let looked = core.disks.run(move || {
            let topics = request.topics.into_iter().map(|topic| {
                let partitions = topic
                    .partitions
                    .iter()
                    .map(|asked| respond(asked.partition, look_up(&table, &topic.topic, asked)));
                OffsetForLeaderTopicResult { partitions: partitions.collect(), topic: topic.topic }
            });
            topics.collect()
        });
        Ok(OffsetForLeaderEpochResponse { throttle_time_ms: 0, topics: looked.await? })
    })
}

/// Waits for the disk where the partition is not open.
fn look_up(table: &TopicTable, topic: &str, asked: &OffsetForLeaderPartition) -> Result<EpochEnd, ErrorCode> {
    let topic = table.by_name(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(asked.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    check_leader_epoch(asked.current_leader_epoch, partition)?;
    partition.log.epoch_end(asked.leader_epoch).map_err(|error| error_code::of_log(&error))
}

fn respond(partition: i32, outcome: Result<EpochEnd, ErrorCode>) -> EpochEndOffset {
    let (error, leader_epoch, end_offset) = match outcome {
        Ok(end) => (ErrorCode::None, end.leader_epoch, end.end_offset),
        Err(error) => (error, -1, -1),
    };
    EpochEndOffset { error_code: error.code(), partition, leader_epoch, end_offset }
}
