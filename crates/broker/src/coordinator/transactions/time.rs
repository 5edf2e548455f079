//! What the coordinator does as time passes: aborts transactions that take too long, tries again what has failed, and forgets ids
//! that nobody uses.

use std::sync::Arc;

use millstream_wire::ErrorCode;

use super::shard::{AfterWrite, Content, Shard};
use super::{TransactionCoordinator, records};
use crate::coordinator::CoordinatorBatch;

impl TransactionCoordinator {
    /// Aborts transactions whose time is over, and fences their producers; goes on with those that could not be completed.
    pub(crate) fn on_time(self: &Arc<Self>) {
        let now_ms = self.now_ms();
        for shard in &self.shards {
            let mut retries = Vec::new();
            let mut content = shard.content();
            for (id, entry) in &mut content.entries {
                if entry.is_stalled() {
                    match self.begin_markers(entry) {
                        Some((marker, partitions)) => retries.push((id.clone(), marker, partitions)),
                        None => self.complete(shard, id, entry),
                    }
                } else if !entry.is_busy() && entry.transaction.is_timed_out(now_ms) {
                    tracing::info!(id, "transaction has timed out and is aborted");
                    let next = entry.transaction.fence(now_ms);
                    self.write(shard, id, entry, next, AfterWrite::Prepared(None));
                }
            }
            drop(content);
            for (id, marker, partitions) in retries {
                self.write_markers(&id, marker, partitions);
            }
        }
    }

    /// Forgets ids that were not used for `transactional.id.expiration.ms`.
    pub(crate) fn expire(self: &Arc<Self>) {
        let now_ms = self.now_ms();
        let expiration_ms = i64::try_from(self.config.id_expiration.as_millis()).unwrap_or(i64::MAX);
        for shard in &self.shards {
            let mut content = shard.content();
            let is_over = |content: &Content, id: &String| {
                content.entries.get(id).is_some_and(|entry| {
                    !entry.is_busy() && entry.transaction.is_expired(now_ms, expiration_ms)
                })
            };
            let over: Vec<String> =
                content.entries.keys().filter(|id| is_over(&content, id)).cloned().collect();
            for id in over {
                self.forget(shard, &mut content, id, now_ms);
            }
        }
    }

    /// Takes an id back; it goes from memory when that is written. Called with the shard's lock held.
    fn forget(self: &Arc<Self>, shard: &Shard, content: &mut Content, id: String, timestamp_ms: i64) {
        let (Some(entry), Ok(record)) = (content.entries.get_mut(&id), records::encode(&id, None)) else {
            return;
        };
        entry.is_pending = true;
        let coordinator = Arc::clone(self);
        let done = move |outcome: Result<(), ErrorCode>| {
            let shard = coordinator.shard_of(&id);
            let mut content = shard.content();
            let Some(mut entry) = content.entries.remove(&id) else { return };
            entry.is_pending = false;
            match outcome {
                Ok(()) => entry.refuse_waiting(ErrorCode::InvalidProducerIdMapping),
                Err(error) => {
                    tracing::warn!(id, %error, "transactional id was not taken back");
                    coordinator.settle(shard, &id, &mut entry);
                    content.entries.insert(id, entry);
                }
            }
        };
        let batch = CoordinatorBatch { records: vec![record], timestamp_ms, transaction: None };
        self.log.append(shard.partition, batch, Box::new(done));
    }
}
