//! Rewriting a group of segments into one, under names that end in `.cleaned`.
//!
//! Batches in which nothing changes are copied byte for byte. The last batch of a group stays, if only as a header, so that the
//! new segment ends where the old ones did.

use std::collections::HashMap;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchHeader, BatchRebuilder, BatchView, Record};

use super::offset_map::OffsetMap;
use super::reading::Body;
use super::transactions::OpenTransactions;
use crate::config::TopicConfig;
use crate::error::IoContext;
use crate::files::FileCache;
use crate::fs::write_all_at;
use crate::segment::scan::ScannedBatch;
use crate::segment::{AbortedTransaction, SEGMENT_BYTES_MAX, Segment};
use crate::{LogError, Result};

/// Bytes collected before they are written.
const BUFFER_LEN: usize = 1 << 20;

/// Last offset of each producer's last batch of records, and its epoch.
pub(super) type LastOfProducers = HashMap<i64, (Option<i64>, i16)>;

/// Splits segments into groups of neighbours that fit into one, by Kafka's rules.
pub(super) fn group_segments<'a>(
    segments: &'a [Arc<Segment>],
    config: &TopicConfig,
    end: i64,
) -> Vec<&'a [Arc<Segment>]> {
    let mut groups = Vec::new();
    let (mut from, mut bytes, mut index_bytes) = (0, 0, 0);
    for (at, segment) in segments.iter().enumerate() {
        let size = segment.extent().size;
        let (offset_index, time_index) = segment.sparse_index_bytes();
        let index_size = offset_index.max(time_index);
        let next_offset = segments.get(at + 1).map_or(end, |next| next.base_offset);
        let base_offset = segments.get(from).map_or(0, |first| first.base_offset);
        let fits = bytes + size <= config.segment_bytes.min(SEGMENT_BYTES_MAX)
            && index_bytes + index_size <= config.segment_index_bytes
            && next_offset - base_offset <= i64::from(i32::MAX);
        if at > from && !fits {
            groups.extend(segments.get(from..at));
            (from, bytes, index_bytes) = (at, 0, 0);
        }
        bytes += size;
        index_bytes += index_size;
    }
    groups.extend(segments.get(from..).filter(|rest| !rest.is_empty()));
    groups
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Its records are void: nothing of it stays, or its header.
    Void,
    /// Its marker stays as long as its delete horizon, which it may get now, says.
    Marker { gets_horizon: bool },
    /// Its records are looked at one by one.
    Records,
}

/// Writes a group of segments anew.
#[derive(Debug)]
pub(super) struct Rewriter<'a> {
    cache: &'a FileCache,
    config: &'a TopicConfig,
    segment: Segment,
    now_ms: i64,
    group_end: i64,
    last_of_producers: LastOfProducers,
    aborted: Vec<AbortedTransaction>,
    buffer: Vec<u8>,
    /// Position in the file at which the buffer begins.
    position: u64,
    has_changed: bool,
    rebuilder: BatchRebuilder,
    compressor: Compressor,
    rebuilt: Vec<u8>,
}

impl<'a> Rewriter<'a> {
    /// Creates the files of the segment that takes the place of `first` and its neighbours.
    pub(super) fn new(
        cache: &'a FileCache,
        directory: &Path,
        first: &Segment,
        config: &'a TopicConfig,
        now_ms: i64,
    ) -> Result<Self> {
        let segment = Segment::cleaned(directory, first.base_offset, now_ms);
        segment.create_files(cache)?;
        Ok(Self {
            cache,
            config,
            segment,
            now_ms,
            group_end: 0,
            last_of_producers: LastOfProducers::new(),
            aborted: Vec::new(),
            buffer: Vec::with_capacity(BUFFER_LEN),
            position: 0,
            has_changed: false,
            rebuilder: BatchRebuilder::default(),
            compressor: Compressor::default(),
            rebuilt: Vec::new(),
        })
    }

    /// Says which batches must not disappear: the one that ends before `group_end`, and the last ones of producers.
    pub(super) fn keep_from(&mut self, group_end: i64, last_of_producers: LastOfProducers) {
        (self.group_end, self.last_of_producers) = (group_end, last_of_producers);
    }

    /// Whether the new segment differs from the old ones.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Takes the next batch.
    pub(super) fn take(
        &mut self,
        view: &BatchView<'_>,
        body: &mut Body<'_>,
        map: &OffsetMap,
        transactions: &mut OpenTransactions,
    ) -> Result<()> {
        let header = view.header();
        match self.judge(view, transactions) {
            Verdict::Void => self.put_rest(view, 0),
            Verdict::Marker { gets_horizon: false } => self.put(view.bytes()),
            Verdict::Marker { gets_horizon: true } => self.put_some(view, body, true, |_| true),
            Verdict::Records if header.base_offset > map.latest_offset() => self.put(view.bytes()),
            Verdict::Records => {
                let (now_ms, horizon_ms) = (self.now_ms, header.delete_horizon_ms());
                let keeps_tombstones = horizon_ms.is_none_or(|horizon_ms| now_ms < horizon_ms);
                let is_kept = |record: &Record<'_>| {
                    let offset = header.base_offset + i64::from(record.offset_delta);
                    let is_newest = record.key.is_some_and(|key| !map.is_superseded(key, offset));
                    offset > map.latest_offset()
                        || (is_newest && (record.value.is_some() || keeps_tombstones))
                };
                let (mut kept, mut all, mut has_tombstones) = (0, true, false);
                for record in body.records()? {
                    let record = record?;
                    let keep = is_kept(&record);
                    kept += u32::from(keep);
                    all &= keep;
                    has_tombstones |= keep && record.value.is_none();
                }
                let gets_horizon = has_tombstones && horizon_ms.is_none();
                match kept {
                    0 => self.put_rest(view, 0),
                    _ if all && !gets_horizon => self.put(view.bytes()),
                    _ => self.put_some(view, body, gets_horizon, is_kept),
                }
            }
        }
    }

    fn judge(&mut self, view: &BatchView<'_>, transactions: &mut OpenTransactions) -> Verdict {
        let header = view.header();
        if !header.attributes.is_control() {
            return if transactions.on_batch(header) { Verdict::Void } else { Verdict::Records };
        }
        let may_go = transactions.on_marker(view, Some(&mut self.aborted));
        let horizon_ms = header.delete_horizon_ms();
        if header.record_count == 0
            || (may_go && horizon_ms.is_some_and(|horizon_ms| horizon_ms <= self.now_ms))
        {
            return Verdict::Void;
        }
        Verdict::Marker { gets_horizon: may_go && horizon_ms.is_none() }
    }

    /// Of a batch whose records are gone, keeps the header where it is needed.
    fn put_rest(&mut self, view: &BatchView<'_>, kept: u32) -> Result<()> {
        debug_assert_eq!(kept, 0, "only an empty batch is reduced to its header");
        let header = view.header();
        if !self.is_needed(header) {
            self.has_changed = true;
            return Ok(());
        }
        if header.record_count == 0 {
            return self.put(view.bytes());
        }
        self.has_changed = true;
        self.rebuilder.begin(header, None);
        self.put_rebuilt(header, None)
    }

    fn is_needed(&self, header: &BatchHeader) -> bool {
        if header.next_offset() >= self.group_end {
            return true;
        }
        if !header.has_producer_id() {
            return false;
        }
        match self.last_of_producers.get(&header.producer_id) {
            Some((Some(last_offset), _)) => header.last_offset() == *last_offset,
            Some((None, epoch)) => header.attributes.is_control() && header.producer_epoch == *epoch,
            None => false,
        }
    }

    /// Writes a batch with some of its records.
    fn put_some(
        &mut self,
        view: &BatchView<'_>,
        body: &mut Body<'_>,
        gets_horizon: bool,
        is_kept: impl Fn(&Record<'_>) -> bool,
    ) -> Result<()> {
        let header = view.header();
        let horizon_ms = gets_horizon.then(|| self.now_ms.saturating_add(self.config.delete_retention_ms));
        self.has_changed = true;
        self.rebuilder.begin(header, horizon_ms);
        for record in body.records()? {
            let record = record?;
            if is_kept(&record) {
                self.rebuilder.push(&record)?;
            }
        }
        self.put_rebuilt(header, horizon_ms)
    }

    fn put_rebuilt(&mut self, header: &BatchHeader, horizon_ms: Option<i64>) -> Result<()> {
        let mut rebuilt = std::mem::take(&mut self.rebuilt);
        rebuilt.clear();
        let outcome = self.rebuilder.finish(header, horizon_ms, &mut self.compressor, &mut rebuilt);
        let outcome = outcome.map_err(LogError::from).and_then(|()| self.put(&rebuilt));
        self.rebuilt = rebuilt;
        outcome
    }

    /// Writes a whole batch.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let position = self.position + self.buffer.len() as u64;
        let size = position + bytes.len() as u64;
        if size > SEGMENT_BYTES_MAX {
            // Compressing anew made it larger than it was: it stays as it is.
            let (size, limit) = (size as usize, SEGMENT_BYTES_MAX as usize);
            return Err(LogError::RecordListTooLarge { size, limit });
        }
        let header = BatchHeader::parse(bytes)?;
        self.segment.add_batch(&ScannedBatch { position, header }, self.config);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_LEN { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let file = self.segment.log_file(self.cache)?;
        write_all_at(&*file, &mut [IoSlice::new(&self.buffer)], self.position)
            .context("write", &self.segment.log_path())?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        self.segment.flush_indexes_if_due(self.cache)
    }

    /// Makes the new segment durable, all but its names.
    pub(super) fn finish(mut self, group_end: i64, created_ms: i64) -> Result<Segment> {
        self.write()?;
        self.aborted.iter().for_each(|aborted| self.segment.aborted.push(*aborted));
        self.segment.seal_cleaned(self.cache, group_end, created_ms)?;
        Ok(self.segment)
    }

    /// Removes the files again. One that stays is removed by the next run, or the next start.
    pub(super) fn discard(&self) {
        if let Err(error) = self.segment.remove_files(self.cache) {
            tracing::warn!(%error, "file of a compaction that was not used is left");
        }
    }
}
