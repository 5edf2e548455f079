//! Control batches: the markers that end a transaction in a partition (KIP-98).
//!
//! A marker is a batch of one record with the control and transactional flags. Other control types exist in KRaft's own
//! log only and are reported by their number.

use bytes::Bytes;

use super::builder::{BatchBuilder, FinishOptions};
use super::header::{BATCH_HEADER_LEN, BatchHeader, NO_SEQUENCE, ProducerStamp, rewrite};
use super::record::Record;
use crate::compression::Compressor;
use crate::{Result, WireError};

/// What a control record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRecord {
    /// The producer's open transaction ended here.
    EndTransaction {
        /// Whether it was committed; otherwise its records are not to be delivered.
        committed: bool,
        /// Epoch of the transaction coordinator that wrote the marker.
        coordinator_epoch: i32,
    },
    /// A control record of another type, to be skipped.
    Other {
        /// The type's number.
        type_code: i16,
    },
}

const ABORT: i16 = 0;
const COMMIT: i16 = 1;

/// Reads the record of a control batch.
///
/// # Errors
/// [`WireError::Truncated`] when key or value is missing or short; [`WireError::InvalidValue`] for a negative version.
pub fn parse_control(record: &Record<'_>) -> Result<ControlRecord> {
    let key: [u8; 4] = front("control record key", record.key)?;
    let version = i16::from_be_bytes([key[0], key[1]]);
    check_version("control record version", version)?;
    let type_code = i16::from_be_bytes([key[2], key[3]]);
    if type_code != ABORT && type_code != COMMIT {
        return Ok(ControlRecord::Other { type_code });
    }
    let value: [u8; 6] = front("end of transaction marker", record.value)?;
    check_version("marker version", i16::from_be_bytes([value[0], value[1]]))?;
    let coordinator_epoch = i32::from_be_bytes([value[2], value[3], value[4], value[5]]);
    Ok(ControlRecord::EndTransaction { committed: type_code == COMMIT, coordinator_epoch })
}

/// Builds the batch that ends a transaction of `producer_id` in one partition, for the log to append.
///
/// # Errors
/// None in practice; those of [`BatchBuilder`].
pub fn end_transaction_batch(
    producer_id: i64,
    producer_epoch: i16,
    committed: bool,
    coordinator_epoch: i32,
    timestamp_ms: i64,
) -> Result<Bytes> {
    let mut key = [0u8; 4];
    key[2..].copy_from_slice(&(if committed { COMMIT } else { ABORT }).to_be_bytes());
    let mut value = [0u8; 6];
    value[2..].copy_from_slice(&coordinator_epoch.to_be_bytes());

    let mut builder = BatchBuilder::new(BATCH_HEADER_LEN);
    builder.append(timestamp_ms, Some(&key), Some(&value), &[])?;
    let producer = ProducerStamp { producer_id, producer_epoch, base_sequence: NO_SEQUENCE };
    let options = FinishOptions { producer, transactional: true, ..FinishOptions::default() };
    let mut batch = Vec::from(builder.finish(&options, &mut Compressor::default())?);
    let header = BatchHeader::parse(&batch)?;
    rewrite(&mut batch, BatchHeader { attributes: header.attributes.with_control(true), ..header })?;
    Ok(Bytes::from(batch))
}

fn front<const N: usize>(what: &'static str, bytes: Option<&[u8]>) -> Result<[u8; N]> {
    let bytes = bytes.unwrap_or_default();
    bytes.first_chunk().copied().ok_or(WireError::Truncated { what, needed: N, available: bytes.len() })
}

fn check_version(what: &'static str, version: i16) -> Result<()> {
    if version < 0 {
        return Err(WireError::InvalidValue { what, found: i64::from(version), expected: 0 });
    }
    Ok(())
}
