//! What the requests of one connection have to do with each other.
//!
//! Answers go out in the order of their requests. Produce requests that follow one another are all under way at once: each
//! hands its batches to the disk threads before the next is looked at (so they append in order), and only the answers wait.
//! Any other request begins when all earlier ones of its connection are done, as in Apache Kafka, so that it sees what they did.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use millstream_wire::frame::{Frame, RequestFrame};
use millstream_wire::{ApiKey, WireError};

use super::budget::Charge;
use crate::api::{self, Call, Caller};
use crate::core::Core;

/// Requests of one connection that may be under way at once.
const REQUESTS_IN_FLIGHT_MAX: usize = 512;

/// Record batches in an answer. They are copied from the page cache and into the socket: on Linux 6.18 a consumer over loopback is
/// served for less CPU time so than by `sendfile`, or by `splice` through a pipe that a disk thread fills (3.3, 2.7 and 2.9 GB per
/// CPU-second), which pay for every page of 4 KiB.
pub(crate) type Records = Bytes;

/// What goes back for a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A frame in one piece.
    Whole(Bytes),
    /// A frame whose record batches lie elsewhere.
    Parts(Frame<Records>),
    /// Nothing: the client did not want an answer (`acks=0`).
    Silent,
    /// The client wants no answer, but has to hear that something failed: the connection ends (`acks=0`).
    Close,
}

impl Answer {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Parts(frame) => frame.size_bytes(),
            Self::Silent | Self::Close => 0,
        }
    }
}

/// An answer that is still being worked on.
pub(crate) type LaterAnswer = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a handler gives back.
pub(crate) enum Handling {
    /// The answer.
    Done(Answer),
    /// The answer comes.
    Later(LaterAnswer),
}

/// What a request in flight holds of budgets, until its answer is there.
pub(crate) type Charges = [Option<Charge>; 2];

struct Slot {
    api_key: ApiKey,
    started: Instant,
    handling: Handling,
    charges: Charges,
}

/// The requests of a connection that have not been answered yet.
pub(crate) struct Session {
    core: Arc<Core>,
    caller: Arc<Caller>,
    slots: VecDeque<Slot>,
}

impl Session {
    pub(crate) fn new(core: Arc<Core>, caller: Caller) -> Self {
        core.metrics.connections.inc();
        Self { core, caller: Arc::new(caller), slots: VecDeque::new() }
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether a request that starts with `frame` may begin now.
    pub(crate) fn can_start(&self, frame: &[u8]) -> bool {
        if self.slots.is_empty() {
            return true;
        }
        is_produce(frame)
            && self.slots.len() < REQUESTS_IN_FLIGHT_MAX
            && self.slots.iter().all(|slot| slot.api_key == ApiKey::Produce)
    }

    /// Begins a request. The caller has asked [`Session::can_start`].
    ///
    /// # Errors
    /// When the frame is no request of this protocol; the connection has to be closed.
    pub(crate) fn start(&mut self, frame: Bytes, charges: Charges) -> Result<(), WireError> {
        let started = Instant::now();
        let frame = RequestFrame::decode(frame)?;
        let api_key = frame.api_key;
        let metrics = self.core.metrics.api(api_key);
        metrics.requests.inc();
        let call = Call { frame, caller: Arc::clone(&self.caller) };
        let handling = api::dispatch(&self.core, call)?;
        self.slots.push_back(Slot { api_key, started, handling, charges });
        Ok(())
    }

    /// Lets produce requests end although nobody takes their answers, so that others need not wait for what they hold.
    pub(crate) fn settle(&mut self, context: &mut Context<'_>) {
        for slot in self.slots.iter_mut().filter(|slot| slot.api_key == ApiKey::Produce) {
            if let Handling::Later(future) = &mut slot.handling
                && let Poll::Ready(answer) = future.as_mut().poll(context)
            {
                slot.handling = Handling::Done(answer);
                slot.charges = [None, None];
            }
        }
    }

    /// Whether a request holds memory that others wait for. Only one that is alone can: produce requests never do.
    pub(crate) fn overdraws(&self) -> bool {
        self.slots.front().is_some_and(|slot| slot.charges.iter().flatten().any(Charge::overdraws))
    }

    /// The next answer in order. Pending, without a waker, when nothing is under way.
    pub(crate) fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Answer> {
        let Some(front) = self.slots.front_mut() else { return Poll::Pending };
        if let Handling::Later(future) = &mut front.handling {
            let answer = ready!(future.as_mut().poll(context));
            front.handling = Handling::Done(answer);
        }
        match self.slots.pop_front() {
            Some(Slot { api_key, started, handling: Handling::Done(answer), .. }) => {
                let metrics = self.core.metrics.api(api_key);
                metrics.latency_seconds.observe(started.elapsed().as_secs_f64());
                self.core.metrics.bytes_out.inc_by(answer.size_bytes() as u64);
                Poll::Ready(answer)
            }
            _ => Poll::Pending,
        }
    }
}

/// Whether a request that starts with `frame` appends records.
pub(crate) fn is_produce(frame: &[u8]) -> bool {
    frame.starts_with(&ApiKey::Produce.code().to_be_bytes())
}

impl Drop for Session {
    fn drop(&mut self) {
        self.core.metrics.connections.dec();
    }
}
