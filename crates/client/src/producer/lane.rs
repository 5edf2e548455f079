//! One partition's batches on their way: the order they go out in, their sequence numbers, and what is sent again.
//!
//! ```text
//!   push ─► waiting ──take──► (stamped, under way) ──acknowledged──► done
//!                  ▲                │ failed, may pass
//!                  │                ▼
//!              nothing new      retries, by sequence ──take, once nothing is under way──► (under way)
//!              overtakes
//! ```
//!
//! The state is synchronous and knows neither clock nor network, so that tests can drive it against a model of a
//! broker. Invariants:
//!
//! - Batches are taken in the order of their pushes; a failed one is taken again before any that came after it.
//! - After a failure nothing is taken until every answer is in (`recovering`): what was sent behind the failed batch comes
//!   back as out of order and joins the retries.
//! - The *window* is what was sent from the oldest unsettled batch on, acknowledged batches behind it included. It is never
//!   longer than what a broker recognises again (five batches): a batch whose answer was lost while others behind it went
//!   through would otherwise be refused as out of order although it is in the log.
//! - A sequence number belongs to one batch under one identity. When a broker says that the *first* batch of the
//!   window is out of order, the sequence has a gap that resending cannot close: none of what is outstanding was
//!   appended, so all of it is stamped anew under a higher epoch, from 0 (KIP-360).
//! - A new identity is taken up only when nothing is under way or to be resent under the old one.
//! - Until the first batch under an identity is acknowledged, it goes alone: a broker that does not know a producer takes
//!   whatever sequence comes first, so a second batch would overtake a first one that failed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::records::{self, ProducerStamp, SealedBatch};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::delivery::Ticket;
use super::identity::Identity;
use super::memory::Charge;
use crate::topic_partition::TopicPartition;

/// How often a batch is stamped anew before it is given up.
const RESTAMPS_MAX: u32 = 5;
/// The distance between the places of batches, so that a batch can be halved many times and its parts keep their order.
const PLACE_STEP: u64 = 1 << 24;

/// A partition's lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: TopicPartition,
    pub(super) state: Mutex<LaneState>,
}

impl Lane {
    pub(super) fn new(partition: TopicPartition) -> Self {
        Self { partition, state: Mutex::default() }
    }
}

/// What a batch carries besides its bytes.
#[derive(Debug, Clone)]
pub(super) struct BatchTicket {
    pub(super) ticket: Ticket,
    pub(super) _charge: Arc<Charge>,
    pub(super) sealed_at: Instant,
    pub(super) records: u32,
    pub(super) first_timestamp_ms: i64,
}

/// A batch without sequence.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) batch: SealedBatch,
    pub(super) info: BatchTicket,
}

/// A batch with its sequence: the same bytes whenever it is sent.
#[derive(Debug)]
pub(super) struct Stamped {
    pub(super) bytes: Bytes,
    pub(super) stamp: ProducerStamp,
    pub(super) info: BatchTicket,
    pub(super) restamps: u32,
    /// Its place in the lane's order.
    pub(super) order: u64,
    /// The places from its own on that are its own.
    pub(super) order_span: u64,
}

/// Where a lane is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// Nowhere: nothing to send, or answers are to come first.
    #[default]
    Idle,
    /// In a broker's list.
    Broker,
    /// With the router.
    Router,
}

/// How a batch came back.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is in the log.
    Acknowledged,
    /// It may succeed when it is sent again as it is.
    Retry,
    /// The broker expected another sequence.
    OutOfOrder,
    /// It is to be replaced by smaller ones.
    Split(Vec<Stamped>),
    /// It can never succeed.
    Failed,
}

/// What is left to do about a batch that came back.
#[derive(Debug)]
pub(super) enum Answered {
    /// It is in the log: report it.
    Done(Stamped),
    /// It is given up: report that.
    GivenUp(Stamped),
    /// It, or its parts, will be sent again.
    Kept,
}

#[derive(Debug, Default)]
pub(super) struct LaneState {
    pub(super) place: Place,
    /// The leader that the router chose.
    pub(super) leader: Option<i32>,
    /// The version of the metadata whose leader was wrong.
    pub(super) stale_version: Option<u64>,
    /// Failures since the last acknowledgement, for the length of pauses.
    pub(super) failures: u32,
    waiting: VecDeque<Waiting>,
    /// In order, all before `waiting`.
    retries: VecDeque<Stamped>,
    under_way: usize,
    /// By order, what was stamped from the oldest unsettled batch on, and whether it is settled.
    window: BTreeMap<u64, bool>,
    next_order: u64,
    recovering: bool,
    gap: bool,
    /// What the sequences of this lane count under.
    identity: Option<Identity>,
    next_sequence: i32,
    /// Whether the broker has acknowledged a batch under the identity, and so checks the sequence.
    is_established: bool,
}

/// What can be sent next.
#[derive(Debug)]
pub(super) enum Take {
    /// Nothing now: no batches, or answers are to come first.
    Nothing,
    /// The next batch is larger than what was offered.
    TooLarge,
    /// This one.
    Batch(Stamped),
    /// The sequence has a gap and the identity must be left for another first.
    NeedsIdentity(Identity),
    /// A batch that could not be stamped.
    Broken(BatchTicket, millstream_wire::WireError),
}

impl LaneState {
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Whether anything could be taken now, given room.
    pub(super) fn is_sendable(&self, window_max: usize) -> bool {
        if self.recovering && self.under_way > 0 {
            return false;
        }
        let window_max = if self.is_established { window_max } else { 1 };
        match (self.retries.front(), self.waiting.front()) {
            (Some(first), _) => self.window.range(..=first.order).count() <= window_max,
            (None, Some(_)) => self.window.len() < window_max,
            (None, None) => false,
        }
    }

    /// Takes the next batch of at most `bytes_max`, stamped under `identity` if it is new.
    pub(super) fn take(&mut self, identity: Identity, bytes_max: usize, window_max: usize) -> Take {
        if !self.is_sendable(window_max) {
            return Take::Nothing;
        }
        if self.recovering {
            // Nothing is under way: the failed batches are all here, and sending starts over with them.
            self.recovering = false;
        }
        if self.gap {
            if self.identity == Some(identity) {
                return Take::NeedsIdentity(identity);
            }
            if let Err((info, error)) = self.restamp(identity) {
                return Take::Broken(info, error);
            }
        }
        if let Some(first) = self.retries.front() {
            if first.bytes.len() > bytes_max {
                return Take::TooLarge;
            }
            return self.retries.pop_front().map_or(Take::Nothing, |batch| self.sent(batch));
        }
        if self.identity != Some(identity) {
            if !self.window.is_empty() {
                return Take::Nothing;
            }
            self.adopt(identity);
        }
        if self.waiting.front().is_some_and(|next| next.batch.size_bytes() > bytes_max) {
            return Take::TooLarge;
        }
        let Some(Waiting { batch, info }) = self.waiting.pop_front() else { return Take::Nothing };
        let stamp = identity.stamp(self.next_sequence);
        match batch.stamp(stamp, false) {
            Ok(bytes) => {
                self.next_sequence = advance(self.next_sequence, info.records);
                let order = self.next_order;
                self.next_order += PLACE_STEP;
                self.window.insert(order, false);
                self.sent(Stamped { bytes, stamp, info, restamps: 0, order, order_span: PLACE_STEP })
            }
            Err(error) => Take::Broken(info, error),
        }
    }

    fn sent(&mut self, batch: Stamped) -> Take {
        self.under_way += 1;
        Take::Batch(batch)
    }

    /// Takes note of how a batch came back.
    pub(super) fn answered(&mut self, batch: Stamped, outcome: Outcome) -> Answered {
        self.under_way -= 1;
        match outcome {
            Outcome::Acknowledged => {
                self.failures = 0;
                self.is_established |= self.identity.is_some_and(|identity| identity.made(batch.stamp));
                self.settle(batch.order);
                return Answered::Done(batch);
            }
            Outcome::Failed => {
                self.settle(batch.order);
                return Answered::GivenUp(batch);
            }
            Outcome::Retry => self.resend(batch),
            Outcome::OutOfOrder => {
                // Only the first one says anything about the sequence; the others followed it.
                let is_first = self.window.keys().next() == Some(&batch.order);
                if is_first && self.identity.is_some_and(|identity| identity.made(batch.stamp)) {
                    if batch.restamps >= RESTAMPS_MAX {
                        self.settle(batch.order);
                        return Answered::GivenUp(batch);
                    }
                    self.gap = true;
                }
                self.resend(batch);
            }
            Outcome::Split(parts) => {
                self.window.extend(parts.iter().map(|part| (part.order, false)));
                parts.into_iter().for_each(|part| self.resend(part));
            }
        }
        Answered::Kept
    }

    fn resend(&mut self, batch: Stamped) {
        self.recovering = true;
        let place = self.retries.partition_point(|other| other.order < batch.order);
        self.retries.insert(place, batch);
    }

    /// Takes note that nothing more will happen to a batch.
    fn settle(&mut self, order: u64) {
        if let Some(is_settled) = self.window.get_mut(&order) {
            *is_settled = true;
        }
        while self.window.first_entry().is_some_and(|first| *first.get()) {
            self.window.pop_first();
        }
    }

    fn adopt(&mut self, identity: Identity) {
        (self.identity, self.next_sequence) = (Some(identity), 0);
        (self.is_established, self.gap) = (false, false);
    }

    fn restamp(&mut self, identity: Identity) -> Result<(), (BatchTicket, millstream_wire::WireError)> {
        self.adopt(identity);
        // What was settled behind the gap is of no interest to the new sequence.
        self.window.retain(|_, is_settled| !*is_settled);
        for place in 0..self.retries.len() {
            let stamp = identity.stamp(self.next_sequence);
            let Some(batch) = self.retries.get_mut(place) else { break };
            let mut bytes = Vec::from(&batch.bytes[..]);
            match records::set_producer(&mut bytes, stamp, false) {
                Ok(()) => (batch.bytes, batch.stamp) = (Bytes::from(bytes), stamp),
                Err(error) => {
                    self.gap = true;
                    let Some(batch) = self.retries.remove(place) else { break };
                    self.settle(batch.order);
                    return Err((batch.info, error));
                }
            }
            batch.restamps += 1;
            self.next_sequence = advance(self.next_sequence, batch.info.records);
        }
        Ok(())
    }

    /// Takes out what was sealed at or before `sealed_before` and is not under way, oldest first.
    pub(super) fn expire(&mut self, sealed_before: Instant) -> Vec<Expired> {
        let mut expired = Vec::new();
        while self.retries.front().is_some_and(|batch| batch.info.sealed_at <= sealed_before) {
            let Some(Stamped { info, bytes, order, .. }) = self.retries.pop_front() else { break };
            self.settle(order);
            expired.push(Expired { info, bytes: Some(bytes) });
        }
        while self.waiting.front().is_some_and(|batch| batch.info.sealed_at <= sealed_before) {
            expired.extend(self.waiting.pop_front().map(|batch| Expired { info: batch.info, bytes: None }));
        }
        expired
    }
}

/// A batch that was given up.
#[derive(Debug)]
pub(super) struct Expired {
    pub(super) info: BatchTicket,
    pub(super) bytes: Option<Bytes>,
}

/// The sequence number after `records` more; wraps past `i32::MAX` to 0.
pub(super) fn advance(sequence: i32, records: u32) -> i32 {
    sequence.wrapping_add(records as i32) & i32::MAX
}

#[cfg(test)]
mod tests;
