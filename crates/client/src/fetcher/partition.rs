//! One partition being read: where its read stands, and the queue between broker loop and reader.
//!
//! All of it stands under one lock that is held for moments. At any time at most one task advances the read: the placer
//! until a leader is found, then that leader's loop; the reader only takes from the queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use millstream_wire::messages::fetch_response::AbortedTransaction;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::budget::Budget;
use super::config::Start;
use crate::error::ClientError;
use crate::topic_partition::TopicPartition;

/// Whole record batches of one partition, as they were fetched.
#[derive(Debug, Clone)]
pub struct FetchedBatches {
    /// The partition.
    pub partition: TopicPartition,
    /// The position of the read before these batches: records below it, which the first batch may hold, are
    /// to be skipped.
    pub position: i64,
    /// The position behind them, to be committed and to be resumed at.
    pub next_position: i64,
    /// Where the read stops, if it was told to: records from here on are to be skipped.
    pub stop: Option<i64>,
    /// The batches, one behind the other, as they lie in the log. CRCs have not been checked.
    pub records: Bytes,
    /// The leader epoch of the last batch, to be committed with the position.
    pub leader_epoch: Option<i32>,
    /// The end of what is replicated, at the time of the fetch.
    pub high_watermark: i64,
    /// The end of what read_committed sees, at the time of the fetch.
    pub last_stable_offset: i64,
    /// The first offset of the partition, at the time of the fetch.
    pub log_start_offset: i64,
    /// The aborted transactions among these batches, by first offset; empty for read_uncommitted.
    pub aborted_transactions: Vec<AbortedTransaction>,
}

/// A partition being read.
#[derive(Debug)]
pub(super) struct Partition {
    /// Tells apart reads of the same partition.
    pub(super) id: u64,
    pub(super) name: TopicPartition,
    pub(super) stop: Option<i64>,
    pub(super) state: Mutex<State>,
    budget: Arc<Budget>,
}

#[derive(Debug)]
pub(super) struct State {
    /// Where to begin, until that is an offset.
    pub(super) start: Option<Start>,
    /// The offset that the read begins at, once it is known.
    pub(super) start_offset: Option<i64>,
    /// The next offset to fetch.
    pub(super) fetch_offset: i64,
    /// The leader epoch of the last batch fetched, or of the position that was committed.
    pub(super) fetched_epoch: Option<i32>,
    /// The leader epoch that the position was checked against.
    pub(super) validated_epoch: Option<i32>,
    pub(super) topic_id: Uuid,
    pub(super) failures: u32,
    /// Since when the topic has been unknown to brokers.
    pub(super) unknown_since: Option<Instant>,
    /// The version of the metadata that was wrong.
    pub(super) stale_version: Option<u64>,
    pub(super) not_before: Option<Instant>,
    /// The loop to wake when there is room again; set while the partition is left out for lack of it.
    pub(super) left_out_by: Option<Arc<Notify>>,
    pub(super) is_dropped: bool,
    pub(super) high_watermark: Option<i64>,
    queue: VecDeque<FetchedBatches>,
    queued_bytes: usize,
    failure: Option<ClientError>,
    waker: Option<Waker>,
}

/// What a reader finds.
#[derive(Debug)]
pub(super) enum Taken {
    Batches(FetchedBatches),
    Failed(ClientError),
    End,
    Nothing,
}

impl Partition {
    pub(super) fn new(
        id: u64,
        name: TopicPartition,
        start: Start,
        stop: Option<i64>,
        budget: Arc<Budget>,
    ) -> Self {
        let (start, fetch_offset, fetched_epoch) = match start {
            Start::Offset { offset, leader_epoch } => (None, offset, leader_epoch),
            start => (Some(start), -1, None),
        };
        let state = State {
            start,
            start_offset: (fetch_offset >= 0).then_some(fetch_offset),
            fetch_offset,
            fetched_epoch,
            validated_epoch: None,
            topic_id: Uuid::nil(),
            failures: 0,
            unknown_since: None,
            stale_version: None,
            not_before: None,
            left_out_by: None,
            is_dropped: false,
            high_watermark: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            failure: None,
            waker: None,
        };
        Self { id, name, stop, state: Mutex::new(state), budget }
    }

    /// Whether there is nothing left to fetch: nobody reads, the end is reached, or the read has failed.
    pub(super) fn is_over(&self, state: &State) -> bool {
        state.is_dropped || state.failure.is_some() || self.has_ended(state)
    }

    fn has_ended(&self, state: &State) -> bool {
        state.start.is_none() && self.stop.is_some_and(|stop| state.fetch_offset >= stop)
    }

    /// Whether another fetch may be queued.
    pub(super) fn has_room(&self, state: &State, partition_buffer_bytes: usize) -> bool {
        state.queued_bytes < partition_buffer_bytes && (state.queue.is_empty() || self.budget.has_room())
    }

    /// Adds what was fetched and moves the position behind it.
    pub(super) fn push(&self, state: &mut State, batches: FetchedBatches) {
        state.fetch_offset = batches.next_position;
        state.fetched_epoch = batches.leader_epoch.or(state.fetched_epoch);
        if !state.is_dropped {
            self.budget.take(batches.records.len());
            state.queued_bytes += batches.records.len();
            state.queue.push_back(batches);
        }
        wake(state);
    }

    /// Ends the read with an error, behind what is queued.
    pub(super) fn fail(&self, error: ClientError) {
        let mut state = self.state.lock();
        if state.failure.is_none() && !state.is_dropped {
            tracing::debug!(partition = %self.name, %error, "read failed");
            state.failure = Some(error);
        }
        wake(&mut state);
    }

    /// The next batches; also whether the budget has room again because of them.
    pub(super) fn take(&self, waker: &Waker) -> (Taken, bool) {
        let mut state = self.state.lock();
        let Some(batches) = state.queue.pop_front() else {
            if let Some(failure) = &state.failure {
                return (Taken::Failed(failure.clone()), false);
            }
            if self.has_ended(&state) {
                return (Taken::End, false);
            }
            match &mut state.waker {
                Some(registered) => registered.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
            return (Taken::Nothing, false);
        };
        state.queued_bytes -= batches.records.len();
        let has_room = self.budget.give_back(batches.records.len());
        if let Some(broker) = state.left_out_by.take() {
            broker.notify_one();
        }
        (Taken::Batches(batches), has_room)
    }

    /// Gives everything back. True when the budget has room again because of it.
    pub(super) fn discard(&self) -> bool {
        let mut state = self.state.lock();
        state.is_dropped = true;
        state.queue.clear();
        let bytes = std::mem::take(&mut state.queued_bytes);
        if let Some(broker) = state.left_out_by.take() {
            broker.notify_one();
        }
        drop(state);
        self.budget.give_back(bytes)
    }
}

/// Wakes the reader.
pub(super) fn wake(state: &mut State) {
    if let Some(waker) = state.waker.take() {
        waker.wake();
    }
}
