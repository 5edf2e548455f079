//! The log's and the codec's errors as Kafka's error codes. The only place that maps them.

use millstream_log::LogError;
use millstream_wire::{ErrorCode, WireError};

/// The code for a failure of the log.
pub(crate) fn of_log(error: &LogError) -> ErrorCode {
    match error {
        LogError::Io { .. }
        | LogError::MetadataOffline
        | LogError::DiskReserve { .. }
        | LogError::PartitionOffline { .. } => ErrorCode::KafkaStorageError,
        // A consumer stops at the offset and says so, instead of trying for ever.
        LogError::Corrupt { .. } => ErrorCode::CorruptMessage,
        LogError::PartitionDeleted { .. } | LogError::UnknownTopic { .. } => {
            ErrorCode::UnknownTopicOrPartition
        }
        LogError::TopicExists { .. } => ErrorCode::TopicAlreadyExists,
        LogError::InvalidTopicName { .. } | LogError::TopicNameCollision { .. } => {
            ErrorCode::InvalidTopicException
        }
        LogError::InvalidPartitionCount { .. } => ErrorCode::InvalidPartitions,
        LogError::UnknownConfig { .. } | LogError::InvalidConfig { .. } => ErrorCode::InvalidConfig,
        LogError::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        LogError::InvalidBatch(error) => of_batch(error),
        LogError::MessageTooLarge { .. } => ErrorCode::MessageTooLarge,
        LogError::RecordListTooLarge { .. } => ErrorCode::RecordListTooLarge,
        LogError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        LogError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        LogError::NotInTransaction { .. } | LogError::OutsideTransaction { .. } => ErrorCode::InvalidTxnState,
        LogError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
        _ => ErrorCode::UnknownServerError,
    }
}

/// The code for a record batch that a producer should not have sent.
pub(crate) fn of_batch(error: &WireError) -> ErrorCode {
    match error {
        WireError::BadCrc { .. }
        | WireError::Truncated { .. }
        | WireError::InvalidLength { .. }
        | WireError::VarintOverflow { .. }
        | WireError::CorruptCompression { .. } => ErrorCode::CorruptMessage,
        WireError::UnsupportedCompression { .. } => ErrorCode::UnsupportedCompressionType,
        WireError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        _ => ErrorCode::InvalidRecord,
    }
}
