//! The two sparse indexes of a segment, in Kafka's formats.
//!
//! The offset index maps the last offset of a batch to the batch's position: 8 bytes an entry, offset relative to the segment's
//! base. The time index maps a timestamp to an offset up to which no record is newer: 12 bytes an entry. Both only grow at
//! their end, so what is on the disk never changes.
//!
//! The newest entries are kept in memory: appends add there and write them out many at a time ([`SparseIndex::unwritten`]), and
//! readers near the end of the log need no system call. Older entries are found by a binary search in the file.
//!
//! Entries not yet written are no loss in a crash: recovery makes them anew from the log.

use std::collections::VecDeque;
use std::io;

use crate::fs::{File, read_exact_at};

/// Entries kept in memory once they are written.
const RECENT_ENTRIES_MAX: usize = 512;

/// Entries that a search in a file reads at once in the end.
const BLOCK_ENTRIES: usize = 128;
/// Bytes of the largest kind of entry.
const ENTRY_LEN_MAX: usize = 12;

/// One entry of an index file.
pub(crate) trait IndexEntry: Copy + std::fmt::Debug {
    /// Bytes of an entry.
    const LEN: usize;
    fn encode(&self, base_offset: i64, out: &mut Vec<u8>);
    fn decode(bytes: &[u8], base_offset: i64) -> Option<Self>;
}

/// Where the batch with the last offset `offset` begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    pub(crate) offset: i64,
    pub(crate) position: u64,
}

impl IndexEntry for OffsetEntry {
    const LEN: usize = 8;

    fn encode(&self, base_offset: i64, out: &mut Vec<u8>) {
        out.extend(((self.offset - base_offset) as i32).to_be_bytes());
        out.extend((self.position as i32).to_be_bytes());
    }

    fn decode(bytes: &[u8], base_offset: i64) -> Option<Self> {
        let (offset, rest) = bytes.split_first_chunk()?;
        let (position, _) = rest.split_first_chunk()?;
        let offset = base_offset.checked_add(i64::from(i32::from_be_bytes(*offset)))?;
        Some(Self { offset, position: u64::try_from(i32::from_be_bytes(*position)).ok()? })
    }
}

/// Up to `offset`, no record of the segment is newer than `timestamp_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub(crate) timestamp_ms: i64,
    pub(crate) offset: i64,
}

impl IndexEntry for TimeEntry {
    const LEN: usize = 12;

    fn encode(&self, base_offset: i64, out: &mut Vec<u8>) {
        out.extend(self.timestamp_ms.to_be_bytes());
        out.extend(((self.offset - base_offset) as i32).to_be_bytes());
    }

    fn decode(bytes: &[u8], base_offset: i64) -> Option<Self> {
        let (timestamp, rest) = bytes.split_first_chunk()?;
        let (offset, _) = rest.split_first_chunk()?;
        let offset = base_offset.checked_add(i64::from(i32::from_be_bytes(*offset)))?;
        Some(Self { timestamp_ms: i64::from_be_bytes(*timestamp), offset })
    }
}

/// What is known of an index without its file.
#[derive(Debug, Clone)]
pub(crate) struct SparseIndex<E> {
    base_offset: i64,
    /// Entries in the file.
    written: usize,
    /// The newest entries; the last `unwritten` of them are not in the file.
    recent: VecDeque<E>,
    unwritten: usize,
}

/// Answer of a search in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Floor<E> {
    /// The last entry that satisfies the condition, or that there is none.
    Known(Option<E>),
    /// It is among the first so many entries of the file.
    InFile(usize),
}

impl<E: IndexEntry> SparseIndex<E> {
    /// An index whose file holds `written` entries.
    pub(crate) fn new(base_offset: i64, written: usize) -> Self {
        Self { base_offset, written, recent: VecDeque::new(), unwritten: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.written + self.unwritten
    }

    pub(crate) fn push(&mut self, entry: E) {
        self.recent.push_back(entry);
        self.unwritten += 1;
    }

    /// Keeps the last entry of the file in memory.
    pub(crate) fn remember(&mut self, last: E) {
        debug_assert!(self.recent.is_empty() && self.written > 0, "the last entry is already in memory");
        self.recent.push_back(last);
    }

    pub(crate) fn last_in_memory(&self) -> Option<&E> {
        self.recent.back()
    }

    /// Number of entries that the file lacks.
    pub(crate) fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// The bytes that the file lacks, and the position where they belong.
    pub(crate) fn encode_unwritten(&self) -> (Vec<u8>, u64) {
        let mut bytes = Vec::with_capacity(self.unwritten * E::LEN);
        let from = self.recent.len() - self.unwritten;
        self.recent.range(from..).for_each(|entry| entry.encode(self.base_offset, &mut bytes));
        (bytes, (self.written * E::LEN) as u64)
    }

    /// Notes that the file has the first `count` of the entries that it lacked.
    pub(crate) fn mark_written(&mut self, count: usize) {
        self.written += count;
        self.unwritten -= count;
        let surplus = self.recent.len().saturating_sub(RECENT_ENTRIES_MAX.max(self.unwritten));
        self.recent.drain(..surplus);
    }

    /// Lets go of the entries in memory, which must all be written.
    pub(crate) fn forget_recent(&mut self) {
        let unwritten = self.recent.len() - self.unwritten;
        self.recent.drain(..unwritten);
    }

    /// Looks for the last entry that satisfies `is_before`, which must hold for the first entries and not for the others.
    pub(crate) fn floor(&self, is_before: impl Fn(&E) -> bool) -> Floor<E> {
        let before = self.recent.partition_point(&is_before);
        let in_file = self.len() - self.recent.len();
        match before.checked_sub(1) {
            Some(last) => Floor::Known(self.recent.get(last).copied()),
            None if in_file == 0 => Floor::Known(None),
            None => Floor::InFile(in_file),
        }
    }
}

/// Looks in the first `entries` entries of an index file for the last that satisfies `is_before`.
///
/// # Errors
/// As the system gives them; [`io::ErrorKind::InvalidData`] when an entry cannot be.
pub(crate) fn floor_in_file<E: IndexEntry>(
    file: &dyn File,
    base_offset: i64,
    entries: usize,
    is_before: impl Fn(&E) -> bool,
) -> io::Result<Option<E>> {
    let (mut from, mut end, mut found) = (0, entries, None);
    while end - from > BLOCK_ENTRIES {
        let middle = from + (end - from) / 2;
        let entry = entry_in_file(file, base_offset, middle)?;
        if is_before(&entry) {
            found = Some(entry);
            from = middle + 1;
        } else {
            end = middle;
        }
    }
    // The last steps of the search happen in one block.
    let mut block = [0; BLOCK_ENTRIES * ENTRY_LEN_MAX];
    let block = &mut block[..(end - from) * E::LEN];
    read_exact_at(file, block, (from * E::LEN) as u64)?;
    for bytes in block.chunks_exact(E::LEN) {
        let entry = E::decode(bytes, base_offset).ok_or(io::ErrorKind::InvalidData)?;
        if !is_before(&entry) {
            break;
        }
        found = Some(entry);
    }
    Ok(found)
}

/// Reads one entry of an index file.
///
/// # Errors
/// As [`floor_in_file`].
pub(crate) fn entry_in_file<E: IndexEntry>(file: &dyn File, base_offset: i64, index: usize) -> io::Result<E> {
    let mut buffer = [0; ENTRY_LEN_MAX];
    let buffer = &mut buffer[..E::LEN];
    read_exact_at(file, buffer, (index * E::LEN) as u64)?;
    E::decode(buffer, base_offset).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests;
