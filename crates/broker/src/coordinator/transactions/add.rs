//! Producers begin, and take partitions into their transactions.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use tokio::sync::oneshot;

use super::shard::{AfterWrite, Enrolled, Entry};
use super::state::{Init, Transaction};
use super::{TopicPartitions, TransactionCoordinator, TransactionVersion};
use crate::coordinator::ProducerIdentity;

impl TransactionCoordinator {
    /// Gives a producer its id and epoch. What another one under the same transactional id has open is aborted.
    ///
    /// # Errors
    /// CONCURRENT_TRANSACTIONS while a transaction is being ended, INVALID_TRANSACTION_TIMEOUT, PRODUCER_FENCED when
    /// `expected` is not who owns the id.
    pub(crate) async fn init_producer_id(
        self: &Arc<Self>,
        id: &str,
        timeout_ms: i32,
        expected: Option<ProducerIdentity>,
    ) -> Result<ProducerIdentity, ErrorCode> {
        let timeout_max_ms = i64::try_from(self.config.timeout_max.as_millis()).unwrap_or(i64::MAX);
        if timeout_ms <= 0 || i64::from(timeout_ms) > timeout_max_ms {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        let mut new_producer_id = None;
        loop {
            match self.begin_init(id, timeout_ms, expected, new_producer_id)? {
                Begun::NeedsProducerId => new_producer_id = Some(self.host.new_producer_id().await?),
                Begun::Initialising(answer) => return answered(answer.await),
                Begun::Aborting(answer) => {
                    // The client comes again, and gets an epoch behind the one that fenced the other.
                    return answered(answer.await).and(Err(ErrorCode::ConcurrentTransactions));
                }
            }
        }
    }

    fn begin_init(
        self: &Arc<Self>,
        id: &str,
        timeout_ms: i32,
        expected: Option<ProducerIdentity>,
        new_producer_id: Option<i64>,
    ) -> Result<Begun, ErrorCode> {
        let shard = self.shard_of(id);
        let mut content = shard.loaded()?;
        let now_ms = self.now_ms();
        if !content.entries.contains_key(id) {
            let Some(producer_id) = new_producer_id else { return Ok(Begun::NeedsProducerId) };
            let unused = Transaction::new(producer_id, timeout_ms, now_ms);
            content.entries.insert(id.to_owned(), Entry::new(unused));
        }
        let entry = content.entries.get_mut(id).ok_or(ErrorCode::UnknownServerError)?;
        if entry.is_busy() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let (reply, answer) = oneshot::channel();
        match entry.transaction.init(timeout_ms, expected, new_producer_id, now_ms)? {
            Init::NeedsProducerId => Ok(Begun::NeedsProducerId),
            Init::Write(next) => {
                self.write(shard, id, entry, next, AfterWrite::Initialised(reply));
                Ok(Begun::Initialising(answer))
            }
            Init::Abort(next) => {
                self.write(shard, id, entry, next, AfterWrite::Prepared(Some(reply)));
                Ok(Begun::Aborting(answer))
            }
        }
    }

    /// Takes partitions into a producer's transaction. `then` is told when they take its batches, before anybody who asks
    /// later; where they do already, that is at once.
    pub(crate) fn enrol(
        self: &Arc<Self>,
        id: &str,
        producer: ProducerIdentity,
        partitions: TopicPartitions,
        version: TransactionVersion,
        then: Enrolled,
    ) {
        let shard = self.shard_of(id);
        let mut content = match shard.loaded() {
            Ok(content) => content,
            Err(error) => return then(Err(error)),
        };
        match content.entries.get_mut(id) {
            Some(entry) => {
                entry.wait(producer, partitions, version, then);
                self.settle(shard, id, entry);
            }
            None => then(Err(ErrorCode::InvalidProducerIdMapping)),
        }
    }

    /// As [`TransactionCoordinator::enrol`], for those who can wait.
    pub(crate) async fn add_partitions(
        self: &Arc<Self>,
        id: &str,
        producer: ProducerIdentity,
        partitions: TopicPartitions,
        version: TransactionVersion,
    ) -> Result<(), ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let (reply, answer) = oneshot::channel();
        let then = move |outcome| _ = reply.send(outcome);
        self.enrol(id, producer, partitions, version, Box::new(then));
        answered(answer.await)
    }

    /// Whether a partition is in a producer's open transaction.
    ///
    /// # Errors
    /// TRANSACTION_ABORTABLE if not; what else is wrong with the producer.
    pub(crate) fn verify(
        &self,
        id: &str,
        producer: ProducerIdentity,
        topic: &str,
        partition: i32,
    ) -> Result<(), ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let content = self.shard_of(id).loaded()?;
        let entry = content.entries.get(id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        entry.transaction.verify(producer, topic, partition)
    }
}

/// What a request to begin has come to so far.
enum Begun {
    NeedsProducerId,
    Initialising(oneshot::Receiver<Result<ProducerIdentity, ErrorCode>>),
    Aborting(oneshot::Receiver<Result<ProducerIdentity, ErrorCode>>),
}

/// Only a broker that stops does not answer.
pub(super) fn answered<T>(
    answer: Result<Result<T, ErrorCode>, oneshot::error::RecvError>,
) -> Result<T, ErrorCode> {
    answer.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
}
