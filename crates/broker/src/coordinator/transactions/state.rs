//! What is known of a transactional id, and which steps lead from there: a pure state machine (KIP-98, KIP-360, KIP-890).
//!
//! ```text
//!                 partitions                end                 markers written
//!   Empty ───────────────────► Ongoing ───────────► PrepareCommit ─────────────► CompleteCommit
//!     ▲                          │  ▲                                                 │
//!     │ init                     │  └──────────────── partitions ─────────────────────┤
//!     │                          │ end, timeout, init                                 │
//!     │                          ▼                  markers written                   │
//!     │                     PrepareAbort ─────────────────────────► CompleteAbort ────┤
//!     └───────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A step takes the state as it is and gives the one to be written down; nothing changes until that is in the log. In transaction
//! version 2 each end raises the epoch, so that nothing of an ended transaction can get into the next, and a transaction
//! without partitions may be aborted (from any state where none is open).
//!
//! Invariants: an id's epoch never falls; a client is never told the epoch `i16::MAX`, so that a producer can always be fenced.

use millstream_wire::ErrorCode;

use super::partitions::TopicPartitions;
use crate::coordinator::ProducerIdentity;

/// No producer id yet, or any more.
const NO_PRODUCER_ID: i64 = -1;
/// No epoch yet.
const NO_EPOCH: i16 = -1;
/// From this epoch on a producer gets a new id: the next one is kept for fencing it.
const EPOCH_EXHAUSTED: i16 = i16::MAX - 1;
/// A transaction that an external coordinator ends (KIP-939) has this timeout, which never comes.
const NO_TIMEOUT_MS: i32 = i32::MAX;

/// Where a transactional id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionState {
    /// No transaction since the producer was initialised.
    Empty,
    /// Open, with at least one partition.
    Ongoing,
    /// Decided; the markers are being written.
    PrepareCommit,
    /// Decided; the markers are being written.
    PrepareAbort,
    /// Over; every partition has its marker.
    CompleteCommit,
    /// Over; every partition has its marker.
    CompleteAbort,
}

impl TransactionState {
    /// All, by the number that `__transaction_state` has for each.
    const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    pub(super) fn from_number(number: i8) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    pub(super) fn number(self) -> i8 {
        match self {
            Self::Empty => 0,
            Self::Ongoing => 1,
            Self::PrepareCommit => 2,
            Self::PrepareAbort => 3,
            Self::CompleteCommit => 4,
            Self::CompleteAbort => 5,
        }
    }

    /// The name that DescribeTransactions and ListTransactions answer.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether markers are still to be written.
    pub(super) fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}

/// How a client works with transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionVersion {
    /// It names partitions before it writes to them, and keeps its epoch.
    V0,
    /// It just writes (KIP-890), and gets a new epoch with each end.
    V2,
}

impl TransactionVersion {
    pub(super) fn from_number(number: i16) -> Self {
        // Version 1 changes what `__transaction_state` can hold, not what clients do.
        if number >= 2 { Self::V2 } else { Self::V0 }
    }

    pub(super) fn number(self) -> i16 {
        match self {
            Self::V0 => 0,
            Self::V2 => 2,
        }
    }
}

/// A transactional id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// Epoch −1 before the first initialisation is written.
    pub(crate) producer: ProducerIdentity,
    /// The id before the last step.
    pub(super) previous_producer_id: i64,
    /// The id that takes over when the markers are written, because the epochs of this one are used up.
    pub(super) next_producer_id: Option<i64>,
    /// The epoch before the current one, where the producer itself has raised it; −1 otherwise. Not written down, as in
    /// Kafka.
    pub(super) last_epoch: i16,
    pub(crate) timeout_ms: i32,
    pub(crate) state: TransactionState,
    /// Partitions of the open transaction; while it ends, those without a marker.
    pub(crate) partitions: TopicPartitions,
    /// When it got its first partition, in ms since the Unix epoch; −1 for none.
    pub(crate) start_ms: i64,
    /// When it last changed, in ms since the Unix epoch.
    pub(super) update_ms: i64,
    /// What the client that took the last step uses.
    pub(super) version: TransactionVersion,
}

/// What InitProducerId leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Init {
    /// To be written, then told.
    Write(Transaction),
    /// A transaction is open: it is aborted and its producer fenced first. The client asks again.
    Abort(Transaction),
    /// Asks again with a new producer id at hand.
    NeedsProducerId,
}

/// What more partitions lead to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Add {
    /// All of them are in.
    Already,
    /// To be written; then the added ones take batches.
    Write { next: Transaction, added: TopicPartitions },
    /// The last transaction is still being ended.
    Wait,
}

/// What EndTxn leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// To be written, then told.
    Write(Transaction),
    /// The same request was done before.
    Already,
    /// Asks again with a new producer id at hand.
    NeedsProducerId,
}

fn is_exhausted(epoch: i16) -> bool {
    epoch >= EPOCH_EXHAUSTED
}

impl Transaction {
    /// The names of all states.
    pub(super) fn state_names() -> impl Iterator<Item = &'static str> {
        TransactionState::ALL.iter().map(|state| state.name())
    }

    /// A transactional id that nobody has used.
    pub(super) fn new(producer_id: i64, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer: ProducerIdentity { id: producer_id, epoch: NO_EPOCH },
            previous_producer_id: NO_PRODUCER_ID,
            next_producer_id: None,
            last_epoch: NO_EPOCH,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: TopicPartitions::default(),
            start_ms: -1,
            update_ms: now_ms,
            version: TransactionVersion::V0,
        }
    }

    /// Whether its producer has never been initialised, as far as the log knows.
    pub(super) fn is_unused(&self) -> bool {
        self.producer.epoch == NO_EPOCH
    }

    fn step(&self, state: TransactionState, now_ms: i64) -> Self {
        Self { state, previous_producer_id: self.producer.id, update_ms: now_ms, ..self.clone() }
    }

    /// A producer begins, or begins again. `expected` is who it was, if it says so.
    pub(super) fn init(
        &self,
        timeout_ms: i32,
        expected: Option<ProducerIdentity>,
        new_producer_id: Option<i64>,
        now_ms: i64,
    ) -> Result<Init, ErrorCode> {
        let is_known = |expected: ProducerIdentity| {
            self.is_unused()
                || expected.id == self.producer.id
                || (expected.id == self.previous_producer_id && is_exhausted(expected.epoch))
        };
        if !expected.is_none_or(is_known) {
            return Err(ErrorCode::ProducerFenced);
        }
        match self.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                return Err(ErrorCode::ConcurrentTransactions);
            }
            TransactionState::Ongoing => return Ok(Init::Abort(self.fence(now_ms))),
            TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {}
        }
        let current = self.producer.epoch;
        let mut next = Self {
            timeout_ms,
            start_ms: -1,
            partitions: TopicPartitions::default(),
            ..self.step(TransactionState::Empty, now_ms)
        };
        let expected_epoch = expected.map(|expected| expected.epoch);
        if is_exhausted(current) && expected_epoch.is_none_or(|epoch| epoch == current) {
            let Some(id) = new_producer_id else { return Ok(Init::NeedsProducerId) };
            next.producer = ProducerIdentity { id, epoch: 0 };
            next.last_epoch = if expected.is_some() { current } else { NO_EPOCH };
            return Ok(Init::Write(next));
        }
        match expected_epoch {
            None => {
                next.producer.epoch = current + 1;
                next.last_epoch = NO_EPOCH;
            }
            Some(epoch) if self.is_unused() || epoch == current => {
                next.producer.epoch = current + 1;
                next.last_epoch = current;
            }
            // A retry: nobody else was initialised meanwhile, that would have forgotten the last epoch.
            Some(epoch) if epoch == self.last_epoch => {}
            Some(_) => return Err(ErrorCode::ProducerFenced),
        }
        Ok(Init::Write(next))
    }

    /// Whether a request is of the producer that owns the id now.
    fn check_producer(&self, producer: ProducerIdentity) -> Result<(), ErrorCode> {
        if producer.id != self.producer.id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if producer.epoch != self.producer.epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        Ok(())
    }

    /// Takes partitions into the transaction, and opens it if need be.
    pub(super) fn add_partitions(
        &self,
        producer: ProducerIdentity,
        partitions: &TopicPartitions,
        version: TransactionVersion,
        now_ms: i64,
    ) -> Result<Add, ErrorCode> {
        // First of all: the client may have been told already who it is when this is over.
        if self.state.is_prepared() {
            return Ok(Add::Wait);
        }
        self.check_producer(producer)?;
        let is_open = self.state == TransactionState::Ongoing;
        if is_open && self.partitions.contains_all(partitions) {
            return Ok(Add::Already);
        }
        let mut next = Self { version, ..self.step(TransactionState::Ongoing, now_ms) };
        if !is_open {
            next.start_ms = now_ms;
        }
        let is_new = |&(topic, partition): &(&str, i32)| !self.partitions.contains(topic, partition);
        let added: TopicPartitions = partitions.iter().filter(is_new).collect();
        for (topic, partition) in added.iter() {
            next.partitions.insert(topic, partition);
        }
        Ok(Add::Write { next, added })
    }

    /// Whether a partition may take batches of the producer's transaction.
    pub(super) fn verify(
        &self,
        producer: ProducerIdentity,
        topic: &str,
        partition: i32,
    ) -> Result<(), ErrorCode> {
        self.check_producer(producer)?;
        if self.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        if self.partitions.contains(topic, partition) { Ok(()) } else { Err(ErrorCode::TransactionAbortable) }
    }

    /// Ends the transaction as its producer wishes.
    pub(super) fn end(
        &self,
        producer: ProducerIdentity,
        committed: bool,
        version: TransactionVersion,
        new_producer_id: Option<i64>,
        now_ms: i64,
    ) -> Result<End, ErrorCode> {
        if self.state.is_prepared() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        let can_end = match version {
            TransactionVersion::V0 => self.check_end_v0(producer, committed)?,
            TransactionVersion::V2 => self.check_end_v2(producer, committed)?,
        };
        if !can_end {
            return Ok(End::Already);
        }
        let rotates = version == TransactionVersion::V2 && is_exhausted(self.producer.epoch);
        if rotates && new_producer_id.is_none() {
            return Ok(End::NeedsProducerId);
        }
        let mut next = self.prepare(committed, version, now_ms);
        next.next_producer_id = new_producer_id.filter(|_| rotates);
        Ok(End::Write(next))
    }

    /// Whether there is something to end (true), or the same was done before (false). The epoch stays, so a state that
    /// fits is a retry.
    fn check_end_v0(&self, producer: ProducerIdentity, committed: bool) -> Result<bool, ErrorCode> {
        self.check_producer(producer)?;
        match (self.state, committed) {
            (TransactionState::Ongoing, _) => Ok(true),
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => Ok(false),
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// As [`Transaction::check_end_v0`]: the epoch tells a retry from the next request, and an abort needs no partitions.
    fn check_end_v2(&self, producer: ProducerIdentity, committed: bool) -> Result<bool, ErrorCode> {
        let current = self.producer;
        let is_rotated = self.previous_producer_id == producer.id
            && producer.epoch == EPOCH_EXHAUSTED
            && current.epoch == 0;
        let is_retry = is_rotated || producer.epoch.checked_add(1) == Some(current.epoch);
        if producer.id != current.id && !is_rotated {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        let is_over =
            matches!(self.state, TransactionState::CompleteCommit | TransactionState::CompleteAbort);
        if producer.epoch != current.epoch && !(is_over && is_retry) {
            return Err(ErrorCode::ProducerFenced);
        }
        match (self.state, committed) {
            (TransactionState::Ongoing, _) => Ok(true),
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false)
                if is_retry =>
            {
                Ok(false)
            }
            (_, false) if !is_retry => Ok(true),
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    fn prepare(&self, committed: bool, version: TransactionVersion, now_ms: i64) -> Self {
        let state = if committed { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
        let mut next = Self { version, ..self.step(state, now_ms) };
        if version == TransactionVersion::V2 {
            // At most the last one, which no client is told.
            next.producer.epoch = self.producer.epoch.saturating_add(1);
            next.last_epoch = self.producer.epoch;
        }
        if self.state != TransactionState::Ongoing {
            next.start_ms = now_ms;
        }
        next
    }

    /// Aborts the open transaction under an epoch that its producer does not have.
    pub(super) fn fence(&self, now_ms: i64) -> Self {
        self.prepare(false, TransactionVersion::V2, now_ms)
    }

    /// Who the producer is once the markers of a prepared transaction are written.
    pub(super) fn producer_when_complete(&self) -> ProducerIdentity {
        match (self.version, self.next_producer_id) {
            (TransactionVersion::V2, Some(id)) => ProducerIdentity { id, epoch: 0 },
            _ => self.producer,
        }
    }

    /// All markers of a prepared transaction are written.
    pub(super) fn complete(&self, now_ms: i64) -> Self {
        let state = if self.state == TransactionState::PrepareCommit {
            TransactionState::CompleteCommit
        } else {
            TransactionState::CompleteAbort
        };
        Self {
            producer: self.producer_when_complete(),
            next_producer_id: None,
            partitions: TopicPartitions::default(),
            ..self.step(state, now_ms)
        }
    }

    /// Whether an open transaction has taken longer than its producer said that it would.
    pub(super) fn is_timed_out(&self, now_ms: i64) -> bool {
        self.state == TransactionState::Ongoing
            && self.timeout_ms != NO_TIMEOUT_MS
            && self.start_ms.saturating_add(i64::from(self.timeout_ms)) < now_ms
    }

    /// Whether nobody has used the id for so long that it may be forgotten.
    pub(super) fn is_expired(&self, now_ms: i64, expiration_ms: i64) -> bool {
        let is_idle = !self.state.is_prepared() && self.state != TransactionState::Ongoing;
        is_idle && self.update_ms.saturating_add(expiration_ms) <= now_ms
    }
}

#[cfg(test)]
mod tests;
