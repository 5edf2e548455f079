//! Opening a partition, and repairing what a crash left.
//!
//! How much is distrusted depends on how the last process ended. After a clean stop, nothing. After a kill, the page cache is
//! whole: only what lies behind the last written index entry of the last segment is walked, for a batch that was cut short.
//! After a power cut, everything from the recovery point on is walked with checksums, and the log ends where the
//! first unsound byte lies.
//!
//! Below the recovery point everything was synced, and what the journal had is there: an unsound byte among that is corruption, reported as
//! an error, and nothing is cut. Indexes, leader epochs and producer state are functions of the log: where they are missing or do not
//! fit, they are made anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::compaction::finish_swaps;
use super::{Mark, PartitionLog, View, Writer};
use crate::checkpoint::{
    LEADER_EPOCH_FILE, PARTITION_METADATA_FILE, read_leader_epochs, read_partition_metadata,
};
use crate::context::Checkpointed;
use crate::data_directory::PreviousRun;
use crate::durability::FsyncPolicy;
use crate::error::IoContext;
use crate::fs::{File, OpenMode};
use crate::leader_epoch::LeaderEpochs;
use crate::names::{DELETED, FileKind, STRAY_SUFFIX, discarded_directory};
use crate::segment::index::{IndexEntry, OffsetEntry, TimeEntry, entry_in_file};
use crate::segment::scan::{BatchScan, Scanned};
use crate::segment::{Found, Segment};
use crate::{LogError, Result};

/// What lies in a partition's directory.
#[derive(Debug, Default)]
struct Listing {
    /// Base offsets of the log files, rising.
    logs: Vec<i64>,
    /// Offsets of the producer snapshots, rising.
    snapshots: Vec<i64>,
}

impl PartitionLog {
    /// Reads the directory into memory, repaired where need be.
    pub(super) fn recover(&self, writer: &mut Writer) -> Result<()> {
        let key = (self.topic.to_string(), self.index);
        let checkpointed = self.context.checkpointed.lock().get(&key).copied().unwrap_or_default();
        let mut listing = self.list_directory(writer, &checkpointed)?;
        self.remove_before_start(&mut listing.logs, checkpointed.log_start_offset)?;
        let mut segments = Vec::with_capacity(listing.logs.len());
        let mut rebuild_from = None;
        writer.epochs = self.read_epochs(&listing.logs)?;
        for (index, &base_offset) in listing.logs.iter().enumerate() {
            let previous_end = segments.last().map(|segment: &Arc<Segment>| segment.extent().next_offset);
            if self.is_gap(previous_end, base_offset, &checkpointed)? {
                self.remove_logs(&listing.logs[index..])?;
                break;
            }
            let next_base = listing.logs.get(index + 1).copied();
            let trusted = self.is_trusted(next_base, &checkpointed);
            let walked = match next_base {
                Some(next_base) if trusted => self.open_finished(base_offset, next_base)?,
                _ => self.open_walked(writer, base_offset, next_base, &checkpointed)?,
            };
            if !self.is_transaction_index_trusted(&walked, next_base.is_some() && trusted)? {
                rebuild_from.get_or_insert(base_offset);
            }
            let torn = walked.torn_at.is_some();
            segments.push(Arc::new(walked.segment));
            if torn {
                self.remove_logs(&listing.logs[index + 1..])?;
                break;
            }
        }
        self.install(writer, segments, &checkpointed, &listing.snapshots, rebuild_from)?;
        self.context.checkpointed.lock().remove(&key);
        Ok(())
    }

    /// Lists the partition's files; removes leftovers, and sets a directory of another topic aside.
    fn list_directory(&self, writer: &mut Writer, checkpointed: &Checkpointed) -> Result<Listing> {
        let (fs, directory) = (self.context.fs(), self.directory());
        let entries = match fs.read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return match checkpointed.recovery_point {
                    0 => Ok(Listing::default()),
                    _ => Err(LogError::Corrupt {
                        what: "missing partition directory",
                        path: directory,
                        position: 0,
                    }),
                };
            }
            Err(error) => return Err(error).context("list", &directory),
        };
        if self.is_foreign(&directory)? {
            let aside = self.context.root.join(discarded_directory(&self.topic, self.index, STRAY_SUFFIX));
            tracing::warn!(from = %directory.display(), to = %aside.display(), "directory of another topic is set aside");
            fs.rename(&directory, &aside).context("rename", &directory)?;
            return Ok(Listing::default());
        }
        writer.has_directory = true;
        let entries = match finish_swaps(fs, &directory, &entries)? {
            true => fs.read_dir(&directory).context("list", &directory)?,
            false => entries,
        };
        let mut listing = Listing::default();
        for entry in entries.iter().filter(|entry| !entry.is_dir) {
            match FileKind::parse(&entry.name) {
                Some((offset, FileKind::Log)) => listing.logs.push(offset),
                Some((offset, FileKind::ProducerSnapshot)) => listing.snapshots.push(offset),
                Some(_) => {}
                None if entry.name.ends_with(DELETED) || entry.name.ends_with(".tmp") => {
                    let path = directory.join(&entry.name);
                    fs.remove_file(&path).context("remove", &path)?;
                }
                None => {}
            }
        }
        for entry in &entries {
            if let Some((offset, kind)) = FileKind::parse(&entry.name)
                && FileKind::OF_SEGMENT.contains(&kind)
                && !listing.logs.contains(&offset)
            {
                let path = directory.join(&entry.name);
                fs.remove_file(&path).context("remove", &path)?;
            }
        }
        listing.logs.sort_unstable();
        listing.snapshots.sort_unstable();
        Ok(listing)
    }

    /// Removes segments whose removal a crash undid or interrupted.
    fn remove_before_start(&self, logs: &mut Vec<i64>, log_start_offset: i64) -> Result<()> {
        let ended = logs.windows(2).take_while(|pair| pair[1] <= log_start_offset).count();
        let removed: Vec<i64> = logs.drain(..ended).collect();
        self.remove_logs(&removed)
    }

    /// Whether the directory belongs to another topic of the same name, deleted before.
    fn is_foreign(&self, directory: &Path) -> Result<bool> {
        let path = directory.join(PARTITION_METADATA_FILE);
        match read_partition_metadata(self.context.fs(), &path) {
            Ok(Some(id)) => Ok(id != self.topic_id),
            // A power cut may have come before it was written: without an id, the name decides.
            Ok(None) | Err(LogError::Corrupt { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the leader epochs; where they are damaged, from the first batch of each segment.
    fn read_epochs(&self, logs: &[i64]) -> Result<LeaderEpochs> {
        let path = self.directory().join(LEADER_EPOCH_FILE);
        match read_leader_epochs(self.context.fs(), &path) {
            Err(error @ LogError::Corrupt { .. }) => {
                tracing::warn!(%error, "leader epochs are taken from the records")
            }
            found => return found.map(LeaderEpochs::new),
        }
        let (directory, mut epochs) = (self.directory(), LeaderEpochs::default());
        for &base_offset in logs {
            let path = FileKind::Log.path(&directory, base_offset);
            let file = self.context.fs().open(&path, OpenMode::Existing).context("open", &path)?;
            let size = file.size().context("read the size of", &path)?;
            if let Scanned::Batch(batch) = BatchScan::new(&*file, path, 0, size).step()? {
                epochs.assign(batch.header.partition_leader_epoch, batch.header.base_offset);
            }
        }
        Ok(epochs)
    }

    /// Whether a segment that ends where the next begins needs no walk.
    fn is_trusted(&self, next_base: Option<i64>, checkpointed: &Checkpointed) -> bool {
        match self.context.previous_run {
            PreviousRun::None | PreviousRun::Clean | PreviousRun::Killed => true,
            // A recovery point behind the next segment's start was set by a sync that covered the finished indexes.
            PreviousRun::PowerCut | PreviousRun::SyncFailed => {
                next_base.is_some_and(|next| next < checkpointed.recovery_point)
            }
        }
    }

    /// Whether records are missing before a segment: a power cut may lose a file, and what came after it.
    ///
    /// Below the recovery point, gaps are compaction's.
    fn is_gap(
        &self,
        previous_end: Option<i64>,
        base_offset: i64,
        checkpointed: &Checkpointed,
    ) -> Result<bool> {
        let recovery_point = checkpointed.recovery_point;
        let expected = previous_end.unwrap_or(checkpointed.log_start_offset);
        if !self.context.previous_run.may_have_lost_bytes() || base_offset <= recovery_point {
            return Ok(false);
        }
        if base_offset > expected && expected < recovery_point.max(checkpointed.journaled) {
            let path = FileKind::Log.path(&self.directory(), base_offset);
            return Err(LogError::Corrupt { what: "missing segment before", path, position: 0 });
        }
        Ok(base_offset > expected)
    }

    /// Takes over a segment's transaction index. False if it has to be made anew from the segment's start on.
    fn is_transaction_index_trusted(&self, walked: &Walked, trusted: bool) -> Result<bool> {
        let (segment, directory) = (&walked.segment, self.directory());
        let size = self.file_size(&directory, FileKind::TransactionIndex, segment.base_offset)?;
        let end_offset = segment.extent().next_offset;
        let cache = &self.context.cache;
        let sound = segment.aborted.find_entries(cache, size, segment.base_offset, end_offset)?;
        // After a power cut, a part of it may be missing.
        let whole = trusted || !self.context.previous_run.may_have_lost_bytes();
        Ok(sound && (whole || (size == 0 && !walked.has_control)))
    }

    fn open_finished(&self, base_offset: i64, next_base: i64) -> Result<Walked> {
        let directory = self.directory();
        let size = self.file_size(&directory, FileKind::Log, base_offset)?;
        let found = Found {
            size,
            next_offset: next_base,
            offset_entries: self.entries::<OffsetEntry>(&directory, FileKind::OffsetIndex, base_offset)?,
            time_entries: self.entries::<TimeEntry>(&directory, FileKind::TimeIndex, base_offset)?,
        };
        if size > 0 && found.time_entries == 0 {
            // Without a time index the segment's newest timestamp is unknown: both indexes are made anew.
            let walked = self.walk_segment(None, base_offset, Start::default(), size)?;
            return Ok(Walked { torn_at: None, ..walked });
        }
        let segment = Segment::found(&directory, base_offset, self.context.clock.now_ms(), found);
        Ok(Walked { segment, torn_at: None, has_control: false })
    }

    /// Opens the last segment, or one that may be damaged. It is torn where its end was cut so that nothing may follow.
    fn open_walked(
        &self,
        writer: &mut Writer,
        base_offset: i64,
        next_base: Option<i64>,
        checkpointed: &Checkpointed,
    ) -> Result<Walked> {
        let directory = self.directory();
        let size = self.file_size(&directory, FileKind::Log, base_offset)?;
        let power_cut = self.context.previous_run.may_have_lost_bytes();
        let start = if power_cut {
            let recovery_point = Some(checkpointed.recovery_point);
            Start {
                check_from_offset: recovery_point,
                gaps_before_offset: recovery_point,
                ..Start::default()
            }
        } else {
            let checked = self.context.previous_run == PreviousRun::Killed;
            let mut start = self.last_indexed(&directory, base_offset, size)?.unwrap_or_default();
            start.check_from_offset = checked.then_some(i64::MIN);
            start.time_entries = self.entries::<TimeEntry>(&directory, FileKind::TimeIndex, base_offset)?;
            start
        };
        let mut walked = self.walk_segment(Some(writer), base_offset, start, size)?;
        let torn_at = walked.torn_at;
        if !walked.segment.is_time_index_within() {
            let start = Start::default();
            walked = self.walk_segment(None, base_offset, start, torn_at.unwrap_or(size))?;
        }
        let (end_offset, path) = (walked.segment.extent().next_offset, walked.segment.log_path());
        let Some(torn_at) = torn_at else {
            let journaled = checkpointed.journaled;
            if next_base.is_none() && end_offset < journaled && checkpointed.log_start_offset < journaled {
                return Err(LogError::Corrupt { what: "end of the log", path, position: size });
            }
            return Ok(walked);
        };
        let synced = match self.context.previous_run {
            PreviousRun::None | PreviousRun::Clean => i64::MAX,
            _ => checkpointed.recovery_point.max(checkpointed.journaled),
        };
        if end_offset < synced {
            return Err(LogError::Corrupt { what: "record batch", path, position: torn_at });
        }
        tracing::info!(
            topic = %self.topic, partition = self.index, end_offset, cut_bytes = size - torn_at,
            "unfinished end of the log is cut"
        );
        let file = walked.segment.log_file(&self.context.cache)?;
        file.set_size(torn_at).context("truncate", &path)?;
        // A repair is synced under every policy: what was cut must not come back behind what is written next.
        file.sync_data().context("sync", &path)?;
        let ends_log = torn_at < size || next_base.is_some();
        Ok(Walked { torn_at: ends_log.then_some(torn_at), ..walked })
    }

    /// Walks a segment from `start` to the first unsound byte, and makes its indexes fit what it found.
    fn walk_segment(
        &self,
        mut writer: Option<&mut Writer>,
        base_offset: i64,
        start: Start,
        size: u64,
    ) -> Result<Walked> {
        let (directory, config, now_ms) = (self.directory(), self.config(), self.context.clock.now_ms());
        self.cut_index::<OffsetEntry>(&directory, FileKind::OffsetIndex, base_offset, start.offset_entries)?;
        self.cut_index::<TimeEntry>(&directory, FileKind::TimeIndex, base_offset, start.time_entries)?;
        let found = Found {
            size: start.position,
            next_offset: start.offset.unwrap_or(base_offset),
            offset_entries: start.offset_entries,
            time_entries: start.time_entries,
        };
        let segment = Segment::found(&directory, base_offset, now_ms, found);
        segment.remember_newest(&self.context.cache)?;
        let file = segment.log_file(&self.context.cache)?;
        if start.position > 0 {
            self.set_first_timestamp(&segment, &*file, size)?;
        }
        let mut scan = BatchScan::new(&*file, segment.log_path(), start.position, size);
        let (mut checked_from, mut has_control) = (u64::MAX, false);
        let torn_at = loop {
            let batch = match scan.step()? {
                Scanned::Batch(batch) => batch,
                Scanned::End => break None,
                Scanned::Unsound(position) => break Some(position),
            };
            let header = &batch.header;
            let relative = header.last_offset().checked_sub(base_offset);
            let expected = segment.extent().next_offset;
            let may_skip = start.gaps_before_offset.is_none_or(|before| header.base_offset <= before);
            let in_order = header.base_offset == expected || (may_skip && header.base_offset > expected);
            let in_order = in_order && relative.is_some_and(|relative| relative <= i64::from(i32::MAX));
            let checked = start.check_from_offset.is_some_and(|from| header.last_offset() >= from);
            if !in_order || (checked && !scan.check_crc(&batch)?) {
                break Some(batch.position);
            }
            if let Some(writer) = writer.as_deref_mut() {
                let news = writer.epochs.assign(header.partition_leader_epoch, header.base_offset);
                writer.epochs_unwritten |= news;
            }
            if checked {
                checked_from = checked_from.min(batch.position);
            }
            has_control |= header.attributes.is_control();
            segment.add_batch(&batch, &config);
            segment.flush_indexes_if_due(&self.context.cache)?;
        };
        segment.set_found(checked_from, segment.extent().size);
        Ok(Walked { segment, torn_at, has_control })
    }

    /// The last entry of the offset index that the log agrees with.
    fn last_indexed(&self, directory: &Path, base_offset: i64, size: u64) -> Result<Option<Start>> {
        let mut entries = self.entries::<OffsetEntry>(directory, FileKind::OffsetIndex, base_offset)?;
        if entries == 0 {
            return Ok(None);
        }
        let index_path = FileKind::OffsetIndex.path(directory, base_offset);
        let log_path = FileKind::Log.path(directory, base_offset);
        let fs = self.context.fs();
        let index = fs.open(&index_path, OpenMode::Existing).context("open", &index_path)?;
        let log = fs.open(&log_path, OpenMode::Existing).context("open", &log_path)?;
        while entries > 0 {
            let entry = entry_in_file::<OffsetEntry>(&*index, base_offset, entries - 1);
            if let Ok(entry) = entry
                && entry.position < size
                && let Scanned::Batch(batch) =
                    BatchScan::new(&*log, log_path.clone(), entry.position, size).step()?
                && batch.header.last_offset() == entry.offset
            {
                let (position, offset) = (entry.position, Some(batch.header.base_offset));
                return Ok(Some(Start { position, offset, offset_entries: entries, ..Start::default() }));
            }
            entries -= 1;
        }
        Ok(None)
    }

    fn set_first_timestamp(&self, segment: &Segment, file: &dyn File, size: u64) -> Result<()> {
        if let Scanned::Batch(batch) = BatchScan::new(file, segment.log_path(), 0, size).step()? {
            segment.set_first_timestamp(batch.header.max_timestamp);
        }
        Ok(())
    }

    /// Takes over the segments, and brings everything that follows from them up to date.
    fn install(
        &self,
        writer: &mut Writer,
        mut segments: Vec<Arc<Segment>>,
        checkpointed: &Checkpointed,
        snapshots: &[i64],
        rebuild_from: Option<i64>,
    ) -> Result<()> {
        let first_offset = segments.first().map_or(0, |segment| segment.base_offset);
        let mut log_end_offset = segments.last().map_or(0, |segment| segment.extent().next_offset);
        let log_start_offset = checkpointed.log_start_offset.max(first_offset);
        if log_start_offset > log_end_offset {
            // Everything from the start on was lost without ever having been synced.
            let bases: Vec<i64> = segments.drain(..).map(|segment| segment.base_offset).collect();
            self.remove_logs(&bases)?;
            log_end_offset = log_start_offset;
        }
        writer.epochs_unwritten |= writer.epochs.truncate_from(log_end_offset);
        writer.epochs_unwritten |= writer.epochs.assign(self.context.leader_epoch, log_end_offset);
        let view = Arc::new(View { segments });
        let mark = Mark {
            offset: log_end_offset,
            segment_base: view.segments.last().map_or(0, |segment| segment.base_offset),
            position: view.segments.last().map_or(0, |segment| segment.extent().size),
        };
        *self.view.write() = view;
        self.load_producers(writer, snapshots, log_end_offset, rebuild_from)?;
        let recovery_point = self.sync_recovered(writer, checkpointed, log_end_offset)?;
        let mut marks = self.marks.lock();
        (marks.log_end, marks.high_watermark) = (mark, mark);
        marks.first_open = writer.producers.first_unstable_offset();
        self.log_start_offset.store(log_start_offset, Ordering::Release);
        self.log_end_offset.store(log_end_offset, Ordering::Release);
        self.high_watermark.store(log_end_offset, Ordering::Release);
        self.recovery_point.store(recovery_point, Ordering::Release);
        Ok(())
    }

    /// Makes durable what the last process may not have synced, before it is shown; the new recovery point.
    fn sync_recovered(
        &self,
        writer: &mut Writer,
        checkpointed: &Checkpointed,
        log_end_offset: i64,
    ) -> Result<i64> {
        let synced_before = checkpointed.recovery_point.min(log_end_offset);
        match (self.context.previous_run, self.context.policy) {
            (PreviousRun::None | PreviousRun::Clean, _) => return Ok(log_end_offset),
            _ if !writer.has_directory => return Ok(synced_before),
            (PreviousRun::Killed, FsyncPolicy::Group) => {
                self.context.sync_once()?;
                return Ok(log_end_offset);
            }
            // What was read after a power cut is on the disk, but for indexes that were made anew; unless processes that were killed since
            // have written behind it.
            (_, FsyncPolicy::Group) => self.context.sync_once()?,
            _ => {}
        }
        let view = self.view.read().clone();
        // One that ends right there was the active one then: its indexes were not synced (see `is_trusted`).
        let above = |segment: &&Arc<Segment>| segment.extent().next_offset >= checkpointed.recovery_point;
        // The next sync has to cover them, whoever wrote them.
        view.segments.iter().filter(above).for_each(|segment| segment.dirty.store(true, Ordering::Relaxed));
        (writer.names_unsynced, writer.own_name_unsynced) = (true, true);
        Ok(synced_before)
    }

    /// Removes the files of segments, durably.
    fn remove_logs(&self, bases: &[i64]) -> Result<()> {
        if bases.is_empty() {
            return Ok(());
        }
        let directory = self.directory();
        for &base_offset in bases {
            tracing::info!(topic = %self.topic, partition = self.index, base_offset, "leftover segment is removed");
            for kind in FileKind::OF_SEGMENT {
                let path = kind.path(&directory, base_offset);
                match self.context.fs().remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error).context("remove", &path);
                    }
                    _ => {}
                }
            }
        }
        self.context.fs().sync_dir(&directory).context("sync", &directory)
    }

    fn file_size(&self, directory: &Path, kind: FileKind, base_offset: i64) -> Result<u64> {
        let path = kind.path(directory, base_offset);
        match self.context.fs().open(&path, OpenMode::Existing) {
            Ok(file) => file.size().context("read the size of", &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).context("open", &path),
        }
    }

    fn entries<E: IndexEntry>(&self, directory: &Path, kind: FileKind, base_offset: i64) -> Result<usize> {
        Ok(self.file_size(directory, kind, base_offset)? as usize / E::LEN)
    }

    /// Cuts an index file to its first `entries` entries.
    fn cut_index<E: IndexEntry>(
        &self,
        directory: &Path,
        kind: FileKind,
        base_offset: i64,
        entries: usize,
    ) -> Result<()> {
        let size = (entries * E::LEN) as u64;
        if self.file_size(directory, kind, base_offset)? <= size {
            return Ok(());
        }
        let path = kind.path(directory, base_offset);
        let file = self.context.fs().open(&path, OpenMode::Existing).context("open", &path)?;
        file.set_size(size).context("truncate", &path)
    }
}

/// What a walk found.
#[derive(Debug)]
struct Walked {
    segment: Segment,
    /// Where the first unsound byte lies.
    torn_at: Option<u64>,
    /// Whether there are markers among the batches.
    has_control: bool,
}

/// Where a walk begins.
#[derive(Debug, Default, Clone, Copy)]
struct Start {
    position: u64,
    /// Offset of the batch at `position`; the segment's base when absent.
    offset: Option<i64>,
    /// Index entries that stay: up to that of the batch at `position`, and those of the time index that are there.
    offset_entries: usize,
    time_entries: usize,
    /// Batches that end at this offset or behind it have their checksums checked.
    check_from_offset: Option<i64>,
    /// Batches that begin behind this offset follow one another without gaps; `None` where any may be missing.
    gaps_before_offset: Option<i64>,
}
