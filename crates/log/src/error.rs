//! The one error type of this crate.
//!
//! Callers look at [`LogError::kind`] to choose what to do: answer a client that its input is wrong, take the partition
//! offline, stop the process. The mapping to Kafka's error codes is the broker's.

use std::io;
use std::path::{Path, PathBuf};

use millstream_wire::WireError;

/// What went wrong in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operating system refused an operation on a file.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// The operation, as a verb ("write", "sync").
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another process (or another store of this process) uses the data directory.
    #[error(
        "data directory {} is in use by another process; stop that one, or choose another directory with --data-dir",
        path.display()
    )]
    DirectoryLocked {
        /// The data directory.
        path: PathBuf,
    },
    /// A newer release wrote the data directory.
    #[error(
        "data directory {} has format version {found}, this release reads up to {supported}; start it with the newer release",
        path.display()
    )]
    FormatTooNew {
        /// The data directory.
        path: PathBuf,
        /// Version that the directory carries.
        found: u32,
        /// Newest version that this release reads.
        supported: u32,
    },
    /// The directory holds files, but not ours.
    #[error(
        "{} holds {file:?} but is no Millstream data directory; choose an empty directory, or import its topics",
        path.display()
    )]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
        /// A file that tells whose it is.
        file: String,
    },
    /// Bytes that were written and synced are no longer what they were. Nothing was cut or changed.
    #[error("{what} is corrupt at byte {position} of {}; restore the file from a copy", path.display())]
    Corrupt {
        /// The structure that was being read.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
    },
    /// The metadata log holds a record that this release does not know.
    #[error(
        "{} holds a record of type {record_type} version {version}, which this release does not know; start it with the newer release",
        path.display()
    )]
    UnknownMetadataRecord {
        /// The metadata log's file.
        path: PathBuf,
        /// The record's type number.
        record_type: u16,
        /// The record's version.
        version: u16,
    },
    /// The metadata log failed a write or a sync before: what the disk holds is unknown until a restart reads it.
    #[error("the metadata log stopped after a failed write; restart to recover from what reached the disk")]
    MetadataOffline,
    /// The partition failed a write or a sync before: what the disk holds is unknown until a restart reads it.
    #[error(
        "partition {topic}-{partition} is offline after a failed write, sync or check; see the log for the cause"
    )]
    PartitionOffline {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: i32,
    },
    /// The partition's topic was deleted.
    #[error("partition {topic}-{partition} was deleted")]
    PartitionDeleted {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: i32,
    },
    /// No such topic, or it has another id.
    #[error("topic {topic:?} does not exist")]
    UnknownTopic {
        /// Name, or id where it was asked for by id.
        topic: String,
    },
    /// A topic of that name is there.
    #[error("topic {topic:?} already exists")]
    TopicExists {
        /// The name.
        topic: String,
    },
    /// A topic cannot have this name.
    #[error("topic name {topic:?} is invalid: {reason}")]
    InvalidTopicName {
        /// The name.
        topic: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A topic name that differs only in `.` and `_` from one that exists: their metrics would collide.
    #[error("topic name {topic:?} collides with the existing topic {existing:?}")]
    TopicNameCollision {
        /// The new name.
        topic: String,
        /// The topic that is there.
        existing: String,
    },
    /// A topic needs at least one partition, its count never falls, and there is a limit.
    #[error("{count} partitions are not possible; allowed are {least} to {most}")]
    InvalidPartitionCount {
        /// The count asked for.
        count: i32,
        /// The least allowed.
        least: i32,
        /// The most allowed.
        most: i32,
    },
    /// There is no topic configuration of this name.
    #[error("unknown topic config {key:?}{}", suggest(nearest.as_ref()))]
    UnknownConfig {
        /// The key.
        key: String,
        /// The nearest known key, if any is near.
        nearest: Option<&'static str>,
    },
    /// A configuration value is not allowed.
    #[error("invalid value {value:?} for configuration {key}: {expected}")]
    InvalidConfig {
        /// The key.
        key: &'static str,
        /// The value as given.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A read outside what the partition holds and shows.
    #[error("offset {requested} is out of range; the partition holds {log_start_offset} to {end_offset}")]
    OffsetOutOfRange {
        /// The offset asked for.
        requested: i64,
        /// First offset that is there.
        log_start_offset: i64,
        /// Offset after the last that may be read.
        end_offset: i64,
    },
    /// What is left on the disk is kept for the broker's own records. Nothing was appended; later it may be.
    #[error(
        "{available_bytes} bytes are left on the disk of {}, of which {reserve_bytes} are reserved; remove data or lower retention",
        path.display()
    )]
    DiskReserve {
        /// The data directory.
        path: PathBuf,
        /// Bytes that may still be written.
        available_bytes: u64,
        /// Bytes that clients' records must leave.
        reserve_bytes: u64,
    },
    /// The bytes to append are no sound record batches.
    #[error(transparent)]
    InvalidBatch(#[from] WireError),
    /// A batch larger than the topic's `max.message.bytes`.
    #[error("a record batch of {size} bytes exceeds max.message.bytes = {limit}")]
    MessageTooLarge {
        /// The batch's size in bytes.
        size: usize,
        /// The topic's limit in bytes.
        limit: usize,
    },
    /// The batches of one append do not fit in a segment.
    #[error("{size} bytes of record batches exceed segment.bytes = {limit}")]
    RecordListTooLarge {
        /// All batches together, in bytes.
        size: usize,
        /// The topic's limit in bytes.
        limit: usize,
    },
    /// The batch's sequence number does not follow the producer's last one.
    #[error("producer {producer_id} sent sequence {found} after {last} on {topic}-{partition}")]
    OutOfOrderSequence {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: i32,
        /// The producer.
        producer_id: i64,
        /// First sequence number of the batch.
        found: i32,
        /// Last sequence number that was appended, −1 for none.
        last: i32,
    },
    /// The batch's producer epoch is older than the newest one seen.
    #[error("producer {producer_id} sent epoch {found}, the current one is {current}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// Epoch of the batch.
        found: i16,
        /// Newest epoch seen in the partition.
        current: i16,
    },
    /// A transactional batch of a producer whose open transaction, if it has one, does not include the partition.
    #[error(
        "producer {producer_id} with epoch {producer_epoch} has no open transaction on {topic}-{partition}; add the partition to the transaction first"
    )]
    NotInTransaction {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: i32,
        /// The producer.
        producer_id: i64,
        /// Epoch of the batch.
        producer_epoch: i16,
    },
    /// A batch outside transactions of a producer whose transaction is open.
    #[error("producer {producer_id} sent a batch outside its open transaction on {topic}-{partition}")]
    OutsideTransaction {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: i32,
        /// The producer.
        producer_id: i64,
    },
    /// A marker of a transaction coordinator that a newer one has replaced.
    #[error(
        "coordinator epoch {found} ends a transaction of producer {producer_id}, the current one is {current}"
    )]
    CoordinatorFenced {
        /// The producer.
        producer_id: i64,
        /// Epoch of the marker.
        found: i32,
        /// Newest epoch seen in the partition.
        current: i32,
    },
}

fn suggest(nearest: Option<&&'static str>) -> String {
    nearest.map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}

/// What a caller can do about a [`LogError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The disk failed: the partition (or the store) is no longer served.
    Storage,
    /// The store cannot be opened as things are; its message has the next step for the user.
    Refused,
    /// Stored bytes are damaged: quarantine, report, never serve.
    Corrupt,
    /// The partition is offline, its topic gone or unknown: refresh the metadata.
    Unavailable,
    /// The caller's input breaks a rule.
    InvalidInput,
    /// The offset is not there: reset it.
    OutOfRange,
    /// A producer's sequence, epoch or transaction is refused, or its coordinator's epoch.
    Fenced,
    /// What is to be created is there.
    Exists,
}

impl LogError {
    /// The coarse class of this error, by what a caller does about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } | Self::MetadataOffline | Self::DiskReserve { .. } => ErrorKind::Storage,
            Self::DirectoryLocked { .. }
            | Self::FormatTooNew { .. }
            | Self::ForeignDirectory { .. }
            | Self::UnknownMetadataRecord { .. } => ErrorKind::Refused,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::PartitionOffline { .. } | Self::PartitionDeleted { .. } | Self::UnknownTopic { .. } => {
                ErrorKind::Unavailable
            }
            Self::InvalidTopicName { .. }
            | Self::TopicNameCollision { .. }
            | Self::InvalidPartitionCount { .. }
            | Self::UnknownConfig { .. }
            | Self::InvalidConfig { .. }
            | Self::InvalidBatch(_)
            | Self::MessageTooLarge { .. }
            | Self::RecordListTooLarge { .. } => ErrorKind::InvalidInput,
            Self::OffsetOutOfRange { .. } => ErrorKind::OutOfRange,
            Self::OutOfOrderSequence { .. }
            | Self::InvalidProducerEpoch { .. }
            | Self::NotInTransaction { .. }
            | Self::OutsideTransaction { .. }
            | Self::CoordinatorFenced { .. } => ErrorKind::Fenced,
            Self::TopicExists { .. } => ErrorKind::Exists,
        }
    }

    /// Whether the disk is full: space may come back, so nothing goes offline for it.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::DiskReserve { .. } => true,
            _ => false,
        }
    }
}

/// Result of this crate's operations.
pub type Result<T, E = LogError> = std::result::Result<T, E>;

/// Names the operation and the file of a failed system call.
pub(crate) trait IoContext<T> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| LogError::Io { operation, path: path.to_owned(), source })
    }
}
