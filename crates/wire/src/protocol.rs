//! The primitive types of Kafka's protocol, and what every message has in common.
//!
//! A [`Reader`] takes values off a received frame without copying bytes; a [`Writer`] appends them to a buffer. The
//! generated structs implement [`Element`]; those that travel on their own are [`Message`]s, with versions.
//!
//! *Flexible* versions (KIP-482) write lengths as `length + 1` in a variable-length integer and end every struct
//! with tagged fields; older versions write fixed lengths, −1 for null. Tagged fields that this crate does not know
//! are skipped: nothing here forwards a message that it has decoded.
//!
//! The methods of both are deliberately not inlined: hundreds of generated codecs call them, and copies of them in each
//! doubled the crate's compile time (18 s to 9 s without) for a tenth of the 0.2 µs that decoding a small request
//! takes. Record batches are not read through them.
//!
//! Invariants: no input makes a decoder panic; no length is believed beyond the bytes that are there, so that a
//! decoded message takes at most a few dozen bytes of memory per byte of its frame (an array of empty strings).

mod element;
mod reader;
mod writer;

pub use element::{CoordinatorKey, Element, Message, Request, VersionRange};
pub(crate) use element::{check_null, check_version, non_null, unsupported_field};
pub use reader::Reader;
pub use writer::Writer;

/// Longest string of the protocol, in bytes: the old two-byte length allows no more, and Kafka holds compact
/// strings to the same.
pub const STRING_BYTES_MAX: usize = i16::MAX as usize;

#[cfg(test)]
mod tests;
