//! One segment: a log file, its two sparse indexes, and the index of transactions that were aborted in it.
//!
//! A segment knows what readers need without touching the disk: its size, its end offset, the newest index entries.
//! Appends go through the partition's writer, which alone changes a segment; readers take copies under a short lock and
//! do all reading without it. A segment that is no longer appended to keeps nothing but its numbers in memory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::config::TopicConfig;
use crate::error::IoContext;
use crate::files::{FileCache, LazyFile};
use crate::fs::{File, write_all_at};
use crate::names::{CLEANED, FileKind};
use crate::{LogError, Result};

pub(crate) mod aborted;
mod files;
pub(crate) mod index;
pub(crate) mod scan;
mod verified;

use aborted::AbortedIndex;
pub use aborted::AbortedTransaction;

use index::{Floor, IndexEntry, OffsetEntry, SparseIndex, TimeEntry, entry_in_file, floor_in_file};
use scan::{BatchScan, ScannedBatch};
use verified::VerifiedRanges;

/// Positions are 32-bit signed integers in the index.
pub(crate) const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;
/// Index entries that may wait in memory; with [`INDEX_FLUSH_BYTES`], the part of a log that a killed process must walk again.
const INDEX_FLUSH_ENTRIES: usize = 256;
/// Log bytes after which waiting index entries are written.
const INDEX_FLUSH_BYTES: u64 = 4 << 20;

/// A timestamp, and the last offset of the batch that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxTimestamp {
    pub(crate) timestamp_ms: i64,
    pub(crate) offset: i64,
}

impl MaxTimestamp {
    pub(crate) const NONE: Self = Self { timestamp_ms: -1, offset: -1 };
}

#[derive(Debug)]
struct Tail {
    size: u64,
    next_offset: i64,
    /// `None` until it is read from the time index.
    max_timestamp: Option<MaxTimestamp>,
    /// Largest timestamp of the first batch, from which `segment.ms` counts; `None` while empty or unknown.
    first_timestamp_ms: Option<i64>,
    bytes_since_index: u64,
    bytes_since_flush: u64,
    offsets: SparseIndex<OffsetEntry>,
    times: SparseIndex<TimeEntry>,
}

/// What the log looks like after an append, as readers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) size: u64,
    pub(crate) next_offset: i64,
}

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: i64,
    pub(crate) created_ms: i64,
    log: Arc<LazyFile>,
    offset_file: Arc<LazyFile>,
    time_file: Arc<LazyFile>,
    pub(crate) aborted: AbortedIndex,
    tail: Mutex<Tail>,
    /// Whether it has bytes that no sync has covered.
    pub(crate) dirty: AtomicBool,
    /// Bytes that were there when the segment was opened: their checksums are compared at the first read.
    found_bytes: AtomicU64,
    verified: Mutex<VerifiedRanges>,
}

/// What is known of a segment found on the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) size: u64,
    pub(crate) next_offset: i64,
    pub(crate) offset_entries: usize,
    pub(crate) time_entries: usize,
}

impl Segment {
    /// Begins a segment. Its files are created by the first append, or by [`Self::create_files`].
    pub(crate) fn new(directory: &Path, base_offset: i64, now_ms: i64) -> Self {
        let found = Found { size: 0, next_offset: base_offset, offset_entries: 0, time_entries: 0 };
        let segment = Self::found(directory, base_offset, now_ms, found);
        segment.tail.lock().max_timestamp = Some(MaxTimestamp::NONE);
        segment
    }

    /// A segment to be written by compaction, under names that say so.
    pub(crate) fn cleaned(directory: &Path, base_offset: i64, now_ms: i64) -> Self {
        let found = Found { size: 0, next_offset: base_offset, offset_entries: 0, time_entries: 0 };
        let segment = Self::with_names(directory, CLEANED, base_offset, now_ms, found);
        segment.tail.lock().max_timestamp = Some(MaxTimestamp::NONE);
        segment
    }

    /// A segment whose files are there.
    pub(crate) fn found(directory: &Path, base_offset: i64, now_ms: i64, found: Found) -> Self {
        Self::with_names(directory, "", base_offset, now_ms, found)
    }

    fn with_names(directory: &Path, suffix: &str, base_offset: i64, now_ms: i64, found: Found) -> Self {
        let file = |kind: FileKind| {
            let mut path = kind.path(directory, base_offset).into_os_string();
            path.push(suffix);
            LazyFile::new(path.into())
        };
        let tail = Tail {
            size: found.size,
            next_offset: found.next_offset,
            max_timestamp: None,
            first_timestamp_ms: None,
            bytes_since_index: 0,
            bytes_since_flush: 0,
            offsets: SparseIndex::new(base_offset, found.offset_entries),
            times: SparseIndex::new(base_offset, found.time_entries),
        };
        Self {
            base_offset,
            created_ms: now_ms,
            log: file(FileKind::Log),
            offset_file: file(FileKind::OffsetIndex),
            time_file: file(FileKind::TimeIndex),
            aborted: AbortedIndex::new(file(FileKind::TransactionIndex)),
            tail: Mutex::new(tail),
            dirty: AtomicBool::new(false),
            found_bytes: AtomicU64::new(found.size),
            verified: Mutex::default(),
        }
    }

    pub(crate) fn extent(&self) -> Extent {
        let tail = self.tail.lock();
        Extent { size: tail.size, next_offset: tail.next_offset }
    }

    pub(crate) fn log_file(&self, cache: &FileCache) -> Result<Arc<dyn File>> {
        self.log.open(cache)
    }

    /// The open log file, if what lies behind `position` needs no check before it is served.
    pub(crate) fn sound_log_file(&self, position: u64) -> Option<Arc<dyn File>> {
        (position >= self.found_bytes.load(Ordering::Relaxed)).then(|| self.log.if_open())?
    }

    pub(crate) fn log_path(&self) -> std::path::PathBuf {
        self.log.path()
    }

    /// Takes note of a batch that was written at the end.
    pub(crate) fn add_batch(&self, batch: &ScannedBatch, config: &TopicConfig) {
        self.dirty.store(true, Ordering::Relaxed);
        let mut tail = self.tail.lock();
        tail.add(batch, u64::from(config.index_interval_bytes));
        tail.size = batch.end_position();
        tail.next_offset = batch.header.next_offset();
    }

    /// Whether an append of `bytes` bytes up to `last_offset`, with `timestamp_ms`, needs a new segment: Kafka's conditions.
    pub(crate) fn is_full_for(
        &self,
        append: &AppendShape,
        config: &TopicConfig,
        roll_ms: i64,
        now_ms: i64,
    ) -> bool {
        let tail = self.tail.lock();
        let waited_ms = match tail.first_timestamp_ms {
            Some(first) if append.max_timestamp_ms >= 0 => append.max_timestamp_ms.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        };
        let entries_max = config.segment_index_bytes as usize;
        let relative = append.last_offset - self.base_offset;
        tail.size + append.bytes > config.segment_bytes
            || (tail.size > 0 && waited_ms > roll_ms)
            || tail.offsets.len() >= (entries_max / OffsetEntry::LEN).max(1)
            || tail.times.len() + 1 >= (entries_max / TimeEntry::LEN).max(2)
            || !(0..=i64::from(i32::MAX)).contains(&relative)
    }

    /// Gives the timestamp from which `segment.ms` counts, for a segment found on the disk.
    pub(crate) fn set_first_timestamp(&self, timestamp_ms: i64) {
        self.tail.lock().first_timestamp_ms = Some(timestamp_ms);
    }

    /// Writes index entries out if enough of them wait.
    pub(crate) fn flush_indexes_if_due(&self, cache: &FileCache) -> Result<()> {
        let due = {
            let tail = self.tail.lock();
            tail.offsets.unwritten() >= INDEX_FLUSH_ENTRIES || tail.bytes_since_flush >= INDEX_FLUSH_BYTES
        };
        if due { self.flush_indexes(cache) } else { Ok(()) }
    }

    /// Writes out the index entries that wait. Only the partition's writer calls this.
    pub(crate) fn flush_indexes(&self, cache: &FileCache) -> Result<()> {
        let (offsets, times) = {
            let mut tail = self.tail.lock();
            tail.bytes_since_flush = 0;
            (Pending::of(&tail.offsets), Pending::of(&tail.times))
        };
        offsets.write(&self.offset_file, cache)?;
        times.write(&self.time_file, cache)?;
        let mut tail = self.tail.lock();
        tail.offsets.mark_written(offsets.entries);
        tail.times.mark_written(times.entries);
        Ok(())
    }

    /// Closes the segment for appends: the newest timestamp goes into the index, which then leaves memory.
    pub(crate) fn seal(&self, cache: &FileCache) -> Result<()> {
        self.aborted.flush(cache)?;
        let max_timestamp = self.max_timestamp(cache)?;
        self.tail.lock().add_time(max_timestamp);
        self.flush_indexes(cache)?;
        // The next sync covers the indexes too.
        self.dirty.store(true, Ordering::Relaxed);
        let mut tail = self.tail.lock();
        tail.offsets.forget_recent();
        tail.times.forget_recent();
        Ok(())
    }

    /// Timestamp of the first batch, from which `max.compaction.lag.ms` counts; `None` in an empty segment.
    pub(crate) fn first_timestamp(&self, cache: &FileCache) -> Result<Option<i64>> {
        let (known, size) = {
            let tail = self.tail.lock();
            (tail.first_timestamp_ms, tail.size)
        };
        if known.is_some() || size == 0 {
            return Ok(known);
        }
        let file = self.log.open(cache)?;
        let first = BatchScan::new(&*file, self.log.path(), 0, size).next_sound()?;
        let timestamp_ms = first.map(|batch| batch.header.max_timestamp);
        self.tail.lock().first_timestamp_ms = timestamp_ms;
        Ok(timestamp_ms)
    }

    /// Bytes of the entries of offset and time index.
    pub(crate) fn sparse_index_bytes(&self) -> (u64, u64) {
        let tail = self.tail.lock();
        ((tail.offsets.len() * OffsetEntry::LEN) as u64, (tail.times.len() * TimeEntry::LEN) as u64)
    }

    /// The newest timestamp in the segment.
    pub(crate) fn max_timestamp(&self, cache: &FileCache) -> Result<MaxTimestamp> {
        let (known, entries) = {
            let tail = self.tail.lock();
            (tail.max_timestamp, tail.times.len())
        };
        match known {
            Some(known) => return Ok(known),
            None if entries == 0 => return Ok(MaxTimestamp::NONE),
            None => {}
        }
        let file = self.time_file.open(cache)?;
        let entry: TimeEntry =
            entry_in_file(&*file, self.base_offset, entries - 1).context("read", &self.time_file.path())?;
        let found = MaxTimestamp { timestamp_ms: entry.timestamp_ms, offset: entry.offset };
        self.tail.lock().max_timestamp.get_or_insert(found);
        Ok(found)
    }

    /// Reads the newest entry of the time index into memory, before a walk adds to it.
    pub(crate) fn remember_newest(&self, cache: &FileCache) -> Result<()> {
        let newest = self.max_timestamp(cache)?;
        let mut tail = self.tail.lock();
        tail.max_timestamp = Some(newest);
        if newest.timestamp_ms >= 0 {
            tail.times.remember(TimeEntry { timestamp_ms: newest.timestamp_ms, offset: newest.offset });
        }
        Ok(())
    }

    /// Whether the time index is about nothing behind the segment's end.
    pub(crate) fn is_time_index_within(&self) -> bool {
        let tail = self.tail.lock();
        tail.times.last_in_memory().is_none_or(|last| last.offset < tail.next_offset)
    }

    /// The first batch that ends at or after `offset`; `None` when the segment (up to `end`) has none.
    pub(crate) fn find_offset(
        &self,
        cache: &FileCache,
        offset: i64,
        end: u64,
    ) -> Result<Option<ScannedBatch>> {
        let from = self.floor(cache, |entry: &OffsetEntry| entry.offset <= offset)?;
        let file = self.log.open(cache)?;
        let mut scan = BatchScan::new(&*file, self.log.path(), from.map_or(0, |entry| entry.position), end);
        while let Some(batch) = scan.next_sound()? {
            if batch.header.last_offset() >= offset {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The last position, at most `limit`, where whole batches that begin at `start` end; and the end of the first of them.
    pub(crate) fn whole_batches(
        &self,
        cache: &FileCache,
        start: u64,
        limit: u64,
        end: u64,
    ) -> Result<WholeBatches> {
        let floor = self.floor(cache, |entry: &OffsetEntry| entry.position <= limit)?;
        let from = floor.map_or(start, |entry| entry.position.max(start));
        let file = self.log.open(cache)?;
        let mut scan = BatchScan::new(&*file, self.log.path(), from, end);
        let mut whole_end = from;
        while let Some(batch) = scan.next_sound()? {
            if batch.end_position() > limit {
                let next_offset = batch.header.base_offset;
                return Ok(WholeBatches { end: whole_end, next_offset, following: batch });
            }
            whole_end = batch.end_position();
        }
        Err(LogError::Corrupt { what: "offset index", path: self.offset_file.path(), position: 0 })
    }

    /// Takes note that a walk found bytes up to `end`, and had compared their checksums from `from` on.
    pub(crate) fn set_found(&self, from: u64, end: u64) {
        self.found_bytes.store(end, Ordering::Relaxed);
        if from < end {
            self.verified.lock().add(from, end);
        }
    }

    /// Compares the checksums of batches that this process did not write and has not looked at yet.
    ///
    /// # Errors
    /// [`LogError::Corrupt`].
    pub(crate) fn verify(&self, cache: &FileCache, from: u64, end: u64) -> Result<()> {
        let end = end.min(self.found_bytes.load(Ordering::Relaxed));
        if from >= end {
            return Ok(());
        }
        loop {
            let gap = self.verified.lock().first_gap(from, end);
            let Some((start, stop)) = gap else { return Ok(()) };
            let file = self.log.open(cache)?;
            let mut scan = BatchScan::new(&*file, self.log.path(), start, stop);
            while let Some(batch) = scan.next_sound()? {
                if !scan.check_crc(&batch)? {
                    let (path, position) = (self.log.path(), batch.position);
                    return Err(LogError::Corrupt { what: "record batch", path, position });
                }
            }
            self.verified.lock().add(start, stop);
        }
    }

    /// Where to look for the first record with a timestamp of at least `timestamp_ms`.
    pub(crate) fn floor_by_time(&self, cache: &FileCache, timestamp_ms: i64) -> Result<u64> {
        let tail = self.tail.lock();
        let answer = tail.times.floor(|entry| entry.timestamp_ms <= timestamp_ms);
        drop(tail);
        let entry = self.resolve(cache, &self.time_file, answer, |entry: &TimeEntry| {
            entry.timestamp_ms <= timestamp_ms
        })?;
        let Some(entry) = entry else { return Ok(0) };
        let position = self.floor(cache, |other: &OffsetEntry| other.offset <= entry.offset)?;
        Ok(position.map_or(0, |entry| entry.position))
    }

    fn floor(&self, cache: &FileCache, before: impl Fn(&OffsetEntry) -> bool) -> Result<Option<OffsetEntry>> {
        let answer = self.tail.lock().offsets.floor(&before);
        self.resolve(cache, &self.offset_file, answer, before)
    }

    fn resolve<E: IndexEntry>(
        &self,
        cache: &FileCache,
        file: &Arc<LazyFile>,
        answer: Floor<E>,
        before: impl Fn(&E) -> bool,
    ) -> Result<Option<E>> {
        match answer {
            Floor::Known(entry) => Ok(entry),
            Floor::InFile(entries) => {
                let open = file.open(cache)?;
                floor_in_file(&*open, self.base_offset, entries, before).context("search", &file.path())
            }
        }
    }

    /// Bytes of the index files' entries.
    pub(crate) fn index_bytes(&self) -> u64 {
        let tail = self.tail.lock();
        let sparse = tail.offsets.len() * OffsetEntry::LEN + tail.times.len() * TimeEntry::LEN;
        sparse as u64 + self.aborted.size_bytes()
    }
}

/// Where batches end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WholeBatches {
    /// End of the last batch within the limit; the start when there is none.
    pub(crate) end: u64,
    /// Offset at which the batch after it begins.
    pub(crate) next_offset: i64,
    /// The first batch that ends beyond the limit.
    pub(crate) following: ScannedBatch,
}

/// What matters of an append for the choice of its segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppendShape {
    pub(crate) bytes: u64,
    pub(crate) last_offset: i64,
    pub(crate) max_timestamp_ms: i64,
}

impl Tail {
    fn add(&mut self, batch: &ScannedBatch, index_interval_bytes: u64) {
        let header = &batch.header;
        let newest = self.max_timestamp.unwrap_or(MaxTimestamp::NONE);
        // Of a batch without records, which compaction leaves, no record has the timestamp.
        if header.max_timestamp > newest.timestamp_ms && header.record_count > 0 {
            let offset = header.last_offset();
            self.max_timestamp = Some(MaxTimestamp { timestamp_ms: header.max_timestamp, offset });
        }
        self.first_timestamp_ms.get_or_insert(header.max_timestamp);
        if self.bytes_since_index > index_interval_bytes {
            self.offsets.push(OffsetEntry { offset: header.last_offset(), position: batch.position });
            self.add_time(self.max_timestamp.unwrap_or(MaxTimestamp::NONE));
            self.bytes_since_index = 0;
        }
        self.bytes_since_index += header.size() as u64;
        self.bytes_since_flush += header.size() as u64;
    }

    /// Adds a time entry if it is newer than the last.
    fn add_time(&mut self, newest: MaxTimestamp) {
        let last = self.times.last_in_memory();
        let newer =
            last.is_none_or(|last| newest.timestamp_ms > last.timestamp_ms && newest.offset > last.offset);
        if newer && newest.timestamp_ms >= 0 {
            self.times.push(TimeEntry { timestamp_ms: newest.timestamp_ms, offset: newest.offset });
        }
    }
}

/// Index entries on their way to the file.
struct Pending {
    bytes: Vec<u8>,
    position: u64,
    entries: usize,
}

impl Pending {
    fn of<E: IndexEntry>(index: &SparseIndex<E>) -> Self {
        let (bytes, position) = index.encode_unwritten();
        Self { bytes, position, entries: index.unwritten() }
    }

    fn write(&self, file: &Arc<LazyFile>, cache: &FileCache) -> Result<()> {
        if self.entries == 0 {
            return Ok(());
        }
        let open = file.create(cache)?;
        write_all_at(&*open, &mut [std::io::IoSlice::new(&self.bytes)], self.position)
            .context("write", &file.path())
    }
}
