//! Gzip (RFC 1952). Written as one member with the plain ten-byte header that Java writes; read with any header
//! and any number of members, as Java's `GZIPInputStream` does.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use flate2::{Compress, Crc, FlushCompress, Status};

use super::{Compression, corrupt, too_large};
use crate::{Result, WireError};

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Deflate's best ratio is 1032 to 1.
const RATIO_MAX: usize = 1032;
/// What the output buffer grows by, so that the limit is met before memory is.
const STEP_BYTES: usize = 64 << 10;

/// A deflate state, kept for the level it was made for.
#[derive(Default)]
pub(super) struct Encoder {
    state: Option<(u32, Compress)>,
}

impl Encoder {
    pub(super) fn compress(&mut self, level: Option<i32>, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let level = level.map_or(6, i32::unsigned_abs);
        let size = u32::try_from(input.len())
            .map_err(|_| WireError::TooLarge { what: "gzip input", limit: u32::MAX as usize })?;
        if self.state.as_ref().is_none_or(|(made_for, _)| *made_for != level) {
            self.state = Some((level, Compress::new(flate2::Compression::new(level), false)));
        }
        let Some((_, deflate)) = &mut self.state else { return Err(corrupt(Compression::Gzip)) };
        deflate.reset();
        out.extend_from_slice(&HEADER);
        let mut consumed = 0;
        loop {
            out.reserve((input.len() - consumed) / 2 + 1024);
            let status = deflate
                .compress_vec(&input[consumed..], out, FlushCompress::Finish)
                .map_err(|_| corrupt(Compression::Gzip))?;
            consumed = deflate.total_in() as usize;
            if status == Status::StreamEnd {
                break;
            }
        }
        let mut crc = Crc::new();
        crc.update(input);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&size.to_le_bytes());
        Ok(())
    }
}

pub(super) fn decompress(input: &[u8], max_bytes: usize, out: &mut Vec<u8>) -> Result<()> {
    let mut decoder = MultiGzDecoder::new(input);
    let most = max_bytes.min(input.len().saturating_mul(RATIO_MAX));
    loop {
        let filled = out.len();
        // One byte past the limit tells a body of just its size from a larger one.
        let step = filled.clamp(STEP_BYTES, 16 * STEP_BYTES).min(most - filled + 1);
        out.resize(filled + step, 0);
        let read = decoder.read(&mut out[filled..]).map_err(|_| corrupt(Compression::Gzip))?;
        out.truncate(filled + read);
        if read == 0 {
            return Ok(());
        }
        if out.len() > most {
            return Err(if most == max_bytes { too_large(max_bytes) } else { corrupt(Compression::Gzip) });
        }
    }
}
