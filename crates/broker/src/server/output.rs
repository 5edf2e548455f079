//! Answers of a connection on their way into its socket.
//!
//! Many answers leave at a time, by vectored writes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf as _, Bytes};
use millstream_wire::frame::Segment;
use tokio::net::TcpStream;

use super::session::Answer;

/// Buffers in one vectored write.
const WRITE_SLICES_MAX: usize = 64;

/// Answers on their way out.
#[derive(Default)]
pub(super) struct Output {
    chunks: VecDeque<Bytes>,
    bytes: usize,
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes that the socket has not taken.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, answer: Answer) {
        match answer {
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
    }

    fn push_chunk(&mut self, chunk: Bytes) {
        let size_bytes = chunk.len();
        if size_bytes > 0 {
            self.bytes += size_bytes;
            self.chunks.push_back(chunk);
        }
    }

    /// Writes what the socket takes in one call; says how many bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the socket takes nothing; others as the system gives them.
    pub(super) fn write(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES_MAX];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        let written = stream.try_write_vectored(&slices[..count])?;
        self.advance(written);
        Ok(written)
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(front) = self.chunks.front_mut() {
            if written < front.len() {
                front.advance(written);
                break;
            }
            written -= front.len();
            self.chunks.pop_front();
        }
    }
}
