//! Reading: an offset becomes slices of segment files, which the caller sends or maps as it likes.
//!
//! Nothing of the records is read here. Slices begin at the batch that holds the offset and end at a batch boundary: at the
//! bound the reader may see up to, or at the last batch that fits the wanted size. Both ends come from what is in
//! memory wherever a reader follows the log; otherwise from the sparse index and a walk over at most a few headers. Only what an
//! earlier process wrote is read once, to compare its checksums: damage is never served, but what lies before and behind it is.
//!
//! A reader of committed records stops at the last stable offset and is told which aborted transactions overlap what it got.

use std::fmt;
use std::sync::Arc;

use super::{Mark, PartitionLog, Status, View};
use crate::fs::File;
use crate::segment::{AbortedTransaction, Segment};
use crate::{LogError, Result};

/// Ends of reads that are remembered, because the next read of the same consumer begins there.
const RECENT_READS_MAX: usize = 8;

/// Up to where a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBound {
    /// Everything that may be acknowledged.
    HighWatermark,
    /// As that, but nothing from the first open transaction on.
    LastStableOffset,
    /// Everything appended, durable or not: for the broker's own loading of its topics.
    LogEnd,
}

/// What to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRequest {
    /// Offset of the first wanted record.
    pub offset: i64,
    /// Most bytes to give.
    pub max_bytes: u64,
    /// Whether the first batch is given although it alone exceeds `max_bytes`.
    pub at_least_one_batch: bool,
    /// Up to where the reader may see.
    pub bound: ReadBound,
}

/// A part of a segment file that holds whole batches.
#[derive(Clone)]
pub struct FileSlice {
    /// The open file.
    pub file: Arc<dyn File>,
    /// Where the slice begins, in bytes.
    pub position: u64,
    /// Length in bytes.
    pub length: u64,
}

impl fmt::Debug for FileSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSlice").field("position", &self.position).field("length", &self.length).finish()
    }
}

impl FileSlice {
    /// Reads the whole slice.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length as usize];
        crate::fs::read_exact_at(&*self.file, &mut bytes, self.position)?;
        Ok(bytes)
    }
}

/// What a read found, with the partition's offsets at that moment.
#[derive(Debug, Clone)]
pub struct ReadSlices {
    /// Batches in order; the first one holds the wanted offset, or is the first behind it. Empty at the bound.
    pub slices: Vec<FileSlice>,
    /// First offset of the partition.
    pub log_start_offset: i64,
    /// High watermark.
    pub high_watermark: i64,
    /// Last stable offset.
    pub last_stable_offset: i64,
    /// For a read up to the last stable offset, the aborted transactions that overlap it, by their first offsets; `None` for
    /// other bounds, which deliver records of all transactions.
    pub aborted: Option<Vec<AbortedTransaction>>,
}

impl ReadSlices {
    /// The first offset that a reader up to `bound` may not see; of all that are appended, that is not known here.
    pub(super) fn end_for(&self, bound: ReadBound) -> i64 {
        match bound {
            ReadBound::HighWatermark => self.high_watermark,
            ReadBound::LastStableOffset => self.last_stable_offset,
            ReadBound::LogEnd => i64::MAX,
        }
    }

    /// Bytes of all slices.
    pub fn size_bytes(&self) -> u64 {
        self.slices.iter().map(|slice| slice.length).sum()
    }

    /// Reads all slices into one buffer.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.size_bytes() as usize];
        let mut rest = &mut bytes[..];
        for slice in &self.slices {
            let (part, behind) = rest.split_at_mut(slice.length as usize);
            crate::fs::read_exact_at(&*slice.file, part, slice.position)?;
            rest = behind;
        }
        Ok(bytes)
    }
}

/// Where reads ended lately.
#[derive(Debug, Default)]
pub(super) struct RecentReads {
    ends: [Mark; RECENT_READS_MAX],
    next: usize,
}

impl RecentReads {
    pub(super) fn find(&self, offset: i64, segment_base: i64) -> Option<u64> {
        let found = self.ends.iter().find(|end| end.offset == offset && end.segment_base == segment_base);
        found.map(|end| end.position).filter(|&position| position > 0)
    }

    fn remember(&mut self, end: Mark) {
        if !self.ends.contains(&end) {
            self.ends[self.next] = end;
            self.next = (self.next + 1) % RECENT_READS_MAX;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl PartitionLog {
    /// Finds the batches from an offset on, as slices of files.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] for an offset before the log's start or behind its end;
    /// [`LogError::Corrupt`]; [`LogError::Io`]; as [`Self::open`].
    pub fn read(&self, request: &ReadRequest) -> Result<ReadSlices> {
        if self.check_available()? == Status::Closed {
            self.open()?;
        }
        let (bound, mut found) = self.bound(request.bound)?;
        let (log_start_offset, end_offset) = (found.log_start_offset, self.log_end_offset());
        if request.offset < log_start_offset || request.offset > end_offset {
            return Err(LogError::OffsetOutOfRange {
                requested: request.offset,
                log_start_offset,
                end_offset,
            });
        }
        if request.offset < bound.offset {
            self.collect(request, bound, &mut found).inspect_err(|error| self.report_damage(error))?;
        }
        Ok(found)
    }

    /// The bound as a place in the files, and a result without slices.
    fn bound(&self, bound: ReadBound) -> Result<(Mark, ReadSlices)> {
        let (place, found) = self.known_bound(bound);
        if let Some(place) = place {
            return Ok((place, found));
        }
        let place = self.mark_of(found.last_stable_offset)?;
        self.marks.lock().unstable_place = Some(place);
        Ok((place, found))
    }

    /// As [`Self::bound`]; no place where that of the last stable offset has to be looked for.
    pub(super) fn known_bound(&self, bound: ReadBound) -> (Option<Mark>, ReadSlices) {
        let log_start_offset = self.log_start_offset();
        let marks = self.marks.lock();
        let high_watermark = marks.high_watermark;
        let unstable = marks.first_unstable(log_start_offset);
        let found = ReadSlices {
            slices: Vec::new(),
            log_start_offset,
            high_watermark: high_watermark.offset,
            last_stable_offset: unstable.unwrap_or(high_watermark.offset),
            aborted: (bound == ReadBound::LastStableOffset).then(Vec::new),
        };
        let place = match (bound, unstable) {
            (ReadBound::LogEnd, _) => Some(marks.log_end),
            (ReadBound::LastStableOffset, Some(first)) => {
                marks.unstable_place.filter(|place| place.offset == first)
            }
            (ReadBound::LastStableOffset, None) | (ReadBound::HighWatermark, _) => Some(high_watermark),
        };
        (place, found)
    }

    /// The place of the batch that begins at or holds `offset`.
    pub(super) fn mark_of(&self, offset: i64) -> Result<Mark> {
        let view = self.view.read().clone();
        let Some(segment) = view.floor(offset).and_then(|index| view.segments.get(index)) else {
            return Ok(Mark { offset, ..Mark::default() });
        };
        let end = segment.extent().size;
        let position =
            segment.find_offset(&self.context.cache, offset, end)?.map_or(end, |batch| batch.position);
        Ok(Mark { offset, segment_base: segment.base_offset, position })
    }

    fn collect(&self, request: &ReadRequest, bound: Mark, found: &mut ReadSlices) -> Result<()> {
        let view = self.view.read().clone();
        let from = view.floor(request.offset).unwrap_or(0);
        let segments = view.segments.get(from..).unwrap_or_default();
        let end = self.collect_slices(request, bound, segments, &mut found.slices)?;
        self.remember_end(&view, end);
        let Some(aborted) = found.aborted.as_mut().filter(|_| !found.slices.is_empty()) else {
            return Ok(());
        };
        for segment in segments {
            if segment.aborted.collect(&self.context.cache, request.offset, end.offset, aborted)? {
                break;
            }
        }
        aborted.sort_unstable_by_key(|aborted| aborted.first_offset);
        Ok(())
    }

    /// Remembers where a read ended, unless compaction has replaced the segment meanwhile.
    pub(super) fn remember_end(&self, view: &Arc<View>, end: Mark) {
        // Compaction shows its segments first and clears what is remembered then.
        let mut recent = self.recent_reads.lock();
        let current = self.view.read();
        let segment_of = |view: &View| {
            let index = view.floor(end.segment_base)?;
            view.segments.get(index).cloned()
        };
        let is_same = Arc::ptr_eq(view, &current)
            || matches!((segment_of(view), segment_of(&current)), (Some(then), Some(now)) if Arc::ptr_eq(&then, &now));
        if is_same {
            recent.remember(end);
        }
    }

    /// Collects slices of the segments; says where they end.
    fn collect_slices(
        &self,
        request: &ReadRequest,
        bound: Mark,
        segments: &[Arc<Segment>],
        slices: &mut Vec<FileSlice>,
    ) -> Result<Mark> {
        let mut left = request.max_bytes;
        for (index, segment) in segments.iter().enumerate() {
            if segment.base_offset > bound.segment_base {
                break;
            }
            // A bound at the very end of a segment may be older than a compaction of it, and its position wrong.
            let is_whole = segments.get(index + 1).is_some_and(|next| next.base_offset <= bound.offset);
            let end = if segment.base_offset == bound.segment_base && !is_whole {
                bound.position
            } else {
                segment.extent().size
            };
            let first = slices.is_empty() && request.at_least_one_batch;
            let found = match self.start_in(segment, request.offset, end) {
                Ok(None) => continue,
                Ok(Some(start)) => {
                    self.sound_stop(segment, start, end, left, first).map(|stop| (start, stop))
                }
                Err(error) => Err(error),
            };
            let (start, stop) = match found {
                Err(error @ LogError::Corrupt { .. }) if !slices.is_empty() => {
                    self.report_damage(&error);
                    return Ok(Mark { offset: i64::MAX, segment_base: segment.base_offset, position: 0 });
                }
                found => found?,
            };
            if stop.position > start {
                let file = segment.log_file(&self.context.cache)?;
                slices.push(FileSlice { file, position: start, length: stop.position - start });
                left = left.saturating_sub(stop.position - start);
            }
            if stop.position < end {
                return Ok(stop);
            }
        }
        Ok(bound)
    }

    /// Position in `segment` of the batch that holds `offset` or is the first behind it.
    fn start_in(&self, segment: &Arc<Segment>, offset: i64, end: u64) -> Result<Option<u64>> {
        if end == 0 {
            return Ok(None);
        }
        if offset <= segment.base_offset {
            return Ok(Some(0));
        }
        if let Some(position) = self.recent_reads.lock().find(offset, segment.base_offset) {
            return Ok((position < end).then_some(position));
        }
        let batch = segment.find_offset(&self.context.cache, offset, end)?;
        Ok(batch.map(|batch| batch.position))
    }

    /// As [`Self::stop_in`], but before the first damage, with all checksums compared.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] where the damage is at `start` itself.
    fn sound_stop(
        &self,
        segment: &Arc<Segment>,
        start: u64,
        end: u64,
        max_bytes: u64,
        first: bool,
    ) -> Result<Mark> {
        let before = |error: LogError| match error {
            LogError::Corrupt { position, .. } if position > start => {
                self.report_damage(&error);
                Ok(Mark { offset: i64::MAX, segment_base: segment.base_offset, position })
            }
            error => Err(error),
        };
        let stop = self.stop_in(segment, start, end, max_bytes, first).or_else(before)?;
        let verified = segment.verify(&self.context.cache, start, stop.position);
        // What this process wrote is not compared here, but may have been found damaged elsewhere.
        verified
            .and_then(|()| self.check_known_damage(segment, start, stop.position))
            .map(|()| stop)
            .or_else(before)
    }

    /// Where to stop in `segment`: at `end`, or behind the last batch that fits `max_bytes`.
    fn stop_in(
        &self,
        segment: &Arc<Segment>,
        start: u64,
        end: u64,
        max_bytes: u64,
        first: bool,
    ) -> Result<Mark> {
        let segment_base = segment.base_offset;
        if end - start <= max_bytes {
            return Ok(Mark { offset: i64::MAX, segment_base, position: end });
        }
        let whole = segment.whole_batches(&self.context.cache, start, start + max_bytes, end)?;
        if whole.end == start && first {
            let batch = whole.following;
            return Ok(Mark {
                offset: batch.header.next_offset(),
                segment_base,
                position: batch.end_position(),
            });
        }
        Ok(Mark { offset: whole.next_offset, segment_base, position: whole.end })
    }
}
