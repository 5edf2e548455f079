//! Several partitions synced at the same time.
//!
//! A file system puts syncs that come together into one commit of its journal, so eight threads need little longer for eight files
//! than one does for one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::sync_partition;
use crate::context::Context;
use crate::partition::{PartitionLog, SyncScope};

/// Threads beside the syncer's own. Measured on ext4: more do not help.
const HELPERS: usize = 7;

/// Threads that sync partitions; they end when this is dropped.
#[derive(Debug)]
pub(super) struct SideBySide {
    context: Arc<Context>,
    work: Arc<Work>,
}

#[derive(Debug, Default)]
struct Work {
    state: Mutex<State>,
    added: Condvar,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Arc<PartitionLog>, SyncScope)>,
    under_way: usize,
    stopped: bool,
}

impl SideBySide {
    /// Starts the threads, or as many as the system has.
    pub(super) fn start(context: &Arc<Context>) -> Self {
        let work = Arc::new(Work::default());
        for index in 0..HELPERS {
            let (context, work) = (Arc::clone(context), Arc::clone(&work));
            let named = thread::Builder::new().name(format!("log-sync-{index}"));
            if let Err(error) = named.spawn(move || work.help(&context)) {
                tracing::warn!(%error, "a thread for syncs is missing, which costs speed");
                break;
            }
        }
        Self { context: Arc::clone(context), work }
    }

    /// Syncs all partitions, and returns when the last is done.
    pub(super) fn sync(&self, partitions: Vec<Arc<PartitionLog>>, scope: SyncScope) {
        let wanted = partitions.len().saturating_sub(1).min(HELPERS);
        self.work.state.lock().waiting.extend(partitions.into_iter().map(|partition| (partition, scope)));
        for _ in 0..wanted {
            self.work.added.notify_one();
        }
        while self.work.sync_next(&self.context) {}
        let mut state = self.work.state.lock();
        self.work.done.wait_while(&mut state, |state| state.under_way > 0);
    }
}

impl Drop for SideBySide {
    fn drop(&mut self) {
        self.work.state.lock().stopped = true;
        self.work.added.notify_all();
    }
}

impl Work {
    fn help(&self, context: &Context) {
        loop {
            while self.sync_next(context) {}
            let mut state = self.state.lock();
            self.added.wait_while(&mut state, |state| state.waiting.is_empty() && !state.stopped);
            if state.stopped {
                return;
            }
        }
    }

    /// Syncs the next partition that waits, if one does.
    fn sync_next(&self, context: &Context) -> bool {
        let next = {
            let mut state = self.state.lock();
            let next = state.waiting.pop_front();
            state.under_way += usize::from(next.is_some());
            next
        };
        let Some((partition, scope)) = next else { return false };
        let _done = Done(self);
        sync_partition(context, &partition, scope);
        true
    }
}

/// One that is under way; also when its thread panics, so that nobody waits for it for ever.
struct Done<'a>(&'a Work);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.under_way -= 1;
        if state.under_way == 0 {
            self.0.done.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    //! All are synced when it returns, and one that fails takes no other with it.
    use super::*;
    use crate::durability::FsyncPolicy;
    use crate::fs::sim::Fault;
    use crate::testing::{Bench, batch, create};

    const PARTITIONS: i32 = 40;

    #[test]
    fn every_partition_is_durable_when_it_returns() {
        for fails in [false, true] {
            let bench = Bench::new(41, FsyncPolicy::Group);
            let store = bench.open().unwrap();
            create(&store, "many", PARTITIONS, []).unwrap();
            let partitions: Vec<_> =
                (0..PARTITIONS).map(|index| store.partition("many", index).unwrap()).collect();
            let side_by_side = SideBySide::start(store.context());
            for round in 1..10 {
                for partition in &partitions {
                    _ = partition.append(&batch(1, 10));
                }
                if fails && round == 5 {
                    bench.fs.inject(20, Fault::Device);
                }
                side_by_side.sync(partitions.clone(), SyncScope::Everything);
                let ends = partitions.iter().map(|partition| partition.high_watermark());
                let durable = ends.filter(|&end| end == round).count();
                let offline = partitions.iter().filter(|partition| !partition.is_open()).count();
                assert_eq!(
                    (durable + offline, offline),
                    (40, usize::from(fails && round >= 5)),
                    "round {round}"
                );
            }
        }
    }
}
