//! ListOffsets (2), versions 1 to 11: offsets by time, and the first and last ones.
//!
//! Version 2 brings isolation, 4 leader epochs (KIP-320), 7 the largest timestamp (KIP-734), 8 the local start and 9 the tiered end
//! (KIP-405, KIP-1005), 10 a timeout, 11 the earliest offset that is to be tiered (KIP-1023).
//!
//! By time, the first record whose timestamp is not smaller is found exactly, which may mean opening one batch.
//! There is no tiered storage: −4 is the start of the log, −5 and −6 find nothing.

use std::collections::HashSet;
use std::sync::Arc;

use millstream_log::{FoundOffset, OffsetSpec, ReadBound};
use millstream_wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use millstream_wire::{ApiKey, ErrorCode};

use super::{Api, Call, Reply, serve};
use crate::core::Core;
use crate::error_code;
use crate::storage::{Partition, TopicTable};

pub(super) const API: Api = Api::whole::<ListOffsetsRequest>(|core, call| serve(core, call, handle));

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
/// The first version that answers leader epochs.
const LEADER_EPOCH_SINCE: i16 = 4;
/// The first version that knows each special timestamp.
const SPECIAL_SINCE: [(i64, i16); 4] =
    [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)];

fn handle(core: &Arc<Core>, call: &Call, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
    let version = call.version();
    let table = core.topics();
    let bound =
        if request.isolation_level == 0 { ReadBound::HighWatermark } else { ReadBound::LastStableOffset };
    let mut seen = HashSet::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let asked = topic.partitions.iter().map(|asked| {
            let is_duplicate = !seen.insert((topic.name.clone(), asked.partition_index));
            let found = if is_duplicate {
                Err(ErrorCode::InvalidRequest)
            } else {
                find_partition(&table, version, &topic.name, asked)
            };
            (asked.partition_index, asked.timestamp, found)
        });
        let asked: Vec<_> = asked.collect();
        topics.push((topic.name, asked));
    }
    let core = Arc::clone(core);
    Reply::attempt(async move {
        let mut topics = core.disks.run(move || look_up_all(topics, bound)).await?;
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if version < LEADER_EPOCH_SINCE {
                partition.leader_epoch = -1;
            }
            if let Some(error) = ErrorCode::from_code(partition.error_code)
                && error != ErrorCode::None
            {
                core.metrics.count_error(ApiKey::ListOffsets, error);
            }
        }
        Ok(ListOffsetsResponse { throttle_time_ms: 0, topics })
    })
}

type Asked = (i32, i64, Result<Arc<Partition>, ErrorCode>);

fn look_up_all(topics: Vec<(String, Vec<Asked>)>, bound: ReadBound) -> Vec<ListOffsetsTopicResponse> {
    let topics = topics.into_iter().map(|(name, asked)| {
        let partitions = asked.into_iter().map(|(index, timestamp, found)| {
            let outcome = found.and_then(|partition| look_up(&partition, timestamp, bound));
            respond(index, outcome)
        });
        ListOffsetsTopicResponse { name, partitions: partitions.collect() }
    });
    topics.collect()
}

fn find_partition(
    table: &TopicTable,
    version: i16,
    topic: &str,
    asked: &ListOffsetsPartition,
) -> Result<Arc<Partition>, ErrorCode> {
    let topic = table.by_name(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(asked.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let too_early =
        SPECIAL_SINCE.iter().any(|&(special, since)| asked.timestamp == special && version < since);
    if too_early || asked.timestamp < EARLIEST_PENDING_UPLOAD {
        return Err(ErrorCode::UnsupportedVersion);
    }
    check_leader_epoch(asked.current_leader_epoch, partition)?;
    Ok(Arc::clone(partition))
}

/// Refuses a client whose metadata is older or newer than ours; −1 does not say.
pub(super) fn check_leader_epoch(asked: i32, partition: &Partition) -> Result<(), ErrorCode> {
    let current = partition.log.leader_epoch();
    match asked {
        asked if asked < 0 || asked == current => Ok(()),
        asked if asked < current => Err(ErrorCode::FencedLeaderEpoch),
        _ => Err(ErrorCode::UnknownLeaderEpoch),
    }
}

fn look_up(
    partition: &Partition,
    timestamp: i64,
    bound: ReadBound,
) -> Result<Option<FoundOffset>, ErrorCode> {
    let spec = match timestamp {
        LATEST => OffsetSpec::Latest(bound),
        EARLIEST | EARLIEST_LOCAL => OffsetSpec::Earliest,
        MAX_TIMESTAMP => OffsetSpec::MaxTimestamp,
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => return Ok(None),
        timestamp => OffsetSpec::Timestamp(timestamp),
    };
    partition.log.find_offset(spec).map_err(|error| error_code::of_log(&error))
}

fn respond(
    partition_index: i32,
    outcome: Result<Option<FoundOffset>, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let (error, found) = match outcome {
        Ok(found) => (ErrorCode::None, found),
        Err(error) => (error, None),
    };
    ListOffsetsPartitionResponse {
        partition_index,
        error_code: error.code(),
        timestamp: found.map_or(-1, |found| found.timestamp_ms),
        offset: found.map_or(-1, |found| found.offset),
        leader_epoch: found.and_then(|found| found.leader_epoch).unwrap_or(-1),
    }
}
