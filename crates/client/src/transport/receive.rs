//! Reads frames off a socket, each byte copied once by the system and large frames never again.
//!
//! Small frames (answers to produce requests, commits, heartbeats) are cut from a shared read-ahead buffer, several
//! with one system call. A frame that does not fit there gets a buffer of its own size; only what the
//! read-ahead already holds of it, a few kilobytes, is copied. Buffers of large frames are used again
//! once their last slice has been dropped: a fetch loop would otherwise ask the system for fresh
//! zeroed pages for every response, which costs as much as the receive itself.

use std::collections::VecDeque;
use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use millstream_wire::WireError;
use millstream_wire::frame::{self, LENGTH_BYTES};
use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;

/// Size of the read-ahead buffer.
const READ_AHEAD_BYTES: usize = 16 << 10;
/// Frames from this size on get a buffer of their own.
const LARGE_BYTES: usize = READ_AHEAD_BYTES - LENGTH_BYTES;
/// Large frames whose buffers are watched for reuse.
const RETIRED_MAX: usize = 4;
/// Buffers beyond this size are left to the allocator, so that one huge response does not stay in memory.
const REUSED_BYTES_MAX: usize = 8 << 20;

/// The receiving half of a socket.
pub(crate) struct TcpReader {
    socket: OwnedReadHalf,
    read_ahead: BytesMut,
    frame_bytes_max: usize,
    buffers: Buffers,
}

impl TcpReader {
    pub(super) fn new(socket: OwnedReadHalf, frame_bytes_max: usize) -> Self {
        Self { socket, read_ahead: BytesMut::new(), frame_bytes_max, buffers: Buffers::default() }
    }

    /// The next frame. Not cancel safe: the connection is of no use after a dropped call.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(prefix) = self.read_ahead.first_chunk::<LENGTH_BYTES>() {
                let length = frame::frame_length(*prefix, self.frame_bytes_max).map_err(no_frame)?;
                if length > LARGE_BYTES {
                    return self.large(length).await.map(Some);
                }
                if let Some(frame) = frame::split_frame(&mut self.read_ahead, self.frame_bytes_max)
                    .map_err(io::Error::other)?
                {
                    return Ok(Some(frame));
                }
            }
            self.read_ahead.reserve(READ_AHEAD_BYTES - self.read_ahead.len());
            if self.socket.read_buf(&mut self.read_ahead).await? == 0 {
                return if self.read_ahead.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    async fn large(&mut self, length: usize) -> io::Result<Bytes> {
        let mut frame = self.buffers.take(length);
        let start = LENGTH_BYTES.min(self.read_ahead.len());
        let _prefix = self.read_ahead.split_to(start);
        let ready = self.read_ahead.len().min(length);
        frame.extend_from_slice(&self.read_ahead.split_to(ready));
        while frame.len() < length {
            let missing = length - frame.len();
            if self.socket.read_buf(&mut (&mut frame).limit(missing)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffers.retire(frame.freeze()))
    }
}

/// The buffers of the last large frames.
#[derive(Default)]
struct Buffers {
    retired: VecDeque<Bytes>,
}

impl Buffers {
    /// An empty buffer with room for `length` bytes: one whose frame nobody holds any more, or a new one.
    fn take(&mut self, length: usize) -> BytesMut {
        while let Some(place) = self.retired.iter().position(Bytes::is_unique) {
            let Some(Ok(mut buffer)) = self.retired.remove(place).map(Bytes::try_into_mut) else { break };
            buffer.clear();
            if buffer.capacity() >= length {
                return buffer;
            }
        }
        BytesMut::with_capacity(length)
    }

    fn retire(&mut self, frame: Bytes) -> Bytes {
        if frame.len() <= REUSED_BYTES_MAX {
            if self.retired.len() == RETIRED_MAX {
                self.retired.pop_front();
            }
            self.retired.push_back(frame.clone());
        }
        frame
    }
}

/// Whoever answers so may not be a broker: HTTP and TLS read as frames of absurd lengths.
fn no_frame(error: WireError) -> io::Error {
    io::Error::other(format!("{error}; check that a Kafka listener without TLS has this address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_frame_is_dropped() {
        let mut buffers = Buffers::default();
        let mut first = buffers.take(100_000);
        first.resize(100_000, 7);
        let address = first.as_ptr();
        let frame = buffers.retire(first.freeze());
        let slice = frame.slice(10..20);
        drop(frame);
        assert_ne!(buffers.take(1000).as_ptr(), address, "a slice still reads it");
        drop(slice);
        let again = buffers.take(99_000);
        assert_eq!(again.as_ptr(), address);
        assert!(again.is_empty() && again.capacity() >= 99_000);
        assert!(buffers.retired.is_empty());
    }
}
