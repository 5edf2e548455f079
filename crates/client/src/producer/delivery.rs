//! What a writer knows about its batches: which are settled, which offsets they got, and the first failure.
//!
//! Each batch that a writer hands over has the next number. A [`Ticket`] settles its number when the last part of the batch
//! is dropped, whatever became of it; failures are written down before. Settled numbers may come in any order;
//! a mark is reached when all numbers below it are settled.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::error::{ClientError, Result};
use crate::topic_partition::TopicPartition;

/// A line between two appends of a writer, from [`super::BatchWriter::seal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlushMark(pub(super) u64);

/// A batch that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it went.
    pub partition: TopicPartition,
    /// Offset of its first record; the others follow without gaps. None when the broker no longer knew it, or was not
    /// asked (`acks=0`).
    pub base_offset: Option<i64>,
    /// Number of records.
    pub records: u32,
    /// The time in ms that the broker gave all of them, on topics with LogAppendTime.
    pub append_time_ms: Option<i64>,
}

/// The batches of one writer.
#[derive(Debug)]
pub(super) struct Deliveries {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// All numbers below are settled.
    settled_below: u64,
    /// Whether the numbers from `settled_below` on are settled.
    settled: VecDeque<bool>,
    failure: Option<ClientError>,
    /// Deliveries to be taken; none are kept unless asked for.
    delivered: Option<Vec<Delivery>>,
    waker: Option<Waker>,
}

impl Deliveries {
    pub(super) fn new() -> Self {
        let state =
            State { settled_below: 0, settled: VecDeque::new(), failure: None, delivered: None, waker: None };
        Self { state: Mutex::new(state) }
    }

    /// A ticket for the next batch.
    pub(super) fn issue(self: &Arc<Self>) -> Ticket {
        let mut state = self.state.lock();
        let number = state.settled_below + state.settled.len() as u64;
        state.settled.push_back(false);
        Ticket(Arc::new(Number { deliveries: Arc::clone(self), number }))
    }

    /// The mark behind all tickets issued so far.
    pub(super) fn mark(&self) -> FlushMark {
        let state = self.state.lock();
        FlushMark(state.settled_below + state.settled.len() as u64)
    }

    /// The failure that ended this writer.
    pub(super) fn check(&self) -> Result<()> {
        self.state.lock().failure.clone().map_or(Ok(()), Err)
    }

    /// Ready when all batches before the mark are acknowledged, or one has failed.
    pub(super) fn poll_reached(&self, mark: FlushMark, context: &Context<'_>) -> Poll<Result<()>> {
        let mut state = self.state.lock();
        if let Some(failure) = &state.failure {
            return Poll::Ready(Err(failure.clone()));
        }
        if state.settled_below >= mark.0 {
            return Poll::Ready(Ok(()));
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Whether acknowledged batches are kept to be taken.
    pub(super) fn keep_deliveries(&self) {
        self.state.lock().delivered.get_or_insert_default();
    }

    pub(super) fn take_deliveries(&self) -> Vec<Delivery> {
        self.state.lock().delivered.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn settle(&self, number: u64) {
        let waker = {
            let mut state = self.state.lock();
            let place = (number - state.settled_below) as usize;
            state.settled[place] = true;
            if place > 0 {
                return;
            }
            while state.settled.front() == Some(&true) {
                state.settled.pop_front();
                state.settled_below += 1;
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn fail(&self, error: &ClientError) {
        let waker = {
            let mut state = self.state.lock();
            if state.failure.is_none() {
                state.failure = Some(error.clone());
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// One batch's claim on its writer's attention; parts of a split batch share it.
#[derive(Debug, Clone)]
pub(super) struct Ticket(Arc<Number>);

#[derive(Debug)]
struct Number {
    deliveries: Arc<Deliveries>,
    number: u64,
}

impl Ticket {
    pub(super) fn fail(&self, error: &ClientError) {
        self.0.deliveries.fail(error);
    }

    pub(super) fn delivered(&self, delivery: impl FnOnce() -> Delivery) {
        if let Some(delivered) = &mut self.0.deliveries.state.lock().delivered {
            delivered.push(delivery());
        }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.deliveries.settle(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_reached_when_all_before_it_are_settled_in_any_order() {
        let deliveries = Arc::new(Deliveries::new());
        let context = Context::from_waker(Waker::noop());
        let mut tickets: Vec<_> = (0..3).map(|_| deliveries.issue()).collect();
        let mark = deliveries.mark();
        let later = deliveries.issue();
        let part = tickets[1].clone();
        drop(tickets.remove(2));
        drop(tickets.remove(0));
        drop(tickets);
        assert!(deliveries.poll_reached(mark, &context).is_pending(), "a part of the second is left");
        drop(part);
        assert!(matches!(deliveries.poll_reached(mark, &context), Poll::Ready(Ok(()))));
        assert!(deliveries.poll_reached(deliveries.mark(), &context).is_pending());
        later.fail(&ClientError::Closed { what: "test" });
        drop(later);
        assert!(matches!(deliveries.poll_reached(mark, &context), Poll::Ready(Err(_))));
    }
}
