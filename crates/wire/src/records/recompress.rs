//! Gives a batch another codec: what a broker does to batches of producers where `compression.type` names one.
//!
//! Records, offsets, sequence numbers and timestamps stay as they are; only the body's bytes and the codec in the attributes
//! change, and with them length and checksum.

use super::batch::BatchView;
use super::header::{BATCH_HEADER_LEN, BATCH_LENGTH_PREFIX_LEN, BatchHeader, TimestampType, rewrite};
use super::record::{RecordRules, check_records};
use crate::compression::{Compression, Compressor, Decompressor};
use crate::{Result, WireError};

/// Opens a produced batch, checks its records ([`check_records`]) and closes it in another codec. Where the records keep their
/// own timestamps, the header's greatest one is made that of the records.
///
/// `level` as for [`Compressor::compress`]; `body_bytes_max` bounds the uncompressed body.
///
/// # Errors
/// [`WireError::TooLarge`], [`WireError::CorruptCompression`], or those of [`check_records`].
pub fn recompress(
    batch: &BatchView<'_>,
    codec: Compression,
    level: Option<i32>,
    body_bytes_max: usize,
    (compressor, decompressor): (&mut Compressor, &mut Decompressor),
) -> Result<Vec<u8>> {
    let header = *batch.header();
    let found = header.attributes.compression();
    let opened = match found {
        Compression::None => None,
        found => Some(decompressor.decompress(found, batch.body(), body_bytes_max)?),
    };
    let body = opened.as_deref().unwrap_or(batch.body());
    let summary = check_records(body, &header, RecordRules { require_keys: false })?;
    let mut out = vec![0; BATCH_HEADER_LEN];
    compressor.compress(codec, level, body, &mut out)?;
    let batch_length = i32::try_from(out.len() - BATCH_LENGTH_PREFIX_LEN)
        .map_err(|_| WireError::TooLarge { what: "record batch", limit: i32::MAX as usize })?;
    let max_timestamp = match header.attributes.timestamp_type() {
        TimestampType::CreateTime => summary.max_timestamp,
        TimestampType::LogAppendTime => header.max_timestamp,
    };
    let attributes = header.attributes.with_compression(codec);
    rewrite(&mut out, BatchHeader { batch_length, attributes, max_timestamp, ..header })?;
    Ok(out)
}
