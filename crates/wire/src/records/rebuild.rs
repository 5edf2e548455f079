//! Builds a batch from some of the records of another: what log compaction does.
//!
//! The new batch keeps the old one's offsets, sequence range, producer and codec, so that to a reader the missing records are
//! merely gaps, and to the producer's state nothing has changed. It may get a delete horizon (KIP-534), which takes the place of
//! the base timestamp; the records' timestamps stay what they were. A batch of which no record is left can be kept as its header alone.

use super::header::{
    BATCH_HEADER_LEN, BATCH_LENGTH_PREFIX_LEN, BatchHeader, NO_TIMESTAMP, TimestampType, rewrite,
};
use super::record::Record;
use crate::compression::{Compression, Compressor};
use crate::{Result, WireError, varint};

/// Collects records of one batch after another; its memory is reused.
#[derive(Debug, Default)]
pub struct BatchRebuilder {
    body: Vec<u8>,
    fields: Vec<u8>,
    record_count: i32,
    max_timestamp: i64,
    base_timestamp: i64,
    old_base_timestamp: i64,
}

impl BatchRebuilder {
    /// Begins a batch in place of the one with this header. With a delete horizon, tombstones and markers in it may go from that
    /// time on, in ms; `None` keeps the one it has.
    pub fn begin(&mut self, old: &BatchHeader, delete_horizon_ms: Option<i64>) {
        self.body.clear();
        self.record_count = 0;
        self.max_timestamp = NO_TIMESTAMP;
        self.old_base_timestamp = old.base_timestamp;
        self.base_timestamp = delete_horizon_ms.unwrap_or(old.base_timestamp);
    }

    /// Number of records so far.
    pub fn record_count(&self) -> u32 {
        self.record_count.unsigned_abs()
    }

    /// Takes over a record of the old batch; they come in order.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when the batch would pass the format's 2 GiB.
    pub fn push(&mut self, record: &Record<'_>) -> Result<()> {
        let timestamp = self.old_base_timestamp.wrapping_add(record.timestamp_delta);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        // Attributes of a record: none are defined.
        fields.push(0);
        put_i64(&mut fields, timestamp.wrapping_sub(self.base_timestamp));
        put_i32(&mut fields, record.offset_delta);
        put_bytes(&mut fields, record.key);
        put_bytes(&mut fields, record.value);
        put_i32(&mut fields, record.headers.len() as i32);
        fields.extend_from_slice(if record.headers.is_empty() { &[] } else { record.headers.bytes() });
        let size = BATCH_HEADER_LEN + self.body.len() + varint::MAX_LEN_32 + fields.len();
        if size > i32::MAX as usize {
            return Err(WireError::TooLarge { what: "record batch", limit: i32::MAX as usize });
        }
        put_i32(&mut self.body, fields.len() as i32);
        self.body.extend_from_slice(&fields);
        self.fields = fields;
        self.record_count += 1;
        Ok(())
    }

    /// Appends the batch to `out`, in the old one's codec; without records, its header alone.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when compression made more than 2 GiB.
    pub fn finish(
        &mut self,
        old: &BatchHeader,
        delete_horizon_ms: Option<i64>,
        compressor: &mut Compressor,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        out.resize(start + BATCH_HEADER_LEN, 0);
        let mut attributes = old.attributes;
        let (mut base_timestamp, mut max_timestamp) = (self.base_timestamp, old.max_timestamp);
        if self.record_count == 0 {
            attributes = attributes.with_compression(Compression::None).with_delete_horizon(false);
            base_timestamp = NO_TIMESTAMP;
        } else {
            attributes = attributes
                .with_delete_horizon(delete_horizon_ms.is_some() || attributes.has_delete_horizon());
            compressor.compress(attributes.compression(), None, &self.body, out)?;
            if attributes.timestamp_type() == TimestampType::CreateTime {
                max_timestamp = self.max_timestamp;
            }
        }
        let batch = &mut out[start..];
        let batch_length = i32::try_from(batch.len() - BATCH_LENGTH_PREFIX_LEN)
            .map_err(|_| WireError::TooLarge { what: "record batch", limit: i32::MAX as usize })?;
        let record_count = self.record_count;
        let header =
            BatchHeader { batch_length, attributes, base_timestamp, max_timestamp, record_count, ..*old };
        rewrite(batch, header)
    }
}

fn put_i32(out: &mut Vec<u8>, value: i32) {
    let mut bytes = [0; varint::MAX_LEN_32];
    let length = varint::write_i32(value, &mut bytes);
    out.extend_from_slice(&bytes[..length]);
}

fn put_i64(out: &mut Vec<u8>, value: i64) {
    let mut bytes = [0; varint::MAX_LEN_64];
    let length = varint::write_i64(value, &mut bytes);
    out.extend_from_slice(&bytes[..length]);
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_i32(out, bytes.map_or(-1, |bytes| bytes.len() as i32));
    out.extend_from_slice(bytes.unwrap_or_default());
}
