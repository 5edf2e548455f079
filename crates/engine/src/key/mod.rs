//! Keys of groups: their encoding, their hash and the table that finds a group by key and pane.
//!
//! Encoding and hash are this engine's own, versioned and pinned by golden tests, because the place of a row (its
//! shard) and later the bytes of stored state follow from them. No library's hash or row format is used.
//!
//! # Encoding, version 1 (numbers little-endian)
//!
//! ```text
//!   one integer, date, time or timestamp column   the value, sign-extended to 8 bytes; null is a flag beside it
//!   one string or binary column                   its bytes; null is a flag beside it
//!   anything else, per column                     u8 0: null, nothing follows
//!                                                 u8 1: fixed-width types: the value's bytes (BOOLEAN: 1)
//!                                                       strings and binary: u32 length, bytes
//! ```
//!
//! In memory a byte key is a *word* of 16 bytes: u32 length and, up to 12 bytes, the key itself, padded with zeros;
//! a longer one has its first 4 bytes and an offset into the block's or pane's arena.
//!
//! # Hash, version 1
//!
//! `fold(a, b)` is the high half of the 128-bit product xor the low half. See [`hash`].

mod block;
mod codec;
mod hash;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use block::{ByteWord, KeyBlock, Keys, Word};
pub(crate) use codec::KeyCodec;
pub(crate) use hash::shard_of;
pub(crate) use table::{Freed, GroupTable, PaneSlot};
