//! The transaction coordinator: whose transactions are open, how they end, and how that is kept.
//!
//! ```text
//!   API handlers ──► TransactionCoordinator ── hash of the id ──► Shard (one per partition of __transaction_state)
//!                        │                                          └── ids: Entry (state machine + who waits)
//!                        │ writes ──► CoordinatorLog ──► back into the shard
//!                        └ enrols, markers ──► TransactionHost (the partitions, the group coordinator)
//! ```
//!
//! An id takes one step at a time. A step is decided under its shard's lock and handed to the log there, so records are in the
//! order of the decisions; it counts, and is told, once the log calls back. While a step is being written everybody who wants
//! partitions for the same id waits in line; other requests are asked to come again (CONCURRENT_TRANSACTIONS), as in Kafka.
//!
//! A partition is enrolled in the log only after the record that says so is in `__transaction_state`, and a transaction is over
//! only after every partition has its marker. So what a crash leaves is known here: prepared transactions are rolled forward at
//! the start, before anybody connects, and open ones are enrolled again.
//!
//! Lock order: a shard, then the queues of the disks. Callbacks come without a shard's lock held.
//!
//! Invariants: enrolment and marker of a partition go to its disk thread in the order of the decisions; who waits is served in the
//! order of arrival, so that batches of one producer keep theirs.

mod add;
mod end;
mod inspect;
mod load;
mod partitions;
mod records;
mod shard;
mod state;
mod time;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use millstream_wire::ErrorCode;
use tokio::sync::{Mutex as AsyncMutex, watch};

use super::classic::Now;
use super::{CoordinatorLog, ProducerIdentity, partition_for};
use shard::Shard;

use crate::metrics::TransactionCounts;

pub(crate) use inspect::TransactionFilter;
pub(crate) use partitions::TopicPartitions;
pub(crate) use state::TransactionVersion;

/// What is written into a partition when a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) producer: ProducerIdentity,
    pub(crate) committed: bool,
    pub(crate) coordinator_epoch: i32,
    /// Whether it may only end a transaction of an earlier epoch. Markers of the coordinator itself come in order and need it not.
    pub(crate) is_next_epoch: bool,
}

/// What became of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkerOutcome {
    /// It is in the log, as safe as the policy asks.
    Written,
    /// There is no such partition any more, so nothing is to be ended there.
    Gone,
    /// The partition knows a later epoch of the producer: nothing is open there under this one.
    Fenced,
    /// It has to be written again.
    Failed(ErrorCode),
}

/// Called when the fate of a marker is known.
pub(crate) type MarkerDone = Box<dyn FnOnce(MarkerOutcome) + Send>;

/// A producer id, some time later.
pub(crate) type NewProducerId = Pin<Box<dyn Future<Output = Result<i64, ErrorCode>> + Send>>;

/// The broker around the coordinator. Nothing here waits for a disk.
pub(crate) trait TransactionHost: Send + Sync + 'static {
    /// A producer id that was never given.
    fn new_producer_id(&self) -> NewProducerId;

    /// Lets a partition take batches of a producer's transaction, before everything that is appended to it after this call.
    fn enrol(&self, topic: &str, partition: i32, producer: ProducerIdentity);

    /// Ends a producer's transaction in a partition, after everything that was appended to it before. `done` may be called
    /// at once.
    fn write_marker(&self, topic: &str, partition: i32, marker: Marker, done: MarkerDone);
}

/// What the coordinator does by itself, and within which bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransactionConfig {
    /// `transaction.max.timeout.ms`.
    pub(crate) timeout_max: Duration,
    /// `transactional.id.expiration.ms`.
    pub(crate) id_expiration: Duration,
    /// Of the process that leads `__transaction_state`: later ones have larger ones.
    pub(crate) coordinator_epoch: i32,
}

/// All transactional ids of the broker.
pub(crate) struct TransactionCoordinator {
    config: TransactionConfig,
    log: Arc<dyn CoordinatorLog>,
    host: Arc<dyn TransactionHost>,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
    shards: Vec<Shard>,
    counts: TransactionCounts,
    /// Transactions whose markers are being written.
    completing: watch::Sender<usize>,
    /// Held while the internal topic is created.
    pub(crate) creating_topic: AsyncMutex<()>,
}

impl TransactionCoordinator {
    /// A coordinator without any ids.
    pub(crate) fn new(
        config: TransactionConfig,
        shard_count: i32,
        log: Arc<dyn CoordinatorLog>,
        host: Arc<dyn TransactionHost>,
        clock: Arc<dyn Fn() -> Now + Send + Sync>,
    ) -> Arc<Self> {
        let shards = (0..shard_count).map(Shard::new).collect();
        let completing = watch::Sender::new(0);
        let (counts, creating_topic) = (TransactionCounts::default(), AsyncMutex::default());
        Arc::new(Self { config, log, host, clock, shards, counts, completing, creating_topic })
    }

    fn now_ms(&self) -> i64 {
        (self.clock)().wall_ms
    }

    /// The shard that keeps an id.
    fn shard_of(&self, id: &str) -> &Shard {
        &self.shards[usize::try_from(partition_for(id, self.shards.len())).unwrap_or(0)]
    }
}

/// The error for a producer's own batch or offsets where the coordinator's answer is for coordinators.
pub(crate) fn refusal_for_producer(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        other => other,
    }
}
