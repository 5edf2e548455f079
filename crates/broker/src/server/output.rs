//! Answers of a connection on their way into its socket.
//!
//! Bytes in memory leave many answers at a time by vectored writes, batches in pipes one pipe at a time. What is followed by more
//! says so, and the kernel sends no small packets in between.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::Buf as _;
use millstream_wire::frame::Segment;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::session::{Answer, Charges, Finished};
use crate::storage::Piece;

/// Buffers in one vectored write.
const WRITE_SLICES_MAX: usize = 64;

/// Answers on their way out.
#[derive(Default)]
pub(super) struct Output {
    chunks: VecDeque<Piece>,
    bytes: usize,
    /// Bytes ever pushed and ever written: an answer's charges go when the second passes its end.
    pushed: u64,
    written: u64,
    charges: VecDeque<(u64, Charges)>,
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes that the socket has not taken.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, finished: Finished) {
        match finished.answer {
            Answer::Whole(bytes) => self.push_chunk(Piece::Memory(bytes)),
            Answer::Parts(frame) => {
                for segment in frame.into_segments() {
                    match segment {
                        Segment::Bytes(bytes) => self.push_chunk(Piece::Memory(bytes)),
                        Segment::Payload(records) => {
                            records.into_pieces().into_iter().for_each(|piece| self.push_chunk(piece));
                        }
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

    fn push_chunk(&mut self, chunk: Piece) {
        let size_bytes = chunk.size_bytes();
        if size_bytes > 0 {
            self.bytes += size_bytes;
            self.pushed += size_bytes as u64;
            self.chunks.push_back(chunk);
        }
    }

    /// Writes what the socket takes in one call; says how many bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the socket takes nothing; others as the system gives them.
    pub(super) fn write(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let follow = self.chunks.len() > 1;
        let written = match self.chunks.front_mut() {
            Some(Piece::Piped(piped)) => stream.try_io(Interest::WRITABLE, || piped.send(stream, follow))?,
            _ => self.write_memory(stream)?,
        };
        self.advance(written);
        Ok(written)
    }

    /// Writes the chunks in memory that come before the first pipe.
    fn write_memory(&self, stream: &TcpStream) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES_MAX];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            let Piece::Memory(bytes) = chunk else { break };
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, count < self.chunks.len());
        stream.try_io(Interest::WRITABLE, || {
            Ok(sendmsg(stream, &slices[..count], &mut SendAncillaryBuffer::default(), flags)?)
        })
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        self.written += written as u64;
        while let Some(front) = self.chunks.front_mut() {
            match front {
                Piece::Memory(bytes) if written < bytes.len() => {
                    bytes.advance(written);
                    break;
                }
                Piece::Memory(bytes) => written -= bytes.len(),
                // It has counted what it sent, which was the only chunk written.
                Piece::Piped(piped) if piped.left_bytes() > 0 => break,
                Piece::Piped(_) => written = 0,
            }
            self.chunks.pop_front();
        }
        while self.charges.front().is_some_and(|(end, _)| *end <= self.written) {
            self.charges.pop_front();
        }
    }
}
