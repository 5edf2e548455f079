//! What a fetch said about one partition, and what follows from it.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::messages::fetch_response::{EpochEndOffset, PartitionData};
use millstream_wire::records::{Batches, Tail};
use millstream_wire::{ApiKey, ErrorCode, WireError};
use tokio::time::Instant;

use super::Shared;
use super::config::{OffsetReset, Start};
use super::partition::{FetchedBatches, Partition, wake};
use crate::error::{ClientError, Result, Subject};

/// Takes in what was fetched at `fetch_offset`. False when the partition is no longer its broker loop's.
pub(super) fn settle(
    shared: &Arc<Shared>,
    partition: &Arc<Partition>,
    data: PartitionData,
    fetch_offset: i64,
    metadata_version: u64,
) -> bool {
    if data.error_code != 0 {
        failed(shared, partition, data.error_code, metadata_version);
        return false;
    }
    if data.diverging_epoch != EpochEndOffset::default() {
        partition.fail(ClientError::Truncated {
            partition: partition.name.clone(),
            position: fetch_offset,
            epoch: partition.state.lock().fetched_epoch.unwrap_or(-1),
            end_offset: data.diverging_epoch.end_offset,
        });
        return false;
    }
    match whole_batches(data.records.clone().unwrap_or_default(), fetch_offset) {
        Ok(fetched) => {
            let mut state = partition.state.lock();
            state.failures = 0;
            state.unknown_since = None;
            state.high_watermark = Some(data.high_watermark);
            if let Some((records, next_offset, epoch)) = fetched {
                let batches = FetchedBatches {
                    partition: partition.name.clone(),
                    position: fetch_offset,
                    next_position: partition.stop.map_or(next_offset, |stop| stop.min(next_offset)),
                    stop: partition.stop,
                    records,
                    leader_epoch: epoch,
                    high_watermark: data.high_watermark,
                    last_stable_offset: data.last_stable_offset,
                    log_start_offset: data.log_start_offset,
                    aborted_transactions: data.aborted_transactions.unwrap_or_default(),
                };
                partition.push(&mut state, batches);
            }
            !partition.is_over(&state)
        }
        Err(source) => {
            let partition_name = partition.name.clone();
            partition.fail(ClientError::BadBatch { partition: partition_name, offset: fetch_offset, source });
            false
        }
    }
}

/// The whole batches at the front of what was fetched, the offset behind them and the epoch of the last; none if there
/// are none.
fn whole_batches(records: Bytes, fetch_offset: i64) -> Result<Option<(Bytes, i64, Option<i32>)>, WireError> {
    let mut batches = Batches::new(&records, Tail::MayBeCut);
    let mut last = None;
    for batch in batches.by_ref() {
        last = Some(*batch?.header());
    }
    let Some(last) = last else {
        let needed = records.len() + 1;
        return if records.is_empty() {
            Ok(None)
        } else {
            Err(WireError::Truncated { what: "record batch", needed, available: records.len() })
        };
    };
    let next_offset = last.next_offset();
    if next_offset <= fetch_offset {
        // To take it would be to fetch it for ever.
        let what = "offset behind a fetched record batch";
        return Err(WireError::InvalidValue { what, found: next_offset, expected: fetch_offset + 1 });
    }
    let epoch = (last.partition_leader_epoch >= 0).then_some(last.partition_leader_epoch);
    let end = batches.position();
    Ok(Some((records.slice(..end), next_offset, epoch)))
}

fn failed(shared: &Arc<Shared>, partition: &Arc<Partition>, code: i16, metadata_version: u64) {
    let subject = Subject::Partition(partition.name.clone());
    let error = ClientError::broker(ApiKey::Fetch, subject, code, None);
    if error.code() != Some(ErrorCode::OffsetOutOfRange) {
        return retry_or_fail(shared, partition, error, metadata_version);
    }
    let start = match shared.config.reset {
        OffsetReset::Error => return partition.fail(error),
        OffsetReset::Earliest => Start::Earliest,
        OffsetReset::Latest => Start::Latest,
    };
    let mut state = partition.state.lock();
    let offset = state.fetch_offset;
    tracing::warn!(partition = %partition.name, offset, reset = ?start, "offset out of range");
    (state.start, state.fetched_epoch) = (Some(start), None);
    drop(state);
    shared.placer.take_in(Arc::clone(partition));
}

/// Sends a partition back to the placer if the error may pass, and ends its read if not.
pub(super) fn retry_or_fail(
    shared: &Shared,
    partition: &Arc<Partition>,
    error: ClientError,
    metadata_version: u64,
) {
    if !error.is_retriable() {
        return partition.fail(error);
    }
    let mut state = partition.state.lock();
    let is_unknown = matches!(
        error.code(),
        Some(ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId | ErrorCode::InconsistentTopicId)
    );
    let now = Instant::now();
    if is_unknown {
        let since = *state.unknown_since.get_or_insert(now);
        if now - since >= shared.config.unknown_topic_timeout {
            drop(state);
            return partition.fail(error);
        }
    }
    if state.failures == 0 {
        tracing::debug!(partition = %partition.name, %error, "fetch will be tried again");
    }
    state.failures = state.failures.saturating_add(1);
    state.stale_version = Some(metadata_version);
    let pause = shared.client.config().retry_backoff.random_delay(state.failures);
    state.not_before = Some(now + pause);
    wake(&mut state);
    drop(state);
    shared.placer.take_in(Arc::clone(partition));
}
