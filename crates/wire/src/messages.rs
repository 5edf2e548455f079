//! Kafka's messages.
//!
//! Most are generated from the definitions of Kafka 4.3 (`cargo run -p xtask -- generate-messages`), one module per
//! API with the request, the response and their structs. [`produce_request`] and [`fetch_response`] are written by
//! hand, because they carry record batches, which must pass from and to sockets without being copied.

pub mod fetch_response;
pub(crate) mod generated;
pub mod produce_request;

pub use fetch_response::FetchResponse;
pub use generated::*;
pub use produce_request::ProduceRequest;

#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "fuzzing"))]
pub mod walk;
