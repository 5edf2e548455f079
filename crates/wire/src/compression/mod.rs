//! The codecs of record batches: gzip, snappy, lz4 and zstd, in the framings that Kafka's clients write and read.
//!
//! A batch's body is compressed as one piece, and both directions work on whole buffers. A decompressor never writes past the
//! caller's limit, and never allocates more than the limit or more than the input could become under the codec's best
//! ratio, so a few hostile bytes cannot ask for memory. Contexts that are costly to make (zstd's, deflate's state, lz4's hash
//! table) live in [`Compressor`] and [`Decompressor`] and are reused; keep one of each per thread.

mod gzip;
mod lz4;
mod snappy;
#[cfg(test)]
mod tests;
mod zstd;

use std::fmt;
use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::{Result, WireError};

/// Buffers up to this size are kept between batches.
const SCRATCH_BYTES_KEPT_MAX: usize = 4 << 20;

/// A codec of record batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks, in the framing of Java's `SnappyOutputStream` or bare.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// RFC 8878 (KIP-110); Produce and Fetch need version 7 and 10.
    Zstd,
}

impl Compression {
    /// All codecs, by code.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number that stands in a batch's attributes.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The codec with this number.
    ///
    /// # Errors
    /// [`WireError::UnsupportedCompression`].
    pub fn from_code(code: u8) -> Result<Self> {
        Self::ALL.get(usize::from(code)).copied().ok_or(WireError::UnsupportedCompression { code })
    }

    /// The codec's name in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec with this name in `compression.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// The levels that Kafka's `compression.CODEC.level` allows (KIP-390), `None` where there are none.
    pub fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(1..=9),
            Self::Lz4 => Some(1..=17),
            Self::Zstd => Some(-131_072..=22),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Compresses batch bodies, with contexts that are reused.
#[derive(Default)]
pub struct Compressor {
    gzip: gzip::Encoder,
    lz4: lz4::Encoder,
    snappy: snappy::Encoder,
    zstd: zstd::Encoder,
}

impl Compressor {
    /// Appends `input`, compressed, to `out`. With [`Compression::None`] it is appended as it is.
    ///
    /// `level` is one of [`Compression::levels`], or `None` for Kafka's default. LZ4 has one speed here: its levels are
    /// accepted and change nothing.
    ///
    /// # Errors
    /// [`WireError::InvalidValue`] for a level that the codec does not have; [`WireError::TooLarge`] for inputs past
    /// what the codec can hold.
    pub fn compress(
        &mut self,
        codec: Compression,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if let (Some(level), Some(levels)) = (level, codec.levels())
            && !levels.contains(&level)
        {
            let nearest = level.clamp(*levels.start(), *levels.end());
            return Err(WireError::InvalidValue {
                what: "compression level",
                found: i64::from(level),
                expected: i64::from(nearest),
            });
        }
        match codec {
            Compression::None => out.extend_from_slice(input),
            Compression::Gzip => self.gzip.compress(level, input, out)?,
            Compression::Snappy => self.snappy.compress(input, out)?,
            Compression::Lz4 => self.lz4.compress(input, out)?,
            Compression::Zstd => self.zstd.compress(level, input, out)?,
        }
        Ok(())
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

/// Decompresses batch bodies, with contexts that are reused.
#[derive(Default)]
pub struct Decompressor {
    zstd: zstd::Decoder,
    scratch: Vec<u8>,
}

impl Decompressor {
    /// Decompresses `input` into a new buffer of exactly its size, at most `max_bytes`.
    ///
    /// # Errors
    /// As [`Decompressor::decompress_into`].
    pub fn decompress(&mut self, codec: Compression, input: &[u8], max_bytes: usize) -> Result<Bytes> {
        // The size is unknown until the end, and a buffer of the right size matters more than one copy: it may live long.
        let mut scratch = std::mem::take(&mut self.scratch);
        let bytes = self
            .decompress_into(codec, input, max_bytes, &mut scratch)
            .map(|()| Bytes::copy_from_slice(&scratch));
        if scratch.capacity() <= SCRATCH_BYTES_KEPT_MAX {
            self.scratch = scratch;
        }
        bytes
    }

    /// Decompresses `input` into `out`, whose contents it replaces. The cheapest way for those who are done with one
    /// batch before they open the next.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when the result would pass `max_bytes`; [`WireError::CorruptCompression`] for bytes that the
    /// codec did not write. `out` then holds nothing of use.
    pub fn decompress_into(
        &mut self,
        codec: Compression,
        input: &[u8],
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.clear();
        match codec {
            Compression::None if input.len() > max_bytes => Err(too_large(max_bytes)),
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Compression::Gzip => gzip::decompress(input, max_bytes, out),
            Compression::Snappy => snappy::decompress(input, max_bytes, out),
            Compression::Lz4 => lz4::decompress(input, max_bytes, out),
            Compression::Zstd => self.zstd.decompress(input, max_bytes, out),
        }
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

fn too_large(max_bytes: usize) -> WireError {
    WireError::TooLarge { what: "decompressed record batch", limit: max_bytes }
}

fn corrupt(codec: Compression) -> WireError {
    WireError::CorruptCompression { codec: codec.name() }
}
