//! Record batches on their way to a client: in memory, or references to pages in pipes.

use bytes::Bytes;
use millstream_wire::frame::Payload;

use super::pipes::Piped;

/// How the batches of an answer leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As they are, into a socket.
    Socket,
    /// As bytes that the program sees.
    Memory,
}

/// A stretch of batches.
#[derive(Debug)]
pub(crate) enum Piece {
    Memory(Bytes),
    Piped(Piped),
}

impl Piece {
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::Piped(piped) => piped.left_bytes(),
        }
    }
}

/// Whole batches of one partition, in order.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pieces: Vec<Piece>,
    size_bytes: usize,
}

impl Records {
    pub(crate) fn is_empty(&self) -> bool {
        self.size_bytes == 0
    }

    pub(super) fn push(&mut self, piece: Piece) {
        self.size_bytes += piece.size_bytes();
        self.pieces.push(piece);
    }

    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }
}

impl Payload for Records {
    fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}
