//! The records of `__transaction_state`: Kafka's own, so that its tools read our files and we read its.
//!
//! The key is the transactional id, the value all that is to be kept of it; a record without a value takes the id back.
//! Written in version 1, which has the fields of KIP-890; version 0 is read.

use bytes::Bytes;
use millstream_wire::WireError;
use millstream_wire::messages::transaction_log_record::{
    PartitionsSchema, TransactionLogKey, TransactionLogValue,
};
use millstream_wire::protocol::{CoordinatorKey, Message};

use super::partitions::TopicPartitions;
use super::state::{Transaction, TransactionState, TransactionVersion};
use crate::coordinator::{EncodedRecord, ProducerIdentity};

/// Version of the value that is written.
const VALUE_VERSION: i16 = 1;
/// Stands for no producer id.
const NO_PRODUCER_ID: i64 = -1;

/// Writes down a transactional id, or that there is none of this name any more.
pub(super) fn encode(id: &str, transaction: Option<&Transaction>) -> Result<EncodedRecord, WireError> {
    let key = TransactionLogKey { transactional_id: id.to_owned() };
    Ok(EncodedRecord { key: key.encode_key()?, value: transaction.map(encode_value).transpose()? })
}

fn encode_value(transaction: &Transaction) -> Result<Bytes, WireError> {
    let partitions = transaction.partitions.topics().map(|(topic, partitions)| PartitionsSchema {
        topic: topic.to_owned(),
        partition_ids: partitions.iter().copied().collect(),
    });
    let value = TransactionLogValue {
        producer_id: transaction.producer.id,
        previous_producer_id: transaction.previous_producer_id,
        next_producer_id: transaction.next_producer_id.unwrap_or(NO_PRODUCER_ID),
        producer_epoch: transaction.producer.epoch,
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_status: transaction.state.number(),
        // Kafka has none, rather than an empty list, where no transaction was.
        transaction_partitions: (transaction.state != TransactionState::Empty).then(|| partitions.collect()),
        transaction_last_update_timestamp_ms: transaction.update_ms,
        transaction_start_timestamp_ms: transaction.start_ms,
        client_transaction_version: transaction.version.number(),
        ..TransactionLogValue::default()
    };
    value.encode_with_version(VALUE_VERSION)
}

/// Reads a record. None is a record of a kind that this broker does not know.
pub(super) fn decode(
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<Option<(String, Option<Transaction>)>, WireError> {
    if !key.starts_with(&TransactionLogKey::TYPE.to_be_bytes()) {
        return Ok(None);
    }
    let key = TransactionLogKey::decode_key(Bytes::copy_from_slice(key))?;
    let transaction = value.map(decode_value).transpose()?;
    Ok(Some((key.transactional_id, transaction)))
}

fn decode_value(value: &[u8]) -> Result<Transaction, WireError> {
    let value = TransactionLogValue::decode_with_version(Bytes::copy_from_slice(value))?;
    let found = value.transaction_status;
    let state = TransactionState::from_number(found).ok_or(WireError::InvalidValue {
        what: "state of a transaction",
        found: i64::from(found),
        expected: i64::from(TransactionState::CompleteAbort.number()),
    })?;
    let topics = value.transaction_partitions.unwrap_or_default();
    let partitions: TopicPartitions = topics
        .iter()
        .flat_map(|topic| topic.partition_ids.iter().map(|&partition| (&topic.topic, partition)))
        .collect();
    Ok(Transaction {
        producer: ProducerIdentity { id: value.producer_id, epoch: value.producer_epoch },
        previous_producer_id: value.previous_producer_id,
        next_producer_id: Some(value.next_producer_id).filter(|&id| id != NO_PRODUCER_ID),
        last_epoch: -1,
        timeout_ms: value.transaction_timeout_ms,
        state,
        partitions,
        start_ms: value.transaction_start_timestamp_ms,
        update_ms: value.transaction_last_update_timestamp_ms,
        version: TransactionVersion::from_number(value.client_transaction_version),
    })
}

#[cfg(test)]
mod tests;
