//! When written bytes become durable, and what waits for it.
//!
//! - `none`: the operating system writes when it likes. A killed process loses nothing, a power cut what was not yet
//!   written. Finished segments are synced in the background.
//! - `interval`: as `none`, and every second everything is synced: a power cut loses the last seconds.
//! - `group`: answers, high watermark and duplicates wait for the sync that covers them. Appends to many partitions
//!   share a round: it takes all partitions with unsynced bytes, syncs each file once, several side by side, or the whole file
//!   system when that is cheaper (measured as it goes). While a round runs, the next one gathers.
//!
//! A failed sync is never repeated: the kernel may have dropped the pages. The partition goes offline.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::context::Context;
use crate::partition::{PartitionLog, SyncPlan, SyncScope};
use crate::{LogError, Result};

mod cost;
mod side_by_side;

use cost::SyncCost;
use side_by_side::SideBySide;

/// Time between the syncs of [`FsyncPolicy::Interval`].
pub const SYNC_INTERVAL: Duration = Duration::from_secs(1);

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
    cost: SyncCost,
}

impl Syncer {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context, cost: SyncCost::default() }
    }

    /// The thread's loop.
    pub(crate) fn run(mut self) {
        let interval = (self.context.policy == FsyncPolicy::Interval).then_some(SYNC_INTERVAL);
        let context = self.context.clone();
        let side_by_side = SideBySide::start(&context);
        while let Some(partitions) = context.sync_queue.wait(interval) {
            let count = partitions.len();
            if count < 2 || self.cost.whole_file_system_is_cheaper(count) {
                self.round(partitions);
                continue;
            }
            for partition in &partitions {
                partition.leave_sync_queue();
            }
            let began = Instant::now();
            side_by_side.sync(partitions, self.scope());
            self.cost.single_took(began.elapsed(), count);
        }
    }

    /// Syncs whatever is queued; says how many partitions that were.
    pub(crate) fn run_queued(&mut self) -> usize {
        let partitions = self.context.sync_queue.take();
        let count = partitions.len();
        self.round(partitions);
        count
    }

    fn scope(&self) -> SyncScope {
        match self.context.policy {
            FsyncPolicy::None => SyncScope::Finished,
            FsyncPolicy::Interval | FsyncPolicy::Group => SyncScope::Everything,
        }
    }

    fn round(&mut self, partitions: Vec<Arc<PartitionLog>>) {
        let scope = self.scope();
        let mut plans = Vec::with_capacity(partitions.len());
        for partition in &partitions {
            partition.leave_sync_queue();
            plans.extend(partition.plan_sync(scope).map(|plan| (partition, plan)));
        }
        let files = plans.iter().map(|(_, plan)| plan.sync_count()).sum();
        let began = Instant::now();
        let everything_synced = self.cost.whole_file_system_is_cheaper(files)
            && self.context.fs().sync_all(self.context.root()).is_ok();
        if everything_synced {
            self.cost.whole_took(began.elapsed());
        }
        let outcomes: Vec<_> = plans
            .into_iter()
            .map(|(partition, plan)| {
                // After a failed sync of everything, each file's own sync tells whether it was hit.
                let outcome = if everything_synced { Ok(()) } else { plan.execute(&self.context) };
                (partition, plan, outcome)
            })
            .collect();
        let root_outcome = self.sync_root(everything_synced, &outcomes);
        for (partition, plan, outcome) in outcomes {
            let outcome = match (&root_outcome, plan.syncs_root()) {
                (Err(_), true) => Err(partition.offline_error()),
                _ => outcome,
            };
            partition.finish_sync(plan, outcome);
        }
    }

    /// Makes new partition directories durable: once, whatever their number.
    fn sync_root(
        &self,
        done: bool,
        outcomes: &[(&Arc<PartitionLog>, SyncPlan<'_>, Result<()>)],
    ) -> Result<()> {
        if done || !outcomes.iter().any(|(_, plan, _)| plan.syncs_root()) {
            return Ok(());
        }
        let root = self.context.root();
        let outcome = self.context.fs().sync_dir(root);
        if let Err(error) = &outcome {
            tracing::error!(%error, path = %root.display(), "data directory cannot be synced");
        }
        outcome.map_err(|source| LogError::Io { operation: "sync", path: root.to_owned(), source })
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
