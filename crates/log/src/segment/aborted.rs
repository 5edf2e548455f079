//! The transaction index of a segment: Kafka's `.txnindex`, one entry for each transaction whose abort marker lies in the segment.
//!
//! Readers of committed records need the aborted transactions that overlap what they read. Entries lie in the order of their
//! markers, so their last offsets rise, and so do the last stable offsets: a lookup searches for the first entry that ends at or
//! behind the read's start and stops at the first after which everything before the read's end was decided.
//!
//! An entry is written when its marker is, so a killed process leaves a whole index but for the last entry; recovery makes good what is
//! missing. The file, 34 bytes an entry (`docs/formats/log-directory.md`), is created by the first entry: most segments have none.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Result;
use crate::error::IoContext;
use crate::files::{FileCache, LazyFile};
use crate::fs::{Durable, File, read_exact_at, replace_file, write_all_at};

const VERSION: i16 = 0;
const ENTRY_LEN: usize = 34;
/// Entries kept in memory once they are written.
const RECENT_MAX: usize = 256;
/// Entries that a reader takes from the file at once.
const BLOCK_ENTRIES: usize = 128;

/// A transaction that was aborted, as far as it concerns one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// The producer.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of the marker.
    pub last_offset: i64,
    /// The last stable offset as it was once the marker had been appended.
    pub last_stable_offset: i64,
}

impl AbortedTransaction {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(VERSION.to_be_bytes());
        for field in [self.producer_id, self.first_offset, self.last_offset, self.last_stable_offset] {
            out.extend(field.to_be_bytes());
        }
    }

    /// Reads an entry; `None` for one of another version, or that cannot be.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, fields) = bytes.split_first_chunk()?;
        let mut fields =
            fields.chunks_exact(8).filter_map(|field| field.try_into().ok().map(i64::from_be_bytes));
        let mut next = || fields.next();
        let entry = Self {
            producer_id: next()?,
            first_offset: next()?,
            last_offset: next()?,
            last_stable_offset: next()?,
        };
        let sound = i16::from_be_bytes(*version) == VERSION
            && entry.producer_id >= 0
            && (0..=entry.last_offset).contains(&entry.first_offset);
        sound.then_some(entry)
    }
}

#[derive(Debug, Default)]
struct Entries {
    /// Entries in the file.
    written: usize,
    /// The newest entries; the last `unwritten` of them are not in the file.
    recent: VecDeque<AbortedTransaction>,
    unwritten: usize,
}

impl Entries {
    fn len(&self) -> usize {
        self.written + self.unwritten
    }
}

/// The aborted transactions whose markers lie in one segment.
#[derive(Debug)]
pub(crate) struct AbortedIndex {
    pub(super) file: Arc<LazyFile>,
    entries: Mutex<Entries>,
}

impl AbortedIndex {
    /// An index of which nothing is known but its place: without entries until [`Self::find_entries`].
    pub(super) fn new(file: Arc<LazyFile>) -> Self {
        Self { file, entries: Mutex::default() }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().len()
    }

    pub(super) fn size_bytes(&self) -> u64 {
        (self.len() * ENTRY_LEN) as u64
    }

    /// Takes over the entries that a file of `size` bytes holds. False if they are not those of a segment that holds the offsets
    /// from `base_offset` to `end_offset`: the index must then be made anew.
    pub(crate) fn find_entries(
        &self,
        cache: &FileCache,
        size: u64,
        base_offset: i64,
        end_offset: i64,
    ) -> Result<bool> {
        if size == 0 {
            return Ok(true);
        }
        let written = size as usize / ENTRY_LEN;
        *self.entries.lock() = Entries { written, ..Entries::default() };
        let Some(found) = self.read_all(cache)? else { return Ok(false) };
        let whole = size.is_multiple_of(ENTRY_LEN as u64);
        let within = found.iter().all(|entry| (base_offset..end_offset).contains(&entry.last_offset));
        Ok(whole && within && found.is_sorted_by(|left, right| left.last_offset < right.last_offset))
    }

    /// Adds an entry behind all others. It is not in the file before [`Self::flush`].
    pub(crate) fn push(&self, entry: AbortedTransaction) {
        let mut entries = self.entries.lock();
        entries.recent.push_back(entry);
        entries.unwritten += 1;
    }

    /// Writes out entries that the file lacks. Only the partition's writer calls this.
    pub(crate) fn flush(&self, cache: &FileCache) -> Result<()> {
        let (bytes, count, position) = {
            let entries = self.entries.lock();
            let mut bytes = Vec::with_capacity(entries.unwritten * ENTRY_LEN);
            let from = entries.recent.len() - entries.unwritten;
            entries.recent.range(from..).for_each(|entry| entry.encode(&mut bytes));
            (bytes, entries.unwritten, (entries.written * ENTRY_LEN) as u64)
        };
        if count == 0 {
            return Ok(());
        }
        let file = self.file.create(cache)?;
        write_all_at(&*file, &mut [IoSlice::new(&bytes)], position).context("write", &self.file.path())?;
        let mut entries = self.entries.lock();
        entries.written += count;
        entries.unwritten -= count;
        let surplus = entries.recent.len().saturating_sub(RECENT_MAX.max(entries.unwritten));
        entries.recent.drain(..surplus);
        Ok(())
    }

    /// Makes the file durable, if there is one.
    pub(super) fn sync(&self, cache: &FileCache) -> Result<()> {
        if self.entries.lock().written == 0 {
            return Ok(());
        }
        self.file.open(cache)?.sync_data().context("sync", &self.file.path())
    }

    /// Adds to `found` the transactions that overlap the offsets from `from` to `end`. True if no later segment can hold one.
    pub(crate) fn collect(
        &self,
        cache: &FileCache,
        from: i64,
        end: i64,
        found: &mut Vec<AbortedTransaction>,
    ) -> Result<bool> {
        // What is added from now on concerns nobody who reads up to a last stable offset of before.
        let (in_file, recent): (usize, Vec<_>) = {
            let entries = self.entries.lock();
            let in_file = entries.len() - entries.recent.len();
            if in_file == 0 || entries.recent.front().is_some_and(|oldest| oldest.last_offset < from) {
                let first = entries.recent.partition_point(|entry| entry.last_offset < from);
                return Ok(take_overlapping(entries.recent.range(first..), end, found));
            }
            (in_file, entries.recent.iter().copied().collect())
        };
        let file = self.file.open(cache)?;
        let mut first = first_in_file(&*file, in_file, from).context("search", &self.file.path())?;
        while first < in_file {
            let block = first..in_file.min(first + BLOCK_ENTRIES);
            first = block.end;
            let entries = read_block(&*file, &block).context("read", &self.file.path())?;
            if take_overlapping(entries.iter(), end, found) {
                return Ok(true);
            }
        }
        let ends_before = recent.partition_point(|entry| entry.last_offset < from);
        Ok(take_overlapping(recent[ends_before..].iter(), end, found))
    }

    /// All entries; `None` where one of them is unsound.
    pub(crate) fn read_all(&self, cache: &FileCache) -> Result<Option<Vec<AbortedTransaction>>> {
        let (in_file, recent): (usize, Vec<_>) = {
            let entries = self.entries.lock();
            (entries.len() - entries.recent.len(), entries.recent.iter().copied().collect())
        };
        let mut all = Vec::new();
        if in_file > 0 {
            let file = self.file.open(cache)?;
            match read_block(&*file, &(0..in_file)) {
                Ok(read) => all = read,
                Err(error) if is_unsound(&error) => return Ok(None),
                Err(error) => return Err(error).context("read", &self.file.path()),
            }
        }
        all.extend(recent);
        Ok(Some(all))
    }

    /// Makes the entries that end at `from` or behind it those of `expected`, as recovery found them in the log. A change is
    /// durable and whole, or did not happen.
    pub(crate) fn reconcile(
        &self,
        cache: &FileCache,
        from: i64,
        expected: &[AbortedTransaction],
    ) -> Result<()> {
        if expected.is_empty() && self.len() == 0 {
            return Ok(());
        }
        let path = self.file.path();
        let mut entries = match self.read_all(cache)? {
            Some(mut entries) => {
                let kept = entries.partition_point(|entry| entry.last_offset < from);
                let size = self.file.create(cache)?.size().context("read the size of", &path)?;
                if entries[kept..] == *expected && size == self.size_bytes() {
                    return Ok(());
                }
                entries.truncate(kept);
                entries
            }
            None => Vec::new(),
        };
        entries.extend(expected);
        self.file.close();
        replace_file(cache.fs(), &path, &encode_all(&entries), Durable::Yes).context("write", &path)?;
        *self.entries.lock() = Entries { written: entries.len(), ..Entries::default() };
        Ok(())
    }
}

/// The bytes of an index file.
pub(crate) fn encode_all(entries: &[AbortedTransaction]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_LEN);
    entries.iter().for_each(|entry| entry.encode(&mut bytes));
    bytes
}

/// Takes those that begin before `end`. True once everything before `end` was decided.
fn take_overlapping<'a>(
    entries: impl Iterator<Item = &'a AbortedTransaction>,
    end: i64,
    found: &mut Vec<AbortedTransaction>,
) -> bool {
    for entry in entries {
        if entry.first_offset < end {
            found.push(*entry);
        }
        if entry.last_stable_offset >= end {
            return true;
        }
    }
    false
}

/// Index of the first entry of the file that ends at `from` or behind it.
fn first_in_file(file: &dyn File, entries: usize, from: i64) -> io::Result<usize> {
    let (mut low, mut high) = (0, entries);
    while low < high {
        let middle = low + (high - low) / 2;
        let ends_before =
            read_block(file, &(middle..middle + 1))?.iter().all(|entry| entry.last_offset < from);
        if ends_before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn read_block(file: &dyn File, range: &std::ops::Range<usize>) -> io::Result<Vec<AbortedTransaction>> {
    let mut bytes = vec![0; range.len() * ENTRY_LEN];
    read_exact_at(file, &mut bytes, (range.start * ENTRY_LEN) as u64)?;
    let entries = bytes.chunks_exact(ENTRY_LEN).map(AbortedTransaction::decode);
    entries.map(|entry| entry.ok_or_else(|| io::ErrorKind::InvalidData.into())).collect()
}

fn is_unsound(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests;
