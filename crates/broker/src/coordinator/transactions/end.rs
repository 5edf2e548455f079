//! Transactions end: first the decision is written down, then a marker into every partition, then that all have one.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use tokio::sync::oneshot;

use super::add::answered;
use super::shard::{AfterWrite, Entry, Shard};
use super::state::{End, TransactionState};
use super::{Marker, MarkerOutcome, TopicPartitions, TransactionCoordinator, TransactionVersion};
use crate::coordinator::ProducerIdentity;

impl TransactionCoordinator {
    /// Ends a producer's transaction. Answers, with who the producer is from now on, when the decision is written: from then on
    /// nothing can change it.
    ///
    /// # Errors
    /// CONCURRENT_TRANSACTIONS while another step is under way, INVALID_TXN_STATE when there is nothing to end in this
    /// way, PRODUCER_FENCED, INVALID_PRODUCER_ID_MAPPING.
    pub(crate) async fn end(
        self: &Arc<Self>,
        id: &str,
        producer: ProducerIdentity,
        committed: bool,
        version: TransactionVersion,
    ) -> Result<ProducerIdentity, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let mut new_producer_id = None;
        loop {
            match self.begin_end(id, producer, committed, version, new_producer_id)? {
                Begun::NeedsProducerId => new_producer_id = Some(self.host.new_producer_id().await?),
                Begun::Already(producer) => return Ok(producer),
                Begun::Ending(answer) => return answered(answer.await),
            }
        }
    }

    fn begin_end(
        self: &Arc<Self>,
        id: &str,
        producer: ProducerIdentity,
        committed: bool,
        version: TransactionVersion,
        new_producer_id: Option<i64>,
    ) -> Result<Begun, ErrorCode> {
        let shard = self.shard_of(id);
        let mut content = shard.loaded()?;
        let entry = content.entries.get_mut(id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        if entry.is_busy() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        match entry.transaction.end(producer, committed, version, new_producer_id, self.now_ms())? {
            End::NeedsProducerId => Ok(Begun::NeedsProducerId),
            End::Already => Ok(Begun::Already(entry.transaction.producer)),
            End::Write(next) => {
                let (reply, answer) = oneshot::channel();
                self.write(shard, id, entry, next, AfterWrite::Prepared(Some(reply)));
                Ok(Begun::Ending(answer))
            }
        }
    }

    /// The markers that a prepared transaction lacks; they count as being written from now on. None if it lacks none.
    pub(super) fn begin_markers(&self, entry: &mut Entry) -> Option<(Marker, TopicPartitions)> {
        let transaction = &entry.transaction;
        let partitions = transaction.partitions.clone();
        if partitions.is_empty() {
            return None;
        }
        let marker = Marker {
            producer: transaction.producer,
            committed: transaction.state == TransactionState::PrepareCommit,
            coordinator_epoch: self.config.coordinator_epoch,
            is_next_epoch: false,
        };
        entry.markers_in_flight = partitions.iter().count();
        self.completing.send_modify(|completing| *completing += 1);
        Some((marker, partitions))
    }

    /// Called without the shard's lock: whoever writes may be done at once.
    pub(super) fn write_markers(self: &Arc<Self>, id: &str, marker: Marker, partitions: TopicPartitions) {
        for (topic, partition) in partitions.iter() {
            let coordinator = Arc::clone(self);
            let (id, place) = (id.to_owned(), (topic.to_owned(), partition));
            let done = move |outcome| coordinator.marker_written(&id, &place, outcome);
            self.host.write_marker(topic, partition, marker, Box::new(done));
        }
    }

    fn marker_written(self: &Arc<Self>, id: &str, place: &(String, i32), outcome: MarkerOutcome) {
        let (topic, partition) = place;
        let shard = self.shard_of(id);
        let mut content = shard.content();
        // A prepared transaction does not go away.
        let Some(entry) = content.entries.get_mut(id) else { return };
        match outcome {
            MarkerOutcome::Written | MarkerOutcome::Gone | MarkerOutcome::Fenced => {
                entry.transaction.partitions.remove(topic, *partition);
            }
            MarkerOutcome::Failed(error) => {
                tracing::warn!(id, topic, partition, %error, "marker was not written, and is tried again");
            }
        }
        entry.markers_in_flight = entry.markers_in_flight.saturating_sub(1);
        if entry.markers_in_flight > 0 {
            return;
        }
        self.completing.send_modify(|completing| *completing = completing.saturating_sub(1));
        self.complete(shard, id, entry);
        self.settle(shard, id, entry);
    }

    /// Writes that a transaction is over, if every partition has its marker. Called with the shard's lock held.
    pub(super) fn complete(self: &Arc<Self>, shard: &Shard, id: &str, entry: &mut Entry) {
        if entry.is_stalled() && entry.transaction.partitions.is_empty() {
            let next = entry.transaction.complete(self.now_ms());
            self.write(shard, id, entry, next, AfterWrite::Completed);
        }
    }

    /// Waits until every transaction whose markers are being written has them, or has failed to get them.
    pub(crate) async fn markers_settled(&self) {
        // The sender is this coordinator's.
        drop(self.completing.subscribe().wait_for(|completing| *completing == 0).await);
    }
}

/// What a request to end has come to so far.
enum Begun {
    NeedsProducerId,
    Already(ProducerIdentity),
    Ending(oneshot::Receiver<Result<ProducerIdentity, ErrorCode>>),
}
