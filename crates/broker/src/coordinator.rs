//! The group coordinator: which groups there are, what they have committed, and how that is kept.
//!
//! ```text
//!   API handlers ──► GroupCoordinator ── hash of the group id ──► Shard (one per partition of __consumer_offsets)
//!                         │                                         ├── groups: kind (state machine) + offsets
//!                      timers                                       └── writes ──► CoordinatorLog ──► back into the shard
//! ```
//!
//! A shard's lock is held while a request is applied and its records are handed to the log, so that records are in the
//! order of the decisions. The log calls back when they are appended (and synced, where the policy says so), in the same order;
//! only then are offsets visible and answers given. Nothing here waits for a disk while holding a lock.
//!
//! Lock order: a shard's groups, then the log's queue. Callbacks come without any lock held.
//!
//! Invariants:
//! - every state that a client was told of is in `__consumer_offsets`: a restart rebuilds shards from it;
//! - a group kind is a state machine of its own ([`GroupKind`]); offsets, storage and timers know none of them in detail.
//!
//! Transactions have a coordinator of their own ([`transactions`]); here are the offsets that belong to them.
//!
//! Not here yet: share and streams groups.

mod administration;
pub(crate) mod classic;
pub(crate) mod consumer;
mod consumer_requests;
mod group;
mod load;
pub(crate) mod offsets;
mod records;
mod requests;
mod shard;
mod timers;
pub(crate) mod topics;
mod transactional_offsets;
pub(crate) mod transactions;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_wire::ErrorCode;
use parking_lot::RwLock;
use tokio::sync::Mutex as AsyncMutex;

use classic::{GroupLimits, Now};
use consumer::{ConsumerSettings, Context};
use shard::Shard;
use timers::Timers;
use topics::{TopicSource, Topics};

use crate::metrics::GroupCounts;

pub(crate) use administration::GroupDescription;
pub(crate) use group::{Group, GroupKind};
pub(crate) use records::EncodedRecord;
pub(crate) use requests::{CommitOffset, CommitRequest, FetchRequest, FetchedOffset};
pub(crate) use transactional_offsets::TransactionalCommit;

/// Called when an append is over.
pub(crate) type AppendDone = Box<dyn FnOnce(Result<(), ErrorCode>) + Send>;

/// A producer in one of its epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProducerIdentity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// Records that a coordinator appends as one batch.
#[derive(Debug)]
pub(crate) struct CoordinatorBatch {
    pub(crate) records: Vec<EncodedRecord>,
    pub(crate) timestamp_ms: i64,
    /// Whose transaction the records belong to: they count once it is committed.
    pub(crate) transaction: Option<ProducerIdentity>,
}

/// What a coordinator finds in its topic when it reads it again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Replayed<'a> {
    /// A record, by itself or in the transaction of a producer id.
    Record { key: &'a [u8], value: Option<&'a [u8]>, transaction: Option<i64> },
    /// The open transaction of a producer id ended here.
    EndOfTransaction { producer_id: i64, committed: bool },
}

/// Where a coordinator keeps its records: its topic, or memory in tests.
pub(crate) trait CoordinatorLog: Send + Sync + 'static {
    /// Appends records to a partition after all that were given before; `done` is called once they are as safe as
    /// the fsync policy asks, in the order of the calls, and never from within this call while it holds a lock.
    fn append(&self, partition: i32, batch: CoordinatorBatch, done: AppendDone);

    /// Reads a partition from its start. Waits for the disk.
    fn replay(&self, partition: i32, visit: &mut dyn FnMut(Replayed<'_>)) -> Result<(), ErrorCode>;
}

/// What the coordinator does by itself, and within which bounds.
#[derive(Debug, Clone)]
pub(crate) struct CoordinatorConfig {
    pub(crate) limits: GroupLimits,
    pub(crate) consumer: ConsumerSettings,
    /// `offsets.metadata.max.bytes`.
    pub(crate) metadata_bytes_max: usize,
    /// `offsets.retention.minutes`.
    pub(crate) offsets_retention: Duration,
}

/// What a group has set for itself (resource type GROUP).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GroupOverrides {
    /// `consumer.session.timeout.ms`.
    pub(crate) session_timeout: Option<Duration>,
    /// `consumer.heartbeat.interval.ms`.
    pub(crate) heartbeat_interval: Option<Duration>,
    /// `consumer.assignment.interval.ms`.
    pub(crate) assignment_interval: Option<Duration>,
}

impl GroupOverrides {
    fn applied_to(&self, broker: &ConsumerSettings) -> ConsumerSettings {
        ConsumerSettings {
            session_timeout: self.session_timeout.unwrap_or(broker.session_timeout),
            heartbeat_interval: self.heartbeat_interval.unwrap_or(broker.heartbeat_interval),
            assignment_interval: self.assignment_interval.unwrap_or(broker.assignment_interval),
            ..broker.clone()
        }
    }
}

/// All groups of the broker.
pub(crate) struct GroupCoordinator {
    config: CoordinatorConfig,
    log: Arc<dyn CoordinatorLog>,
    topics: Arc<dyn TopicSource>,
    shards: Vec<Shard>,
    timers: Timers,
    /// Of the groups that have settings of their own.
    own_settings: RwLock<HashMap<String, Arc<ConsumerSettings>>>,
    settings: Arc<ConsumerSettings>,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
    counts: GroupCounts,
    /// Held while the internal topic is created.
    pub(crate) creating_topic: AsyncMutex<()>,
}

impl GroupCoordinator {
    /// A coordinator whose shards are not loaded yet.
    pub(crate) fn new(
        config: CoordinatorConfig,
        shard_count: i32,
        log: Arc<dyn CoordinatorLog>,
        topics: Arc<dyn TopicSource>,
        clock: Arc<dyn Fn() -> Now + Send + Sync>,
    ) -> Arc<Self> {
        let shards = (0..shard_count).map(Shard::new).collect();
        let timers = Timers::default();
        Arc::new(Self {
            own_settings: RwLock::default(),
            settings: Arc::new(config.consumer.clone()),
            config,
            log,
            topics,
            shards,
            timers,
            clock,
            counts: GroupCounts::default(),
            creating_topic: AsyncMutex::default(),
        })
    }

    /// What was done since the start.
    pub(crate) fn counts(&self) -> &GroupCounts {
        &self.counts
    }

    fn now(&self) -> Now {
        (self.clock)()
    }

    /// Gives a group settings of its own, or none any more.
    pub(crate) fn configure(&self, group_id: &str, overrides: &GroupOverrides) {
        let mut own_settings = self.own_settings.write();
        if *overrides == GroupOverrides::default() {
            own_settings.remove(group_id);
        } else {
            let settings = Arc::new(overrides.applied_to(&self.config.consumer));
            own_settings.insert(group_id.to_owned(), settings);
        }
    }

    /// What holds for a consumer group.
    fn settings(&self, group_id: &str) -> Arc<ConsumerSettings> {
        let own_settings = self.own_settings.read();
        Arc::clone(own_settings.get(group_id).unwrap_or(&self.settings))
    }

    /// What a consumer group is shown of the world.
    fn context<'a>(&self, settings: &'a ConsumerSettings, topics: &'a dyn Topics) -> Context<'a> {
        Context { settings, topics, now: self.now() }
    }

    /// The partition of `__consumer_offsets` that keeps a group.
    pub(crate) fn partition_of(&self, group_id: &str) -> i32 {
        partition_for(group_id, self.shards.len())
    }

    fn shard_of(&self, group_id: &str) -> &Shard {
        let partition = self.partition_of(group_id);
        &self.shards[usize::try_from(partition).unwrap_or(0)]
    }

    /// The shard of a group once it is loaded.
    async fn loaded_shard(&self, group_id: &str) -> Result<&Shard, ErrorCode> {
        let shard = self.shard_of(group_id);
        shard.loaded().await?;
        Ok(shard)
    }
}

/// The partition of a coordinator's topic that keeps a group or a transactional id.
fn partition_for(id: &str, partitions: usize) -> i32 {
    (java_hash(id) & i32::MAX) % i32::try_from(partitions).unwrap_or(i32::MAX)
}

/// Java's `String.hashCode`, by which Apache Kafka places groups and transactional ids.
pub(crate) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
