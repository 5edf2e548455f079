//! Kafka's wire protocol: framing, messages and record batches, without I/O.

pub mod compression;
mod crc;
mod error;
pub mod murmur2;
pub mod records;
pub mod varint;

pub use crc::crc32c;

pub use error::{ErrorKind, Result, WireError};
