//! A partition's part in transactions (KIP-98, KIP-890): who may write transactional batches, and the markers that end them.
//!
//! The coordinator enrols a producer once its own state says that the partition is part of the open transaction; a marker
//! ends the enrolment under the writer's lock, the one under which batches are checked. So no batch of an ended transaction, however late it
//! comes, can get behind its marker and hang there.
//!
//! Enrolments live in memory: after a restart the coordinator enrols its open transactions again. A transaction that the log
//! itself shows as open counts as enrolled with its epoch until a marker ends it, so that its producer can go on at once; whether
//! the coordinator still knows it is the coordinator's to settle.
//!
//! What Kafka does and this does not: verify a transaction with the coordinator from here (the coordinator comes to us).

use std::sync::Arc;

use millstream_wire::records::{BatchHeader, end_transaction_batch};

use super::append::Origin;
use super::{Appended, EndedTransaction, PartitionLog, Writer};
use crate::segment::{AbortedTransaction, Segment};
use crate::{LogError, Result};

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndTransaction {
    /// Its records are to be delivered.
    Commit,
    /// Its records are to be skipped.
    Abort,
}

/// A producer that the partition remembers, for DescribeProducers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Producer id.
    pub producer_id: i64,
    /// Newest epoch seen.
    pub producer_epoch: i16,
    /// Sequence number of its last record, −1 for none in this epoch.
    pub last_sequence: i32,
    /// When a batch or marker of it was last appended, in ms by the broker's clock.
    pub last_timestamp_ms: i64,
    /// Epoch of the coordinator that ended its last transaction, −1 for none.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction, −1 for none.
    pub current_transaction_start_offset: i64,
}

/// A marker on its way into the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marker {
    pub(super) producer_id: i64,
    producer_epoch: i16,
    end: EndTransaction,
    pub(super) coordinator_epoch: i32,
    /// Whether it may only end a transaction of an earlier epoch.
    is_next_epoch: bool,
}

impl PartitionLog {
    /// Lets transactional batches of a producer in, until a marker ends its transaction. Calling it again changes nothing.
    ///
    /// # Errors
    /// [`LogError::InvalidProducerEpoch`] when a newer epoch was seen or enrolled; as [`Self::open`].
    pub fn enrol(&self, producer_id: i64, producer_epoch: i16) -> Result<()> {
        let mut writer = self.writer()?;
        writer.check_epoch(producer_id, producer_epoch)?;
        writer.enrolled.insert(producer_id, producer_epoch);
        Ok(())
    }

    /// Ends a producer's transaction in this partition: appends the marker, and lets no batch of it in any more. Under transaction
    /// version 2 the marker carries the epoch that follows the transaction's, which fences what is still on its way.
    ///
    /// The records become visible to readers of committed records once the marker is as durable as the policy asks. A marker
    /// without an open transaction is appended all the same, as Kafka does: a coordinator may repeat one.
    ///
    /// # Errors
    /// [`LogError::InvalidProducerEpoch`] when a newer epoch was seen or enrolled; [`LogError::CoordinatorFenced`]; [`LogError::Io`],
    /// after which the transaction is open as before; as [`Self::open`].
    pub fn append_marker(
        self: &Arc<Self>,
        producer_id: i64,
        producer_epoch: i16,
        end: EndTransaction,
        coordinator_epoch: i32,
    ) -> Result<Appended> {
        self.append_end(Marker { producer_id, producer_epoch, end, coordinator_epoch, is_next_epoch: false })
    }

    /// As [`Self::append_marker`], by the stricter rule of transaction version 2 (KIP-1228): the marker's epoch has to be behind that of
    /// the transaction, so that a marker of the transaction before, which comes late, does not end it.
    ///
    /// # Errors
    /// As [`Self::append_marker`]; [`LogError::InvalidProducerEpoch`] also when a transaction is open in this epoch.
    pub fn append_next_epoch_marker(
        self: &Arc<Self>,
        producer_id: i64,
        producer_epoch: i16,
        end: EndTransaction,
        coordinator_epoch: i32,
    ) -> Result<Appended> {
        self.append_end(Marker { producer_id, producer_epoch, end, coordinator_epoch, is_next_epoch: true })
    }

    fn append_end(self: &Arc<Self>, marker: Marker) -> Result<Appended> {
        let Marker { producer_id, producer_epoch, end, coordinator_epoch, .. } = marker;
        let now_ms = self.context.clock.now_ms();
        let committed = end == EndTransaction::Commit;
        let batch = end_transaction_batch(producer_id, producer_epoch, committed, coordinator_epoch, now_ms)?;
        self.append_batches(&batch, Origin::Marker(&marker))
    }

    /// The producers that the partition remembers, by id.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn producers(&self) -> Result<Vec<ActiveProducer>> {
        let writer = self.writer()?;
        let describe = |(producer_id, entry): (i64, &crate::producer_state::ProducerEntry)| ActiveProducer {
            producer_id,
            producer_epoch: entry.epoch,
            last_sequence: entry.last_batch().map_or(-1, |batch| batch.last_sequence),
            last_timestamp_ms: entry.last_seen_ms,
            coordinator_epoch: entry.coordinator_epoch,
            current_transaction_start_offset: entry.transaction_first_offset.unwrap_or(-1),
        };
        let mut producers: Vec<_> = writer.producers.iter().map(describe).collect();
        drop(writer);
        producers.sort_unstable_by_key(|producer| producer.producer_id);
        Ok(producers)
    }

    /// Checks that a batch is inside an open transaction, or outside all, as it claims.
    pub(super) fn check_transaction(&self, writer: &Writer, header: &BatchHeader) -> Result<()> {
        let producer_id = header.producer_id;
        let known = writer.producer(producer_id).filter(|entry| entry.transaction_first_offset.is_some());
        let open_epoch = known.map(|entry| entry.epoch);
        let (topic, partition) = (|| self.topic.to_string(), self.index);
        if !header.attributes.is_transactional() {
            return match open_epoch {
                None => Ok(()),
                Some(_) => Err(LogError::OutsideTransaction { topic: topic(), partition, producer_id }),
            };
        }
        let producer_epoch = header.producer_epoch;
        match writer.enrolled.get(&producer_id).copied().or(open_epoch) {
            Some(epoch) if epoch == producer_epoch => Ok(()),
            Some(current) if current > producer_epoch => {
                Err(LogError::InvalidProducerEpoch { producer_id, found: producer_epoch, current })
            }
            _ => Err(LogError::NotInTransaction { topic: topic(), partition, producer_id, producer_epoch }),
        }
    }

    /// What follows from a marker that was written: the enrolment ends, an aborted transaction goes into the segment's index.
    pub(super) fn finish_marker(
        &self,
        writer: &mut Writer,
        segment: &Segment,
        marker: &Marker,
        ended: Option<EndedTransaction>,
    ) {
        writer.enrolled.remove(&marker.producer_id);
        let Some(ended) = ended.filter(|_| marker.end == EndTransaction::Abort) else { return };
        let last_offset = ended.marker_offset;
        segment.aborted.push(AbortedTransaction {
            producer_id: marker.producer_id,
            first_offset: ended.first_offset,
            last_offset,
            last_stable_offset: writer.producers.first_unstable_offset().unwrap_or(last_offset + 1),
        });
        writer.names_unsynced = true;
        // The marker is in the log: an entry that cannot be written now is written later, or made anew.
        if let Err(error) = segment.aborted.flush(&self.context.cache) {
            tracing::warn!(topic = %self.topic, partition = self.index, %error, "aborted transaction was not indexed");
        }
    }
}

impl Writer {
    /// Where a producer's open transaction began.
    pub(super) fn open_transaction(&self, producer_id: i64) -> Option<i64> {
        self.producers.get(producer_id).and_then(|entry| entry.transaction_first_offset)
    }

    /// Refuses an epoch older than one that was seen or enrolled.
    fn check_epoch(&self, producer_id: i64, producer_epoch: i16) -> Result<()> {
        let seen = self.producers.get(producer_id).map(|entry| entry.epoch);
        let newest = seen.max(self.enrolled.get(&producer_id).copied());
        match newest {
            Some(current) if producer_epoch < current => {
                Err(LogError::InvalidProducerEpoch { producer_id, found: producer_epoch, current })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a marker of an older producer epoch or an older coordinator.
    pub(super) fn check_marker(&self, marker: &Marker) -> Result<()> {
        let producer_id = marker.producer_id;
        self.check_epoch(producer_id, marker.producer_epoch)?;
        if marker.is_next_epoch
            && let Some(entry) = self.producers.get(producer_id)
            && entry.transaction_first_offset.is_some()
            && entry.epoch == marker.producer_epoch
        {
            let (found, current) = (marker.producer_epoch, entry.epoch);
            return Err(LogError::InvalidProducerEpoch { producer_id, found, current });
        }
        let current = self.producers.get(producer_id).map_or(-1, |entry| entry.coordinator_epoch);
        let found = marker.coordinator_epoch;
        if found < current {
            return Err(LogError::CoordinatorFenced { producer_id, found, current });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
