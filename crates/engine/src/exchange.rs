//! The exchange in memory: from every upstream task a lane to every worker's task.
//!
//! A lane keeps its order, so that watermarks and barriers mean the same behind it. Data waits in an inbox for at most
//! [`INBOX_BYTES_MAX`] or [`INBOX_ROWS_MAX`] over all its lanes, plus what one step of each upstream task yields: a
//! task checks for room before its step, and a lane without data has room always, so that a lane that is held back at
//! a barrier cannot starve the others. Watermarks, barriers and ends need no room; of successive watermarks the last
//! one stays.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::aggregate::PartialBatch;
use crate::element::Epoch;
use crate::window::WatermarkStatus;

/// Bytes of partial states that may wait for one task.
const INBOX_BYTES_MAX: usize = 16 << 20;
/// Partial states that may wait for one task.
const INBOX_ROWS_MAX: usize = 1 << 16;

/// What travels on a lane.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Partials(PartialBatch),
    Watermark(WatermarkStatus),
    Barrier(Epoch),
    End,
}

#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Message>,
    /// Batches of partials in the queue.
    data: usize,
    sender: Option<Waker>,
}

#[derive(Debug)]
struct State {
    lanes: Vec<Lane>,
    rows: usize,
    bytes: usize,
    receiver: Option<Waker>,
    /// The lane to look at first, for fairness.
    next: usize,
}

/// The receiving end of one task.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

impl State {
    fn is_full(&self) -> bool {
        self.rows >= INBOX_ROWS_MAX || self.bytes >= INBOX_BYTES_MAX
    }
}

impl Inbox {
    pub(crate) fn new(lanes: usize) -> Self {
        let lanes = (0..lanes).map(|_| Lane::default()).collect();
        Self { state: Mutex::new(State { lanes, rows: 0, bytes: 0, receiver: None, next: 0 }) }
    }

    fn send(&self, lane: usize, message: Message) {
        let mut state = self.state.lock();
        let (mut rows, mut bytes) = (0, 0);
        let Some(target) = state.lanes.get_mut(lane) else { return };
        match (&message, target.queue.back_mut()) {
            (Message::Watermark(_), Some(last @ Message::Watermark(_))) => *last = message,
            _ => {
                if let Message::Partials(partials) = &message {
                    (rows, bytes) = (partials.rows(), partials.bytes());
                    target.data += 1;
                }
                target.queue.push_back(message);
            }
        }
        state.rows += rows;
        state.bytes += bytes;
        let receiver = state.receiver.take();
        drop(state);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }

    fn poll_ready(&self, lane: usize, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        let is_full = state.is_full();
        match state.lanes.get_mut(lane) {
            Some(target) if is_full && target.data > 0 => {
                target.sender = Some(context.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    /// The next message of a lane that is not held back, lanes taking turns.
    pub(crate) fn poll_next(&self, held: &[bool], context: &Context<'_>) -> Poll<(usize, Message)> {
        let mut state = self.state.lock();
        let count = state.lanes.len();
        let order = (0..count).map(|step| (state.next + step) % count);
        let ready = order
            .into_iter()
            .find(|lane| !held.get(*lane).copied().unwrap_or(false) && !state.lanes[*lane].queue.is_empty());
        let Some(lane) = ready else {
            state.receiver = Some(context.waker().clone());
            return Poll::Pending;
        };
        state.next = (lane + 1) % count;
        let Some(message) = state.lanes[lane].queue.pop_front() else { return Poll::Pending };
        let mut senders = Vec::new();
        if let Message::Partials(partials) = &message {
            let was_full = state.is_full();
            state.rows -= partials.rows();
            state.bytes = state.bytes.saturating_sub(partials.bytes());
            state.lanes[lane].data -= 1;
            if was_full && !state.is_full() {
                senders.extend(state.lanes.iter_mut().filter_map(|lane| lane.sender.take()));
            } else if state.lanes[lane].data == 0 {
                senders.extend(state.lanes[lane].sender.take());
            }
        }
        drop(state);
        senders.into_iter().for_each(Waker::wake);
        Poll::Ready((lane, message))
    }
}

/// The sending end of one upstream task: a lane to each worker.
#[derive(Debug)]
pub(crate) struct Outbox {
    inboxes: Vec<Arc<Inbox>>,
    lane: usize,
}

impl Outbox {
    pub(crate) fn new(inboxes: Vec<Arc<Inbox>>, lane: usize) -> Self {
        Self { inboxes, lane }
    }

    pub(crate) fn workers(&self) -> usize {
        self.inboxes.len()
    }

    pub(crate) fn send(&self, worker: usize, message: Message) {
        if let Some(inbox) = self.inboxes.get(worker) {
            inbox.send(self.lane, message);
        }
    }

    pub(crate) fn broadcast(&self, message: &Message) {
        for inbox in &self.inboxes {
            inbox.send(self.lane, message.clone());
        }
    }

    /// Ready when every worker's lane has room.
    pub(crate) fn poll_ready(&self, context: &Context<'_>) -> Poll<()> {
        for inbox in &self.inboxes {
            if inbox.poll_ready(self.lane, context).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}
