//! Syncs of partitions' own files: one by one, several side by side, or the whole file system, whichever is cheaper.

use std::sync::Arc;
use std::time::Instant;

use super::cost::SyncCost;
use super::side_by_side::SideBySide;
use crate::context::Context;
use crate::partition::{PartitionLog, SyncPlan, SyncScope};
use crate::{LogError, Result};

#[derive(Debug)]
pub(super) struct FileSyncs {
    context: Arc<Context>,
    cost: SyncCost,
    side_by_side: Option<SideBySide>,
}

impl FileSyncs {
    /// Syncs on the calling thread alone.
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context, cost: SyncCost::default(), side_by_side: None }
    }

    /// Starts threads that sync side by side.
    pub(super) fn start_helpers(&mut self) {
        self.side_by_side = Some(SideBySide::start(&self.context));
    }

    /// Syncs what was appended to `partitions`, each of which is there once. What fails goes offline.
    pub(super) fn sync(&mut self, partitions: Vec<Arc<PartitionLog>>, scope: SyncScope) {
        let count = partitions.len();
        match &self.side_by_side {
            Some(side_by_side) if count > 1 && !self.cost.whole_file_system_is_cheaper(count) => {
                let began = Instant::now();
                side_by_side.sync(partitions, scope);
                self.cost.single_took(began.elapsed(), count);
            }
            _ => self.sync_together(&partitions, scope),
        }
    }

    fn sync_together(&mut self, partitions: &[Arc<PartitionLog>], scope: SyncScope) {
        let plans: Vec<_> = partitions
            .iter()
            .filter_map(|partition| Some((partition, partition.plan_sync(scope)?)))
            .collect();
        let files = plans.iter().map(|(_, plan)| plan.sync_count()).sum();
        let began = Instant::now();
        let everything_synced =
            self.cost.whole_file_system_is_cheaper(files) && self.context.sync_everything().is_ok();
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
