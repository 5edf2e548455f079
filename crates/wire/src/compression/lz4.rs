//! LZ4 in its frame format, one frame per batch.
//!
//! Written as Java does: independent blocks of 64 KiB, no checksums (the batch has its own). Read: any block size, linked or
//! independent blocks, with the checksums that are there checked; what follows the end mark is not looked at, and dictionaries are
//! refused, as in Java. The frame is parsed here, on top of the block codec, because the result can then be decoded in
//! place and under the caller's limit.
//!
//! ```text
//! magic: u32 | FLG | BD | [content size: u64] | HC | { block length: u32 | block | [checksum: u32] }* | 0: u32 | [checksum: u32]
//! ```

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into, decompress_into_with_dict,
    get_maximum_output_size,
};
use twox_hash::XxHash32;

use super::{Compression, corrupt, too_large};
use crate::{Result, WireError};

const MAGIC: u32 = 0x184d_2204;
/// Version 01, independent blocks, nothing optional.
const FLG: u8 = 0b0110_0000;
/// Blocks of up to 64 KiB.
const BD: u8 = 0b0100_0000;
const BLOCK_BYTES: usize = 64 << 10;
/// Set in a block's length when it is stored uncompressed.
const STORED: u32 = 1 << 31;
/// How far a match may reach back.
const WINDOW_BYTES: usize = 64 << 10;
/// A length byte makes 255 bytes at best.
const RATIO_MAX: usize = 255;

/// LZ4's hash table, made at first use.
#[derive(Default)]
pub(super) struct Encoder {
    table: Option<CompressTable>,
}

impl Encoder {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let table = self.table.get_or_insert_with(CompressTable::large);
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&[FLG, BD, header_checksum(&[FLG, BD])]);
        for chunk in input.chunks(BLOCK_BYTES) {
            let length_at = out.len();
            let block_at = length_at + 4;
            out.resize(block_at + get_maximum_output_size(chunk.len()), 0);
            let written = compress_into_with_table(chunk, &mut out[block_at..], table)
                .map_err(|_| WireError::TooLarge { what: "lz4 block", limit: BLOCK_BYTES })?;
            let length = if written < chunk.len() {
                out.truncate(block_at + written);
                written as u32
            } else {
                out.truncate(block_at);
                out.extend_from_slice(chunk);
                chunk.len() as u32 | STORED
            };
            out[length_at..block_at].copy_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        Ok(())
    }
}

/// What a frame's descriptor says about its blocks.
struct Descriptor {
    linked: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_size: Option<u64>,
    block_bytes_max: usize,
}

pub(super) fn decompress(input: &[u8], max_bytes: usize, out: &mut Vec<u8>) -> Result<()> {
    let mut rest = input;
    let frame = parse_descriptor(&mut rest).ok_or(corrupt(Compression::Lz4))?;
    if frame.content_size.is_some_and(|size| size > max_bytes as u64) {
        return Err(too_large(max_bytes));
    }
    loop {
        let length = take_u32(&mut rest).ok_or(corrupt(Compression::Lz4))?;
        if length == 0 {
            break;
        }
        let block = take(&mut rest, (length & !STORED) as usize).ok_or(corrupt(Compression::Lz4))?;
        if frame.block_checksums && take_u32(&mut rest) != Some(XxHash32::oneshot(0, block)) {
            return Err(corrupt(Compression::Lz4));
        }
        if length & STORED == 0 {
            decompress_block(block, &frame, max_bytes, out)?;
        } else if block.len() > frame.block_bytes_max {
            return Err(corrupt(Compression::Lz4));
        } else if block.len() > max_bytes - out.len() {
            return Err(too_large(max_bytes));
        } else {
            out.extend_from_slice(block);
        }
    }
    let size_differs = frame.content_size.is_some_and(|size| size != out.len() as u64);
    if size_differs || (frame.content_checksum && take_u32(&mut rest) != Some(XxHash32::oneshot(0, out))) {
        return Err(corrupt(Compression::Lz4));
    }
    Ok(())
}

fn decompress_block(block: &[u8], frame: &Descriptor, max_bytes: usize, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let possible = frame.block_bytes_max.min(block.len().saturating_mul(RATIO_MAX));
    let room = possible.min(max_bytes - start);
    out.resize(start + room, 0);
    let (before, target) = out.split_at_mut(start);
    let decoded = if frame.linked {
        decompress_into_with_dict(block, target, &before[start.saturating_sub(WINDOW_BYTES)..])
    } else {
        decompress_into(block, target)
    };
    match decoded {
        Ok(written) => {
            out.truncate(start + written);
            Ok(())
        }
        Err(DecompressError::OutputTooSmall { .. }) if room < possible => Err(too_large(max_bytes)),
        Err(_) => Err(corrupt(Compression::Lz4)),
    }
}

fn parse_descriptor(rest: &mut &[u8]) -> Option<Descriptor> {
    if take_u32(rest)? != MAGIC {
        return None;
    }
    let described = *rest;
    let [flg, bd] = *take(rest, 2)?.first_chunk()?;
    // Version 01; the reserved bit and the dictionary bit clear.
    if flg >> 6 != 1 || flg & 0b11 != 0 || bd & 0b1000_1111 != 0 || bd >> 4 < 4 {
        return None;
    }
    let content_size = match flg & 0b1000 {
        0 => None,
        _ => Some(u64::from_le_bytes(*take(rest, 8)?.first_chunk()?)),
    };
    let described = &described[..described.len() - rest.len()];
    let [checksum] = *take(rest, 1)?.first_chunk()?;
    (checksum == header_checksum(described)).then_some(Descriptor {
        linked: flg & 0b10_0000 == 0,
        block_checksums: flg & 0b1_0000 != 0,
        content_checksum: flg & 0b100 != 0,
        content_size,
        block_bytes_max: 1 << (8 + 2 * (bd >> 4)),
    })
}

fn header_checksum(described: &[u8]) -> u8 {
    (XxHash32::oneshot(0, described) >> 8) as u8
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*bytes))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}
