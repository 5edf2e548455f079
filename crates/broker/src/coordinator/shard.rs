//! The groups of one partition of `__consumer_offsets`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use millstream_wire::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::classic::{AfterWrite, ClassicGroup, State, Write};
use super::records::OffsetsRecord;
use super::{AppendDone, CoordinatorBatch, Group, GroupCoordinator, GroupKind};

/// Whether a shard's groups are in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadState {
    Loading,
    Loaded,
    Failed(ErrorCode),
}

/// Groups by their ids.
pub(super) type Groups = HashMap<String, Group>;

/// The groups of one partition.
pub(super) struct Shard {
    pub(super) partition: i32,
    pub(super) groups: Mutex<Groups>,
    /// Groups that have offsets in the open transaction of a producer id. Locked behind the groups.
    pub(super) transactions: Mutex<HashMap<i64, HashSet<String>>>,
    load: watch::Sender<LoadState>,
}

impl Shard {
    pub(super) fn new(partition: i32) -> Self {
        let (load, _) = watch::channel(LoadState::Loading);
        Self { partition, groups: Mutex::default(), transactions: Mutex::default(), load }
    }

    pub(super) fn set_load_state(&self, state: LoadState) {
        self.load.send_replace(state);
    }

    pub(super) fn load_state(&self) -> LoadState {
        *self.load.borrow()
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.load_state() == LoadState::Loaded
    }

    /// Waits until the groups are in memory.
    pub(super) async fn loaded(&self) -> Result<(), ErrorCode> {
        let mut states = self.load.subscribe();
        let state = states.wait_for(|state| *state != LoadState::Loading).await;
        match state.map(|state| *state) {
            Ok(LoadState::Loaded) => Ok(()),
            Ok(LoadState::Failed(error)) => Err(error),
            Ok(LoadState::Loading) | Err(_) => Err(ErrorCode::CoordinatorLoadInProgress),
        }
    }
}

impl GroupCoordinator {
    /// Works on a classic group under its shard's lock, and carries out what it wants written.
    pub(super) fn with_group<T>(
        self: &Arc<Self>,
        shard: &Shard,
        group_id: &str,
        create: bool,
        work: impl FnOnce(&mut ClassicGroup) -> (T, Option<Write>),
    ) -> Option<T> {
        self.with_locked_group(shard, &mut shard.groups.lock(), group_id, create, work)
    }

    /// As [`GroupCoordinator::with_group`], for a caller that has looked at the group already.
    pub(super) fn with_locked_group<T>(
        self: &Arc<Self>,
        shard: &Shard,
        groups: &mut Groups,
        group_id: &str,
        create: bool,
        work: impl FnOnce(&mut ClassicGroup) -> (T, Option<Write>),
    ) -> Option<T> {
        if create && !groups.contains_key(group_id) {
            let group = ClassicGroup::new(self.config.limits, self.now());
            groups.insert(group_id.to_owned(), Group::new(GroupKind::Classic(group)));
        }
        let group = groups.get_mut(group_id)?.classic()?;
        let (result, write) = work(group);
        if let Some(deadline) = group.deadline() {
            self.timers.wake_by(deadline);
        }
        if let Some(write) = write {
            self.write_group(shard, group_id, write);
        }
        Some(result)
    }

    /// Appends a group's state; what follows happens when it is appended. Called with the shard's lock held.
    pub(super) fn write_group(self: &Arc<Self>, shard: &Shard, group_id: &str, write: Write) {
        let record = OffsetsRecord::Group { group: group_id.to_owned(), stored: Some(write.group) };
        let coordinator = Arc::clone(self);
        let group_id = group_id.to_owned();
        let then = write.then;
        let done = move |outcome| coordinator.group_written(&group_id, then, outcome);
        self.append(shard, &[record], Box::new(done));
    }

    fn group_written(self: &Arc<Self>, group_id: &str, then: AfterWrite, outcome: Result<(), ErrorCode>) {
        if let Err(error) = outcome {
            tracing::warn!(group_id, %error, "group state was not written");
        }
        let now = self.now();
        let shard = self.shard_of(group_id);
        let is_rebalance = matches!(then, AfterWrite::Assign { .. });
        self.with_group(shard, group_id, false, |group| {
            let write = group.written(then, outcome, now);
            if is_rebalance && group.state() == State::Stable {
                self.counts.classic_rebalances.inc();
            }
            ((), write)
        });
    }

    /// Hands records to the log. Called with the shard's lock held, which keeps them in order.
    pub(super) fn append(&self, shard: &Shard, records: &[OffsetsRecord], done: AppendDone) {
        let encoded: Result<Vec<_>, _> = records.iter().map(OffsetsRecord::encode).collect();
        match encoded {
            Ok(records) => {
                let timestamp_ms = self.now().wall_ms;
                let batch = CoordinatorBatch { records, timestamp_ms, transaction: None };
                self.log.append(shard.partition, batch, done);
            }
            Err(error) => {
                tracing::error!(%error, partition = shard.partition, "coordinator record cannot be encoded");
                // Not from here, where the shard is locked.
                self.timers.run_soon(Box::new(move || done(Err(ErrorCode::UnknownServerError))));
            }
        }
    }
}
