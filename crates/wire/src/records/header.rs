//! The 61 bytes that open a record batch of magic 2, and the fields that may be changed in place.
//!
//! The layout is drawn in `docs/formats/record-batch.md`. The first 21 bytes (base offset, length, leader epoch,
//! magic, CRC) are outside the checksum, so a broker assigns offsets and epochs without touching it; whatever changes
//! a later field here computes the checksum anew. Offsets and timestamps are the protocol's raw integers: newtypes begin
//! above this crate.

use crate::compression::Compression;
use crate::crc::crc32c;
use crate::{Result, WireError};

/// Bytes of a batch header.
pub const BATCH_HEADER_LEN: usize = 61;
/// Bytes before those that the length field counts: base offset and the length itself.
pub const BATCH_LENGTH_PREFIX_LEN: usize = 12;
/// The only supported batch format.
pub const MAGIC_V2: i8 = 2;
/// The timestamp of a record or batch that has none.
pub const NO_TIMESTAMP: i64 = -1;
/// The producer id of a producer without idempotence.
pub const NO_PRODUCER_ID: i64 = -1;
/// The producer epoch that goes with [`NO_PRODUCER_ID`].
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// The base sequence that goes with [`NO_PRODUCER_ID`], and that of a control batch.
pub const NO_SEQUENCE: i32 = -1;
/// The leader epoch of a batch that no broker has appended.
pub const NO_LEADER_EPOCH: i32 = -1;

pub(super) mod at {
    //! Byte positions of the header's fields.
    pub(in crate::records) const BASE_OFFSET: usize = 0;
    pub(in crate::records) const LENGTH: usize = 8;
    pub(in crate::records) const LEADER_EPOCH: usize = 12;
    pub(in crate::records) const MAGIC: usize = 16;
    pub(in crate::records) const CRC: usize = 17;
    pub(in crate::records) const ATTRIBUTES: usize = 21;
    pub(in crate::records) const LAST_OFFSET_DELTA: usize = 23;
    pub(in crate::records) const BASE_TIMESTAMP: usize = 27;
    pub(in crate::records) const MAX_TIMESTAMP: usize = 35;
    pub(in crate::records) const PRODUCER_ID: usize = 43;
    pub(in crate::records) const PRODUCER_EPOCH: usize = 51;
    pub(in crate::records) const BASE_SEQUENCE: usize = 53;
    pub(in crate::records) const COUNT: usize = 57;
}

/// Who gave a batch's records their timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer: each record has its own.
    CreateTime,
    /// The broker at append: all records have the batch's maximum timestamp.
    LogAppendTime,
}

/// The attribute bits of a batch, with a known codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attributes(i16);

impl Attributes {
    const CODEC_MASK: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// Attributes of a producer's batch: CreateTime, compressed with `compression`.
    pub fn new(compression: Compression) -> Self {
        Self(i16::from(compression.code()))
    }

    /// Takes the raw bits; unused ones are kept.
    ///
    /// # Errors
    /// [`WireError::UnsupportedCompression`].
    pub fn from_bits(bits: i16) -> Result<Self> {
        Compression::from_code((bits & Self::CODEC_MASK) as u8)?;
        Ok(Self(bits))
    }

    /// The raw bits.
    pub fn bits(self) -> i16 {
        self.0
    }

    /// The codec of the batch's body.
    pub fn compression(self) -> Compression {
        Compression::from_code((self.0 & Self::CODEC_MASK) as u8).unwrap_or(Compression::None)
    }

    /// Whose timestamps the records carry.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds a control record, which consumers must not deliver.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp is the time from which the batch's tombstones may go (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same attributes with the transactional bit set or cleared.
    #[must_use]
    pub fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    /// The same attributes with the control bit set or cleared.
    #[must_use]
    pub fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    /// The same attributes with another timestamp type.
    #[must_use]
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, timestamp_type == TimestampType::LogAppendTime)
    }

    /// The same attributes with another codec.
    #[must_use]
    pub fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !Self::CODEC_MASK | i16::from(compression.code()))
    }

    /// The same attributes with the delete horizon's bit set or cleared.
    #[must_use]
    pub fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }

    fn with(self, bit: i16, on: bool) -> Self {
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// The decoded header of a record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the batch's first record (as first produced: compaction may have removed that record).
    pub base_offset: i64,
    /// Bytes after the length field; at least 49. [`BatchHeader::size`] is that of the whole batch.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch, −1 before the append.
    pub partition_leader_epoch: i32,
    /// CRC-32C over everything from the attributes on, as stored.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: Attributes,
    /// Offset of the last record minus the base offset, kept by compaction.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas count from, in ms; the delete horizon where the attributes say so.
    pub base_timestamp: i64,
    /// Largest timestamp of the records in ms, or the append time.
    pub max_timestamp: i64,
    /// Id of an idempotent or transactional producer, or −1.
    pub producer_id: i64,
    /// Epoch of that producer, or −1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or −1.
    pub base_sequence: i32,
    /// Number of records in the body; 0 where compaction kept an empty batch for its producer's state.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`, of which it needs the first 61.
    ///
    /// Checked is what every batch must satisfy, in a log or on its way there: magic, a length that holds a
    /// header, a known codec, counts that are not negative. The CRC and the body are not looked at.
    ///
    /// # Errors
    /// [`WireError::Truncated`] for fewer bytes than the header's; [`WireError::UnsupportedMagic`],
    /// [`WireError::InvalidLength`], [`WireError::UnsupportedCompression`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // The magic byte has the same place in every format: an old one is named even when it is short.
        if let Some(&magic) = bytes.get(at::MAGIC)
            && magic as i8 != MAGIC_V2
        {
            return Err(WireError::UnsupportedMagic { magic: magic as i8 });
        }
        let Some(head) = bytes.first_chunk::<BATCH_HEADER_LEN>() else {
            return Err(WireError::Truncated {
                what: "record batch header",
                needed: BATCH_HEADER_LEN,
                available: bytes.len(),
            });
        };
        let header = Self {
            base_offset: i64::from_be_bytes(field(head, at::BASE_OFFSET)),
            batch_length: i32::from_be_bytes(field(head, at::LENGTH)),
            partition_leader_epoch: i32::from_be_bytes(field(head, at::LEADER_EPOCH)),
            crc: u32::from_be_bytes(field(head, at::CRC)),
            attributes: Attributes::from_bits(i16::from_be_bytes(field(head, at::ATTRIBUTES)))?,
            last_offset_delta: i32::from_be_bytes(field(head, at::LAST_OFFSET_DELTA)),
            base_timestamp: i64::from_be_bytes(field(head, at::BASE_TIMESTAMP)),
            max_timestamp: i64::from_be_bytes(field(head, at::MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(field(head, at::PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(field(head, at::PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(field(head, at::BASE_SEQUENCE)),
            record_count: i32::from_be_bytes(field(head, at::COUNT)),
        };
        header.check_lengths()?;
        Ok(header)
    }

    fn check_lengths(&self) -> Result<()> {
        let least = (BATCH_HEADER_LEN - BATCH_LENGTH_PREFIX_LEN) as i32;
        for (what, length, least) in [
            ("record batch", self.batch_length, least),
            ("record batch offset range", self.last_offset_delta, 0),
            ("record batch count", self.record_count, 0),
        ] {
            if length < least {
                return Err(WireError::InvalidLength { what, length: i64::from(length) });
            }
        }
        Ok(())
    }

    /// Checks what a broker asks of a batch that a producer sends, as Kafka's `LogValidator` does: at least one record, a
    /// count that equals the offset range, no control flag, and a sequence wherever there is a producer id.
    ///
    /// # Errors
    /// [`WireError::InvalidValue`] names the field; a broker answers INVALID_RECORD.
    pub fn check_produced(&self) -> Result<()> {
        let invalid = |what, found, expected| Err(WireError::InvalidValue { what, found, expected });
        if self.record_count <= 0 {
            return invalid("record batch count", i64::from(self.record_count), 1);
        }
        if self.last_offset_delta != self.record_count - 1 {
            let expected = i64::from(self.record_count) - 1;
            return invalid("last offset delta", i64::from(self.last_offset_delta), expected);
        }
        if self.attributes.is_control() {
            return invalid("control flag of a produced batch", 1, 0);
        }
        if self.has_producer_id() {
            if self.base_sequence < 0 {
                return invalid("base sequence", i64::from(self.base_sequence), 0);
            }
            if self.producer_epoch < 0 {
                return invalid("producer epoch", i64::from(self.producer_epoch), 0);
            }
        } else if self.attributes.is_transactional() {
            return invalid("producer id of a transactional batch", self.producer_id, 0);
        }
        Ok(())
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> usize {
        BATCH_LENGTH_PREFIX_LEN + self.batch_length as usize
    }

    /// Offset of the batch's last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// Offset after the batch's last one.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// Sequence number of the last record, wrapped past `i32::MAX` to 0 as Kafka does, or −1 without a producer.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }

    /// Whether an idempotent or transactional producer wrote the batch.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// The timestamp in ms of the record whose delta is given.
    #[inline]
    pub fn record_timestamp(&self, timestamp_delta: i64) -> i64 {
        match self.attributes.timestamp_type() {
            TimestampType::CreateTime => self.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }

    /// The time in ms from which the batch's tombstones may be removed, once compaction has set it.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// Writes all 61 bytes, with the length and CRC that stand in the struct.
    pub(super) fn write(&self, out: &mut [u8; BATCH_HEADER_LEN]) {
        put(out, at::BASE_OFFSET, self.base_offset.to_be_bytes());
        put(out, at::LENGTH, self.batch_length.to_be_bytes());
        put(out, at::LEADER_EPOCH, self.partition_leader_epoch.to_be_bytes());
        put(out, at::MAGIC, MAGIC_V2.to_be_bytes());
        put(out, at::CRC, self.crc.to_be_bytes());
        put(out, at::ATTRIBUTES, self.attributes.bits().to_be_bytes());
        put(out, at::LAST_OFFSET_DELTA, self.last_offset_delta.to_be_bytes());
        put(out, at::BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(out, at::MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(out, at::PRODUCER_ID, self.producer_id.to_be_bytes());
        put(out, at::PRODUCER_EPOCH, self.producer_epoch.to_be_bytes());
        put(out, at::BASE_SEQUENCE, self.base_sequence.to_be_bytes());
        put(out, at::COUNT, self.record_count.to_be_bytes());
    }
}

/// Gives a batch its place in a partition: base offset and leader epoch, both outside the CRC.
///
/// # Errors
/// [`WireError::Truncated`] when `batch` is shorter than a header.
pub fn assign_offset(batch: &mut [u8], base_offset: i64, partition_leader_epoch: i32) -> Result<()> {
    let head = head_mut(batch)?;
    put(head, at::BASE_OFFSET, base_offset.to_be_bytes());
    put(head, at::LEADER_EPOCH, partition_leader_epoch.to_be_bytes());
    Ok(())
}

/// Sets the timestamp type and maximum timestamp of one whole batch and computes its CRC anew, unless both are already so.
///
/// With [`TimestampType::LogAppendTime`] this is the re-stamp that a broker does for `message.timestamp.type=LogAppendTime`; with
/// CreateTime it corrects a maximum that the producer got wrong.
///
/// # Errors
/// As [`BatchHeader::parse`], and [`WireError::InvalidLength`] when `batch` is not exactly one batch.
pub fn set_max_timestamp(
    batch: &mut [u8],
    timestamp_type: TimestampType,
    max_timestamp_ms: i64,
) -> Result<()> {
    let header = BatchHeader::parse(batch)?;
    let attributes = header.attributes.with_timestamp_type(timestamp_type);
    if attributes == header.attributes && max_timestamp_ms == header.max_timestamp {
        return Ok(());
    }
    rewrite(batch, BatchHeader { attributes, max_timestamp: max_timestamp_ms, ..header })
}

/// The identity under which an idempotent or transactional producer numbers its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerStamp {
    /// Producer id from InitProducerId.
    pub producer_id: i64,
    /// Epoch from InitProducerId.
    pub producer_epoch: i16,
    /// Sequence number of the batch's first record in its partition.
    pub base_sequence: i32,
}

impl ProducerStamp {
    /// No identity: a producer without idempotence.
    pub const NONE: Self =
        Self { producer_id: NO_PRODUCER_ID, producer_epoch: NO_PRODUCER_EPOCH, base_sequence: NO_SEQUENCE };
}

/// Gives one whole batch another producer identity, and computes its CRC anew: what a producer does to batches
/// that wait while it gets a new epoch.
///
/// # Errors
/// As [`set_max_timestamp`].
pub fn set_producer(batch: &mut [u8], stamp: ProducerStamp, transactional: bool) -> Result<()> {
    let header = BatchHeader::parse(batch)?;
    let ProducerStamp { producer_id, producer_epoch, base_sequence } = stamp;
    let attributes = header.attributes.with_transactional(transactional);
    rewrite(batch, BatchHeader { attributes, producer_id, producer_epoch, base_sequence, ..header })
}

/// Writes `header` over that of `batch`, which must be exactly one batch, with the CRC of the result.
pub(super) fn rewrite(batch: &mut [u8], header: BatchHeader) -> Result<()> {
    if batch.len() != header.size() {
        return Err(WireError::InvalidLength {
            what: "record batch",
            length: i64::from(header.batch_length),
        });
    }
    header.write(head_mut(batch)?);
    let crc = crc32c(&batch[at::ATTRIBUTES..]);
    put(head_mut(batch)?, at::CRC, crc.to_be_bytes());
    Ok(())
}

fn head_mut(batch: &mut [u8]) -> Result<&mut [u8; BATCH_HEADER_LEN]> {
    let available = batch.len();
    batch.first_chunk_mut().ok_or(WireError::Truncated {
        what: "record batch header",
        needed: BATCH_HEADER_LEN,
        available,
    })
}

#[inline(always)]
fn field<const N: usize>(head: &[u8; BATCH_HEADER_LEN], position: usize) -> [u8; N] {
    std::array::from_fn(|index| head[position + index])
}

#[inline(always)]
fn put<const N: usize>(head: &mut [u8; BATCH_HEADER_LEN], position: usize, value: [u8; N]) {
    head[position..position + N].copy_from_slice(&value);
}
