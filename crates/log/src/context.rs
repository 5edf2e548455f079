//! What all partitions of a store share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::data_directory::PreviousRun;
use crate::durability::{FsyncPolicy, SyncQueue};
use crate::files::FileCache;
use crate::fs::FileSystem;

/// Offsets that the last process left in checkpoints, until the partition they belong to is opened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Checkpointed {
    pub(crate) recovery_point: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) high_watermark: i64,
}

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) root: PathBuf,
    pub(crate) cache: FileCache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: FsyncPolicy,
    pub(crate) sync_queue: SyncQueue,
    pub(crate) previous_run: PreviousRun,
    pub(crate) leader_epoch: i32,
    pub(crate) producer_expiration_ms: i64,
    pub(crate) checkpointed: Mutex<HashMap<(String, i32), Checkpointed>>,
}

impl Context {
    pub(crate) fn fs(&self) -> &dyn FileSystem {
        self.cache.fs()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Forgets what checkpoints said of a topic that is deleted.
    pub(crate) fn forget_checkpoints(&self, topic: &str) {
        self.checkpointed.lock().retain(|(name, _), _| name != topic);
    }
}
