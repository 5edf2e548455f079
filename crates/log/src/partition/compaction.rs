//! Log compaction: of each key the newest record stays, of the others' records only gaps.
//!
//! What may be compacted ends where a segment begins: before the active segment, the last stable offset, the recovery point, and the
//! first segment that `min.compaction.lag.ms` protects. What was compacted before ends at the first dirty offset. One run
//! ([`PartitionLog::compact`]) takes the newest offset of every key in the dirty part into a bounded map ([`offset_map`]), rewrites all
//! segments up to there without what is superseded ([`rewrite`]), several small ones into one, and puts the new segments in the
//! old ones' place ([`swap`]) so that a crash leaves either. Appends never wait for it; readers go on in the old segments.
//!
//! The rules are those of Kafka's cleaner: tombstones and markers of transactions stay `delete.retention.ms` longer than what they
//! are about, counted from the first run that found nothing older (the batch's delete horizon, KIP-534); records of aborted
//! transactions go; a producer's last batch stays, without records if need be, so that its sequence is not forgotten.
//!
//! The recovery point bounds what is compacted because recovery takes a gap above it for a torn tail. It has to be in the checkpoint
//! by then, which the store sees to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{PartitionLog, Status};
use crate::Result;
use crate::config::TopicConfig;
use crate::context::Context;
use crate::segment::{AbortedTransaction, Segment};

mod offset_map;
mod reading;
mod rewrite;
mod swap;
#[cfg(test)]
mod tests;
mod transactions;

use offset_map::OffsetMap;
use reading::{BatchReader, Next};
pub(super) use swap::finish_swaps;
use transactions::OpenTransactions;

/// What of a partition could be compacted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Compactable {
    first_dirty: i64,
    end: i64,
    /// Share of the bytes that were not compacted yet.
    pub(crate) dirty_ratio: f64,
    /// Whether a record waits for longer than `max.compaction.lag.ms`.
    pub(crate) is_overdue: bool,
}

impl Compactable {
    /// Everything before it was compacted before.
    pub(crate) fn first_dirty(&self) -> i64 {
        self.first_dirty
    }
}

/// Limits and signals of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompactionRun<'a> {
    /// Most bytes of the map of keys.
    pub(crate) map_bytes: u64,
    /// Ends the run between two batches: what was not swapped in is dropped.
    pub(crate) stop: &'a AtomicBool,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// Everything before it is compacted.
    pub(crate) first_dirty: i64,
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
}

impl PartitionLog {
    /// What could be compacted now, if that is worth it by the topic's configuration. Partitions that are not open have nothing.
    pub(crate) fn compactable(&self, checkpointed: Option<i64>) -> Result<Option<Compactable>> {
        let config = self.config();
        if !config.cleanup_policy.compact || !self.is_open() || self.swap_failed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // What is damaged stays as it is.
        if !self.damage().is_empty() {
            return Ok(None);
        }
        let now_ms = self.context.clock.now_ms();
        let segments = self.view.read().segments.clone();
        let Some((active, finished)) = segments.split_last() else { return Ok(None) };
        let log_start = self.log_start_offset();
        let first_dirty = checkpointed
            .filter(|&offset| (log_start..=active.base_offset).contains(&offset))
            .unwrap_or(log_start);
        let mut end = active.base_offset.min(self.last_stable_offset());
        let is_dirty = |segment: &&Arc<Segment>| segment.extent().next_offset > first_dirty;
        if config.min_compaction_lag_ms > 0 {
            let newest_ms = now_ms.saturating_sub(config.min_compaction_lag_ms);
            for segment in finished.iter().filter(is_dirty) {
                if segment.max_timestamp(&self.context.cache)?.timestamp_ms > newest_ms {
                    end = end.min(segment.base_offset);
                    break;
                }
            }
        }
        let end = segment_start(&segments, end);
        let size = |segments: &mut dyn Iterator<Item = &Arc<Segment>>| -> u64 {
            segments.map(|segment| segment.extent().size).sum()
        };
        let dirty: Vec<&Arc<Segment>> =
            finished.iter().filter(is_dirty).filter(|segment| segment.base_offset < end).collect();
        let dirty_bytes = size(&mut dirty.iter().copied());
        if dirty_bytes == 0 {
            return Ok(None);
        }
        let clean_bytes = size(&mut finished.iter().filter(|segment| !is_dirty(segment)));
        let dirty_ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes) as f64;
        let is_overdue = self.is_overdue(&config, &dirty, now_ms)?;
        let worth_it = is_overdue || dirty_ratio > config.min_cleanable_dirty_ratio;
        Ok(worth_it.then_some(Compactable { first_dirty, end, dirty_ratio, is_overdue }))
    }

    fn is_overdue(&self, config: &TopicConfig, dirty: &[&Arc<Segment>], now_ms: i64) -> Result<bool> {
        if config.max_compaction_lag_ms == i64::MAX {
            return Ok(false);
        }
        let oldest_ms = now_ms.saturating_sub(config.max_compaction_lag_ms);
        for segment in dirty {
            let first_ms = segment.first_timestamp(&self.context.cache)?;
            if first_ms.is_some_and(|first_ms| first_ms >= 0 && first_ms < oldest_ms) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compacts the partition; `None` where nothing could be done. The checkpoint must have the recovery point.
    ///
    /// # Errors
    /// [`crate::LogError::Corrupt`]; [`crate::LogError::Io`]: what was swapped in stays, the
    /// rest is as before.
    pub(crate) fn compact(
        &self,
        compactable: &Compactable,
        recovery_point: i64,
        run: &CompactionRun<'_>,
    ) -> Result<Option<Compacted>> {
        let segments = self.view.read().segments.clone();
        let end = segment_start(&segments, compactable.end.min(recovery_point));
        if end <= compactable.first_dirty {
            return Ok(None);
        }
        self.compact_up_to(&segments, compactable.first_dirty, end, run)
            .inspect_err(|error| self.report_damage(error))
    }

    fn compact_up_to(
        &self,
        segments: &[Arc<Segment>],
        first_dirty: i64,
        end: i64,
        run: &CompactionRun<'_>,
    ) -> Result<Option<Compacted>> {
        let config = self.config();
        let Some(map) = self.map_keys(segments, first_dirty, end, run)? else { return Ok(None) };
        let compacted_to = map.latest_offset() + 1;
        let concerned: Vec<Arc<Segment>> =
            segments.iter().filter(|segment| segment.base_offset < compacted_to.min(end)).cloned().collect();
        let mut transactions = OpenTransactions::default();
        let (mut bytes_before, mut bytes_after) = (0, 0);
        for group in rewrite::group_segments(&concerned, &config, end) {
            let Some(size) = self.compact_group(segments, group, &config, &map, &mut transactions, run)?
            else {
                return Ok(None);
            };
            bytes_before += group.iter().map(|segment| segment.extent().size).sum::<u64>();
            bytes_after += size;
        }
        Ok(Some(Compacted { first_dirty: compacted_to, bytes_before, bytes_after }))
    }

    /// The newest offset of each key from `first_dirty` up to `end`, or up to where the map is full; `None` when stopped.
    fn map_keys(
        &self,
        segments: &[Arc<Segment>],
        first_dirty: i64,
        end: i64,
        run: &CompactionRun<'_>,
    ) -> Result<Option<OffsetMap>> {
        let cache = &self.context.cache;
        let mut map = OffsetMap::new(run.map_bytes, first_dirty - 1);
        let mut transactions = OpenTransactions::default();
        transactions.add(&self.aborted_between(segments, first_dirty, end)?);
        let mut reader = BatchReader::new(run.stop);
        for (index, segment) in segments.iter().enumerate() {
            let extent = segment.extent();
            if extent.next_offset <= first_dirty || segment.base_offset >= end {
                continue;
            }
            let first = segment.find_offset(cache, first_dirty, extent.size)?;
            let from = first.map_or(extent.size, |batch| batch.position);
            let mut is_full = false;
            let next = reader.scan(segment, cache, from, |view, body| {
                let header = view.header();
                if header.attributes.is_control() {
                    transactions.on_marker(view, None);
                } else if !transactions.on_batch(header) {
                    if !map.has_room_for(header.record_count as usize) {
                        is_full = true;
                        return Ok(Next::Stop);
                    }
                    for record in body.records()? {
                        let record = record?;
                        let offset = header.base_offset + i64::from(record.offset_delta);
                        if let Some(key) = record.key.filter(|_| offset >= first_dirty) {
                            map.put(key, offset);
                        }
                    }
                }
                map.advance(header.last_offset());
                Ok(Next::Batch)
            })?;
            match next {
                None => return Ok(None),
                Some(_) if is_full => return Ok(Some(map)),
                Some(_) => map
                    .advance(segments.get(index + 1).map_or(extent.next_offset, |next| next.base_offset) - 1),
            }
        }
        Ok(Some(map))
    }

    /// Aborted transactions that overlap the offsets from `from` to `end`.
    fn aborted_between(
        &self,
        segments: &[Arc<Segment>],
        from: i64,
        end: i64,
    ) -> Result<Vec<AbortedTransaction>> {
        let mut found = Vec::new();
        for segment in segments.iter().filter(|segment| segment.extent().next_offset > from) {
            if segment.aborted.collect(&self.context.cache, from, end, &mut found)? {
                break;
            }
        }
        Ok(found)
    }

    /// Rewrites a group of neighbouring segments into one and swaps it in; its size, or `None` when stopped.
    fn compact_group(
        &self,
        segments: &[Arc<Segment>],
        group: &[Arc<Segment>],
        config: &TopicConfig,
        map: &OffsetMap,
        transactions: &mut OpenTransactions,
        run: &CompactionRun<'_>,
    ) -> Result<Option<u64>> {
        let last_of_producers = self.last_of_producers();
        let now_ms = self.context.clock.now_ms();
        let Some(first) = group.first() else { return Ok(None) };
        let next = segments
            .iter()
            .find(|segment| group.last().is_some_and(|last| segment.base_offset > last.base_offset));
        let group_end = next.map_or(map.latest_offset() + 1, |next| next.base_offset);
        let mut rewriter =
            rewrite::Rewriter::new(&self.context.cache, &self.directory(), first, config, now_ms)?;
        rewriter.keep_from(group_end, last_of_producers);
        let mut reader = BatchReader::new(run.stop);
        for segment in group {
            let segment_end = segments
                .iter()
                .find(|other| other.base_offset > segment.base_offset)
                .map_or(group_end, |next| next.base_offset);
            transactions.add(&self.aborted_between(segments, segment.base_offset, segment_end)?);
            let next = reader.scan(segment, &self.context.cache, 0, |view, body| {
                rewriter.take(view, body, map, transactions)?;
                Ok(Next::Batch)
            })?;
            if next.is_none() {
                rewriter.discard();
                return Ok(None);
            }
        }
        if group.len() == 1 && !rewriter.has_changed() {
            rewriter.discard();
            return Ok(Some(first.extent().size));
        }
        let created_ms = group.last().map_or(now_ms, |last| last.created_ms);
        let cleaned = Arc::new(rewriter.finish(group_end, created_ms)?);
        self.swap_in(group, &cleaned).map(|swapped| swapped.then(|| cleaned.extent().size))
    }

    /// The last batch of records of each producer, or, where it has none, its epoch.
    fn last_of_producers(&self) -> rewrite::LastOfProducers {
        let writer = self.writer.lock();
        let last = |entry: &crate::producer_state::ProducerEntry| {
            (entry.last_batch().map(|batch| batch.last_offset), entry.epoch)
        };
        writer.producers.iter().map(|(producer_id, entry)| (producer_id, last(entry))).collect()
    }
}

/// The start of the segment that holds `offset`.
fn segment_start(segments: &[Arc<Segment>], offset: i64) -> i64 {
    let behind = segments.partition_point(|segment| segment.base_offset <= offset);
    behind.checked_sub(1).and_then(|index| segments.get(index)).map_or(0, |segment| segment.base_offset)
}

impl Context {
    /// A number that no other swap of this process has.
    fn next_swap(&self) -> u64 {
        self.swaps.fetch_add(1, Ordering::Relaxed)
    }
}

/// Whether the partition may be changed by a swap.
fn is_swappable(status: Status) -> bool {
    status == Status::Open
}
