//! Reading without waiting, for consumers that follow the log.
//!
//! Where the last read of a consumer ended, where the log ends, and that all in between was appended by this process is
//! in memory, and the records themselves most likely in the page cache. So such a read needs no thread that may wait for a disk. Whatever
//! is not as simple as that is left to [`PartitionLog::read`].

use super::read::{FileSlice, ReadBound, ReadRequest, ReadSlices};
use super::{PartitionLog, Status};

impl PartitionLog {
    /// As [`Self::read`], without touching a file; `None` when that does not suffice, whatever the reason. The slices are
    /// to be read by [`crate::fs::File::read_cached_at`].
    pub fn read_following(&self, request: &ReadRequest) -> Option<ReadSlices> {
        if self.status() != Status::Open {
            return None;
        }
        let (bound, mut found) = self.known_bound(request.bound);
        // The bound was read first: it only grows, so the end that is read now is no smaller.
        if request.offset >= found.end_for(request.bound) && request.offset <= self.log_end_offset() {
            return Some(found);
        }
        let bound = bound?;
        if request.offset < found.log_start_offset || request.offset > bound.offset {
            return None;
        }
        // Only the last segment: nothing compacts it, so places in it stay right.
        let view = self.view.read().clone();
        let segment = view.segments.last().filter(|last| last.base_offset == bound.segment_base)?;
        let begins = request.offset == segment.base_offset;
        let known = || self.recent_reads.lock().find(request.offset, segment.base_offset);
        let position = if begins { 0 } else { known()? };
        let length =
            bound.position.checked_sub(position).filter(|length| (1..=request.max_bytes).contains(length))?;
        if request.bound == ReadBound::LastStableOffset && segment.aborted.len() > 0 {
            return None;
        }
        self.check_known_damage(segment, position, bound.position).ok()?;
        let file = segment.sound_log_file(position)?;
        self.remember_end(&view, bound);
        found.slices.push(FileSlice { file, position, length });
        Some(found)
    }
}

#[cfg(test)]
mod tests;
