//! Builds record batches of magic 2.
//!
//! Records are written straight into the batch's buffer behind the room for its header; [`BatchBuilder::finish`] fills
//! the header in, compresses the body if asked to, and computes the CRC once over the whole. The builder keeps its buffer: when
//! the batches made from it have been dropped, the next one uses the same memory.
//!
//! The size limit is that of Kafka's producer (`batch.size`): it counts uncompressed bytes, and a record that is larger
//! than the limit still gets a batch to itself.

use bytes::{Bytes, BytesMut};

use super::header::{
    Attributes, BATCH_HEADER_LEN, BATCH_LENGTH_PREFIX_LEN, BatchHeader, NO_LEADER_EPOCH, NO_TIMESTAMP,
    ProducerStamp, rewrite,
};
use super::record::Header;
use crate::compression::{Compression, Compressor};
use crate::{Result, WireError, varint};

/// Bytes that a record's fields take at most besides its key, value and headers.
const RECORD_OVERHEAD_MAX: usize = 1 + 4 * varint::MAX_LEN_32 + varint::MAX_LEN_64 + varint::MAX_LEN_32;

/// How to close a batch; the default is an uncompressed batch of a producer without idempotence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishOptions {
    /// Codec of the body.
    pub compression: Compression,
    /// The codec's level, `None` for Kafka's default.
    pub level: Option<i32>,
    /// The producer's identity and the batch's first sequence number.
    pub producer: ProducerStamp,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
}

impl Default for FinishOptions {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            level: None,
            producer: ProducerStamp::NONE,
            transactional: false,
        }
    }
}

/// Collects records into one batch after another.
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: BytesMut,
    size_limit_bytes: usize,
    record_count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// A builder of batches of up to `size_limit_bytes`, header included, before compression.
    pub fn new(size_limit_bytes: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            size_limit_bytes,
            record_count: 0,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
        }
    }

    /// Number of records in the open batch.
    pub fn record_count(&self) -> u32 {
        self.record_count.unsigned_abs()
    }

    /// Whether the open batch has no records.
    pub fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Bytes of the open batch before compression, header included.
    pub fn size_bytes(&self) -> usize {
        self.buffer.len().max(BATCH_HEADER_LEN)
    }

    /// Largest timestamp of the open batch in ms, −1 when it is empty.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Appends a record with a wall-clock or event timestamp in ms, if there is room for it.
    ///
    /// Returns false, and changes nothing, when the batch has records and this one might exceed the limit.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when the record or the batch would pass the format's 2 GiB.
    #[inline]
    pub fn append(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<bool> {
        let headers_len = if headers.is_empty() { 1 } else { encoded_len(headers) };
        let content = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers_len;
        let size_max = self.size_bytes() + RECORD_OVERHEAD_MAX + content;
        if self.record_count > 0 && (size_max > self.size_limit_bytes || self.record_count == i32::MAX) {
            return Ok(false);
        }
        if size_max > i32::MAX as usize {
            return Err(WireError::TooLarge { what: "record", limit: i32::MAX as usize });
        }
        if self.record_count == 0 {
            self.open(timestamp_ms, size_max);
        }

        // The fields before the key are gathered behind room for the record's length, whose size they decide.
        let mut fields = [0u8; varint::MAX_LEN_32 + 1 + varint::MAX_LEN_64 + 2 * varint::MAX_LEN_32];
        let mut end = varint::MAX_LEN_32 + 1;
        end += varint::write_i64(timestamp_ms.wrapping_sub(self.base_timestamp), &mut fields[end..]);
        end += varint::write_i32(self.record_count, &mut fields[end..]);
        end += varint::write_i32(nullable_len(key), &mut fields[end..]);
        let value_len = nullable_len(value);
        let length = end - varint::MAX_LEN_32 + varint::len_i32(value_len) + content;
        let start = varint::MAX_LEN_32 - varint::len_i32(length as i32);
        varint::write_i32(length as i32, &mut fields[start..]);

        self.buffer.reserve(end - start + length);
        self.buffer.extend_from_slice(&fields[start..end]);
        self.buffer.extend_from_slice(key.unwrap_or_default());
        self.put_varint(value_len);
        self.buffer.extend_from_slice(value.unwrap_or_default());
        self.put_headers(headers);

        self.record_count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
        Ok(true)
    }

    fn open(&mut self, timestamp_ms: i64, size_max: usize) {
        self.buffer.clear();
        self.buffer.reserve(size_max.max(self.size_limit_bytes));
        self.buffer.extend_from_slice(&[0; BATCH_HEADER_LEN]);
        (self.base_timestamp, self.max_timestamp) = (timestamp_ms, timestamp_ms);
    }

    #[inline(always)]
    fn put_varint(&mut self, value: i32) {
        let mut bytes = [0u8; varint::MAX_LEN_32];
        let len = varint::write_i32(value, &mut bytes);
        self.buffer.extend_from_slice(&bytes[..len]);
    }

    #[inline]
    fn put_headers(&mut self, headers: &[Header<'_>]) {
        self.put_varint(headers.len() as i32);
        for header in headers {
            self.put_varint(header.key.len() as i32);
            self.buffer.extend_from_slice(header.key);
            self.put_varint(nullable_len(header.value));
            self.buffer.extend_from_slice(header.value.unwrap_or_default());
        }
    }

    /// Closes the open batch and starts an empty one. The batch's base offset is 0 and its leader epoch −1, for the broker
    /// to assign.
    ///
    /// # Errors
    /// [`WireError::InvalidLength`] when no record was appended; [`WireError::TooLarge`] when compression made more than
    /// 2 GiB.
    pub fn finish(&mut self, options: &FinishOptions, compressor: &mut Compressor) -> Result<Bytes> {
        self.seal(options.compression, options.level, compressor)?
            .stamp(options.producer, options.transactional)
    }

    /// Closes the open batch, compressed, and starts an empty one; who produced it is said later. For producers whose
    /// sequence numbers are given out elsewhere than where records are collected: the checksum, which covers
    /// them, is computed once.
    ///
    /// # Errors
    /// As [`BatchBuilder::finish`].
    pub fn seal(
        &mut self,
        compression: Compression,
        level: Option<i32>,
        compressor: &mut Compressor,
    ) -> Result<SealedBatch> {
        if self.is_empty() {
            return Err(WireError::InvalidLength { what: "record batch without records", length: 0 });
        }
        let plain = self.buffer.split();
        let buffer = if compression == Compression::None {
            Buffer::Plain(plain)
        } else {
            let body = &plain[BATCH_HEADER_LEN..];
            let mut packed = Vec::with_capacity(BATCH_HEADER_LEN + body.len() / 2);
            packed.resize(BATCH_HEADER_LEN, 0);
            let packing = compressor.compress(compression, level, body, &mut packed);
            if packing.is_err() {
                (self.record_count, self.max_timestamp) = (0, NO_TIMESTAMP);
            }
            packing?;
            Buffer::Packed(packed)
        };
        let sealed = SealedBatch {
            buffer,
            compression,
            record_count: self.record_count,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
        };
        (self.record_count, self.max_timestamp) = (0, NO_TIMESTAMP);
        Ok(sealed)
    }
}

/// A batch that lacks only its producer's identity and the checksum.
#[derive(Debug)]
pub struct SealedBatch {
    buffer: Buffer,
    compression: Compression,
    record_count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

/// A whole batch with room for its header.
#[derive(Debug)]
enum Buffer {
    Plain(BytesMut),
    Packed(Vec<u8>),
}

impl SealedBatch {
    /// Number of records.
    pub fn record_count(&self) -> u32 {
        self.record_count.unsigned_abs()
    }

    /// Bytes of the whole batch, header included.
    pub fn size_bytes(&self) -> usize {
        match &self.buffer {
            Buffer::Plain(batch) => batch.len(),
            Buffer::Packed(batch) => batch.len(),
        }
    }

    /// Timestamp of the first record in ms.
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// Largest timestamp of the records in ms.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// The batch, with its producer's identity and the checksum.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when compression made more than 2 GiB.
    pub fn stamp(self, producer: ProducerStamp, transactional: bool) -> Result<Bytes> {
        let header = BatchHeader {
            base_offset: 0,
            batch_length: batch_length(self.size_bytes())?,
            partition_leader_epoch: NO_LEADER_EPOCH,
            crc: 0,
            attributes: Attributes::new(self.compression).with_transactional(transactional),
            last_offset_delta: self.record_count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            base_sequence: producer.base_sequence,
            record_count: self.record_count,
        };
        match self.buffer {
            Buffer::Plain(mut batch) => rewrite(&mut batch, header).map(|()| batch.freeze()),
            Buffer::Packed(mut batch) => rewrite(&mut batch, header).map(|()| Bytes::from(batch)),
        }
    }
}

fn batch_length(batch_len: usize) -> Result<i32> {
    i32::try_from(batch_len - BATCH_LENGTH_PREFIX_LEN)
        .map_err(|_| WireError::TooLarge { what: "record batch", limit: i32::MAX as usize })
}

#[inline(always)]
fn nullable_len(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| bytes.len() as i32)
}

fn encoded_len(headers: &[Header<'_>]) -> usize {
    let each = headers.iter().map(|header| {
        let value_len = nullable_len(header.value);
        varint::len_i32(header.key.len() as i32)
            + header.key.len()
            + varint::len_i32(value_len)
            + header.value.map_or(0, <[u8]>::len)
    });
    varint::len_i32(headers.len() as i32) + each.sum::<usize>()
}
