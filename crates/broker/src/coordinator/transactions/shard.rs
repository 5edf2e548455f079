//! The ids of one partition of `__transaction_state`, and how their steps are written.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use millstream_wire::ErrorCode;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::partitions::TopicPartitions;
use super::state::{Add, Transaction, TransactionState, TransactionVersion};
use super::{Marker, TransactionCoordinator, records};
use crate::coordinator::{CoordinatorBatch, ProducerIdentity};

/// Called when partitions are enrolled, or are not going to be: under the shard's lock, so it must not wait.
pub(crate) type Enrolled = Box<dyn FnOnce(Result<(), ErrorCode>) + Send>;
/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<ProducerIdentity, ErrorCode>>;

/// The ids of one partition.
pub(super) struct Shard {
    pub(super) partition: i32,
    content: Mutex<Content>,
}

/// What a shard holds.
#[derive(Default)]
pub(super) struct Content {
    /// Why nothing is known: the partition cannot be read.
    pub(super) failure: Option<ErrorCode>,
    pub(super) entries: HashMap<String, Entry>,
}

/// A transactional id.
pub(super) struct Entry {
    /// As it is written.
    pub(super) transaction: Transaction,
    /// Whether a step is being written.
    pub(super) is_pending: bool,
    /// Markers of a prepared transaction that are being written.
    pub(super) markers_in_flight: usize,
    /// Who wants partitions, in order.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    producer: ProducerIdentity,
    partitions: TopicPartitions,
    version: TransactionVersion,
    then: Enrolled,
}

/// What happens once a step is written.
pub(super) enum AfterWrite {
    /// The producer hears who it is.
    Initialised(Reply),
    /// The added partitions take batches, and those who wait go on.
    Added(TopicPartitions),
    /// Markers are written; who asked for the end hears of it.
    Prepared(Option<Reply>),
    /// The next transaction may begin.
    Completed,
}

impl Shard {
    pub(super) fn new(partition: i32) -> Self {
        Self { partition, content: Mutex::default() }
    }

    /// What the shard holds, be it usable or not.
    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock()
    }

    /// What the shard holds.
    pub(super) fn loaded(&self) -> Result<MutexGuard<'_, Content>, ErrorCode> {
        let content = self.content.lock();
        content.failure.map_or(Ok(content), Err)
    }
}

impl Entry {
    pub(super) fn new(transaction: Transaction) -> Self {
        Self { transaction, is_pending: false, markers_in_flight: 0, waiting: VecDeque::new() }
    }

    /// Whether nothing but partitions may be asked for now.
    pub(super) fn is_busy(&self) -> bool {
        self.is_pending || self.transaction.state.is_prepared() || !self.waiting.is_empty()
    }

    /// Whether a prepared transaction could not be completed, and nobody is at it.
    pub(super) fn is_stalled(&self) -> bool {
        self.transaction.state.is_prepared() && !self.is_pending && self.markers_in_flight == 0
    }

    pub(super) fn wait(
        &mut self,
        producer: ProducerIdentity,
        partitions: TopicPartitions,
        version: TransactionVersion,
        then: Enrolled,
    ) {
        self.waiting.push_back(Waiting { producer, partitions, version, then });
    }

    pub(super) fn refuse_waiting(&mut self, error: ErrorCode) {
        for waiting in self.waiting.drain(..) {
            (waiting.then)(Err(error));
        }
    }
}

impl TransactionCoordinator {
    /// Hands a step to the log. Called with the shard's lock held, which keeps the records in order.
    pub(super) fn write(
        self: &Arc<Self>,
        shard: &Shard,
        id: &str,
        entry: &mut Entry,
        next: Transaction,
        then: AfterWrite,
    ) {
        entry.is_pending = true;
        match records::encode(id, Some(&next)) {
            Ok(record) => {
                let coordinator = Arc::clone(self);
                let id = id.to_owned();
                let batch = CoordinatorBatch {
                    records: vec![record],
                    timestamp_ms: next.update_ms,
                    transaction: None,
                };
                let done = move |outcome| coordinator.written(&id, next, then, outcome);
                self.log.append(shard.partition, batch, Box::new(done));
            }
            Err(error) => {
                tracing::error!(id, %error, "transaction cannot be encoded");
                self.not_written(entry, then, ErrorCode::UnknownServerError);
            }
        }
    }

    /// The step is in the log, or is not.
    fn written(
        self: &Arc<Self>,
        id: &str,
        next: Transaction,
        then: AfterWrite,
        outcome: Result<(), ErrorCode>,
    ) {
        let shard = self.shard_of(id);
        let mut markers = None;
        {
            let mut content = shard.content();
            let Some(entry) = content.entries.get_mut(id) else { return };
            match outcome {
                Ok(()) => {
                    entry.is_pending = false;
                    entry.transaction = next;
                    markers = self.follow(entry, then);
                    if entry.is_stalled() {
                        self.complete(shard, id, entry);
                    }
                    self.settle(shard, id, entry);
                }
                Err(error) => {
                    tracing::warn!(id, state = next.state.name(), %error, "transaction was not written");
                    self.not_written(entry, then, refusal(error));
                    if entry.transaction.is_unused() {
                        content.entries.remove(id);
                    }
                }
            }
        }
        if let Some((marker, partitions)) = markers {
            self.write_markers(id, marker, partitions);
        }
    }

    /// Does what a written step was for; gives the markers to write, which must not happen under the lock.
    fn follow(&self, entry: &mut Entry, then: AfterWrite) -> Option<(Marker, TopicPartitions)> {
        match then {
            AfterWrite::Initialised(reply) => {
                // Who asked may be gone.
                _ = reply.send(Ok(entry.transaction.producer));
                None
            }
            AfterWrite::Added(added) => {
                for (topic, partition) in added.iter() {
                    self.host.enrol(topic, partition, entry.transaction.producer);
                }
                None
            }
            AfterWrite::Prepared(reply) => {
                self.count(&entry.transaction, reply.is_none());
                if let Some(reply) = reply {
                    _ = reply.send(Ok(entry.transaction.producer_when_complete()));
                }
                self.begin_markers(entry)
            }
            AfterWrite::Completed => None,
        }
    }

    /// Counts a decision. Time takes it where nobody waits for it.
    fn count(&self, decided: &Transaction, is_timeout: bool) {
        let counts = &self.counts;
        if is_timeout {
            counts.timed_out.inc();
        } else if decided.state == TransactionState::PrepareCommit {
            counts.committed.inc();
        } else {
            counts.aborted.inc();
        }
        let lasted_ms = u64::try_from(decided.update_ms - decided.start_ms).unwrap_or(0);
        counts.duration_seconds.observe(Duration::from_millis(lasted_ms).as_secs_f64());
    }

    fn not_written(&self, entry: &mut Entry, then: AfterWrite, error: ErrorCode) {
        entry.is_pending = false;
        match then {
            AfterWrite::Initialised(reply) | AfterWrite::Prepared(Some(reply)) => {
                _ = reply.send(Err(error));
            }
            AfterWrite::Prepared(None) | AfterWrite::Added(_) => {}
            AfterWrite::Completed => return entry.refuse_waiting(ErrorCode::ConcurrentTransactions),
        }
        entry.refuse_waiting(error);
    }

    /// Serves those who wait for partitions, as far as that is possible now. Called with the shard's lock held.
    pub(super) fn settle(self: &Arc<Self>, shard: &Shard, id: &str, entry: &mut Entry) {
        while !entry.is_pending {
            let Some(front) = entry.waiting.front() else { return };
            let now_ms = self.now_ms();
            let outcome =
                entry.transaction.add_partitions(front.producer, &front.partitions, front.version, now_ms);
            let answer = match outcome {
                Ok(Add::Already) => Ok(()),
                Ok(Add::Write { next, added }) => {
                    self.write(shard, id, entry, next, AfterWrite::Added(added));
                    return;
                }
                Ok(Add::Wait) if entry.is_stalled() => {
                    return entry.refuse_waiting(ErrorCode::ConcurrentTransactions);
                }
                Ok(Add::Wait) => return,
                Err(error) => Err(error),
            };
            if let Some(served) = entry.waiting.pop_front() {
                (served.then)(answer);
            }
        }
    }
}

/// What a client hears when a step is not written.
fn refusal(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::InvalidCommitOffsetSize => ErrorCode::UnknownServerError,
        other => other,
    }
}
