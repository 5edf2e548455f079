//! What a produced batch must be before it is appended.
//!
//! The order of the checks is Kafka's: shape, size, checksum, records. Records of an uncompressed batch are walked without
//! allocating; a compressed one is opened only where the topic's settings need to see its records (compaction needs keys).

use bytes::{Bytes, BytesMut};
use millstream_log::config::{MessageTimestampType, TopicConfig};
use millstream_wire::compression::{Compression, Decompressor};
use millstream_wire::records::{
    BatchHeader, BatchView, MAGIC_V2, Record, RecordRules, RecordSummary, Records, check_records,
    set_max_timestamp,
};
use millstream_wire::{ErrorCode, WireError};

use crate::coordinator::ProducerIdentity;
use crate::error_code;

/// The first version that may carry zstd.
const ZSTD_SINCE: i16 = 7;
/// Most bytes that a batch may have uncompressed when it is opened to be checked.
pub(super) const UNCOMPRESSED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What batches for a topic are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchRules {
    size_bytes_max: usize,
    require_keys: bool,
    allow_zstd: bool,
    /// Earliest and latest timestamp, in ms; none where the append time replaces them.
    timestamps: Option<(i64, i64)>,
}

impl BatchRules {
    pub(super) fn new(config: &TopicConfig, version: i16, now_ms: i64) -> Self {
        let create_time = config.message_timestamp_type == MessageTimestampType::CreateTime;
        let earliest = now_ms.saturating_sub(config.message_timestamp_before_max_ms);
        let latest = now_ms.saturating_add(config.message_timestamp_after_max_ms);
        Self {
            size_bytes_max: config.max_message_bytes,
            require_keys: config.cleanup_policy.compact,
            allow_zstd: version >= ZSTD_SINCE,
            timestamps: create_time.then_some((earliest, latest)),
        }
    }

    /// What is wrong with a timestamp; −1 stands for none.
    fn outside(&self, timestamp: i64) -> Option<String> {
        let (earliest, latest) = self.timestamps?;
        let is_outside = timestamp >= 0 && !(earliest..=latest).contains(&timestamp);
        is_outside
            .then(|| format!("timestamp {timestamp} is outside of the allowed range {earliest} to {latest}"))
    }
}

/// A batch that may be appended.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) bytes: Bytes,
    pub(super) record_count: u32,
    pub(super) compression: Compression,
    /// Whose transaction it belongs to.
    pub(super) transaction: Option<ProducerIdentity>,
}

/// Why a batch is not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) error: ErrorCode,
    pub(super) message: Option<String>,
    /// The records to blame, counted from 0, and what is wrong with them.
    pub(super) records: Vec<(i32, String)>,
    /// Whether the batch is whole and its checksum right: the answer then names the partition's first offset.
    pub(super) is_of_records: bool,
}

impl Rejected {
    pub(super) fn whole(error: ErrorCode, message: Option<String>) -> Self {
        Self { error, message, records: Vec::new(), is_of_records: false }
    }

    fn batch(error: &WireError) -> Self {
        Self::whole(error_code::of_batch(error), Some(error.to_string()))
    }

    fn of_records(self, records: Vec<(i32, String)>) -> Self {
        Self { records, is_of_records: true, ..self }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::whole(ErrorCode::InvalidRecord, Some(message.into()))
    }
}

/// Checks the only batch of a partition's records.
pub(super) fn check(bytes: Bytes, rules: &BatchRules) -> Result<Checked, Rejected> {
    let view = only_batch(&bytes)?;
    let header = *view.header();
    if bytes.len() > rules.size_bytes_max {
        let (size_bytes, limit) = (bytes.len(), rules.size_bytes_max);
        let message =
            format!("the record batch of {size_bytes} bytes exceeds the topic's max.message.bytes = {limit}");
        return Err(Rejected::whole(ErrorCode::MessageTooLarge, Some(message)));
    }
    view.check_crc().map_err(|error| Rejected::batch(&error))?;
    let summary = check_content(&view, rules)?;
    let record_count = header.record_count.unsigned_abs();
    let producer = ProducerIdentity { id: header.producer_id, epoch: header.producer_epoch };
    let transaction = header.attributes.is_transactional().then_some(producer);
    let compression = header.attributes.compression();
    let Some(summary) = summary.filter(|summary| summary.max_timestamp != header.max_timestamp) else {
        return Ok(Checked { bytes, record_count, compression, transaction });
    };
    // Readers by time rely on the header, so it is corrected.
    let mut corrected = BytesMut::from(&bytes[..]);
    set_max_timestamp(&mut corrected, header.attributes.timestamp_type(), summary.max_timestamp)
        .map_err(|error| Rejected::batch(&error))?;
    Ok(Checked { bytes: corrected.freeze(), record_count, compression, transaction })
}

/// The batch, if it is the only one and whole.
fn only_batch(bytes: &Bytes) -> Result<BatchView<'_>, Rejected> {
    let not_one = || Rejected::invalid("a produce request must have exactly one record batch per partition");
    match BatchView::parse(bytes) {
        Ok(view) if view.bytes().len() == bytes.len() => Ok(view),
        Ok(_) | Err(WireError::Truncated { .. }) => Err(not_one()),
        Err(error @ WireError::UnsupportedMagic { magic }) if !(0..MAGIC_V2).contains(&magic) => {
            Err(Rejected::whole(ErrorCode::CorruptMessage, Some(error.to_string())))
        }
        Err(error) => Err(Rejected::batch(&error)),
    }
}

/// Checks what the checksum covers.
fn check_content(view: &BatchView<'_>, rules: &BatchRules) -> Result<Option<RecordSummary>, Rejected> {
    let header = view.header();
    header.check_produced().map_err(|error| Rejected::batch(&error).of_records(Vec::new()))?;
    if header.attributes.compression() == Compression::Zstd && !rules.allow_zstd {
        let message = "produce requests before version 7 cannot carry zstd".to_owned();
        return Err(Rejected::whole(ErrorCode::UnsupportedCompressionType, Some(message)));
    }
    let summary = match check_body(view, rules) {
        Ok(summary) => summary,
        Err(error @ WireError::MissingKey { .. }) => {
            let blamed =
                blame(view, |record, _| record.key.is_none().then(|| "the record has no key".to_owned()));
            return Err(Rejected::batch(&error).of_records(blamed));
        }
        Err(error) => return Err(Rejected::batch(&error).of_records(Vec::new())),
    };
    let (min_ms, max_ms) = match &summary {
        Some(summary) => (summary.min_timestamp, summary.max_timestamp),
        None => (header.max_timestamp, header.max_timestamp),
    };
    if let Some(message) = [min_ms, max_ms].into_iter().find_map(|timestamp| rules.outside(timestamp)) {
        let blamed =
            blame(view, |record, header| rules.outside(header.record_timestamp(record.timestamp_delta)));
        return Err(Rejected::whole(ErrorCode::InvalidTimestamp, Some(message)).of_records(blamed));
    }
    Ok(summary)
}

/// The records of a batch that is refused, of which `what_is_wrong` says something.
fn blame(
    view: &BatchView<'_>,
    what_is_wrong: impl Fn(&Record<'_>, &BatchHeader) -> Option<String>,
) -> Vec<(i32, String)> {
    let header = view.header();
    let body = match header.attributes.compression() {
        Compression::None => Ok(Bytes::copy_from_slice(view.body())),
        codec => Decompressor::default().decompress(codec, view.body(), UNCOMPRESSED_BYTES_MAX),
    };
    let body = body.unwrap_or_default();
    let records = (0..).zip(Records::new(&body, header).map_while(Result::ok));
    records.filter_map(|(index, record)| Some((index, what_is_wrong(&record, header)?))).collect()
}

/// Checks the records where they are looked at.
fn check_body(view: &BatchView<'_>, rules: &BatchRules) -> Result<Option<RecordSummary>, WireError> {
    let header = view.header();
    let record_rules = RecordRules { require_keys: rules.require_keys };
    let checked = match header.attributes.compression() {
        Compression::None => check_records(view.body(), header, record_rules),
        _ if !rules.require_keys => return Ok(None),
        codec => Decompressor::default()
            .decompress(codec, view.body(), UNCOMPRESSED_BYTES_MAX)
            .and_then(|body| check_records(&body, header, record_rules)),
    };
    checked.map(Some)
}
