//! Making the partitions' own files durable, so that a file of the journal may be written over.
//!
//! One at a time: while it is under way, the journal fills its other file. The whole file system is synced, through the one handle that sees every failure:
//! the kernel may have tried long ago to write what the journal has, and told somebody else that it could not.

use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

use crate::context::Context;
use crate::partition::PartitionLog;

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
    Waiting(Vec<Weak<PartitionLog>>),
    UnderWay,
    /// A sync has failed: what the journal has must stay.
    Failed,
    Stopped,
}

impl Settler {
    /// Starts the thread; without one, the journal is not used beyond its two files.
    pub(super) fn start(&mut self, context: &Arc<Context>) {
        let (work, context) = (self.work.clone(), context.clone());
        let spawned = thread::Builder::new().name("log-settle".to_owned()).spawn(move || work.run(&context));
        match spawned {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => {
                tracing::warn!(%error, "the thread that frees the journal's files is missing, which costs speed")
            }
        }
    }

    /// Whether something can be handed over.
    pub(super) fn is_free(&self) -> bool {
        matches!(*self.work.stage.lock(), Stage::Idle)
    }

    /// Takes partitions whose files are to be synced; only when free.
    pub(super) fn hand_over(&self, partitions: Vec<Weak<PartitionLog>>) {
        *self.work.stage.lock() = Stage::Waiting(partitions);
        self.work.changed.notify_one();
    }

    /// Settles what was handed over on the calling thread, for a store without threads.
    pub(super) fn settle(&self, context: &Context) {
        self.work.settle(context);
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        *self.work.stage.lock() = Stage::Stopped;
        self.work.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that frees the journal's files panicked");
        }
    }
}

impl Work {
    fn run(&self, context: &Context) {
        loop {
            let mut stage = self.stage.lock();
            self.changed.wait_while(&mut stage, |stage| !matches!(stage, Stage::Waiting(_) | Stage::Stopped));
            if matches!(*stage, Stage::Stopped) {
                return;
            }
            drop(stage);
            self.settle(context);
        }
    }

    fn settle(&self, context: &Context) {
        let partitions = {
            let mut stage = self.stage.lock();
            let Stage::Waiting(partitions) = &mut *stage else { return };
            let partitions = std::mem::take(partitions);
            *stage = Stage::UnderWay;
            partitions
        };
        let end = |partition: &Weak<PartitionLog>| {
            let partition = partition.upgrade()?;
            let end = partition.log_end_offset();
            Some((partition, end))
        };
        let ends: Vec<_> = partitions.iter().filter_map(end).collect();
        let outcome = context.sync_everything();
        let next = match outcome {
            Ok(()) => {
                ends.iter().for_each(|(partition, end)| partition.settled(*end));
                Stage::Idle
            }
            Err(error) => {
                let path = context.root().display();
                tracing::error!(%error, %path, "a sync has failed: the journal is kept for the next start");
                Stage::Failed
            }
        };
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::UnderWay) {
            *stage = next;
        }
    }
}
