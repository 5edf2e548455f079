//! Snappy, in the two forms that Kafka's clients use: the framing of xerial's `SnappyOutputStream` (Java's, written here) and
//! one bare block (librdkafka's). Told apart by the frame's magic, as Java's reader does.
//!
//! ```text
//! 0x82 "SNAPPY" 0x00 | version: i32 = 1 | compatible version: i32 = 1 | { block length: i32 | block }*
//! ```

use super::{Compression, corrupt, too_large};
use crate::{Result, WireError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_LEN: usize = 16;
/// Uncompressed bytes per block, Java's default.
const BLOCK_BYTES: usize = 32 << 10;
/// A snappy copy makes 64 bytes out of 3 at best.
const RATIO_MAX: usize = 22;

/// Snappy's hash table, made at first use.
#[derive(Default)]
pub(super) struct Encoder {
    encoder: Option<snap::raw::Encoder>,
}

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let encoder = self.encoder.get_or_insert_with(snap::raw::Encoder::new);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
        for chunk in input.chunks(BLOCK_BYTES) {
            let length_at = out.len();
            let block_at = length_at + 4;
            out.resize(block_at + snap::raw::max_compress_len(chunk.len()), 0);
            let written = encoder
                .compress(chunk, &mut out[block_at..])
                .map_err(|_| WireError::TooLarge { what: "snappy block", limit: BLOCK_BYTES })?;
            out.truncate(block_at + written);
            out[length_at..block_at].copy_from_slice(&(written as u32).to_be_bytes());
        }
        Ok(())
    }
}

pub(super) fn decompress(input: &[u8], max_bytes: usize, out: &mut Vec<u8>) -> Result<()> {
    if !(input.len() >= HEADER_LEN && input.starts_with(&MAGIC)) {
        return decompress_block(input, max_bytes, out);
    }
    let mut rest = &input[HEADER_LEN..];
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        // Frames that were written one behind the other repeat the header.
        if length == &MAGIC[..4] {
            rest = rest.get(HEADER_LEN..).ok_or(corrupt(Compression::Snappy))?;
            continue;
        }
        let length = u32::from_be_bytes(*length) as usize;
        let (block, after) = after.split_at_checked(length).ok_or(corrupt(Compression::Snappy))?;
        decompress_block(block, max_bytes, out)?;
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(corrupt(Compression::Snappy)) }
}

/// Appends one block's contents; the size that it states is believed only as far as its bytes could reach.
fn decompress_block(block: &[u8], max_bytes: usize, out: &mut Vec<u8>) -> Result<()> {
    let size = snap::raw::decompress_len(block).map_err(|_| corrupt(Compression::Snappy))?;
    if size > block.len().saturating_mul(RATIO_MAX) {
        return Err(corrupt(Compression::Snappy));
    }
    let start = out.len();
    if size > max_bytes - start {
        return Err(too_large(max_bytes));
    }
    out.resize(start + size, 0);
    match snap::raw::Decoder::new().decompress(block, &mut out[start..]) {
        Ok(written) if written == size => Ok(()),
        _ => Err(corrupt(Compression::Snappy)),
    }
}
