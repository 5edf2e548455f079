//! Bounds on the bytes that requests in flight hold: one per connection, one for all together.
//!
//! A connection takes a frame's size off both before it reads the frame, and gives it back once the answer has been
//! written. Whoever finds too little left stops reading its socket (TCP then slows the client down) and is woken when bytes
//! come back. A frame larger than a whole budget is admitted when nothing else is in flight, so that no limit locks a
//! request out for good that `socket.request.max.bytes` admits.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// A number of bytes that may be in use at one time.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used_bytes: usize,
    waiting: Vec<Waker>,
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
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            return Poll::Pending;
        }
        state.used_bytes += bytes;
        Poll::Ready(Charge { budget: Arc::clone(self), bytes })
    }

    fn give_back(&self, bytes: usize) {
        let waiting = {
            let mut state = self.state.lock();
            state.used_bytes -= bytes;
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
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
