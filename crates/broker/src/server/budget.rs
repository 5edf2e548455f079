//! Bounds on the bytes of requests: those that are on their way in, and those that are being worked on.
//!
//! What a client *says* that it will send costs it nothing, so nothing is held back for it. Three rules keep anybody from using up what
//! others need:
//!
//! - A frame of up to [`FREE_FRAME_BYTES`] is received without asking: a connection has at most one such that waits.
//! - The memory of a larger one is taken bit by bit, as it comes ([`ByteBudget::poll_grow`]). When nothing is left, one frame at a time may
//!   overdraw the budget, so that frames which all wait for the last of each other's memory go on one after the other. Whoever
//!   overdraws and does not go on loses its connection.
//! - Only produce requests count while they are worked on ([`ByteBudget::poll_take`]): they end by themselves, whatever their client
//!   does. A long poll, which may last, keeps what its frame took on its way in and nothing else.
//!
//! Whoever finds too little left stops reading its socket (TCP then slows the client down) and is woken when bytes come back. A
//! request larger than a whole budget is admitted when nothing else is in flight, so that no limit locks a request out for good that
//! `socket.request.max.bytes` admits.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Frames up to this size, in bytes, are received into the buffer that every connection may have.
pub(super) const FREE_FRAME_BYTES: usize = 64 * 1024;

/// A number of bytes that may be in use at one time.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used_bytes: usize,
    /// Whether somebody may go beyond the limit now.
    overdrawn: bool,
    waiting: Vec<Waker>,
}

impl State {
    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }
}

impl ByteBudget {
    pub(crate) fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self { limit_bytes, state: Mutex::default() })
    }

    /// Bytes in use.
    pub(crate) fn used_bytes(&self) -> usize {
        self.state.lock().used_bytes
    }

    /// Takes `bytes`, or registers the task of `context` to be woken when some come back.
    pub(crate) fn poll_take(self: &Arc<Self>, bytes: usize, context: &Context<'_>) -> Poll<Charge> {
        let mut state = self.state.lock();
        if state.used_bytes > 0 && state.used_bytes.saturating_add(bytes) > self.limit_bytes {
            state.wait(context);
            return Poll::Pending;
        }
        state.used_bytes += bytes;
        Poll::Ready(Charge { budget: Arc::clone(self), bytes, overdraws: false })
    }

    /// Lets a charge grow to `bytes`, or registers the task of `context` to be woken when it may. One charge at a time may grow
    /// beyond the limit.
    pub(crate) fn poll_grow(
        self: &Arc<Self>,
        charge: &mut Option<Charge>,
        bytes: usize,
        context: &Context<'_>,
    ) -> Poll<()> {
        let charge =
            charge.get_or_insert_with(|| Charge { budget: Arc::clone(self), bytes: 0, overdraws: false });
        let more = bytes.saturating_sub(charge.bytes);
        let mut state = self.state.lock();
        if !charge.overdraws && state.used_bytes.saturating_add(more) > self.limit_bytes {
            if state.overdrawn {
                state.wait(context);
                return Poll::Pending;
            }
            state.overdrawn = true;
            charge.overdraws = true;
        }
        state.used_bytes += more;
        charge.bytes += more;
        Poll::Ready(())
    }

    fn give_back(&self, charge: &Charge) {
        let waiting = {
            let mut state = self.state.lock();
            state.used_bytes -= charge.bytes;
            state.overdrawn &= !charge.overdraws;
            std::mem::take(&mut state.waiting)
        };
        for waker in waiting {
            waker.wake();
        }
    }
}

/// Bytes taken from a [`ByteBudget`]; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<ByteBudget>,
    bytes: usize,
    /// Whether it has grown beyond the limit, and others wait for it.
    overdraws: bool,
}

impl Charge {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn overdraws(&self) -> bool {
        self.overdraws
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self);
    }
}

#[cfg(test)]
mod tests;
