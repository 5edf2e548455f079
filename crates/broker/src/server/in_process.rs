//! The transport for clients in the same process: frames through bounded channels instead of a socket.
//!
//! The embedded engine uses the same client, the same requests and the same handlers as anybody else; only the socket is
//! missing. A frame is what follows the four bytes of length on a socket.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use millstream_wire::frame;
use tokio::sync::mpsc;

use super::ByteBudget;
use super::budget::Charge;
use super::session::{Answer, Session};
use crate::api::Caller;
use crate::core::Core;

/// Frames that wait in either direction at most.
const QUEUED_FRAMES_MAX: usize = 16;

/// A connection to the broker without a socket.
///
/// Requests go in, answers come out in the order of their requests; a produce request with `acks=0` has none. Either side
/// closes the connection by dropping its halves. When the broker gives the connection up (a malformed request, a failed
/// `acks=0`, shutdown), `responses` ends.
#[derive(Debug)]
pub struct InProcessConnection {
    /// Request frames, each without its length prefix. Waits while the broker has too much to do.
    pub requests: mpsc::Sender<Bytes>,
    /// Response frames, each without its length prefix.
    pub responses: mpsc::Receiver<Bytes>,
}

/// Opens a connection and starts the task that serves it.
pub(crate) fn connect(core: &Arc<Core>) -> InProcessConnection {
    let (requests, incoming) = mpsc::channel(QUEUED_FRAMES_MAX);
    let (outgoing, responses) = mpsc::channel(QUEUED_FRAMES_MAX);
    let caller = Caller::new("in-process".to_owned(), 0, 0);
    let session = Session::new(Arc::clone(core), caller);
    let budget = ByteBudget::new(core.config.connection_in_flight_bytes_max);
    let connection = Connection { core: Arc::clone(core), session, budget, incoming, outgoing };
    core.spawn(connection.serve());
    InProcessConnection { requests, responses }
}

struct Connection {
    core: Arc<Core>,
    session: Session,
    budget: Arc<ByteBudget>,
    incoming: mpsc::Receiver<Bytes>,
    outgoing: mpsc::Sender<Bytes>,
}

impl Connection {
    async fn serve(mut self) {
        let mut stopping = self.core.stopping.subscribe();
        let mut waiting: Option<Bytes> = None;
        loop {
            if let Some(request) = waiting.take_if(|request| self.session.can_start(request)) {
                if !self.start(request).await {
                    return;
                }
                continue;
            }
            let is_stopping = *stopping.borrow_and_update();
            if is_stopping && self.session.is_idle() {
                return;
            }
            let is_put_off = waiting.is_some() && self.session.is_muted();
            tokio::select! {
                biased;
                answer = poll_fn(|context| self.session.poll_turn(context)), if !self.session.is_idle() || is_put_off => {
                    if let Some(answer) = answer
                        && !self.deliver(answer).await
                    {
                        return;
                    }
                }
                request = self.incoming.recv(), if waiting.is_none() && !is_stopping => match request {
                    Some(request) => waiting = Some(request),
                    None => return,
                },
                // The client gives up on answers it does not wait for any more.
                () = self.outgoing.closed() => return,
                _ = stopping.changed(), if !is_stopping => {}
            }
        }
    }

    /// Begins a request once the budgets have room for it; false ends the connection.
    async fn start(&mut self, request: Bytes) -> bool {
        let length = request.len();
        if length > self.core.config.request_bytes_max {
            tracing::warn!(
                length,
                "in-process connection closed, a request exceeds socket.request.max.bytes"
            );
            return false;
        }
        self.core.metrics.bytes_in.inc_by(length as u64);
        let mut taken: Option<Charge> = None;
        let charges = poll_fn(|context| {
            if taken.is_none() {
                taken = Some(std::task::ready!(self.budget.poll_take(length, context)));
            }
            self.core.request_budget.poll_take(length, context).map(|shared| [taken.take(), Some(shared)])
        });
        // Only earlier requests of this connection could hold its own budget, and their answers are not collected
        // here; so it is taken only when nothing else is in flight, or when there is room at once.
        let charges = if self.session.is_idle() { charges.await } else { [None, None] };
        match self.session.start(request, charges) {
            Ok(()) => true,
            Err(error) => {
                self.core.metrics.malformed_requests.inc();
                tracing::warn!(%error, "in-process connection closed, a request cannot be read");
                false
            }
        }
    }

    /// Hands an answer over; false ends the connection.
    async fn deliver(&mut self, answer: Answer) -> bool {
        let mut whole = match answer {
            Answer::Whole(bytes) => bytes,
            Answer::Parts(frame) => frame.to_contiguous(),
            Answer::Silent => return true,
            Answer::Close => return false,
        };
        whole.advance(frame::LENGTH_BYTES);
        self.outgoing.send(whole).await.is_ok()
    }
}
