//! What a producer makes of the error code of a batch, as Kafka's own does, and how a batch is given up.

use bytes::Bytes;
use millstream_wire::ErrorCode;
use millstream_wire::compression::Decompressor;
use millstream_wire::records::{Batch, Records};

use super::lane::{BatchTicket, Stamped};
use crate::error::ClientError;
use crate::topic_partition::TopicPartition;

/// The first of a failed batch's key that is shown.
const KEY_BYTES_SHOWN: usize = 64;
/// What is decompressed to show it.
const DECOMPRESSED_BYTES_MAX: usize = 16 << 20;

/// What an error code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The batch is in the log, by this request or an earlier one.
    Acknowledged,
    /// It may pass; with fresh metadata if `stale_metadata`.
    Retry { stale_metadata: bool },
    /// The broker expected another sequence or has lost the producer's state.
    OutOfOrder,
    /// The batch exceeds the topic's limit.
    TooLarge,
    /// Nothing helps.
    Failed,
}

/// Judges the code of a batch.
pub(super) fn judge(code: i16, is_idempotent: bool) -> Verdict {
    use ErrorCode as E;
    match ErrorCode::from_code(code) {
        Some(E::None | E::DuplicateSequenceNumber) => Verdict::Acknowledged,
        Some(E::OutOfOrderSequenceNumber | E::UnknownProducerId | E::InvalidProducerEpoch)
            if is_idempotent =>
        {
            Verdict::OutOfOrder
        }
        Some(E::MessageTooLarge | E::RecordListTooLarge) => Verdict::TooLarge,
        Some(code) if code.is_retriable() => Verdict::Retry { stale_metadata: code.is_stale_metadata() },
        _ => Verdict::Failed,
    }
}

/// Reports that a batch is given up. Its writer fails; dropping the batch afterwards settles it.
pub(super) fn give_up(
    partition: &TopicPartition,
    info: &BatchTicket,
    bytes: Option<&Bytes>,
    cause: ClientError,
) {
    tracing::warn!(%partition, records = info.records, error = %cause, "batch given up");
    info.ticket.fail(&ClientError::Delivery {
        partition: partition.clone(),
        records: info.records,
        first_timestamp_ms: info.first_timestamp_ms,
        first_key: bytes.and_then(first_key),
        cause: Box::new(cause),
    });
}

/// As [`give_up`], for a batch that was sent.
pub(super) fn give_up_stamped(partition: &TopicPartition, batch: &Stamped, cause: ClientError) {
    give_up(partition, &batch.info, Some(&batch.bytes), cause);
}

fn first_key(bytes: &Bytes) -> Option<Bytes> {
    let batch = Batch::parse(bytes).ok()?;
    let body = batch.body(&mut Decompressor::default(), DECOMPRESSED_BYTES_MAX).ok()?;
    let first = Records::new(&body, batch.header()).next()?.ok()?;
    let key = first.key?;
    Some(Bytes::copy_from_slice(&key[..key.len().min(KEY_BYTES_SHOWN)]))
}
