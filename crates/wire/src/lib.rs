//! Kafka's wire protocol: framing, messages, record batches and the metrics that clients push, without I/O.

pub mod api_key;
pub mod compression;
mod crc;
mod error;
pub mod error_code;
pub mod frame;
pub mod messages;
pub mod murmur2;
pub mod negotiation;
pub mod otlp;
pub mod protocol;
pub mod records;
pub mod varint;

pub use api_key::ApiKey;
pub use crc::{crc32c, crc32c_append};
pub use error::{ErrorKind, Result, WireError};
pub use error_code::ErrorCode;
pub use protocol::VersionRange;
