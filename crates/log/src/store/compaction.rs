//! Which partition is compacted next, and the thread that does it.
//!
//! The dirtiest partition comes first, one that waits for too long before all others. Only partitions that are open are looked at:
//! in the others nothing has been written since they were last seen to.
//!
//! There is one thread; its speed is not limited.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::LogStore;
use crate::durability::sync_partition;
use crate::partition::{Compactable, CompactionRun, PartitionLog, SyncScope};
use crate::{ErrorKind, LogError, Result};

/// Shortest time between two looks, whatever the backoff.
const BACKOFF_MIN: Duration = Duration::from_millis(10);

/// How a store compacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionOptions {
    /// `log.cleaner.enable`: without, compacted topics keep everything that retention does not remove.
    pub enabled: bool,
    /// `log.cleaner.backoff.ms`: time between two looks for something to compact.
    pub backoff: Duration,
    /// `log.cleaner.dedupe.buffer.size`: most bytes for the keys of one run. What has more keys takes several runs, each of which
    /// reads everything before it again.
    pub map_bytes: u64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self { enabled: true, backoff: Duration::from_secs(15), map_bytes: 128 << 20 }
    }
}

/// Tells the thread how to compact, and when to end.
#[derive(Debug)]
pub(super) struct CompactorSignal {
    stopping: AtomicBool,
    options: Mutex<CompactionOptions>,
    changed: Condvar,
}

impl CompactorSignal {
    pub(super) fn new(options: CompactionOptions) -> Self {
        Self { stopping: AtomicBool::new(false), options: Mutex::new(options), changed: Condvar::new() }
    }

    fn set_options(&self, options: CompactionOptions) {
        let before = std::mem::replace(&mut *self.options.lock(), options);
        if before != options {
            self.changed.notify_all();
        }
    }

    fn options(&self) -> CompactionOptions {
        *self.options.lock()
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let _options = self.options.lock();
        self.changed.notify_all();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Waits until it is time for another look. New options are reason for one at once.
    fn wait(&self) {
        let mut options = self.options.lock();
        if !self.is_stopping() {
            let backoff = options.backoff.max(BACKOFF_MIN);
            self.changed.wait_for(&mut options, backoff);
        }
    }
}

impl LogStore {
    /// Changes how the store compacts, from the next run on. A store that was opened without compaction stays so.
    pub fn set_compaction(&self, options: CompactionOptions) {
        self.compactor.set_options(options);
    }

    /// Compacts whatever is worth it by its topic's configuration, on the calling thread; says how many runs that took. What fails is
    /// logged and left for the next call. For a store without its own thread.
    pub fn compact(&self) -> usize {
        let (mut runs, mut failed) = (0, HashSet::new());
        while !self.compactor.is_stopping()
            && self.compactor.options().enabled
            && let Some((partition, compactable)) = self.most_urgent(&failed)
        {
            match self.compact_partition(&partition, &compactable) {
                Ok(true) => runs += 1,
                Ok(false) => _ = failed.insert(Arc::as_ptr(&partition)),
                Err(error) => {
                    failed.insert(Arc::as_ptr(&partition));
                    if error.kind() != ErrorKind::Unavailable {
                        let (topic, partition) = (partition.topic(), partition.index());
                        tracing::warn!(%error, topic, partition, "compaction failed");
                    }
                }
            }
        }
        runs
    }

    fn most_urgent(&self, failed: &HashSet<*const PartitionLog>) -> Option<(Arc<PartitionLog>, Compactable)> {
        let mut most_urgent: Option<(Arc<PartitionLog>, Compactable)> = None;
        for topic in self.topics().iter().filter(|topic| topic.config.cleanup_policy.compact) {
            for partition in topic.partitions.iter().filter(|one| !failed.contains(&Arc::as_ptr(one))) {
                let key = (topic.name.to_string(), partition.index());
                let checkpointed = self.context.compacted.lock().get(&key).copied();
                let Ok(Some(found)) = partition.compactable(checkpointed) else { continue };
                let urgency = |one: &Compactable| (one.is_overdue, one.dirty_ratio);
                if most_urgent.as_ref().is_none_or(|(_, most)| urgency(&found) > urgency(most)) {
                    most_urgent = Some((partition.clone(), found));
                }
            }
        }
        most_urgent
    }

    /// One run over a partition. False if nothing could be done.
    fn compact_partition(&self, partition: &Arc<PartitionLog>, compactable: &Compactable) -> Result<bool> {
        // With the markers that decided the transactions in it: were one lost, records would have been superseded by others that
        // are open again. In the files, not in the journal alone: below the recovery point a start leaves them as they are.
        sync_partition(&self.context, partition, SyncScope::Everything);
        // A start takes gaps for compaction's only below the recovery point that it finds in the checkpoint.
        let recovery_point = partition.recovery_point();
        {
            let _administration = self.administration.lock();
            self.write_checkpoints_without(None)?;
        }
        let run = CompactionRun {
            map_bytes: self.compactor.options().map_bytes,
            stop: self.compactor.stopping_flag(),
        };
        let began = Instant::now();
        let Some(done) = partition.compact(compactable, recovery_point, &run)? else { return Ok(false) };
        let key = (partition.topic().to_owned(), partition.index());
        if self.topic_by_id(partition.topic_id()).is_none() {
            return Err(LogError::UnknownTopic { topic: key.0 });
        }
        self.context.compacted.lock().insert(key, done.first_dirty);
        tracing::info!(
            topic = partition.topic(), partition = partition.index(), up_to_offset = done.first_dirty,
            bytes_before = done.bytes_before, bytes_after = done.bytes_after, took = ?began.elapsed(), "partition is compacted"
        );
        Ok(done.first_dirty > compactable.first_dirty())
    }

    pub(super) fn start_compactor(self: &Arc<Self>) -> Result<()> {
        if !self.compactor.options().enabled {
            return Ok(());
        }
        let (store, signal) = (Arc::downgrade(self), self.compactor.clone());
        let spawned = std::thread::Builder::new()
            .name("log-compactor".to_owned())
            .spawn(move || run_compactor(&store, &signal));
        let thread = spawned.map_err(|source| LogError::Io {
            operation: "start a thread for",
            path: self.context.root().to_owned(),
            source,
        })?;
        *self.compactor_thread.lock() = Some(thread);
        Ok(())
    }

    pub(super) fn stop_compactor(&self) {
        self.compactor.stop();
        if let Some(thread) = self.compactor_thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for compaction panicked");
        }
    }
}

impl CompactorSignal {
    fn stopping_flag(&self) -> &AtomicBool {
        &self.stopping
    }
}

fn run_compactor(store: &Weak<LogStore>, signal: &CompactorSignal) {
    loop {
        signal.wait();
        if signal.is_stopping() {
            return;
        }
        let Some(store) = store.upgrade() else { return };
        store.compact();
    }
}
