//! What a produced batch must be before it is appended.
//!
//! The order of the checks is Kafka's: shape, size, checksum, records. Records of an uncompressed batch are walked without
//! allocating; a compressed one is opened only where the topic's settings need to see its records (compaction needs keys).

use bytes::{Bytes, BytesMut};
use millstream_log::config::{MessageTimestampType, TopicConfig};
use millstream_wire::compression::{Compression, Decompressor};
use millstream_wire::records::{
    BatchHeader, BatchView, RecordRules, RecordSummary, check_records, set_max_timestamp,
};
use millstream_wire::{ErrorCode, WireError};

use crate::coordinator::ProducerIdentity;
use crate::error_code;

/// The first version that may carry zstd.
const ZSTD_SINCE: i16 = 7;
/// Most bytes that a batch may have uncompressed when it is opened to be checked.
const UNCOMPRESSED_BYTES_MAX: usize = 256 * 1024 * 1024;

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
}

/// A batch that may be appended.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) bytes: Bytes,
    pub(super) record_count: u32,
    /// Whose transaction it belongs to.
    pub(super) transaction: Option<ProducerIdentity>,
}

/// Why a batch is not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) error: ErrorCode,
    pub(super) message: Option<String>,
    /// The record to blame, counted from 0, and what is wrong with it.
    pub(super) record: Option<(i32, String)>,
}

impl Rejected {
    pub(super) fn whole(error: ErrorCode, message: Option<String>) -> Self {
        Self { error, message, record: None }
    }

    fn batch(error: &WireError) -> Self {
        let record = match error {
            WireError::MissingKey { index } => {
                i32::try_from(*index).ok().map(|index| (index, error.to_string()))
            }
            _ => None,
        };
        Self { error: error_code::of_batch(error), message: Some(error.to_string()), record }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::whole(ErrorCode::InvalidRecord, Some(message.into()))
    }
}

/// Checks the only batch of a partition's records.
pub(super) fn check(bytes: Bytes, rules: &BatchRules) -> Result<Checked, Rejected> {
    if bytes.is_empty() {
        return Err(Rejected::invalid("a produce request must have exactly one record batch per partition"));
    }
    let view = BatchView::parse(&bytes).map_err(|error| Rejected::batch(&error))?;
    if view.bytes().len() != bytes.len() {
        return Err(Rejected::invalid("a produce request must have exactly one record batch per partition"));
    }
    let header = *view.header();
    check_header(&header, bytes.len(), rules)?;
    view.check_crc().map_err(|error| Rejected::batch(&error))?;
    let record_count = header.record_count.unsigned_abs();
    let producer = ProducerIdentity { id: header.producer_id, epoch: header.producer_epoch };
    let transaction = header.attributes.is_transactional().then_some(producer);
    let Some(summary) = check_body(&view, rules)? else {
        check_timestamps(rules, header.max_timestamp, header.max_timestamp)?;
        return Ok(Checked { bytes, record_count, transaction });
    };
    check_timestamps(rules, summary.min_timestamp, summary.max_timestamp)?;
    if summary.max_timestamp == header.max_timestamp {
        return Ok(Checked { bytes, record_count, transaction });
    }
    // Readers by time rely on the header, so it is corrected.
    let mut corrected = BytesMut::from(&bytes[..]);
    set_max_timestamp(&mut corrected, header.attributes.timestamp_type(), summary.max_timestamp)
        .map_err(|error| Rejected::batch(&error))?;
    Ok(Checked { bytes: corrected.freeze(), record_count, transaction })
}

fn check_header(header: &BatchHeader, size_bytes: usize, rules: &BatchRules) -> Result<(), Rejected> {
    header.check_produced().map_err(|error| Rejected::batch(&error))?;
    if size_bytes > rules.size_bytes_max {
        let limit = rules.size_bytes_max;
        let message =
            format!("the record batch of {size_bytes} bytes exceeds the topic's max.message.bytes = {limit}");
        return Err(Rejected::whole(ErrorCode::MessageTooLarge, Some(message)));
    }
    if header.attributes.compression() == Compression::Zstd && !rules.allow_zstd {
        let message = "produce requests before version 7 cannot carry zstd".to_owned();
        return Err(Rejected::whole(ErrorCode::UnsupportedCompressionType, Some(message)));
    }
    Ok(())
}

/// Checks the records where they are looked at.
fn check_body(view: &BatchView<'_>, rules: &BatchRules) -> Result<Option<RecordSummary>, Rejected> {
    let header = view.header();
    let record_rules = RecordRules { require_keys: rules.require_keys };
    let checked = match header.attributes.compression() {
        Compression::None => check_records(view.body(), header, record_rules),
        _ if !rules.require_keys => return Ok(None),
        codec => Decompressor::default()
            .decompress(codec, view.body(), UNCOMPRESSED_BYTES_MAX)
            .and_then(|body| check_records(&body, header, record_rules)),
    };
    checked.map(Some).map_err(|error| Rejected::batch(&error))
}

fn check_timestamps(rules: &BatchRules, min_ms: i64, max_ms: i64) -> Result<(), Rejected> {
    // −1 stands for no timestamp.
    let Some((earliest, latest)) = rules.timestamps else { return Ok(()) };
    let outside = |timestamp| timestamp >= 0 && !(earliest..=latest).contains(&timestamp);
    let Some(timestamp) = [min_ms, max_ms].into_iter().find(|&timestamp| outside(timestamp)) else {
        return Ok(());
    };
    let message = format!("timestamp {timestamp} is outside of the allowed range {earliest} to {latest}");
    Err(Rejected::whole(ErrorCode::InvalidTimestamp, Some(message)))
}
