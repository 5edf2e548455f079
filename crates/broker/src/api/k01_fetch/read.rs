//! One look at the partitions of a request.
//!
//! First without the disk: partitions that are open and have nothing behind the wanted offset are answered from memory,
//! and if that is all there is, nothing else happens. Otherwise a disk thread finds the batches of all partitions, and
//! reads them only if they are enough to answer with.

use std::sync::Arc;

use bytes::Bytes;
use millstream_log::{PartitionLog, ReadBound, ReadRequest, ReadSlices};
use millstream_wire::ErrorCode;
use millstream_wire::messages::fetch_response::{AbortedTransaction, EpochEndOffset, PartitionData};

use super::{DIVERGENCE_SINCE, Plan, Target};
use crate::core::Core;
use crate::error_code;
use crate::server::Records;

/// What a look came to.
pub(super) enum Round {
    /// An answer for every target.
    Done(Vec<PartitionData<Records>>, Plan),
    /// Less than `min_bytes`, and no error.
    TooLittle(Plan),
}

/// Looks at all targets. The last look answers with whatever there is.
pub(super) async fn round(core: &Arc<Core>, plan: Plan, is_last: bool) -> Round {
    let is_enough = is_last || plan.min_bytes == 0;
    if let Some(partitions) = without_disk(&plan) {
        let has_error = partitions.iter().any(|partition| partition.error_code != 0);
        return if is_enough || has_error || partitions.is_empty() {
            Round::Done(partitions, plan)
        } else {
            Round::TooLittle(plan)
        };
    }
    // When slow readers hold too much, answers shrink to their first batch.
    let max_bytes = plan.max_bytes.min(core.buffers.allowance() as u64);
    let context = Arc::clone(core);
    let looked = core.disks.run(move || {
        let outcome = on_disk(&context, &plan, max_bytes, is_enough);
        (outcome, plan)
    });
    match looked.await {
        Ok((Some(partitions), plan)) => Round::Done(partitions, plan),
        Ok((None, plan)) => Round::TooLittle(plan),
        Err(error) => {
            tracing::error!(%error, "fetch was not answered");
            let targets = Vec::new();
            let plan = Plan {
                targets,
                min_bytes: 0,
                max_bytes: 0,
                read_committed: false,
                version: DIVERGENCE_SINCE,
            };
            Round::Done(Vec::new(), plan)
        }
    }
}

/// The answers, where no file has to be touched for any.
fn without_disk(plan: &Plan) -> Option<Vec<PartitionData<Records>>> {
    plan.targets.iter().map(|target| quiet(plan, target)).collect()
}

/// The answer for a target with nothing to read.
fn quiet(plan: &Plan, target: &Target) -> Option<PartitionData<Records>> {
    let wanted = &target.wanted;
    let log = match &target.found {
        Ok(partition) => &partition.log,
        Err(error) => return Some(unavailable(wanted.index, *error)),
    };
    if !log.is_open() || wanted.last_fetched_epoch >= 0 {
        return None;
    }
    // The bound is read first: it only grows, so offsets read later are no smaller.
    let last_stable_offset = log.last_stable_offset();
    let high_watermark = log.high_watermark();
    let bound = match plan.bound() {
        ReadBound::LastStableOffset => last_stable_offset,
        ReadBound::HighWatermark | ReadBound::LogEnd => high_watermark,
    };
    let nothing_new = wanted.offset >= bound && wanted.offset <= log.log_end_offset();
    let slices = ReadSlices {
        slices: Vec::new(),
        log_start_offset: log.log_start_offset(),
        high_watermark,
        last_stable_offset,
        aborted: None,
    };
    nothing_new.then(|| answered(plan, wanted.index, &slices, Bytes::new()))
}

/// Finds and reads on a disk thread; none when there is too little.
fn on_disk(core: &Core, plan: &Plan, max_bytes: u64, is_enough: bool) -> Option<Vec<PartitionData<Records>>> {
    let mut left = max_bytes;
    let mut found_bytes = 0;
    let mut has_error = false;
    let found: Vec<_> = plan
        .targets
        .iter()
        .map(|target| {
            let found = find(plan, target, left, found_bytes == 0);
            match &found {
                Found::Slices(slices) => {
                    let bytes = slices.size_bytes();
                    found_bytes += bytes;
                    left = left.saturating_sub(bytes);
                }
                Found::Unavailable(_) | Found::Failed(_) | Found::Diverges(..) => has_error = true,
            }
            found
        })
        .collect();
    if !is_enough && !has_error && found_bytes < plan.min_bytes {
        return None;
    }
    let partitions = found.into_iter().zip(&plan.targets).map(|(found, target)| {
        let index = target.wanted.index;
        match found {
            Found::Slices(slices) => match core.buffers.read(&slices) {
                Ok(records) => answered(plan, index, &slices, records),
                Err(error) => {
                    tracing::error!(index, %error, "records cannot be read");
                    failed(index, ErrorCode::KafkaStorageError)
                }
            },
            Found::Unavailable(error) => unavailable(index, error),
            Found::Failed(error) => failed(index, error),
            Found::Diverges(diverging_epoch, slices) => {
                PartitionData { diverging_epoch, ..answered(plan, index, &slices, Bytes::new()) }
            }
        }
    });
    Some(partitions.collect())
}

/// What a partition has for a target.
enum Found {
    Slices(ReadSlices),
    /// There is no partition to read.
    Unavailable(ErrorCode),
    Failed(ErrorCode),
    Diverges(EpochEndOffset, ReadSlices),
}

fn find(plan: &Plan, target: &Target, left: u64, is_first: bool) -> Found {
    let wanted = &target.wanted;
    let log = match &target.found {
        Ok(partition) => &partition.log,
        Err(error) => return Found::Unavailable(*error),
    };
    let request = ReadRequest {
        offset: wanted.offset,
        max_bytes: left.min(u64::try_from(wanted.max_bytes).unwrap_or(0)),
        at_least_one_batch: is_first,
        bound: plan.bound(),
    };
    if plan.version >= DIVERGENCE_SINCE
        && let Some(diverging) = divergence(log, wanted.last_fetched_epoch, wanted.offset)
    {
        let nothing = ReadRequest { max_bytes: 0, at_least_one_batch: false, ..request };
        let offset = diverging.end_offset.max(0);
        return match log.read(&ReadRequest { offset, ..nothing }) {
            Ok(slices) => Found::Diverges(diverging, ReadSlices { slices: Vec::new(), ..slices }),
            Err(error) => Found::Failed(error_code::of_log(&error)),
        };
    }
    match log.read(&request) {
        Ok(slices) => Found::Slices(slices),
        Err(error) => Found::Failed(error_code::of_log(&error)),
    }
}

/// Where the reader's log and ours part, if they do: its last batch is of an epoch that ended before `offset`.
fn divergence(log: &PartitionLog, last_fetched_epoch: i32, offset: i64) -> Option<EpochEndOffset> {
    if last_fetched_epoch < 0 {
        return None;
    }
    let end = log.epoch_end(last_fetched_epoch).ok()?;
    let diverges = end.leader_epoch < last_fetched_epoch || end.end_offset < offset;
    diverges.then_some(EpochEndOffset { epoch: end.leader_epoch, end_offset: end.end_offset })
}

fn answered(plan: &Plan, index: i32, slices: &ReadSlices, records: Records) -> PartitionData<Records> {
    PartitionData {
        partition_index: index,
        error_code: 0,
        high_watermark: slices.high_watermark,
        last_stable_offset: slices.last_stable_offset,
        log_start_offset: slices.log_start_offset,
        aborted_transactions: plan.read_committed.then(|| aborted(slices)),
        records: Some(records),
        ..PartitionData::default()
    }
}

/// The aborted transactions whose records a reader of committed ones must skip, by their first offset.
fn aborted(slices: &ReadSlices) -> Vec<AbortedTransaction> {
    let aborted = slices.aborted.iter().flatten();
    aborted
        .map(|aborted| AbortedTransaction {
            producer_id: aborted.producer_id,
            first_offset: aborted.first_offset,
        })
        .collect()
}

/// The answer where there is no partition to read.
fn unavailable(index: i32, error: ErrorCode) -> PartitionData<Records> {
    // As Apache Kafka has it: a missing partition has an empty list, every other failure none.
    let is_missing = matches!(error, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId);
    PartitionData { aborted_transactions: is_missing.then(Vec::new), ..failed(index, error) }
}

fn failed(index: i32, error: ErrorCode) -> PartitionData<Records> {
    PartitionData {
        partition_index: index,
        error_code: error.code(),
        high_watermark: -1,
        records: Some(Bytes::new()),
        ..PartitionData::default()
    }
}
