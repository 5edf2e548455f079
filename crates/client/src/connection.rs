//! One connection to one broker: requests go out one behind the other, answers come back in the same order.
//!
//! A handle is cheap to clone; the connection ends when the last one is dropped, when the other side ends it, or
//! when an answer is overdue. One task moves the bytes of both directions. What is waiting stands in one queue under one
//! short lock, so that the order of correlation ids is the order on the wire.
//!
//! Versions are negotiated once, by [`Connection::open`]; [`Connection::version`] then says which one a request goes out
//! in. Requests under way are bounded by a semaphore: past the bound, [`Connection::send`] waits.

mod handshake;
mod task;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;
use millstream_wire::messages::produce_request::ProduceRequest;
use millstream_wire::negotiation::OfferedVersions;
use millstream_wire::protocol::Request;
use millstream_wire::{ApiKey, WireError, frame};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::config::ClientConfig;
use crate::error::{ClientError, Result};
use crate::transport::{BrokerAddress, OutgoingFrame};

/// Requests that may wait for their answers on one connection; producers bound theirs further.
const IN_FLIGHT_MAX: usize = 64;

/// A handle on an open connection.
#[derive(Debug, Clone)]
pub struct Connection {
    handle: Arc<Handle>,
}

/// Ends the connection when the last user lets go of it; the task itself holds only what is inside.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close(ClientError::Closed { what: "connection" });
    }
}

#[derive(Debug)]
struct Shared {
    address: BrokerAddress,
    client_id: ByteString,
    offered: OnceLock<OfferedVersions>,
    permits: Arc<Semaphore>,
    queue: Mutex<Queue>,
    /// Tells the task that there is something to write, or that the connection was closed.
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    next_correlation_id: i32,
    outgoing: VecDeque<OutgoingFrame>,
    /// Who waits until what is in `outgoing` is written.
    written: Vec<oneshot::Sender<()>>,
    /// Requests that have an answer coming, in the order in which they go out.
    pending: VecDeque<Pending>,
    closed: Option<ClientError>,
}

#[derive(Debug)]
struct Pending {
    correlation_id: i32,
    reply: oneshot::Sender<Result<Bytes>>,
    _permit: OwnedSemaphorePermit,
}

impl Shared {
    /// Ends the connection: everybody who waits, and everybody who comes later, gets `error`.
    fn close(&self, error: ClientError) {
        let pending = {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() {
                return;
            }
            queue.closed = Some(error.clone());
            queue.outgoing.clear();
            queue.written.clear();
            std::mem::take(&mut queue.pending)
        };
        self.permits.close();
        self.wake.notify_one();
        for request in pending {
            // A receiver that is gone has lost interest.
            let _ = request.reply.send(Err(error.clone()));
        }
    }

    fn closed_error(&self) -> ClientError {
        self.queue.lock().closed.clone().unwrap_or(ClientError::Closed { what: "connection" })
    }
}

/// An answer that is on its way.
#[derive(Debug)]
pub(crate) struct Response {
    connection: Connection,
    receiver: oneshot::Receiver<Result<Bytes>>,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    timeout: Duration,
}

impl Response {
    /// Waits for the answer to `R`. The wait is limited from its start; an overdue answer ends the connection.
    pub(crate) async fn wait<R: Request>(self) -> Result<R::Response> {
        debug_assert_eq!(R::API_KEY, self.api);
        let (version, correlation_id) = (self.version, self.correlation_id);
        let connection = self.connection.clone();
        let frame = self.frame().await?;
        frame::decode_response::<R>(frame, version, correlation_id).map_err(|source| {
            let error = ClientError::protocol(connection.address(), R::API_KEY, source);
            connection.close(error.clone());
            error
        })
    }

    /// Waits for the answer's frame, header included.
    pub(crate) async fn frame(self) -> Result<Bytes> {
        match tokio::time::timeout(self.timeout, self.receiver).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_gone)) => Err(self.connection.handle.shared.closed_error()),
            Err(_elapsed) => {
                let error = ClientError::Timeout { what: self.api.name(), after: self.timeout };
                self.connection.close(error.clone());
                Err(error)
            }
        }
    }
}

impl Connection {
    /// Connects to a broker and agrees on versions, all within the setup timeout.
    ///
    /// Must be called within a tokio runtime, which then runs the connection.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`]; [`ClientError::Timeout`]; what the broker says to ApiVersions.
    pub async fn open(address: &BrokerAddress, config: &ClientConfig) -> Result<Self> {
        let unreachable = |cause: io::Error| ClientError::Unreachable {
            address: address.to_string(),
            cause: Arc::new(cause),
        };
        let setup = async {
            let transport = config.dialer.dial(address).await.map_err(unreachable)?;
            let (reader, writer) = crate::transport::split(transport, config.response_bytes_max);
            let shared = Arc::new(Shared {
                address: address.clone(),
                client_id: config.client_id.clone(),
                offered: OnceLock::new(),
                permits: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
                queue: Mutex::default(),
                wake: Notify::new(),
            });
            tokio::spawn(task::run(Arc::clone(&shared), reader, writer));
            let connection = Self { handle: Arc::new(Handle { shared }) };
            let offered = handshake::negotiate(&connection, config).await?;
            let _ = connection.handle.shared.offered.set(offered);
            tracing::debug!(%address, "connected");
            Ok(connection)
        };
        let after = config.connect_timeout;
        tokio::time::timeout(after, setup)
            .await
            .unwrap_or_else(|_| Err(unreachable(io::ErrorKind::TimedOut.into())))
    }

    /// The other side.
    pub fn address(&self) -> &BrokerAddress {
        &self.handle.shared.address
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.shared.queue.lock().closed.is_some()
    }

    /// The version in which requests `R` go out: the highest that both sides have.
    ///
    /// # Errors
    /// [`ClientError::Protocol`] when there is none.
    pub fn version<R: Request>(&self) -> Result<i16> {
        let offered = self.handle.shared.offered.get();
        let unknown = WireError::ApiNotOffered { api: R::API_KEY.name() };
        offered
            .ok_or(unknown)
            .and_then(OfferedVersions::highest::<R>)
            .map_err(|source| ClientError::protocol(self.address(), R::API_KEY, source))
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// [`ClientError::Disconnected`], [`ClientError::Timeout`], [`ClientError::Protocol`]. Error codes in the
    /// answer are the caller's to look at.
    pub async fn call<R: Request>(&self, request: &R, timeout: Duration) -> Result<R::Response> {
        self.send(request, timeout).await?.wait::<R>().await
    }

    /// Puts a request in line; its answer can be awaited later. Requests of one caller go out in the order of the calls.
    pub(crate) async fn send<R: Request>(&self, request: &R, timeout: Duration) -> Result<Response> {
        let version = self.version::<R>()?;
        self.send_as(request, version, timeout).await
    }

    /// As [`Connection::send`], in a version of the caller's choice.
    pub(crate) async fn send_as<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<Response> {
        let client_id = &self.handle.shared.client_id;
        self.enqueue(R::API_KEY, version, timeout, |correlation_id| {
            frame::encode_request(request, version, correlation_id, Some(client_id)).map(OutgoingFrame::from)
        })
        .await
    }

    /// Puts a Produce request in line without copying its batches.
    pub(crate) async fn send_produce(
        &self,
        request: ProduceRequest,
        version: i16,
        timeout: Duration,
    ) -> Result<Response> {
        let client_id = &self.handle.shared.client_id;
        self.enqueue(ApiKey::Produce, version, timeout, |correlation_id| {
            request.into_frame(version, correlation_id, Some(client_id)).map(OutgoingFrame::from)
        })
        .await
    }

    /// Writes a Produce request with `acks=0`, to which no answer will come.
    pub(crate) async fn send_unanswered(&self, request: ProduceRequest, version: i16) -> Result<()> {
        let shared = &self.handle.shared;
        let (written, receiver) = oneshot::channel();
        {
            let mut queue = shared.queue.lock();
            if let Some(error) = &queue.closed {
                return Err(error.clone());
            }
            let correlation_id = queue.next_correlation_id;
            let frame = request
                .into_frame(version, correlation_id, Some(&shared.client_id))
                .map_err(|source| ClientError::protocol(self.address(), ApiKey::Produce, source))?;
            queue.next_correlation_id = correlation_id.wrapping_add(1);
            queue.outgoing.push_back(frame.into());
            queue.written.push(written);
        }
        shared.wake.notify_one();
        receiver.await.map_err(|_| shared.closed_error())
    }

    /// Ends the connection for all its users.
    pub(crate) fn close(&self, error: ClientError) {
        self.handle.shared.close(error);
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let permits = Arc::clone(&self.handle.shared.permits);
        permits.acquire_owned().await.map_err(|_| self.handle.shared.closed_error())
    }

    async fn enqueue(
        &self,
        api: ApiKey,
        version: i16,
        timeout: Duration,
        encode: impl FnOnce(i32) -> millstream_wire::Result<OutgoingFrame>,
    ) -> Result<Response> {
        let permit = self.permit().await?;
        let (reply, receiver) = oneshot::channel();
        let mut queue = self.handle.shared.queue.lock();
        if let Some(error) = &queue.closed {
            return Err(error.clone());
        }
        let correlation_id = queue.next_correlation_id;
        let frame =
            encode(correlation_id).map_err(|source| ClientError::protocol(self.address(), api, source))?;
        queue.next_correlation_id = correlation_id.wrapping_add(1);
        queue.outgoing.push_back(frame);
        queue.pending.push_back(Pending { correlation_id, reply, _permit: permit });
        drop(queue);
        self.handle.shared.wake.notify_one();
        Ok(Response { connection: self.clone(), receiver, api, version, correlation_id, timeout })
    }
}

#[cfg(test)]
mod tests;
