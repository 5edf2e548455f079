//! What a partition remembers of idempotent producers (KIP-98, KIP-360): the last five batches of each.
//!
//! A batch whose sequence range is among them is a duplicate and gets the offset of the original; one that does not
//! follow the last is refused. The state is a function of the log: a snapshot (`.snapshot`, Kafka's format) holds it as of an
//! offset, and the headers behind that offset bring it up to date.
//!
//! For transactions the state keeps where each producer's open one began, so that the last stable offset can be told; markers
//! in the log end them. Batches that a coordinator writes for a producer (transactional offset commits) have no sequence: they
//! open transactions and are checked for their epoch only. Who may take part in a transaction is the partition's to know.

use std::collections::{BTreeMap, HashMap};

use millstream_wire::records::BatchHeader;

pub(crate) mod snapshot;

/// Batches remembered per producer: as many as it may have in flight.
pub(crate) const BATCHES_MAX: usize = 5;

/// A batch of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ProducerBatch {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: i64,
    /// Last offset minus first.
    pub(crate) offset_delta: i32,
    /// Largest timestamp in the batch, or the append time where the topic uses that.
    pub(crate) timestamp_ms: i64,
}

impl ProducerBatch {
    pub(crate) fn base_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }

    fn base_sequence(&self) -> i32 {
        // Sequence numbers run from 0 to i32::MAX and begin again.
        self.last_sequence.wrapping_sub(self.offset_delta) & i32::MAX
    }
}

/// What is remembered of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    pub(crate) epoch: i16,
    /// The newest batch is the last of the first `batch_count`.
    batches: [ProducerBatch; BATCHES_MAX],
    batch_count: u8,
    /// When a batch last came, by the broker's clock.
    pub(crate) last_seen_ms: i64,
    /// Epoch of the transaction coordinator that wrote the last marker, −1 for none.
    pub(crate) coordinator_epoch: i32,
    /// First offset of the open transaction.
    pub(crate) transaction_first_offset: Option<i64>,
}

impl ProducerEntry {
    pub(crate) fn new(epoch: i16, last_seen_ms: i64) -> Self {
        Self {
            epoch,
            batches: [ProducerBatch::default(); BATCHES_MAX],
            batch_count: 0,
            last_seen_ms,
            coordinator_epoch: -1,
            transaction_first_offset: None,
        }
    }

    /// The remembered batches, oldest first.
    pub(crate) fn batches(&self) -> &[ProducerBatch] {
        &self.batches[..usize::from(self.batch_count)]
    }

    pub(crate) fn last_batch(&self) -> Option<&ProducerBatch> {
        self.batches().last()
    }

    pub(crate) fn push(&mut self, batch: ProducerBatch) {
        if usize::from(self.batch_count) == BATCHES_MAX {
            self.batches.rotate_left(1);
            self.batch_count -= 1;
        }
        self.batches[usize::from(self.batch_count)] = batch;
        self.batch_count += 1;
    }

    fn start_epoch(&mut self, epoch: i16) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batch_count = 0;
        }
    }

    /// Takes in a batch of records that was appended.
    pub(crate) fn add(&mut self, header: &BatchHeader, now_ms: i64) {
        self.start_epoch(header.producer_epoch);
        self.last_seen_ms = self.last_seen_ms.max(now_ms);
        if header.base_sequence >= 0 {
            self.push(ProducerBatch {
                last_sequence: header.last_sequence(),
                last_offset: header.last_offset(),
                offset_delta: header.last_offset_delta,
                timestamp_ms: header.max_timestamp,
            });
        }
        if header.attributes.is_transactional() {
            self.transaction_first_offset.get_or_insert(header.base_offset);
        }
    }

    /// Takes in a marker; where the transaction that it ends began, if one was open.
    pub(crate) fn end_transaction(
        &mut self,
        producer_epoch: i16,
        coordinator_epoch: i32,
        now_ms: i64,
    ) -> Option<i64> {
        self.start_epoch(producer_epoch);
        self.last_seen_ms = self.last_seen_ms.max(now_ms);
        self.coordinator_epoch = coordinator_epoch;
        self.transaction_first_offset.take()
    }
}

/// What the state says about a batch that is to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceCheck {
    /// It follows, or nothing is known that it would have to follow.
    Next,
    /// It was appended before.
    Duplicate(ProducerBatch),
    /// It leaves a gap or repeats something forgotten; the last sequence number known.
    OutOfOrder { last_sequence: i32 },
    /// A newer epoch of the producer was seen.
    Fenced { current_epoch: i16 },
}

/// Checks a batch against what is known of its producer.
pub(crate) fn check_sequence(entry: Option<&ProducerEntry>, header: &BatchHeader) -> SequenceCheck {
    let Some(entry) = entry else { return SequenceCheck::Next };
    if header.producer_epoch < entry.epoch {
        return SequenceCheck::Fenced { current_epoch: entry.epoch };
    }
    if header.base_sequence < 0 {
        return SequenceCheck::Next;
    }
    if header.producer_epoch > entry.epoch {
        return match header.base_sequence {
            0 => SequenceCheck::Next,
            _ => SequenceCheck::OutOfOrder { last_sequence: -1 },
        };
    }
    let same = |batch: &&ProducerBatch| {
        batch.base_sequence() == header.base_sequence && batch.last_sequence == header.last_sequence()
    };
    if let Some(original) = entry.batches().iter().find(same) {
        return SequenceCheck::Duplicate(*original);
    }
    // An epoch that only a marker has used so far begins at 0, like every epoch.
    let expected = entry.last_batch().map_or(0, |last| last.last_sequence.wrapping_add(1) & i32::MAX);
    if header.base_sequence == expected {
        SequenceCheck::Next
    } else {
        SequenceCheck::OutOfOrder { last_sequence: entry.last_batch().map_or(-1, |last| last.last_sequence) }
    }
}

/// The producers of a partition.
#[derive(Debug, Default)]
pub(crate) struct ProducerState {
    producers: HashMap<i64, ProducerEntry>,
    /// Open transactions by their first offset.
    open_transactions: BTreeMap<i64, i64>,
}

impl ProducerState {
    pub(crate) fn get(&self, producer_id: i64) -> Option<&ProducerEntry> {
        self.producers.get(&producer_id)
    }

    pub(crate) fn len(&self) -> usize {
        self.producers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &ProducerEntry)> {
        self.producers.iter().map(|(&id, entry)| (id, entry))
    }

    /// Takes in an entry as a whole.
    pub(crate) fn insert(&mut self, producer_id: i64, entry: ProducerEntry) {
        let previous = self.producers.insert(producer_id, entry);
        if let Some(first) = previous.and_then(|previous| previous.transaction_first_offset) {
            self.open_transactions.remove(&first);
        }
        if let Some(first) = entry.transaction_first_offset {
            self.open_transactions.insert(first, producer_id);
        }
    }

    /// Takes in a batch of records of the log.
    pub(crate) fn add(&mut self, header: &BatchHeader, now_ms: i64) {
        if !header.has_producer_id() {
            return;
        }
        let known = self.producers.get(&header.producer_id).copied();
        let mut entry = known.unwrap_or_else(|| ProducerEntry::new(header.producer_epoch, now_ms));
        entry.add(header, now_ms);
        self.insert(header.producer_id, entry);
    }

    /// Takes in a marker of the log; where the transaction that it ends began, if one was open.
    pub(crate) fn end_transaction(
        &mut self,
        header: &BatchHeader,
        coordinator_epoch: i32,
        now_ms: i64,
    ) -> Option<i64> {
        let (producer_id, epoch) = (header.producer_id, header.producer_epoch);
        let known = self.producers.get(&producer_id).copied();
        let mut entry = known.unwrap_or_else(|| ProducerEntry::new(epoch, now_ms));
        let first_offset = entry.end_transaction(epoch, coordinator_epoch, now_ms);
        self.insert(producer_id, entry);
        first_offset
    }

    /// First offset of the oldest open transaction.
    pub(crate) fn first_unstable_offset(&self) -> Option<i64> {
        self.open_transactions.first_key_value().map(|(&offset, _)| offset)
    }

    /// Forgets producers that were silent for `expiration_ms` and have no open transaction.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| {
            entry.transaction_first_offset.is_some()
                || now_ms.saturating_sub(entry.last_seen_ms) < expiration_ms
        });
    }
}

#[cfg(test)]
mod tests;
