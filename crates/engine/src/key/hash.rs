//! The hash of keys, version 1, and the shard that follows from it.
//!
//! ```text
//!   fold(a, b)      = hi64(a·b) ^ lo64(a·b)
//!   integer v       = fold(v ^ K0, K1);                 null: fold(K2, K1)
//!   word (lo, hi)   = fold(lo ^ K0, hi ^ K1)            byte keys of up to 12 bytes, and null (length 2³²−1)
//!   longer bytes    = h ← K2 ^ length; per 16 bytes, the last padded with zeros: h ← fold(lo ^ h, hi ^ K1);
//!                     fold(h, K0)
//!   shard           = (bits 20..52 of the hash · shards) >> 32
//! ```
//!
//! It is fast and mixes well; it does not resist an adversary who picks keys to collide.

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xd6e8_feb8_6659_fd93;
const K2: u64 = 0xa076_1d64_78bd_642f;

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

#[inline]
pub(super) fn integer(value: i64) -> u64 {
    fold(value.cast_unsigned() ^ K0, K1)
}

#[inline]
pub(super) fn null_integer() -> u64 {
    fold(K2, K1)
}

#[inline]
pub(super) fn word(lo: u64, hi: u64) -> u64 {
    fold(lo ^ K0, hi ^ K1)
}

pub(super) fn bytes(bytes: &[u8]) -> u64 {
    let mut hash = K2 ^ bytes.len() as u64;
    for chunk in bytes.chunks(16) {
        let mut padded = [0; 16];
        padded[..chunk.len()].copy_from_slice(chunk);
        let (lo, hi) = halves(padded);
        hash = fold(lo ^ hash, hi ^ K1);
    }
    fold(hash, K0)
}

/// What sets the panes of one key apart in the table. It stays in memory and is no part of the version.
pub(super) fn pane_salt(start_ms: i64) -> u64 {
    fold(start_ms.cast_unsigned() ^ K2, K1)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
pub(super) fn halves(bytes: [u8; 16]) -> (u64, u64) {
    let word = u128::from_le_bytes(bytes);
    (word as u64, (word >> 64) as u64)
}

/// The shard of a key, below `shards`. It takes bits that neither picks the bucket of a table nor tags it.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "32 bits are wanted, and the result is below a u16")]
pub(crate) fn shard_of(hash: u64, shards: u16) -> u16 {
    ((u64::from((hash >> 20) as u32) * u64::from(shards)) >> 32) as u16
}
