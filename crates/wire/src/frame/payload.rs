//! Frames whose record batches are never copied.
//!
//! A Produce request or Fetch response is mostly record batches, which already lie somewhere: in a buffer, in the
//! page cache. Such a frame is a list of [`Segment`]s: the protocol's own bytes in between, and the payloads
//! themselves, of whatever type the caller keeps them in. The length in front counts everything, so the segments can
//! go out with `writev` and `sendfile` as they are.

use bytes::Bytes;

use crate::error::{Result, WireError};
use crate::protocol::Writer;

/// Record batches on their way to a socket, of which the codec needs to know only the size.
pub trait Payload {
    /// The number of bytes that will be sent.
    fn size_bytes(&self) -> usize;
}

impl Payload for Bytes {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

/// A stretch of a [`Frame`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment<P> {
    /// Bytes of the protocol.
    Bytes(Bytes),
    /// Record batches of one partition.
    Payload(P),
}

impl<P: Payload> Segment<P> {
    /// The number of bytes of the segment.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Payload(payload) => payload.size_bytes(),
        }
    }
}

/// A request or response ready to be sent, its length prefix included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<P = Bytes> {
    segments: Vec<Segment<P>>,
    size_bytes: usize,
}

impl<P: Payload> Frame<P> {
    /// Closes a frame that begins with room for the length. `cuts` are the places in what was written where
    /// `payloads` belong, in order and of the same number.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when the frame exceeds what its length can say.
    pub(crate) fn assemble(mut w: Writer, cuts: &[usize], payloads: impl Iterator<Item = P>) -> Result<Self> {
        let payloads: Vec<P> = payloads.collect();
        debug_assert_eq!(cuts.len(), payloads.len());
        let size_bytes = w.len() + payloads.iter().map(Payload::size_bytes).sum::<usize>();
        let length = i32::try_from(size_bytes - super::LENGTH_BYTES)
            .map_err(|_| WireError::TooLarge { what: "frame", limit: i32::MAX as usize })?;
        w.patch_i32(0, length);
        let written = w.finish();
        let mut segments = Vec::with_capacity(2 * payloads.len() + 1);
        let mut start = 0;
        for (cut, payload) in cuts.iter().zip(payloads) {
            segments.push(Segment::Bytes(written.slice(start..*cut)));
            segments.push(Segment::Payload(payload));
            start = *cut;
        }
        if start < written.len() {
            segments.push(Segment::Bytes(written.slice(start..)));
        }
        Ok(Self { segments, size_bytes })
    }

    /// The size of everything that goes to the socket.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The segments in the order in which they are sent.
    pub fn segments(&self) -> &[Segment<P>] {
        &self.segments
    }

    /// The segments in the order in which they are sent.
    pub fn into_segments(self) -> Vec<Segment<P>> {
        self.segments
    }
}

impl Frame<Bytes> {
    /// The segments of a frame whose payloads are in memory.
    pub fn into_chunks(self) -> impl Iterator<Item = Bytes> {
        self.segments.into_iter().map(|segment| match segment {
            Segment::Bytes(bytes) | Segment::Payload(bytes) => bytes,
        })
    }

    /// The frame in one piece, copied together.
    pub fn to_contiguous(&self) -> Bytes {
        let mut whole = Writer::with_capacity(self.size_bytes);
        for segment in &self.segments {
            match segment {
                Segment::Bytes(bytes) | Segment::Payload(bytes) => whole.raw(bytes),
            }
        }
        whole.finish()
    }
}
