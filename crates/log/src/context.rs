//! What all partitions of a store share.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::Result;
use crate::checkpoint::Offsets;
use crate::clock::Clock;
use crate::data_directory::{FailedSyncNote, PreviousRun};
use crate::durability::{FsyncPolicy, SyncQueue};
use crate::error::IoContext;
use crate::files::FileCache;
use crate::fs::{FileSystem, WholeFileSystem};
use crate::space::SpaceGuard;

/// Offsets that the last process left in checkpoints, until the partition they belong to is opened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Checkpointed {
    pub(crate) recovery_point: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) high_watermark: i64,
    /// Offset before which the journal had the records, and they are in the files again.
    pub(crate) journaled: i64,
}

/// What checkpoints say of each partition.
pub(crate) type Checkpoints = HashMap<(String, i32), Checkpointed>;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) root: PathBuf,
    pub(crate) cache: FileCache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: FsyncPolicy,
    pub(crate) sync_queue: SyncQueue,
    pub(crate) previous_run: PreviousRun,
    pub(crate) leader_epoch: i32,
    pub(crate) producer_expiration_ms: AtomicI64,
    pub(crate) checkpointed: Mutex<Checkpoints>,
    pub(crate) space: SpaceGuard,
    /// Offsets up to which partitions are compacted, for the checkpoint.
    pub(crate) compacted: Mutex<Offsets>,
    /// Swaps of compaction so far.
    pub(crate) swaps: AtomicU64,
    /// Whether everything that a killed process left was synced, once that was tried.
    pub(crate) leftovers_synced: Mutex<Option<bool>>,
    pub(crate) failed_sync: FailedSyncNote,
    /// One handle for the whole life of the process, so that no failure is told to somebody else alone. Locked until that is noted.
    pub(crate) whole: Mutex<Box<dyn WholeFileSystem>>,
}

impl Context {
    /// How long a partition remembers a silent producer.
    pub(crate) fn producer_expiration_ms(&self) -> i64 {
        self.producer_expiration_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn fs(&self) -> &dyn FileSystem {
        self.cache.fs()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes durable what a killed process wrote and may not have synced: once, for all partitions.
    ///
    /// # Errors
    /// [`LogError::Io`]; a failure is final, because the kernel may have dropped what it could not write.
    pub(crate) fn sync_once(&self) -> Result<()> {
        let mut synced = self.leftovers_synced.lock();
        let outcome = match *synced {
            Some(true) => return Ok(()),
            Some(false) => Err(io::Error::other("an earlier sync of the data directory failed")),
            None => self.sync_everything(),
        };
        *synced = Some(outcome.is_ok());
        outcome.context("sync", &self.root)
    }

    /// Makes durable whatever was written.
    ///
    /// # Errors
    /// As the system gives them, or because a sync of this process has failed before: a failure is told once, and what it lost is on no
    /// disk however many syncs succeed. Single files' own syncs tell which of them were hit.
    pub(crate) fn sync_everything(&self) -> io::Result<()> {
        let whole = self.whole.lock();
        whole.sync().inspect_err(|_| self.failed_sync.write())?;
        match self.failed_sync.has_failed() {
            true => Err(io::Error::other("an earlier sync in the data directory failed")),
            false => Ok(()),
        }
    }

    /// Whether checkpoints say something of a topic's partitions from one on.
    pub(crate) fn has_checkpoints(&self, topic: &str, from: i32) -> bool {
        let is_such = |(name, index): &(String, i32)| name == topic && *index >= from;
        self.checkpointed.lock().keys().any(is_such) || self.compacted.lock().keys().any(is_such)
    }

    /// Forgets what checkpoints said of a topic's partitions from one on.
    pub(crate) fn forget_checkpoints(&self, topic: &str, from: i32) {
        let is_other = |(name, index): &(String, i32)| name != topic || *index < from;
        self.checkpointed.lock().retain(|key, _| is_other(key));
        self.compacted.lock().retain(|key, _| is_other(key));
    }
}
