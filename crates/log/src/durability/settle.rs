//! Making the partitions' own files durable, so that a part of the journal may be written over.
//!
//! One part at a time: while it is under way, the journal fills its other file.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

use super::file_syncs::FileSyncs;
use crate::context::Context;
use crate::partition::{PartitionLog, SyncScope};

/// Settles what the journal hands over: on its own thread once that is started, else when asked to.
#[derive(Debug, Default)]
pub(super) struct Settler {
    work: Arc<Work>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Work {
    stage: Mutex<Stage>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Waiting(Vec<Arc<PartitionLog>>),
    UnderWay,
    /// A file could not be synced: what the journal has of it must stay.
    Failed,
    Stopped,
}

impl Settler {
    /// Starts the thread; without one, the journal is not used beyond its first two files.
    pub(super) fn start(&mut self, context: &Arc<Context>) {
        let (work, mut files) = (self.work.clone(), FileSyncs::new(context.clone()));
        let spawned =
            thread::Builder::new().name("log-settle".to_owned()).spawn(move || work.run(&mut files));
        match spawned {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => {
                tracing::warn!(%error, "the thread that lets the journal be used again is missing, which costs speed")
            }
        }
    }

    /// Whether something can be handed over.
    pub(super) fn is_free(&self) -> bool {
        matches!(*self.work.stage.lock(), Stage::Idle)
    }

    /// Takes partitions whose files are to be synced; only when free.
    pub(super) fn hand_over(&self, partitions: Vec<Arc<PartitionLog>>) {
        *self.work.stage.lock() = Stage::Waiting(partitions);
        self.work.changed.notify_one();
    }

    /// Settles what was handed over on the calling thread, for a store without threads.
    pub(super) fn settle(&self, files: &mut FileSyncs) {
        self.work.settle(files);
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        *self.work.stage.lock() = Stage::Stopped;
        self.work.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that settles the journal panicked");
        }
    }
}

impl Work {
    fn run(&self, files: &mut FileSyncs) {
        loop {
            let mut stage = self.stage.lock();
            self.changed.wait_while(&mut stage, |stage| !matches!(stage, Stage::Waiting(_) | Stage::Stopped));
            if matches!(*stage, Stage::Stopped) {
                return;
            }
            drop(stage);
            self.settle(files);
        }
    }

    fn settle(&self, files: &mut FileSyncs) {
        let partitions = {
            let mut stage = self.stage.lock();
            let Stage::Waiting(partitions) = &mut *stage else { return };
            let partitions = std::mem::take(partitions);
            *stage = Stage::UnderWay;
            partitions
        };
        files.sync(partitions.clone(), SyncScope::Everything);
        let sound = !partitions.iter().any(|partition| partition.is_offline());
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::UnderWay) {
            *stage = if sound { Stage::Idle } else { Stage::Failed };
        }
    }
}
