//! A TCP connection: one task that reads, begins requests, and writes answers.
//!
//! The task is one state machine rather than a reader and a writer, because every hop between tasks costs as much as a
//! small request. Each turn takes whole frames out of the input, begins what may begin, collects the answers whose turn it
//! is, writes as much as the socket takes (one vectored write for many answers) and reads what has come (one read for
//! many requests). It reads no further while the budgets are used up, while it may begin nothing, or while the client does not
//! read its answers.
//!
//! After some produce requests in a row the task moves to the threads that may append by themselves; before any other request
//! begins it moves back.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use millstream_wire::WireError;
use millstream_wire::frame;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

use super::ByteBudget;
use super::budget::{Charge, FREE_FRAME_BYTES};
use super::limits::Admitted;
use super::output::Output;
use super::session::{Answer, Charges, Session, is_produce};
use crate::api::Caller;
use crate::core::{Core, TaskPermit};

/// Room for pipelined small requests in one read, in bytes.
const READ_CHUNK_BYTES: usize = FREE_FRAME_BYTES;
/// Requests up to this size, in bytes, are copied out of the buffer that they were received into.
const COPIED_FRAME_BYTES_MAX: usize = 4 * 1024;
/// Most bytes reserved for a large frame before any of it has come: a length costs nothing to claim.
const RESERVE_BYTES_MAX: usize = 1024 * 1024;
/// Answers beyond this many bytes wait in their slots until the client has read earlier ones.
const OUTPUT_BYTES_HIGH: usize = 1024 * 1024;
/// How long a client may keep memory that others wait for without going on.
const OVERDRAWN_PATIENCE: Duration = Duration::from_secs(1);
/// How long a client may leave an answer unread while memory for answers is short.
const UNREAD_PATIENCE: Duration = Duration::from_secs(10);
/// Produce requests in a row after which a connection is one that produces. Moving costs as much as a few of them.
const PRODUCED_TO_MOVE: u32 = 8;

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
    /// It holds memory that others wait for, and does not go on.
    Stalled,
    /// It does not read its answers while memory for answers is short.
    Unread,
    /// The socket failed.
    Socket(io::Error),
    /// It does not end: other threads are to go on with it.
    Moves(Place),
}

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: TcpStream, core: Arc<Core>, caller: Caller, admitted: Admitted) {
    Serving::new(Connection::new(stream, core, caller, admitted)).await;
}

/// The task of a connection: a future with a name, so that it can go on elsewhere.
struct Serving {
    /// None once it has gone.
    connection: Option<Connection>,
    /// Ready when the broker stops.
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Serving {
    fn new(connection: Connection) -> Self {
        let mut stopping = connection.core.stopping.subscribe();
        let stop = async move {
            // The sender lives as long as the broker.
            drop(stopping.wait_for(|stopping| *stopping).await);
        };
        Self { connection: Some(connection), stop: Box::pin(stop) }
    }
}

impl Future for Serving {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { connection: slot, stop } = &mut *self;
        while let Some(connection) = slot {
            if !connection.stopping && stop.as_mut().poll(context).is_ready() {
                connection.stopping = true;
            }
            match ready!(connection.poll(context)) {
                End::Moves(place) => match (connection.core.permit(), slot.take()) {
                    (Some(permit), Some(connection)) => connection.move_to(place, permit),
                    // The broker stops: it answers what has begun.
                    (_, connection) => {
                        *slot = connection.map(|connection| Connection { stopping: true, ..connection });
                    }
                },
                end => {
                    connection.report(end);
                    *slot = None;
                }
            }
        }
        Poll::Ready(())
    }
}

/// Which threads serve a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Those that never wait for a disk.
    Sockets,
    /// Those that produce requests, and nothing else, may make wait for a disk.
    Producers,
}

impl Place {
    fn runtime(self, core: &Core) -> Option<&Handle> {
        match self {
            Self::Sockets => Some(core.runtime()),
            Self::Producers => core.disks.producers(),
        }
    }
}

struct Connection {
    core: Arc<Core>,
    session: Session,
    stream: TcpStream,
    input: BytesMut,
    /// The frame at the front of the input: its length without the prefix.
    frame_bytes: Option<usize>,
    /// What that frame has of the budget for frames on their way in.
    receiving: Option<Charge>,
    budget: Arc<ByteBudget>,
    output: Output,
    idle: Pin<Box<Sleep>>,
    /// What `idle` was last set for.
    patience: Duration,
    last_active: Instant,
    end_of_input: bool,
    stopping: bool,
    place: Place,
    /// Produce requests since the last other one.
    produced_in_a_row: u32,
    /// It counts among the connections there may be.
    _admitted: Admitted,
}

impl Connection {
    fn new(stream: TcpStream, core: Arc<Core>, caller: Caller, admitted: Admitted) -> Self {
        let now = Instant::now();
        let patience = core.config.connections_max_idle;
        let idle = Box::pin(tokio::time::sleep_until(now + patience));
        Self {
            budget: ByteBudget::new(core.config.connection_in_flight_bytes_max),
            session: Session::new(Arc::clone(&core), caller),
            core,
            stream,
            input: BytesMut::new(),
            frame_bytes: None,
            receiving: None,
            output: Output::default(),
            idle,
            patience,
            last_active: now,
            end_of_input: false,
            stopping: false,
            place: Place::Sockets,
            produced_in_a_row: 0,
            _admitted: admitted,
        }
    }

    /// Goes on with another runtime's threads.
    fn move_to(self, place: Place, permit: TaskPermit) {
        let core = Arc::clone(&self.core);
        let Some(runtime) = place.runtime(&core) else { return };
        // The socket and the timer become the other runtime's.
        let _entered = runtime.enter();
        let idle = Box::pin(tokio::time::sleep_until(self.last_active + self.patience));
        match self.stream.into_std().and_then(TcpStream::from_std) {
            Ok(stream) => {
                core.spawn_on(runtime, permit, Serving::new(Self { stream, idle, place, ..self }));
            }
            Err(error) => tracing::debug!(%error, "connection lost"),
        }
    }

    /// The place where a request has to begin, if it is not here.
    fn other_place(&mut self, is_produce: bool) -> Option<Place> {
        self.produced_in_a_row = if is_produce { self.produced_in_a_row.saturating_add(1) } else { 0 };
        match self.place {
            Place::Producers if !is_produce => Some(Place::Sockets),
            Place::Sockets if self.produced_in_a_row >= PRODUCED_TO_MOVE => {
                self.core.disks.producers().is_some().then_some(Place::Producers)
            }
            _ => None,
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
        let mut progress = self.begin_requests(context)?;
        progress |= self.collect_answers(context)?;
        progress |= self.write(context).map_err(End::Socket)?;
        progress |= self.read(context).map_err(End::Socket)?;
        if self.end_of_input && !progress && !self.session.is_idle() {
            // The client is gone; what it asked for without waiting has begun.
            return Err(End::Closed);
        }
        Ok(progress)
    }

    fn begin_requests(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        if self.session.poll_unmuted(context).is_pending() {
            return Ok(false);
        }
        let mut progress = false;
        // Whatever has come is begun before any disk thread is woken for it.
        let core = Arc::clone(&self.core);
        let _held = core.disks.hold();
        while !self.stopping && self.output.bytes() < OUTPUT_BYTES_HIGH {
            let Some(length) = self.take_length().map_err(End::Garbage)? else { break };
            if self.input.len() < length || !self.session.can_start(&self.input[..length]) {
                break;
            }
            let is_produce = is_produce(&self.input[..length]);
            let Poll::Ready(charges) = self.poll_charges(is_produce, length, context) else { break };
            if let Some(place) = self.other_place(is_produce) {
                return Err(End::Moves(place));
            }
            let frame = take_frame(&mut self.input, length, is_produce);
            self.frame_bytes = None;
            // Those that may take long keep what they took on their way in.
            let received = self.receiving.take().filter(|_| !is_produce);
            let charges = if is_produce { charges } else { [received, None] };
            self.session.start(frame, charges).map_err(End::Garbage)?;
            progress = true;
        }
        Ok(progress)
    }

    /// Takes the next frame's length off the input.
    fn take_length(&mut self) -> Result<Option<usize>, WireError> {
        if self.frame_bytes.is_none()
            && let Some(prefix) = self.input.first_chunk::<{ frame::LENGTH_BYTES }>()
        {
            let length = frame::frame_length(*prefix, self.core.config.request_bytes_max)?;
            self.input.advance(frame::LENGTH_BYTES);
            self.frame_bytes = Some(length);
        }
        Ok(self.frame_bytes)
    }

    /// What a request takes of the budgets to begin.
    fn poll_charges(&mut self, is_produce: bool, length: usize, context: &Context<'_>) -> Poll<Charges> {
        if !is_produce {
            return Poll::Ready([None, None]);
        }
        let own = ready!(self.budget.poll_take(length, context));
        let shared = ready!(self.core.request_budget.poll_take(length, context));
        Poll::Ready([Some(own), Some(shared)])
    }

    fn collect_answers(&mut self, context: &mut Context<'_>) -> Result<bool, End> {
        let mut progress = false;
        while self.output.bytes() < OUTPUT_BYTES_HIGH {
            let Poll::Ready(answer) = self.session.poll_answer(context) else { return Ok(progress) };
            if matches!(answer, Answer::Close) {
                return Err(End::Unanswerable);
            }
            self.output.push(answer);
            progress = true;
        }
        self.session.settle(context);
        Ok(progress)
    }

    fn write(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let mut progress = false;
        while !self.output.is_empty() {
            match self.output.write(&self.stream) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => progress = true,
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
        while let Some(room) = self.room_to_read(context) {
            self.input.reserve(room);
            // This way of reading knows that the socket is empty when it has filled only a part of the room.
            match std::pin::pin!(self.stream.read_buf(&mut self.input)).poll(context) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => self.end_of_input = true,
                Poll::Ready(Ok(read)) => {
                    self.core.metrics.bytes_in.inc_by(read as u64);
                    progress = true;
                    break;
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if self.input.is_empty() && !progress {
            // An idle connection holds no buffer.
            self.input = BytesMut::new();
        }
        Ok(progress)
    }

    /// How many bytes to make room for, or none when reading has to wait.
    fn room_to_read(&mut self, context: &Context<'_>) -> Option<usize> {
        if self.end_of_input || self.stopping || self.output.bytes() >= OUTPUT_BYTES_HIGH {
            return None;
        }
        if self.session.is_muted() {
            return None;
        }
        let Some(length) = self.frame_bytes else { return Some(READ_CHUNK_BYTES) };
        let received = self.input.len();
        if length <= received || length <= FREE_FRAME_BYTES {
            // A frame that has to wait holds no more than some of what follows it up.
            return (received < length + READ_CHUNK_BYTES).then_some(READ_CHUNK_BYTES);
        }
        let mut taken = self.receiving.as_ref().map_or(0, Charge::bytes);
        if taken <= received {
            taken = length.min(received + RESERVE_BYTES_MAX);
            let grown = self.core.receiving_budget.poll_grow(&mut self.receiving, taken, context);
            if grown.is_pending() {
                return None;
            }
        }
        Some(taken - received)
    }

    /// Whether others wait for memory that this connection holds.
    fn overdraws(&self) -> bool {
        self.receiving.as_ref().is_some_and(Charge::overdraws) || self.session.overdraws()
    }

    fn poll_idle(&mut self, context: &mut Context<'_>, quiet: bool) -> Poll<End> {
        let limit = self.core.config.connections_max_idle;
        let overdraws = self.overdraws();
        let patience = match (overdraws, self.output.is_empty()) {
            (true, _) => OVERDRAWN_PATIENCE,
            (false, false) => UNREAD_PATIENCE.min(limit),
            (false, true) => limit,
        };
        if patience != self.patience {
            self.patience = patience;
            self.idle.as_mut().reset(self.last_active + patience);
        }
        while self.idle.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let silent = now - self.last_active;
            if overdraws && silent >= patience {
                return Poll::Ready(End::Stalled);
            }
            if !self.output.is_empty() && silent >= patience && self.core.buffers.is_short() {
                return Poll::Ready(End::Unread);
            }
            // A request that is being worked on keeps its connection, whatever it waits for.
            let waits = !self.session.is_idle();
            if !waits && silent >= limit {
                return Poll::Ready(if quiet { End::Idle } else { End::Closed });
            }
            let next = self.last_active + patience;
            self.idle.as_mut().reset(if waits || next <= now { now + patience } else { next });
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
            End::Stalled => {
                tracing::warn!(%host, listener, "connection closed, it keeps memory that others wait for");
            }
            End::Unread => {
                tracing::warn!(%host, listener, "connection closed, it leaves answers unread while memory is short");
            }
            End::Moves(_) => {}
            End::Socket(error) => tracing::debug!(%host, listener, %error, "connection lost"),
        }
    }
}

/// Takes a frame off the input. Record batches stay where they were received; a small request of another kind may wait for long, and
/// must not keep a whole buffer meanwhile.
fn take_frame(input: &mut BytesMut, length: usize, is_produce: bool) -> Bytes {
    if is_produce || length > COPIED_FRAME_BYTES_MAX {
        return input.split_to(length).freeze();
    }
    let frame = Bytes::copy_from_slice(&input[..length]);
    input.advance(length);
    frame
}

#[cfg(test)]
mod tests;
