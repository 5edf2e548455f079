//! What has to be done now and then: checkpoints, retention, removal of files; and the clean stop.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::{DiscardedDirectory, LogStore, Topic};
use crate::checkpoint::{
    COMPACTED_FILE, HIGH_WATERMARK_FILE, LOG_START_FILE, Offsets, PARTITION_METADATA_FILE,
    RECOVERY_POINT_FILE, read_offsets, read_partition_metadata, write_offsets,
};
use crate::context::Checkpointed;
use crate::data_directory::PreviousRun;
use crate::durability::{discard, sync_now, sync_partition};
use crate::error::IoContext;
use crate::fs::{Durable, FileSystem};
use crate::metadata::{DeletedTopic, MetadataRecord, MetadataState};
use crate::names::{DELETE_SUFFIX, discarded_directory, parse_partition_directory};
use crate::partition::{PartitionLog, SyncScope};
use crate::{ErrorKind, LogError, Result};

/// Reads what is known of all partitions. A damaged checkpoint counts as empty: everything is then walked.
///
/// Deleted records are taken from the metadata log: Kafka's checkpoint of log starts knows topics by name only, and is
/// written for Kafka's tools alone.
pub(super) fn read_checkpoints(
    fs: &dyn FileSystem,
    root: &Path,
    metadata: &MetadataState,
) -> Result<HashMap<(String, i32), Checkpointed>> {
    let mut checkpointed: HashMap<(String, i32), Checkpointed> = HashMap::new();
    let mut read = |file: &str, put: fn(&mut Checkpointed, i64)| {
        let offsets = match read_offsets(fs, &root.join(file)) {
            Err(error @ LogError::Corrupt { .. }) => {
                tracing::warn!(%error, "checkpoint is ignored");
                Offsets::new()
            }
            other => other?,
        };
        for (key, offset) in offsets {
            put(checkpointed.entry(key).or_default(), offset);
        }
        Ok::<(), LogError>(())
    };
    read(RECOVERY_POINT_FILE, |entry, offset| entry.recovery_point = offset)?;
    read(HIGH_WATERMARK_FILE, |entry, offset| entry.high_watermark = offset)?;
    for ((topic_id, partition), &offset) in &metadata.log_starts {
        if let Some(topic) = metadata.topic_by_id(*topic_id) {
            checkpointed.entry((topic.name.clone(), *partition)).or_default().log_start_offset = offset;
        }
    }
    Ok(checkpointed)
}

/// Reads up to where partitions are compacted. What is not known is compacted once more.
pub(super) fn read_compacted(fs: &dyn FileSystem, root: &Path, metadata: &MetadataState) -> Result<Offsets> {
    let mut offsets = match read_offsets(fs, &root.join(COMPACTED_FILE)) {
        Err(error @ LogError::Corrupt { .. }) => {
            tracing::warn!(%error, "checkpoint is ignored");
            Offsets::new()
        }
        other => other?,
    };
    let names: HashSet<&str> = metadata.topics.values().map(|topic| topic.name.as_str()).collect();
    offsets.retain(|(topic, _), _| names.contains(topic.as_str()));
    Ok(offsets)
}

/// The result, or a line in the log where it is more than a partition that is no longer there.
fn log_failure<T>(partition: &PartitionLog, outcome: Result<T>) -> Option<T> {
    if let Err(error) = &outcome
        && error.kind() != ErrorKind::Unavailable
    {
        tracing::warn!(%error, topic = partition.topic(), partition = partition.index(), "retention failed");
    }
    outcome.ok()
}

impl LogStore {
    /// Writes the checkpoints that bound the work of a start after a crash, and producer snapshots where due.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn write_checkpoints(&self) -> Result<()> {
        let _administration = self.administration.lock();
        self.for_each_partition(|partition| {
            partition.expire_producers();
            partition.snapshot_producers_if_due(false);
            Ok(())
        })?;
        self.write_checkpoints_without(None)
    }

    pub(super) fn write_checkpoints_without(&self, left_out: Option<&Topic>) -> Result<()> {
        let (mut recovery_points, mut log_starts, mut high_watermarks) =
            (Offsets::new(), Offsets::new(), Offsets::new());
        let unopened = self.context.checkpointed.lock().clone();
        for topic in self.topics() {
            if left_out.is_some_and(|left_out| left_out.id == topic.id) {
                continue;
            }
            for partition in &*topic.partitions {
                let key = (topic.name.to_string(), partition.index());
                let entry = match unopened.get(&key) {
                    Some(entry) => *entry,
                    None => partition.checkpoint(),
                };
                if entry.recovery_point > 0 {
                    recovery_points.insert(key.clone(), entry.recovery_point);
                }
                if entry.high_watermark > 0 {
                    high_watermarks.insert(key.clone(), entry.high_watermark);
                }
                if entry.log_start_offset > 0 {
                    log_starts.insert(key, entry.log_start_offset);
                }
            }
        }
        let (fs, root) = (self.context.fs(), self.context.root());
        let mut compacted = self.context.compacted.lock().clone();
        if !compacted.is_empty() {
            compacted.retain(|(name, index), _| {
                let is_there = |topic: &Arc<Topic>| (*index as usize) < topic.partitions.len();
                self.topic(name)
                    .is_some_and(|topic| is_there(&topic) && left_out.is_none_or(|out| out.id != topic.id))
            });
            write_offsets(fs, &root.join(COMPACTED_FILE), &compacted, Durable::OldOrNew)?;
        }
        write_offsets(fs, &root.join(LOG_START_FILE), &log_starts, Durable::OldOrNew)?;
        write_offsets(fs, &root.join(HIGH_WATERMARK_FILE), &high_watermarks, Durable::OldOrNew)?;
        write_offsets(fs, &root.join(RECOVERY_POINT_FILE), &recovery_points, Durable::Yes)
    }

    /// Deletes the records of a partition before an offset, durably: DeleteRecords. −1 means the high watermark. Returns the
    /// partition's new start.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] beyond the high watermark; [`LogError::MetadataOffline`]; as [`PartitionLog::open`].
    pub fn delete_records(&self, partition: &Arc<PartitionLog>, offset: i64) -> Result<i64> {
        let start = partition.check_deletion(offset)?;
        self.record_starts(&[(partition.clone(), start)])?;
        partition.delete_before(start)?;
        Ok(partition.log_start_offset())
    }

    /// Makes the starts of partitions durable, before anything is removed.
    fn record_starts(&self, starts: &[(Arc<PartitionLog>, i64)]) -> Result<()> {
        self.metadata.change(|state| {
            let record = |(partition, offset): &(Arc<PartitionLog>, i64)| {
                let (topic_id, partition, offset) = (partition.topic_id(), partition.index(), *offset);
                let known = state.log_starts.get(&(topic_id, partition)).copied().unwrap_or(0);
                (offset > known).then_some(MetadataRecord::LogStart { topic_id, partition, offset })
            };
            Ok((starts.iter().filter_map(record).collect(), ()))
        })
    }

    /// Syncs partitions whose records have waited for it as long as their topic's `flush.ms` lets them; says how many. What fails
    /// takes its partition offline.
    pub fn flush_overdue(&self) -> usize {
        let now_ms = self.context.clock.now_ms();
        let limited: Vec<Arc<Topic>> = {
            let topics = self.topics.read();
            topics.by_name.values().filter(|topic| topic.config.flush_ms < i64::MAX).cloned().collect()
        };
        let mut flushed = 0;
        for partition in limited.iter().flat_map(|topic| &*topic.partitions) {
            if partition.is_flush_overdue(now_ms) {
                sync_partition(&self.context, partition, SyncScope::Everything);
                flushed += 1;
            }
        }
        flushed
    }

    /// Removes segments that retention no longer wants; says how many. Failures of single partitions are logged.
    ///
    /// # Errors
    /// [`LogError::MetadataOffline`]; [`LogError::Io`] of the metadata log.
    pub fn apply_retention(&self) -> Result<usize> {
        let mut starts = Vec::new();
        for topic in self.topics() {
            let policy = topic.config.cleanup_policy;
            let limited = topic.config.retention_ms.is_some() || topic.config.retention_bytes.is_some();
            for partition in &*topic.partitions {
                // A partition not yet opened has nothing to remove unless there is a limit.
                let may_have_some = policy.delete && limited && partition.has_files();
                if partition.is_open() || may_have_some {
                    let start = log_failure(partition, partition.retention_start()).flatten();
                    starts.extend(start.map(|start| (partition.clone(), start)));
                }
            }
        }
        self.record_starts(&starts)?;
        let removed = starts
            .iter()
            .filter_map(|(partition, start)| log_failure(partition, partition.delete_before(*start)))
            .sum();
        Ok(removed)
    }

    /// Removes files and directories that were set aside long enough ago (`file.delete.delay.ms`).
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn remove_discarded(&self) -> Result<()> {
        let now_ms = self.context.clock.now_ms();
        self.for_each_partition(|partition| {
            if partition.is_open() { partition.remove_discarded(now_ms) } else { Ok(()) }
        })?;
        let due: Vec<_> = {
            let mut discarded = self.discarded.lock();
            let is_due =
                |entry: &mut DiscardedDirectory| now_ms.saturating_sub(entry.since_ms) >= entry.delay_ms;
            discarded.extract_if(.., is_due).collect()
        };
        for entry in due {
            match self.context.fs().remove_dir_all(&entry.path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let path = entry.path.clone();
                    self.discarded.lock().push(entry);
                    return Err(error).context("remove", &path);
                }
            }
        }
        self.forget_removed_topics()
    }

    /// Lets the metadata log forget deleted topics of which no directory is left.
    fn forget_removed_topics(&self) -> Result<()> {
        let waiting: HashSet<Uuid> =
            self.discarded.lock().iter().filter_map(|entry| entry.topic_id).collect();
        if self.metadata.state().deleted_topics.keys().all(|id| waiting.contains(id)) {
            return Ok(());
        }
        let root = self.context.root();
        self.context.fs().sync_dir(root).context("sync", root)?;
        self.metadata.change(|state| {
            let gone = state.deleted_topics.keys().filter(|id| !waiting.contains(id));
            Ok((gone.map(|&id| MetadataRecord::TopicFilesRemoved { id }).collect(), ()))
        })
    }

    /// Finds directories of deleted topics that a crash left.
    pub(super) fn collect_leftovers(&self) -> Result<()> {
        let (fs, root, now_ms) = (self.context.fs(), self.context.root(), self.context.clock.now_ms());
        let deleted = self.metadata.state().deleted_topics.clone();
        let (mut unknown, mut renamed) = (0, false);
        for entry in fs.read_dir(root).context("list", root)?.into_iter().filter(|entry| entry.is_dir) {
            let path = root.join(&entry.name);
            if entry.name.ends_with(DELETE_SUFFIX) {
                let discarded = DiscardedDirectory { path, since_ms: now_ms, delay_ms: 0, topic_id: None };
                self.discarded.lock().push(discarded);
                continue;
            }
            let Some((topic, partition)) = parse_partition_directory(&entry.name) else { continue };
            let had = |deleted: &DeletedTopic| deleted.name == topic && partition < deleted.partitions;
            let candidates: Vec<Uuid> =
                deleted.iter().filter_map(|(&id, deleted)| had(deleted).then_some(id)).collect();
            let owner = if candidates.is_empty() { None } else { self.owner(&path)? };
            // Without an id in it, it may be that of a newer topic of this name. But then it has nothing that was promised to last: what is
            // synced is so with the id, and what only the journal has will be written from there.
            let is_deleted = |id: &&Uuid| owner.is_none_or(|owner| owner == **id);
            if let Some(&id) = candidates.iter().find(is_deleted) {
                let to = root.join(discarded_directory(topic, partition, DELETE_SUFFIX));
                fs.rename(&path, &to).context("rename", &path)?;
                renamed = true;
                let topic_id = Some(id);
                self.discarded.lock().push(DiscardedDirectory {
                    path: to,
                    since_ms: now_ms,
                    delay_ms: 0,
                    topic_id,
                });
            } else if self.partition(topic, partition).is_none() {
                unknown += 1;
            }
        }
        if renamed {
            fs.sync_dir(root).context("sync", root)?;
        }
        if unknown > 0 {
            tracing::warn!(path = %root.display(), directories = unknown, "partition directories of no known topic are left alone");
        }
        Ok(())
    }

    fn owner(&self, directory: &Path) -> Result<Option<Uuid>> {
        match read_partition_metadata(self.context.fs(), &directory.join(PARTITION_METADATA_FILE)) {
            Err(LogError::Corrupt { .. }) => Ok(None),
            other => other,
        }
    }

    fn for_each_partition(&self, mut act: impl FnMut(&Arc<PartitionLog>) -> Result<()>) -> Result<()> {
        self.topics().iter().flat_map(|topic| &*topic.partitions).try_for_each(&mut act)
    }

    fn all_partitions(&self) -> Vec<Arc<PartitionLog>> {
        self.topics().iter().flat_map(|topic| topic.partitions.iter().cloned()).collect()
    }

    /// Syncs everything that was appended, whatever the policy.
    ///
    /// # Errors
    /// [`LogError::Io`] of the data directory; partitions that fail go offline.
    pub fn flush(&self) -> Result<()> {
        sync_now(&self.context, &self.all_partitions())
    }

    /// Stops in order: partitions take no more appends, everything is synced, and the next start has nothing to check.
    /// Without it, the next start recovers as after a crash.
    ///
    /// # Errors
    /// [`LogError::Io`]: then the stop was not a clean one.
    pub fn close(&self) -> Result<()> {
        self.stop_compactor();
        self.stop_sync_thread();
        // What was not recovered in this run must be in the next one.
        let may_wait = !matches!(self.previous_run(), PreviousRun::None | PreviousRun::Clean);
        let is_waiting = |partition: &Arc<PartitionLog>| !partition.is_open() && partition.has_files();
        let is_recovered = !may_wait || !self.all_partitions().iter().any(is_waiting);
        let mut sound = true;
        self.for_each_partition(|partition| {
            sound &= !partition.is_offline();
            partition.prepare_close()
        })?;
        let partitions = self.all_partitions();
        let plans: Vec<_> = partitions
            .iter()
            .filter_map(|partition| Some((partition, partition.plan_sync(SyncScope::Everything)?)))
            .collect();
        let root = self.context.root();
        // One sync of everything: ten thousand partitions stop as fast as one.
        let synced = self.context.sync_everything();
        if let Err(error) = &synced {
            sound = false;
            tracing::error!(%error, path = %root.display(), "data directory cannot be synced");
        }
        for (partition, plan) in plans {
            let outcome = if synced.is_ok() { Ok(()) } else { Err(partition.offline_error()) };
            partition.finish_sync(plan, outcome);
        }
        for partition in &partitions {
            sound &= !partition.is_offline();
            partition.finish_close();
        }
        let _administration = self.administration.lock();
        self.write_checkpoints_without(None)?;
        if sound {
            discard(&self.context)?;
        }
        if sound && is_recovered { self.directory.mark_clean() } else { Ok(()) }
    }
}
