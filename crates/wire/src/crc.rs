//! CRC-32C (Castagnoli), the checksum of record batches.
//!
//! One place, so that the choice of implementation stands there. `crc-fast` was chosen over `crc32c` by
//! measurement on a machine with AVX-512: 6.1 against 9.3 ns at 100 B, 19 against 38 ns at 1 KiB, 59 against 29 GB/s
//! at 1 MiB.

use crc_fast::{CrcAlgorithm, Digest};

/// CRC-32C of `bytes`.
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// CRC-32C of what `crc` is the checksum of, with `bytes` behind it; a `crc` of 0 stands for nothing.
#[inline]
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    // The register holds the complement of the checksum.
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!crc));
    digest.update(bytes);
    digest.finalize() as u32
}

#[cfg(test)]
mod tests;
