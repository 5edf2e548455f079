//! Removing what is no longer wanted from the front of the log.
//!
//! Segments go as a whole: by age, by the partition's size, or because the log's start has moved past them. Their files are
//! renamed at once and removed `file.delete.delay.ms` later, so that readers who still hold them can finish.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{PartitionLog, Status, View, Writer};
use crate::config::TopicConfig;
use crate::names::{DELETE_SUFFIX, discarded_directory};
use crate::segment::Segment;
use crate::{LogError, Result};

impl PartitionLog {
    /// The log's start as retention wants it, if that is not where it is.
    pub(crate) fn retention_start(&self) -> Result<Option<i64>> {
        let config = self.config();
        self.open()?;
        let mut count = self.count_before_start();
        if config.cleanup_policy.delete {
            count = count.max(self.count_expired(&config)?).max(self.count_oversized(&config));
        }
        let view = self.view.read().clone();
        let start = view.segments.get(count).map_or(self.high_watermark(), |segment| segment.base_offset);
        Ok((count > 0).then_some(start))
    }

    /// Checks that records before `offset` may be deleted; −1 means the high watermark. Returns the offset.
    pub(crate) fn check_deletion(&self, offset: i64) -> Result<i64> {
        self.open()?;
        let (log_start_offset, end_offset) = (self.log_start_offset(), self.high_watermark());
        let requested = if offset == -1 { end_offset } else { offset };
        if (0..=end_offset).contains(&requested) {
            return Ok(requested);
        }
        Err(LogError::OffsetOutOfRange { requested, log_start_offset, end_offset })
    }

    /// Moves the log's start up to `offset`, and removes the segments before it; says how many. The metadata log must know
    /// the start by now: a crash may undo the removal of any of them.
    pub(crate) fn delete_before(&self, offset: i64) -> Result<usize> {
        let _maintenance = self.maintenance.lock();
        let mut writer = self.writer()?;
        self.advance_log_start(&mut writer, offset);
        let count = self.count_before_start();
        self.remove_front(&mut writer, count)
    }

    /// Removes files that were set aside long enough ago.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub(crate) fn remove_discarded(&self, now_ms: i64) -> Result<()> {
        let delay_ms = self.config().file_delete_delay_ms;
        let due: Vec<_> = {
            let mut writer = self.writer.lock();
            let is_due =
                |(since_ms, _): &mut (i64, Arc<Segment>)| now_ms.saturating_sub(*since_ms) >= delay_ms;
            writer.discarded.extract_if(.., is_due).collect()
        };
        due.iter().try_for_each(|(_, segment)| segment.remove_files(&self.context.cache))
    }

    /// Ends the partition because its topic was deleted, and gives its directory a name that says so.
    pub(crate) fn mark_deleted(&self) -> Result<Option<std::path::PathBuf>> {
        let _maintenance = self.maintenance.lock();
        let writer = self.writer.lock();
        self.set_status(Status::Deleted);
        let from = self.directory();
        let to = self.context.root.join(discarded_directory(&self.topic, self.index, DELETE_SUFFIX));
        let renamed = match self.context.fs().rename(&from, &to) {
            Ok(()) => Some(to),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(LogError::Io { operation: "rename", path: from, source }),
        };
        if let Some(to) = &renamed {
            let view = self.view.read().clone();
            view.segments.iter().for_each(|segment| segment.moved_to(to));
        }
        drop(writer);
        if let Some(listener) = self.listener.get() {
            listener.went_offline();
        }
        Ok(renamed)
    }

    /// Segments, from the oldest, that end before the log's start.
    fn count_before_start(&self) -> usize {
        let start = self.log_start_offset();
        self.count_while(|_, next_base| next_base <= start)
    }

    /// Segments, from the oldest, whose newest record is too old.
    fn count_expired(&self, config: &TopicConfig) -> Result<usize> {
        let Some(retention_ms) = config.retention_ms else { return Ok(0) };
        let now_ms = self.context.clock.now_ms();
        let view = self.view.read().clone();
        let mut expired = 0;
        for segment in &view.segments {
            let newest_ms = segment.max_timestamp(&self.context.cache)?.timestamp_ms;
            // Records without timestamps are as old as the time since which this process knows their segment.
            let newest_ms = if newest_ms >= 0 { newest_ms } else { segment.created_ms };
            if now_ms.saturating_sub(newest_ms) <= retention_ms {
                break;
            }
            expired += 1;
        }
        Ok(expired.min(self.count_while(|_, _| true)))
    }

    /// Segments, from the oldest, without which the partition is still as large as it may be.
    fn count_oversized(&self, config: &TopicConfig) -> usize {
        let Some(retention_bytes) = config.retention_bytes else { return 0 };
        let view = self.view.read().clone();
        let total: u64 = view.segments.iter().map(|segment| segment.extent().size).sum();
        let mut surplus = total.saturating_sub(retention_bytes);
        self.count_while(|segment, _| {
            let size = segment.extent().size;
            let fits = size <= surplus;
            surplus = surplus.saturating_sub(size);
            fits
        })
    }

    /// Counts segments from the oldest that satisfy a condition on the segment and its end, and may be removed at all: no
    /// record above the high watermark goes, nor an empty active segment.
    fn count_while(&self, mut wanted: impl FnMut(&Segment, i64) -> bool) -> usize {
        let view = self.view.read().clone();
        let (high_watermark, mut count) = (self.high_watermark(), 0);
        for (index, segment) in view.segments.iter().enumerate() {
            let extent = segment.extent();
            let is_active = index + 1 == view.segments.len();
            let end = view.segments.get(index + 1).map_or(extent.next_offset, |next| next.base_offset);
            if end > high_watermark || (is_active && extent.size == 0) || !wanted(segment, end) {
                break;
            }
            count += 1;
        }
        count
    }

    /// Removes the oldest `count` segments.
    fn remove_front(&self, writer: &mut Writer, count: usize) -> Result<usize> {
        if count == 0 {
            return Ok(0);
        }
        let now_ms = self.context.clock.now_ms();
        if count == self.view.read().segments.len() {
            self.roll(writer, now_ms)?;
        }
        let view = self.view.read().clone();
        let (removed, kept) = view.segments.split_at(count.min(view.segments.len() - 1));
        if let Some(first) = kept.first() {
            self.keep_producers(first.base_offset)?;
        }
        *self.view.write() = Arc::new(View { segments: kept.to_vec() });
        self.recent_reads.lock().clear();
        for segment in removed {
            segment.rename_deleted(&self.context.cache, "")?;
            if segment.base_offset != writer.snapshot_offset {
                self.remove_snapshot(segment.base_offset);
            }
            writer.discarded.push((now_ms, segment.clone()));
        }
        writer.names_unsynced = true;
        tracing::info!(
            topic = %self.topic, partition = self.index, segments = removed.len(), log_start_offset = self.log_start_offset(),
            "old segments are removed"
        );
        Ok(removed.len())
    }

    fn advance_log_start(&self, writer: &mut Writer, offset: i64) {
        let previous = self.log_start_offset.fetch_max(offset, Ordering::AcqRel);
        if offset > previous {
            writer.epochs.advance_start(offset);
            writer.epochs_unwritten = true;
        }
    }
}
