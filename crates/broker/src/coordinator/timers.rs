//! When to look at the groups again.
//!
//! Groups name the earliest moment at which something is due; the task sleeps until the earliest of all. Heartbeats
//! move moments later without telling: the task then wakes up, finds less to do, and asks again.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{GroupCoordinator, GroupKind};

/// Work that must not run where it came up.
type Deferred = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct Timers {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    earliest: Option<Instant>,
    deferred: Vec<Deferred>,
}

impl Timers {
    /// Makes sure that groups are looked at by `deadline`.
    pub(super) fn wake_by(&self, deadline: Instant) {
        let mut state = self.state.lock();
        if state.earliest.is_none_or(|earliest| deadline < earliest) {
            state.earliest = Some(deadline);
            drop(state);
            self.changed.notify_one();
        }
    }

    pub(super) fn run_soon(&self, deferred: Deferred) {
        self.state.lock().deferred.push(deferred);
        self.changed.notify_one();
    }

    fn earliest(&self) -> Option<Instant> {
        self.state.lock().earliest
    }
}

impl GroupCoordinator {
    /// Does what is due, again and again. Ends with the task that runs it.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        loop {
            match self.timers.earliest() {
                Some(deadline) => {
                    let sleep = tokio::time::sleep_until(deadline.into());
                    tokio::select! {
                        () = sleep => self.on_time(),
                        () = self.timers.changed.notified() => {}
                    }
                }
                None => self.timers.changed.notified().await,
            }
            let deferred = std::mem::take(&mut self.timers.state.lock().deferred);
            for work in deferred {
                work();
            }
        }
    }

    /// Does what is due in every group.
    pub(crate) fn on_time(self: &Arc<Self>) {
        self.timers.state.lock().earliest = None;
        let now = self.now();
        for shard in &self.shards {
            let due: Vec<(String, bool)> = {
                let mut groups = shard.groups.lock();
                let mut due = Vec::new();
                for (group_id, group) in groups.iter_mut() {
                    match group.kind.deadline() {
                        Some(deadline) if deadline <= now.instant => {
                            due.push((group_id.clone(), matches!(group.kind, GroupKind::Classic(_))));
                        }
                        Some(deadline) => self.timers.wake_by(deadline),
                        None => {}
                    }
                }
                due
            };
            for (group_id, is_classic) in due {
                if !is_classic {
                    self.consumer_on_time(shard, &group_id);
                    continue;
                }
                self.with_group(shard, &group_id, false, |group| ((), group.on_time(now)));
            }
        }
    }
}
