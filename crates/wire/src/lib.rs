//! Kafka's wire protocol: framing, messages and record batches, without I/O.

mod error;

pub use error::{ErrorKind, Result, WireError};
