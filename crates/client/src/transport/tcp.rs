//! Sockets: how they are opened, and how frames are written to them.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::future::BoxFuture;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::{BrokerAddress, Dialer, OutgoingFrame, Transport};

/// Chunks of one system call; Linux takes at most 1024.
const SLICES_MAX: usize = 64;

/// Connects with TCP: no delay, and keep-alive so that a dead peer is noticed on an idle connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpDialer {
    /// Idle time after which the peer is probed.
    pub keepalive_after: Duration,
    /// `send.buffer.bytes`: the socket's send buffer; the system's own by default.
    pub send_buffer_bytes: Option<usize>,
    /// `receive.buffer.bytes`: the socket's receive buffer; the system's own by default.
    pub receive_buffer_bytes: Option<usize>,
}

impl Default for TcpDialer {
    fn default() -> Self {
        Self { keepalive_after: Duration::from_secs(60), send_buffer_bytes: None, receive_buffer_bytes: None }
    }
}

impl Dialer for TcpDialer {
    fn dial<'a>(&'a self, address: &'a BrokerAddress) -> BoxFuture<'a, io::Result<Transport>> {
        Box::pin(async move {
            let stream = TcpStream::connect((&*address.host, address.port)).await?;
            stream.set_nodelay(true)?;
            let socket = SockRef::from(&stream);
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(self.keepalive_after))?;
            self.send_buffer_bytes.map_or(Ok(()), |bytes| socket.set_send_buffer_size(bytes))?;
            self.receive_buffer_bytes.map_or(Ok(()), |bytes| socket.set_recv_buffer_size(bytes))?;
            Ok(Transport::Tcp(stream))
        })
    }
}

/// Writes the chunks of frames as they are.
pub(crate) struct TcpWriter {
    socket: OwnedWriteHalf,
    chunks: VecDeque<Bytes>,
}

impl TcpWriter {
    pub(super) fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, chunks: VecDeque::new() }
    }

    pub(super) async fn write(&mut self, frames: &mut VecDeque<OutgoingFrame>) -> io::Result<()> {
        for OutgoingFrame { head, rest } in frames.drain(..) {
            self.chunks.push_back(head);
            // An empty chunk written alone would look like a closed socket.
            self.chunks.extend(rest.into_iter().filter(|chunk| !chunk.is_empty()));
        }
        while let Some(first) = self.chunks.front() {
            let written = if self.chunks.len() == 1 {
                self.socket.write(first).await?
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let mut count = 0;
                for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
                    *slice = IoSlice::new(chunk);
                    count += 1;
                }
                self.socket.write_vectored(&slices[..count]).await?
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(written);
        }
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.chunks.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.chunks.pop_front();
        }
    }
}
