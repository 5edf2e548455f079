//! Rebuilding the coordinator from `__transaction_state`.

use std::collections::HashMap;
use std::sync::Arc;

use super::shard::Entry;
use super::state::{Transaction, TransactionState};
use super::{TransactionCoordinator, records};
use crate::coordinator::Replayed;

impl TransactionCoordinator {
    /// Rebuilds all shards. Waits for the disk. Nobody may ask for anything before.
    pub(crate) fn load(&self) {
        for shard in &self.shards {
            let begun = (self.clock)().instant;
            let mut found: HashMap<String, Transaction> = HashMap::new();
            let mut unreadable = 0;
            let outcome = self.log.replay(shard.partition, &mut |replayed| {
                let Replayed::Record { key, value, .. } = replayed else { return };
                match records::decode(key, value) {
                    Ok(Some((id, Some(transaction)))) => _ = found.insert(id, transaction),
                    Ok(Some((id, None))) => _ = found.remove(&id),
                    Ok(None) => {}
                    Err(_) => unreadable += 1,
                }
            });
            let mut content = shard.content();
            match outcome {
                Ok(()) => {
                    let entries = found.into_iter().map(|(id, transaction)| (id, Entry::new(transaction)));
                    content.entries = entries.collect();
                }
                Err(error) => {
                    tracing::error!(partition = shard.partition, %error, "__transaction_state cannot be loaded");
                    content.failure = Some(error);
                }
            }
            let took = (self.clock)().instant.saturating_duration_since(begun);
            self.counts.load_times.record(took);
            if unreadable > 0 {
                let partition = shard.partition;
                tracing::warn!(partition, records = unreadable, "passed over records that cannot be read");
            }
        }
    }

    /// Goes on where the last process ended: what it had decided gets its markers, what was open takes batches again.
    pub(crate) fn roll_forward(self: &Arc<Self>) {
        for shard in &self.shards {
            for entry in shard.content().entries.values() {
                let transaction = &entry.transaction;
                if transaction.state == TransactionState::Ongoing {
                    for (topic, partition) in transaction.partitions.iter() {
                        self.host.enrol(topic, partition, transaction.producer);
                    }
                }
            }
        }
        // What is decided and not complete looks like what could not be completed.
        self.on_time();
    }
}
