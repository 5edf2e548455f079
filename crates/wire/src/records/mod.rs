//! Record batches of magic 2, the one format that logs, Produce and Fetch share (KIP-98).
//!
//! - [`BatchHeader`]: the 61-byte header, and the fields that a broker patches in place ([`assign_offset`],
//!   [`set_max_timestamp`]).
//! - [`BatchView`] and [`Batch`]: one whole batch; [`Batches`] and [`SharedBatches`] walk many.
//! - [`Records`]: the records of an uncompressed body, without allocation; [`check_records`] is a broker's check.
//! - [`BatchBuilder`]: writes batches. [`ControlRecord`]: transaction markers. [`BatchRebuilder`]: batches with records left out;
//!   [`recompress`]: batches in another codec.
//!
//! ```
//! use millstream_wire::compression::{Compression, Compressor, Decompressor};
//! use millstream_wire::records::{Batch, BatchBuilder, FinishOptions, Records};
//!
//! let mut builder = BatchBuilder::new(16 << 10);
//! builder.append(1_700_000_000_000, Some(b"EWR"), Some(b"39.02"), &[])?;
//! let options = FinishOptions { compression: Compression::Lz4, ..FinishOptions::default() };
//! let bytes = builder.finish(&options, &mut Compressor::default())?;
//!
//! let batch = Batch::parse(&bytes)?;
//! batch.view().check_crc()?;
//! let body = batch.body(&mut Decompressor::default(), 1 << 20)?;
//! for record in Records::new(&body, batch.header()) {
//!     let record = record?;
//!     assert_eq!((record.key, record.value), (Some(&b"EWR"[..]), Some(&b"39.02"[..])));
//! }
//! # Ok::<(), millstream_wire::WireError>(())
//! ```
//!
//! Old formats (magic 0 and 1) are refused: Kafka 4 does not write or accept them either (KIP-724).

mod batch;
mod builder;
mod control;
mod header;
mod rebuild;
mod recompress;
mod record;
#[cfg(test)]
mod tests;

pub use batch::{Batch, BatchView, Batches, SharedBatches, Tail};
pub use builder::{BatchBuilder, FinishOptions, SealedBatch};
pub use control::{ControlRecord, end_transaction_batch, parse_control};
pub use header::{
    Attributes, BATCH_HEADER_LEN, BATCH_LENGTH_PREFIX_LEN, BatchHeader, MAGIC_V2, NO_LEADER_EPOCH,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, ProducerStamp, TimestampType,
    assign_offset, set_max_timestamp, set_producer,
};
pub use rebuild::BatchRebuilder;
pub use recompress::recompress;
pub use record::{
    Header, HeaderIter, Headers, RECORD_LEN_MIN, Record, RecordRules, RecordSummary, Records, check_records,
    range_in,
};
