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
//! - A sequence number belongs to one batch under one identity. When a broker says that the *first* batch
//!   outstanding is out of order, the sequence has a gap that resending cannot close: none of what is outstanding was
//!   appended, so all of it is stamped anew under a higher epoch, from 0 (KIP-360).
//! - A new identity is taken up only when nothing is under way or to be resent under the old one.
//! - Until the first batch under an identity is acknowledged, it goes alone: a broker that does not know a producer takes
//!   whatever sequence comes first, so a second batch would overtake a first one that failed.

use std::collections::VecDeque;
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
    /// Ascending by sequence, all before `waiting`.
    retries: VecDeque<Stamped>,
    under_way: usize,
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
    pub(super) fn is_sendable(&self, under_way_max: usize) -> bool {
        let under_way_max = if self.is_established { under_way_max } else { 1 };
        let blocked = self.under_way > 0 && (self.recovering || self.under_way >= under_way_max);
        !blocked && (!self.retries.is_empty() || !self.waiting.is_empty())
    }

    /// Takes the next batch of at most `bytes_max`, stamped under `identity` if it is new.
    pub(super) fn take(&mut self, identity: Identity, bytes_max: usize, under_way_max: usize) -> Take {
        if !self.is_sendable(under_way_max) {
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
            if self.under_way > 0 {
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
                self.sent(Stamped { bytes, stamp, info, restamps: 0 })
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
                return Answered::Done(batch);
            }
            Outcome::Failed => return Answered::GivenUp(batch),
            Outcome::Retry => self.resend(batch),
            Outcome::OutOfOrder => {
                // Only the first one outstanding says anything about the sequence; the others followed it.
                let is_first = self.retries.front().is_none_or(|first| precedes(&batch, first));
                if is_first && self.identity.is_some_and(|identity| identity.made(batch.stamp)) {
                    if batch.restamps >= RESTAMPS_MAX {
                        return Answered::GivenUp(batch);
                    }
                    self.gap = true;
                }
                self.resend(batch);
            }
            Outcome::Split(parts) => parts.into_iter().rev().for_each(|part| self.resend(part)),
        }
        Answered::Kept
    }

    fn resend(&mut self, batch: Stamped) {
        self.recovering = true;
        let place = self.retries.partition_point(|other| precedes(other, &batch));
        self.retries.insert(place, batch);
    }

    fn adopt(&mut self, identity: Identity) {
        (self.identity, self.next_sequence) = (Some(identity), 0);
        (self.is_established, self.gap) = (false, false);
    }

    fn restamp(&mut self, identity: Identity) -> Result<(), (BatchTicket, millstream_wire::WireError)> {
        self.adopt(identity);
        for place in 0..self.retries.len() {
            let stamp = identity.stamp(self.next_sequence);
            let Some(batch) = self.retries.get_mut(place) else { break };
            let mut bytes = Vec::from(&batch.bytes[..]);
            match records::set_producer(&mut bytes, stamp, false) {
                Ok(()) => (batch.bytes, batch.stamp) = (Bytes::from(bytes), stamp),
                Err(error) => {
                    self.gap = true;
                    return self.retries.remove(place).map_or(Ok(()), |batch| Err((batch.info, error)));
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
            expired.extend(
                self.retries.pop_front().map(|batch| Expired { info: batch.info, bytes: Some(batch.bytes) }),
            );
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

/// Whether `one` was stamped before `other`, of the same lane. At most a handful of batches are outstanding, so of two
/// sequences the smaller step forward tells.
fn precedes(one: &Stamped, other: &Stamped) -> bool {
    if one.stamp.producer_id < 0 {
        return false;
    }
    let step = other.stamp.base_sequence.wrapping_sub(one.stamp.base_sequence) & i32::MAX;
    step != 0 && step < i32::MAX / 2
}

#[cfg(test)]
mod tests;
