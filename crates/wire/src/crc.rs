//! CRC-32C (Castagnoli), the checksum of record batches.
//!
//! One function, so that the choice of implementation stands in one place. `crc-fast` was chosen over `crc32c` by
//! measurement on a machine with AVX-512: 6.1 against 9.3 ns at 100 B, 19 against 38 ns at 1 KiB, 59 against 29 GB/s
//! at 1 MiB.

/// CRC-32C of `bytes`.
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}
