//! What the requests of one connection have to do with each other.
//!
//! Answers go out in the order of their requests. Produce requests that follow one another are all under way at once: each
//! hands its batches to the disk threads before the next is looked at (so they append in order), and only the answers wait.
//! Any other request begins when all earlier ones of its connection are done, as in Apache Kafka, so that it sees what they did.
//!
//! A connection whose client has exceeded a quota gets its answer at once, and is muted: it begins no request for a while (KIP-219).
//! Where quotas are set, produce requests wait for each other as well, so that what one exceeds puts off the next.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_wire::frame::{Frame, RequestFrame};
use millstream_wire::{ApiKey, WireError};
use tokio::time::Sleep;

use super::budget::Charge;
use crate::api::{self, Call, Caller};
use crate::core::Core;
use crate::quotas::Metered;

/// Requests of one connection that may be under way at once.
const REQUESTS_IN_FLIGHT_MAX: usize = 512;

/// Record batches in an answer, copied from the page cache (`docs/adr/0006-fetches.md` says why).
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
    metered: Option<Arc<Metered>>,
}

impl Slot {
    /// Goes on with the request.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Handling::Later(future) = &mut self.handling {
            if let Some(metered) = &self.metered {
                metered.resume();
            }
            let polled = future.as_mut().poll(context);
            if let Some(metered) = &self.metered {
                metered.pause();
            }
            self.handling = Handling::Done(ready!(polled));
        }
        Poll::Ready(())
    }
}

/// The requests of a connection that have not been answered yet.
pub(crate) struct Session {
    core: Arc<Core>,
    caller: Arc<Caller>,
    slots: VecDeque<Slot>,
    /// Until when no request may begin.
    muted: Option<Pin<Box<Sleep>>>,
}

impl Session {
    pub(crate) fn new(core: Arc<Core>, caller: Caller) -> Self {
        core.metrics.connections.inc();
        Self { core, caller: Arc::new(caller), slots: VecDeque::new(), muted: None }
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether no request may begin, because the client has exceeded a quota.
    pub(crate) fn is_muted(&self) -> bool {
        self.muted.is_some()
    }

    /// Ready when requests may begin; at once unless the client has exceeded a quota.
    pub(crate) fn poll_unmuted(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(muted) = &mut self.muted {
            ready!(muted.as_mut().poll(context));
            self.muted = None;
        }
        Poll::Ready(())
    }

    fn mute(&mut self, throttle_ms: u32) {
        if throttle_ms > 0 {
            let throttle = Duration::from_millis(u64::from(throttle_ms));
            self.muted = Some(Box::pin(tokio::time::sleep(throttle)));
        }
    }

    /// The next answer, or none when a request may begin that was put off.
    pub(crate) fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        if self.is_idle() {
            return self.poll_unmuted(context).map(|()| None);
        }
        self.poll_answer(context).map(Some)
    }

    /// Whether a request that starts with `frame` may begin now.
    pub(crate) fn can_start(&self, frame: &[u8]) -> bool {
        if self.slots.is_empty() {
            return !self.is_muted();
        }
        is_produce(frame)
            && self.slots.len() < REQUESTS_IN_FLIGHT_MAX
            && self.slots.iter().all(|slot| slot.api_key == ApiKey::Produce && slot.metered.is_none())
    }

    /// Begins a request. The caller has asked [`Session::can_start`].
    ///
    /// # Errors
    /// When the frame is no request of this protocol; the connection has to be closed.
    pub(crate) fn start(&mut self, frame: Bytes, charges: Charges) -> Result<(), WireError> {
        let (started, size_bytes) = (Instant::now(), frame.len());
        let frame = RequestFrame::decode(frame)?;
        let api_key = frame.api_key;
        let metrics = self.core.metrics.api(api_key);
        metrics.requests.inc();
        let client_id = frame.client_id.as_deref().unwrap_or_default();
        let metered = self.core.quotas.meter(self.caller.user(), client_id, size_bytes);
        let call = Call { frame, caller: Arc::clone(&self.caller), metered: metered.clone() };
        let handling = api::dispatch(&self.core, call)?;
        if let Some(metered) = &metered {
            metered.pause();
        }
        self.slots.push_back(Slot { api_key, started, handling, charges, metered });
        Ok(())
    }

    /// Lets produce requests end although nobody takes their answers, so that others need not wait for what they hold.
    pub(crate) fn settle(&mut self, context: &mut Context<'_>) {
        for slot in self.slots.iter_mut().filter(|slot| slot.api_key == ApiKey::Produce) {
            if slot.poll(context).is_ready() {
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
        ready!(front.poll(context));
        match self.slots.pop_front() {
            Some(Slot { api_key, started, handling: Handling::Done(answer), metered, .. }) => {
                if let Some(metered) = metered {
                    self.mute(metered.throttle_ms());
                }
                let metrics = self.core.metrics.api(api_key);
                metrics.times.observe(started.elapsed());
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
