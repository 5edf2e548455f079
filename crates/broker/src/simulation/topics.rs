//! A client that creates, fills, grows, changes and deletes topics, and everything that a broker does by itself now and then.

mod model;

use std::sync::Arc;

use millstream_log::fs::sim::SplitMix;

use super::client::{Client, TOPIC};
use crate::core::Core;
pub(super) use model::Change;
use model::{Model, create};

/// What a broker does by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chore {
    WriteCheckpoints,
    ApplyRetention,
    RemoveDiscarded,
    Compact,
    Transactions,
    ExpireOffsets,
}

/// Those topics come and go, and the one that everybody writes to stays.
pub(super) struct TopicKeeper {
    random: SplitMix,
    next: u64,
    topics: [Model; 2],
}

impl TopicKeeper {
    pub(super) fn new(random: SplitMix) -> Self {
        Self { random, next: 1, topics: [Model::new("short-lived", false), Model::new("compacted", true)] }
    }

    pub(super) async fn work(&mut self, client: &mut Client, core: &Arc<Core>, steps: u64) {
        for _ in 0..steps {
            let done = if self.random.below(3) == 0 {
                let chore = match self.random.below(6) {
                    0 => Chore::WriteCheckpoints,
                    1 => Chore::ApplyRetention,
                    2 => Chore::RemoveDiscarded,
                    3 => Chore::Compact,
                    4 => Chore::Transactions,
                    _ => Chore::ExpireOffsets,
                };
                self.maintain(core, chore).await
            } else {
                let change = match self.random.below(12) {
                    0 => Change::Delete,
                    1 => Change::Configure,
                    2 => Change::Grow,
                    3 | 4 => Change::DeleteRecords,
                    5 | 6 => Change::CommitOffset,
                    _ => Change::Write,
                };
                let topic = self.random.below(2) as usize;
                self.change(client, topic, change).await
            };
            if done.is_none() {
                return;
            }
        }
    }

    /// Does one of the broker's chores; none when the broker is gone.
    pub(super) async fn maintain(&mut self, core: &Arc<Core>, chore: Chore) -> Option<()> {
        let context = Arc::clone(core);
        let work = move || match chore {
            Chore::WriteCheckpoints => drop(context.store.write_checkpoints()),
            Chore::ApplyRetention => drop(context.store.apply_retention()),
            Chore::RemoveDiscarded => drop(context.store.remove_discarded()),
            Chore::Compact => _ = context.store.compact(),
            Chore::Transactions => context.transactions.on_time(),
            Chore::ExpireOffsets => context.groups.expire(),
        };
        core.disks.run(work).await.ok()
    }

    /// Changes one of the two topics, which is created if need be; none when nobody answers any more.
    pub(super) async fn change(&mut self, client: &mut Client, topic: usize, change: Change) -> Option<()> {
        self.next += 1;
        self.topics[topic].change(client, change, self.next, &mut self.random).await
    }

    /// Compares the topics with what was told, and creates the one that everybody writes to where it is missing.
    pub(super) async fn check(&mut self, client: &mut Client, core: &Core, story: &str) {
        for topic in &mut self.topics {
            topic.check(client, core, story).await;
        }
        if core.store.topic(TOPIC).is_none() {
            let created = self.create_shared(client).await.unwrap();
            assert!(created.is_ok(), "{story}: {created:?}");
        }
    }

    /// Creates the topic that everybody writes to.
    pub(super) async fn create_shared(
        &self,
        client: &mut Client,
    ) -> Option<Result<(), millstream_wire::ErrorCode>> {
        Some(create(client, TOPIC, 2, Vec::new()).await?.map(drop))
    }
}
