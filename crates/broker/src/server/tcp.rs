//! A TCP connection: one task that reads, begins requests, and writes answers.
//!
//! The task is one state machine rather than a reader and a writer, because every hop between tasks costs as much as a
//! small request. Each turn takes whole frames out of the input, begins what may begin, collects the answers whose turn it
//! is, writes as much as the socket takes (one vectored write for many answers) and reads what has come (one read for
//! many requests). It reads no further while the budgets are used up, while it may begin nothing, or while the client does not
//! read its answers.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use millstream_wire::WireError;
use millstream_wire::frame::{self, Segment};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::ByteBudget;
use super::budget::Charge;
use super::session::{Answer, Charges, Finished, Session};
use crate::api::Caller;
use crate::core::Core;

/// Room for pipelined small requests in one read, in bytes.
const READ_CHUNK_BYTES: usize = 64 * 1024;
/// Most bytes reserved for a large frame before any of it has come: a length costs nothing to claim.
const RESERVE_BYTES_MAX: usize = 1024 * 1024;
/// Answers beyond this many bytes wait in their slots until the client has read earlier ones.
const OUTPUT_BYTES_HIGH: usize = 1024 * 1024;
/// Buffers in one vectored write.
const WRITE_SLICES_MAX: usize = 64;

/// Why a connection ended.
enum End {
    /// The client closed it.
    Closed,
    /// Nothing came for `connections.max.idle.ms`.
    Idle,
    /// The broker stops, and everything is answered.
    ShuttingDown,
    /// What came is not this protocol.
    Garbage(WireError),
    /// A request without an answer failed.
    Unanswerable,
    /// The socket failed.
    Socket(io::Error),
}

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: TcpStream, core: Arc<Core>, caller: Caller) {
    let mut connection = Connection::new(stream, core, caller);
    let mut stopping = connection.core.stopping.subscribe();
    let stop = async move {
        // The sender lives as long as the broker.
        drop(stopping.wait_for(|stopping| *stopping).await);
    };
    let mut stop = std::pin::pin!(stop);
    let mut stopped = false;
    let end = poll_fn(|context| {
        if !stopped && stop.as_mut().poll(context).is_ready() {
            stopped = true;
            connection.stopping = true;
        }
        connection.poll(context)
    })
    .await;
    connection.report(end);
}

struct Connection {
    core: Arc<Core>,
    session: Session,
    stream: TcpStream,
    input: BytesMut,
    /// The frame at the front of the input: its length without the prefix.
    frame_bytes: Option<usize>,
    connection_charge: Option<Charge>,
    charges: Option<Charges>,
    budget: Arc<ByteBudget>,
    output: Output,
    idle: Pin<Box<Sleep>>,
    last_active: Instant,
    end_of_input: bool,
    stopping: bool,
}

impl Connection {
    fn new(stream: TcpStream, core: Arc<Core>, caller: Caller) -> Self {
        let now = Instant::now();
        let idle = Box::pin(tokio::time::sleep_until(now + core.config.connections_max_idle));
        Self {
            budget: ByteBudget::new(core.config.connection_in_flight_bytes_max),
            session: Session::new(Arc::clone(&core), caller),
            core,
            stream,
            input: BytesMut::new(),
            frame_bytes: None,
            connection_charge: None,
            charges: None,
            output: Output::default(),
            idle,
            last_active: now,
            end_of_input: false,
            stopping: false,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        loop {
            let progress = match self.turn(context) {
                Ok(progress) => progress,
                Err(end) => return Poll::Ready(end),
            };
            if !progress {
                break;
            }
            self.last_active = Instant::now();
        }
        let quiet = self.session.is_idle() && self.output.is_empty();
        if quiet && (self.end_of_input || self.stopping) {
            return Poll::Ready(if self.stopping { End::ShuttingDown } else { End::Closed });
        }
        self.poll_idle(context, quiet)
    }

    /// Does what can be done at once; says whether that was anything.
    fn turn(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let mut progress = self.begin_requests(context).map_err(End::Garbage)?;
        progress |= self.collect_answers(context)?;
        progress |= self.write(context).map_err(End::Socket)?;
        progress |= self.read(context).map_err(End::Socket)?;
        if self.end_of_input && !progress && !self.session.is_idle() {
            // The client is gone; what it asked for without waiting has begun.
            return Err(End::Closed);
        }
        Ok(progress)
    }

    fn begin_requests(&mut self, context: &mut Context<'_>) -> Result<bool, WireError> {
        let mut progress = false;
        while !self.stopping && self.output.bytes < OUTPUT_BYTES_HIGH {
            if !self.take_length(context)? {
                break;
            }
            let Some(length) = self.frame_bytes else { break };
            if self.input.len() < length || !self.session.can_start(&self.input[..length]) {
                break;
            }
            let frame = self.input.split_to(length).freeze();
            self.frame_bytes = None;
            self.session.start(frame, self.charges.take())?;
            progress = true;
        }
        Ok(progress)
    }

    /// Takes the next frame's length off the input and off the budgets; false while either is not there.
    fn take_length(&mut self, context: &mut Context<'_>) -> Result<bool, WireError> {
        let length = match self.frame_bytes {
            Some(length) => length,
            None => {
                let Some(prefix) = self.input.first_chunk::<{ frame::LENGTH_BYTES }>() else {
                    return Ok(false);
                };
                let length = frame::frame_length(*prefix, self.core.config.request_bytes_max)?;
                self.input.advance(frame::LENGTH_BYTES);
                self.frame_bytes = Some(length);
                length
            }
        };
        if self.charges.is_some() {
            return Ok(true);
        }
        let own = match self.connection_charge.take() {
            Some(charge) => charge,
            None => match self.budget.poll_take(length, context) {
                Poll::Ready(charge) => charge,
                Poll::Pending => return Ok(false),
            },
        };
        match self.core.request_budget.poll_take(length, context) {
            Poll::Ready(shared) => {
                self.charges = Some([own, shared]);
                Ok(true)
            }
            Poll::Pending => {
                self.connection_charge = Some(own);
                Ok(false)
            }
        }
    }

    fn collect_answers(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let mut progress = false;
        while self.output.bytes < OUTPUT_BYTES_HIGH {
            let Poll::Ready(finished) = self.session.poll_answer(context) else { break };
            if matches!(finished.answer, Answer::Close) {
                return Err(End::Unanswerable);
            }
            self.output.push(finished);
            progress = true;
        }
        Ok(progress)
    }

    fn write(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let mut progress = false;
        while !self.output.is_empty() {
            let written = self.output.with_slices(|slices| self.stream.try_write_vectored(slices));
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.output.advance(written);
                    progress = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.stream.poll_write_ready(context) {
                        Poll::Ready(ready) => ready?,
                        Poll::Pending => break,
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(progress)
    }

    fn read(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let mut progress = false;
        while let Some(room) = self.room_to_read() {
            match self.stream.poll_read_ready(context) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => break,
            }
            self.input.reserve(room);
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => self.end_of_input = true,
                Ok(read) => {
                    self.core.metrics.bytes_in.inc_by(read as u64);
                    progress = true;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if self.input.is_empty() && !progress {
            // An idle connection holds no buffer.
            self.input = BytesMut::new();
        }
        Ok(progress)
    }

    /// How many bytes to make room for, or none when reading has to wait.
    fn room_to_read(&self) -> Option<usize> {
        if self.end_of_input || self.stopping || self.output.bytes >= OUTPUT_BYTES_HIGH {
            return None;
        }
        match self.frame_bytes {
            // The budgets have room for this frame, so all of it may come.
            Some(length) if self.charges.is_some() => match length.saturating_sub(self.input.len()) {
                0 if self.input.len() >= length + READ_CHUNK_BYTES => None,
                0 => Some(READ_CHUNK_BYTES),
                missing => Some(missing.min(RESERVE_BYTES_MAX)),
            },
            Some(_) => None,
            None => Some(READ_CHUNK_BYTES),
        }
    }

    fn poll_idle(&mut self, context: &mut Context<'_>, quiet: bool) -> Poll<End> {
        while self.idle.as_mut().poll(context).is_ready() {
            let limit: Duration = self.core.config.connections_max_idle;
            // A request that is being worked on keeps its connection, whatever it waits for.
            let base = if self.session.is_idle() { self.last_active } else { Instant::now() };
            if base + limit <= Instant::now() {
                return Poll::Ready(if quiet { End::Idle } else { End::Closed });
            }
            self.idle.as_mut().reset(base + limit);
        }
        Poll::Pending
    }

    fn report(&self, end: End) {
        let caller = self.session.caller();
        let (host, listener) = (&caller.host, caller.listener);
        match end {
            End::Closed => tracing::trace!(%host, listener, "connection closed by the client"),
            End::ShuttingDown => tracing::trace!(%host, listener, "connection closed, the broker stops"),
            End::Idle => tracing::debug!(%host, listener, "connection closed, it was idle too long"),
            End::Garbage(error) => {
                self.core.metrics.malformed_requests.inc();
                tracing::warn!(%host, listener, %error, "connection closed, a request cannot be read");
            }
            End::Unanswerable => {
                tracing::info!(%host, listener, "connection closed, a request has no answer but failed");
            }
            End::Socket(error) => tracing::debug!(%host, listener, %error, "connection lost"),
        }
    }
}

/// Answers on their way out.
#[derive(Default)]
struct Output {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// Bytes ever pushed and ever written: an answer's charges go when the second passes its end.
    pushed: u64,
    written: u64,
    charges: VecDeque<(u64, Charges)>,
}

impl Output {
    fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    fn push(&mut self, finished: Finished) {
        match finished.answer {
            Answer::Whole(bytes) => self.push_chunk(bytes),
            Answer::Parts(frame) => {
                for segment in frame.into_segments() {
                    match segment {
                        Segment::Bytes(bytes) | Segment::Payload(bytes) => self.push_chunk(bytes),
                    }
                }
            }
            Answer::Silent | Answer::Close => {}
        }
        if let Some(charges) = finished.charges
            && self.written < self.pushed
        {
            self.charges.push_back((self.pushed, charges));
        }
    }

    fn push_chunk(&mut self, chunk: Bytes) {
        if chunk.is_empty() {
            return;
        }
        self.bytes += chunk.len();
        self.pushed += chunk.len() as u64;
        self.chunks.push_back(chunk);
    }

    fn with_slices<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES_MAX];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        write(&slices[..count])
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        self.written += written as u64;
        while let Some(front) = self.chunks.front_mut() {
            if written < front.len() {
                front.advance(written);
                break;
            }
            written -= front.len();
            self.chunks.pop_front();
        }
        while self.charges.front().is_some_and(|(end, _)| *end <= self.written) {
            self.charges.pop_front();
        }
    }
}
