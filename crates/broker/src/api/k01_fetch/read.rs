//! One look at the partitions of a request.
//!
//! First without the disk: a reader that follows its logs, or has read all there is, is answered from memory. Where that does not
//! suffice, a disk thread finds the batches of all partitions, and reads them only if they are enough to answer with.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use millstream_log::{PartitionLog, ReadRequest, ReadSlices};
use millstream_wire::ErrorCode;
use millstream_wire::messages::fetch_response::{AbortedTransaction, EpochEndOffset, PartitionData};

use super::{DIVERGENCE_SINCE, Plan, Target};
use crate::core::Core;
use crate::error_code;
use crate::server::Records;
use crate::storage::Reach;

/// Most bytes that a thread which serves sockets copies for one answer.
const FOLLOWING_BYTES_MAX: u64 = 1024 * 1024;

/// What a look came to.
pub(super) enum Round {
    /// An answer for every target.
    Done(Vec<PartitionData<Records>>, Plan),
    /// Less than `min_bytes`, and no error.
    TooLittle(Plan),
}

/// Looks at all targets. The last look answers with whatever there is.
pub(super) async fn round(core: &Arc<Core>, plan: Plan, is_last: bool) -> Round {
    let is_enough = is_last || plan.min_bytes == 0 || plan.targets.is_empty();
    // When slow readers hold too much, answers shrink to their first batch.
    let max_bytes = plan.max_bytes.min(core.buffers.allowance() as u64);
    let near =
        Look { plan: &plan, max_bytes: max_bytes.min(FOLLOWING_BYTES_MAX), is_enough, reach: Reach::Memory };
    match near.outcome(core) {
        Some(Looked::Enough(partitions)) => return Round::Done(partitions, plan),
        Some(Looked::TooLittle) => return Round::TooLittle(plan),
        None => {}
    }
    let context = Arc::clone(core);
    let looked = core.disks.run(move || {
        let look = Look { plan: &plan, max_bytes, is_enough, reach: Reach::Disk };
        let outcome = look.outcome(&context);
        (outcome, plan)
    });
    match looked.await {
        Ok((Some(Looked::Enough(partitions)), plan)) => Round::Done(partitions, plan),
        Ok((Some(Looked::TooLittle) | None, plan)) => Round::TooLittle(plan),
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

/// A look at what lies in the files.
struct Look<'a> {
    plan: &'a Plan,
    max_bytes: u64,
    /// Whether whatever there is is enough to answer with.
    is_enough: bool,
    /// [`Reach::Disk`] only on a disk thread.
    reach: Reach,
}

/// What a look came to.
enum Looked {
    Enough(Vec<PartitionData<Records>>),
    TooLittle,
}

impl Look<'_> {
    /// Finds and reads; none where something is out of reach.
    fn outcome(&self, core: &Core) -> Option<Looked> {
        let mut left = self.max_bytes;
        let mut found_bytes = 0;
        let mut has_error = false;
        let mut all = Vec::with_capacity(self.plan.targets.len());
        for target in &self.plan.targets {
            let found = match self.reach {
                Reach::Memory => self.follow(target, left)?,
                Reach::Disk => self.find(target, left, found_bytes == 0),
            };
            match &found {
                Found::Slices(slices) => {
                    let bytes = slices.size_bytes();
                    found_bytes += bytes;
                    left = left.saturating_sub(bytes);
                }
                Found::Unavailable(_) | Found::Failed(_) | Found::Diverges(..) => has_error = true,
            }
            all.push(found);
        }
        if !self.is_enough && !has_error && found_bytes < self.plan.min_bytes {
            return Some(Looked::TooLittle);
        }
        let answers = all.into_iter().zip(&self.plan.targets);
        let answers = answers.map(|(found, target)| self.answer(core, found, target.wanted.index));
        answers.collect::<Option<_>>().map(Looked::Enough)
    }

    /// The answer for a target; none where its records are out of reach.
    fn answer(&self, core: &Core, found: Found, index: i32) -> Option<PartitionData<Records>> {
        Some(match found {
            Found::Slices(slices) => match core.buffers.read(&slices, self.reach) {
                Ok(records) => answered(self.plan, index, &slices, records),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => {
                    tracing::error!(index, %error, "records cannot be read");
                    failed(index, ErrorCode::KafkaStorageError)
                }
            },
            Found::Unavailable(error) => unavailable(index, error),
            Found::Failed(error) => failed(index, error),
            Found::Diverges(diverging_epoch, slices) => {
                PartitionData { diverging_epoch, ..answered(self.plan, index, &slices, Bytes::new()) }
            }
        })
    }

    fn request(&self, target: &Target, left: u64, at_least_one_batch: bool) -> ReadRequest {
        ReadRequest {
            offset: target.wanted.offset,
            max_bytes: left.min(u64::try_from(target.wanted.max_bytes).unwrap_or(0)),
            at_least_one_batch,
            bound: self.plan.bound(),
        }
    }

    /// What there is for a reader that follows the log; none where files have to be touched for it.
    fn follow(&self, target: &Target, left: u64) -> Option<Found> {
        let log = match &target.found {
            Ok(partition) => &partition.log,
            Err(error) => return Some(Found::Unavailable(*error)),
        };
        if target.wanted.last_fetched_epoch >= 0 {
            return None;
        }
        log.read_following(&self.request(target, left, false)).map(Found::Slices)
    }

    fn find(&self, target: &Target, left: u64, is_first: bool) -> Found {
        let wanted = &target.wanted;
        let log = match &target.found {
            Ok(partition) => &partition.log,
            Err(error) => return Found::Unavailable(*error),
        };
        let request = self.request(target, left, is_first);
        if self.plan.version >= DIVERGENCE_SINCE
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
}

/// What a partition has for a target.
enum Found {
    Slices(ReadSlices),
    /// There is no partition to read.
    Unavailable(ErrorCode),
    Failed(ErrorCode),
    Diverges(EpochEndOffset, ReadSlices),
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
