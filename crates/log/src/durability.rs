//! When written bytes become durable, and what waits for it.
//!
//! - `none`: the operating system writes when it likes. A killed process loses nothing, a power cut what was not yet
//!   written. Finished segments are synced in the background.
//! - `interval`: as `none`, and every second everything is synced: a power cut loses the last seconds.
//! - `group`: answers, high watermark and duplicates wait for the sync that covers them. Appends to many partitions
//!   share a round: what it finds goes into one [`journal`], and what is too much for that is synced where it lies
//!   ([`file_syncs`]). While a round runs, the next one gathers.
//!
//! A failed sync is never repeated: the kernel may have dropped the pages. The partition goes offline.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::context::Context;
use crate::partition::{PartitionLog, SyncScope};
use crate::{LogError, Result};

mod cost;
mod file_syncs;
mod journal;
mod settle;
mod side_by_side;

use file_syncs::FileSyncs;
use journal::Journal;
pub(crate) use journal::{discard, is_in_files, replay};

/// Time between the syncs of [`FsyncPolicy::Interval`].
pub const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// A round over so many partitions shows that many producers are at work. The next one then begins [`BUSY_ROUND`] after it at the earliest:
/// a sync costs the processors as much as several appends, and it is as quick for more of them.
const BUSY_PARTITIONS: usize = 16;
const BUSY_ROUND: Duration = Duration::from_millis(1);

/// When appended records are synced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FsyncPolicy {
    /// Left to the operating system.
    None,
    /// Every second, without waiting for it.
    Interval,
    /// Before they are acknowledged or shown, many appends per sync.
    #[default]
    Group,
}

impl std::str::FromStr for FsyncPolicy {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "interval" => Ok(Self::Interval),
            "group" => Ok(Self::Group),
            _ => Err(LogError::InvalidConfig {
                key: "fsync",
                value: text.to_owned(),
                expected: "none, interval or group",
            }),
        }
    }
}

impl std::fmt::Display for FsyncPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Interval => "interval",
            Self::Group => "group",
        })
    }
}

/// Partitions with something to sync.
#[derive(Debug, Default)]
pub(crate) struct SyncQueue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    partitions: Vec<Arc<PartitionLog>>,
    stopped: bool,
}

impl SyncQueue {
    /// Adds a partition, which must not be queued already.
    pub(crate) fn push(&self, partition: Arc<PartitionLog>) {
        self.waiting.lock().partitions.push(partition);
        self.changed.notify_one();
    }

    /// Lets the syncer's thread end.
    pub(crate) fn stop(&self) {
        self.waiting.lock().stopped = true;
        self.changed.notify_all();
    }

    fn take(&self) -> Vec<Arc<PartitionLog>> {
        std::mem::take(&mut self.waiting.lock().partitions)
    }

    /// Waits until there is something to sync; `None` when the store stops.
    fn wait(&self, interval: Option<Duration>) -> Option<Vec<Arc<PartitionLog>>> {
        let mut waiting = self.waiting.lock();
        while waiting.partitions.is_empty() && !waiting.stopped {
            self.changed.wait(&mut waiting);
        }
        if let Some(interval) = interval {
            let until = Instant::now() + interval;
            while !waiting.stopped && !self.changed.wait_until(&mut waiting, until).timed_out() {}
        }
        (!waiting.stopped).then(|| std::mem::take(&mut waiting.partitions))
    }
}

/// Runs sync rounds.
#[derive(Debug)]
pub(crate) struct Syncer {
    context: Arc<Context>,
    files: FileSyncs,
    journal: Option<Journal>,
}

impl Syncer {
    /// Under [`FsyncPolicy::Group`] with a journal of two files of at most `journal_bytes`; 0 for none.
    pub(crate) fn new(context: Arc<Context>, journal_bytes: u64) -> Self {
        let has_journal = context.policy == FsyncPolicy::Group && journal_bytes > 0;
        let journal = has_journal.then(|| Journal::new(context.clone(), journal_bytes));
        Self { files: FileSyncs::new(context.clone()), journal, context }
    }

    /// The thread's loop.
    pub(crate) fn run(mut self) {
        let interval = (self.context.policy == FsyncPolicy::Interval).then_some(SYNC_INTERVAL);
        self.files.start_helpers();
        if let Some(journal) = &mut self.journal {
            journal.start_settler();
        }
        let context = self.context.clone();
        while let Some(partitions) = context.sync_queue.wait(interval) {
            let (began, is_busy) = (Instant::now(), partitions.len() >= BUSY_PARTITIONS);
            self.round(partitions);
            if is_busy && self.journal.is_some() {
                std::thread::sleep(BUSY_ROUND.saturating_sub(began.elapsed()));
            }
        }
    }

    /// Syncs whatever is queued; says how many partitions that were.
    pub(crate) fn run_queued(&mut self) -> usize {
        let partitions = self.context.sync_queue.take();
        let count = partitions.len();
        self.round(partitions);
        if let Some(journal) = &self.journal {
            journal.settle();
        }
        count
    }

    fn round(&mut self, mut partitions: Vec<Arc<PartitionLog>>) {
        partitions.iter().for_each(|partition| partition.leave_sync_queue());
        if let Some(journal) = &mut self.journal {
            partitions = journal.write(partitions);
        }
        let scope = match self.context.policy {
            FsyncPolicy::None => SyncScope::Finished,
            FsyncPolicy::Interval | FsyncPolicy::Group => SyncScope::Everything,
        };
        self.files.sync(partitions, scope);
    }
}

/// Syncs the given partitions on the calling thread.
pub(crate) fn sync_now(context: &Context, partitions: &[Arc<PartitionLog>]) -> Result<()> {
    let mut seen = HashSet::new();
    for partition in partitions {
        if !seen.insert(Arc::as_ptr(partition)) {
            continue;
        }
        sync_partition(context, partition, SyncScope::Everything);
    }
    Ok(())
}

/// Syncs one partition on the calling thread; a failure takes it offline.
pub(crate) fn sync_partition(context: &Context, partition: &PartitionLog, scope: SyncScope) {
    let Some(plan) = partition.plan_sync(scope) else { return };
    let mut outcome = plan.execute(context);
    if plan.syncs_root() && outcome.is_ok() {
        let root = context.root();
        outcome = context.fs().sync_dir(root).map_err(|source| LogError::Io {
            operation: "sync",
            path: root.to_owned(),
            source,
        });
    }
    partition.finish_sync(plan, outcome);
}
