//! Zstandard (RFC 8878), through its reference library.
//!
//! Java writes frames without their content's size. The library bounds it from the block headers, so that a body is decoded in
//! one call straight into its buffer, and the window that a frame asks for (up to 128 MiB at high levels) is never
//! allocated.

use std::io::Cursor;

use zstd::zstd_safe::{self, CCtx, DCtx};

use super::{Compression, corrupt, too_large};
use crate::{Result, WireError};

/// Kafka's default level, which is the library's.
const LEVEL_DEFAULT: i32 = 3;
/// `ZSTD_error_dstSize_tooSmall`, which the library returns negated; its header declares the number stable.
const DESTINATION_TOO_SMALL: usize = 70;

/// A run-length block of four bytes makes 128 KiB at best.
const RATIO_MAX: usize = 32 << 10;

/// A compression context, made at first use.
#[derive(Default)]
pub(super) struct Encoder {
    context: Option<CCtx<'static>>,
}

impl Encoder {
    pub(super) fn compress(&mut self, level: Option<i32>, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        out.reserve(zstd_safe::compress_bound(input.len()));
        let context = self.context.get_or_insert_with(CCtx::create);
        let mut target = Cursor::new(&mut *out);
        target.set_position(start as u64);
        context
            .compress(&mut target, input, level.unwrap_or(LEVEL_DEFAULT))
            .map_err(|_| WireError::TooLarge { what: "zstd input", limit: isize::MAX as usize })?;
        Ok(())
    }
}

/// A decompression context, made at first use.
#[derive(Default)]
pub(super) struct Decoder {
    context: Option<DCtx<'static>>,
}

impl Decoder {
    pub(super) fn decompress(&mut self, input: &[u8], max_bytes: usize, out: &mut Vec<u8>) -> Result<()> {
        let bound = zstd_safe::decompress_bound(input).map_err(|_| corrupt(Compression::Zstd))?;
        let possible =
            usize::try_from(bound).unwrap_or(usize::MAX).min(input.len().saturating_mul(RATIO_MAX));
        out.reserve_exact(possible.min(max_bytes));
        match self.context.get_or_insert_with(DCtx::create).decompress(out, input) {
            // A reused buffer may have had more room than the limit.
            Ok(size) if size > max_bytes => Err(too_large(max_bytes)),
            Ok(_) => Ok(()),
            Err(code) if code.wrapping_neg() == DESTINATION_TOO_SMALL && possible > max_bytes => {
                Err(too_large(max_bytes))
            }
            Err(_) => Err(corrupt(Compression::Zstd)),
        }
    }
}
