//! A partition's part in a round of syncs: what to sync, and what it means.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::{Mark, PartitionLog, Status};
use crate::Result;
use crate::config::TopicConfig;
use crate::context::{Checkpointed, Context};
use crate::durability::{FsyncPolicy, sync_partition};
use crate::error::IoContext;
use crate::fs::OpenMode;
use crate::segment::Segment;

/// What a round syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncScope {
    /// All but the active segment.
    Finished,
    /// All segments.
    Everything,
}

/// What is to be synced so that everything before `mark` is durable.
#[derive(Debug)]
pub(crate) struct SyncPlan<'a> {
    /// From plan to consequence, one sync at a time: a second one would find nothing left to sync and take that for durable.
    _turn: MutexGuard<'a, ()>,
    mark: Mark,
    segments: Vec<(Arc<Segment>, bool)>,
    small_files: Vec<PathBuf>,
    directory: Option<PathBuf>,
    root: bool,
}

/// What was appended and is not known to be durable.
#[derive(Debug)]
pub(crate) struct Unsynced {
    pub(crate) ranges: Vec<UnsyncedRange>,
    /// Its end.
    pub(crate) mark: Mark,
}

/// Bytes of one segment's log file.
#[derive(Debug)]
pub(crate) struct UnsyncedRange {
    pub(crate) segment: Arc<Segment>,
    pub(crate) position: u64,
    pub(crate) length: u64,
    /// Offset behind the last record.
    pub(crate) end_offset: i64,
}

impl Unsynced {
    pub(crate) fn bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.length).sum()
    }
}

impl SyncPlan<'_> {
    /// Number of sync calls that it takes.
    pub(crate) fn sync_count(&self) -> usize {
        self.segments.iter().map(|(_, finished)| if *finished { 3 } else { 1 }).sum::<usize>()
            + self.small_files.len()
            + usize::from(self.directory.is_some())
    }

    /// Whether the partition's directory is a new name in the data directory.
    pub(crate) fn syncs_root(&self) -> bool {
        self.root
    }

    /// Syncs the files, and the names in the partition's directory.
    pub(crate) fn execute(&self, context: &Context) -> Result<()> {
        for (segment, finished) in &self.segments {
            segment.sync(&context.cache, *finished)?;
        }
        for path in &self.small_files {
            let file = context.fs().open(path, OpenMode::Existing).context("open", path)?;
            file.sync_data().context("sync", path)?;
        }
        match &self.directory {
            Some(directory) => context.fs().sync_dir(directory).context("sync", directory),
            None => Ok(()),
        }
    }
}

impl PartitionLog {
    /// Asks for a round of syncs to cover what was appended.
    pub(super) fn enqueue_sync(self: &Arc<Self>) {
        if !self.sync_queued.swap(true, Ordering::AcqRel) {
            self.context.sync_queue.push(self.clone());
        }
    }

    /// Called when a round has taken the partition from the queue: later appends need another one.
    pub(crate) fn leave_sync_queue(&self) {
        self.sync_queued.store(false, Ordering::Release);
    }

    /// Whether records have waited for a sync as long as `flush.ms` lets them, or longer.
    pub(crate) fn is_flush_overdue(&self, now_ms: i64) -> bool {
        let waits_ms = now_ms.saturating_sub(self.synced_ms.load(Ordering::Acquire));
        self.is_open() && self.durable_offset() < self.log_end_offset() && waits_ms >= self.config().flush_ms
    }

    /// Syncs when `flush.messages` records have come since the last sync, before they are acknowledged.
    ///
    /// # Errors
    /// [`crate::LogError::PartitionOffline`] when that has failed.
    pub(super) fn flush_if_due(&self, config: &TopicConfig) -> Result<()> {
        let unsynced = self.log_end_offset() - self.recovery_point();
        if unsynced < config.flush_messages {
            return Ok(());
        }
        sync_partition(&self.context, self, SyncScope::Everything);
        self.check_available().map(|_| ())
    }

    /// What has to be synced; `None` when nothing has, or the partition is not open.
    pub(crate) fn plan_sync(&self, scope: SyncScope) -> Option<SyncPlan<'_>> {
        let turn = self.sync.lock();
        if !matches!(self.status(), Status::Open | Status::Closing) {
            return None;
        }
        let mut writer = self.writer.lock();
        let view = self.view.read().clone();
        let log_end = self.marks.lock().log_end;
        let (finished, active) = match view.segments.split_last() {
            Some((active, finished)) => (finished, Some(active)),
            None => (&[][..], None),
        };
        let take = |segment: &Arc<Segment>| segment.dirty.swap(false, Ordering::AcqRel);
        let mut segments: Vec<_> =
            finished.iter().filter(|segment| take(segment)).map(|segment| (segment.clone(), true)).collect();
        let mut mark = log_end;
        if scope == SyncScope::Everything {
            segments.extend(active.filter(|active| take(active)).map(|active| (active.clone(), false)));
        } else if let Some(active) = active {
            mark = Mark { offset: active.base_offset, segment_base: active.base_offset, position: 0 };
        }
        let directory = std::mem::take(&mut writer.names_unsynced).then(|| self.directory());
        let root = std::mem::take(&mut writer.own_name_unsynced);
        let small_files = writer.files_unsynced.drain(..).map(|file| self.directory().join(file)).collect();
        drop(writer);
        if segments.is_empty() && directory.is_none() && !root && mark.offset <= self.recovery_point() {
            return None;
        }
        Some(SyncPlan { _turn: turn, mark, segments, small_files, directory, root })
    }

    /// Draws the consequences of a sync.
    pub(crate) fn finish_sync(&self, plan: SyncPlan<'_>, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                self.recovery_point.fetch_max(plan.mark.offset, Ordering::AcqRel);
                self.synced_ms.store(self.context.clock.now_ms(), Ordering::Release);
                if self.context.policy == FsyncPolicy::Group {
                    self.advance_high_watermark(plan.mark);
                }
            }
            // Its directory has another name by now.
            Err(_) if self.status() == Status::Deleted => {}
            Err(error) => {
                self.context.failed_sync.write();
                self.go_offline(&error);
            }
        }
    }

    /// What lies above the high watermark, which under [`FsyncPolicy::Group`] is where durability ends; `None` when nothing does, or the
    /// partition is not open.
    pub(crate) fn unsynced(&self) -> Option<Unsynced> {
        if !matches!(self.status(), Status::Open | Status::Closing) {
            return None;
        }
        let (from, mark) = {
            let marks = self.marks.lock();
            (marks.high_watermark, marks.log_end)
        };
        let view = self.view.read().clone();
        let range = |segment: &Arc<Segment>| {
            let position = if segment.base_offset == from.segment_base { from.position } else { 0 };
            let (end, end_offset) = if segment.base_offset == mark.segment_base {
                (mark.position, mark.offset)
            } else {
                let extent = segment.extent();
                (extent.size, extent.next_offset)
            };
            let length = end.checked_sub(position).filter(|&length| length > 0)?;
            Some(UnsyncedRange { segment: segment.clone(), position, length, end_offset })
        };
        let bases = from.segment_base..=mark.segment_base;
        let concerned = view.segments.iter().filter(|segment| bases.contains(&segment.base_offset));
        (mark.offset > from.offset).then(|| Unsynced { ranges: concerned.filter_map(range).collect(), mark })
    }

    /// Takes note that the journal has everything before `mark`.
    pub(crate) fn finish_journaled(&self, mark: Mark) {
        if matches!(self.status(), Status::Open | Status::Closing) {
            self.synced_ms.store(self.context.clock.now_ms(), Ordering::Release);
            self.advance_high_watermark(mark);
        }
    }

    /// Whether the journal has nothing of the partition yet in this generation; it has then.
    pub(crate) fn is_new_in_journal(&self, generation: u64) -> bool {
        self.journal_generation.swap(generation, Ordering::Relaxed) != generation
    }

    /// Takes note that everything before an offset is in the files on the disk: whatever was, and was written when the sync began.
    pub(crate) fn settled(&self, offset: i64) {
        if matches!(self.status(), Status::Open | Status::Closing) {
            self.recovery_point.fetch_max(offset, Ordering::AcqRel);
        }
    }

    /// Offset before which everything is durable, in the files or in the journal.
    fn durable_offset(&self) -> i64 {
        match self.context.policy {
            FsyncPolicy::Group => self.high_watermark(),
            FsyncPolicy::None | FsyncPolicy::Interval => self.recovery_point(),
        }
    }

    /// The offsets that go into checkpoints.
    pub(crate) fn checkpoint(&self) -> Checkpointed {
        Checkpointed {
            recovery_point: self.recovery_point(),
            log_start_offset: self.log_start_offset(),
            high_watermark: self.high_watermark(),
            journaled: 0,
        }
    }

    /// Before the last sync: writes out what only memory has.
    pub(crate) fn prepare_close(&self) -> Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        let _maintenance = self.maintenance.lock();
        self.snapshot_producers_if_due(true);
        let mut writer = self.writer.lock();
        let view = self.view.read().clone();
        if let Some(active) = view.segments.last() {
            active.seal(&self.context.cache)?;
            writer.names_unsynced = true;
        }
        self.set_status(Status::Closing);
        Ok(())
    }

    /// After the last sync: no more appends.
    pub(crate) fn finish_close(&self) {
        let _writer = self.writer.lock();
        if self.status() == Status::Closing {
            self.set_status(Status::Offline);
        }
    }
}

#[cfg(test)]
mod tests;
