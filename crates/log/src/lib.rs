//! The log: Kafka's own segment files, their recovery and retention, and the metadata log.
//!
//! [`LogStore`] is an open data directory; [`Topic`] and [`PartitionLog`] are what it holds. A partition takes whole record
//! batches ([`PartitionLog::append`]) and gives slices of files ([`PartitionLog::read`]); when an append may be acknowledged is
//! told by its [`Acknowledgement`] and the partition's [`PartitionListener`], as the store's [`FsyncPolicy`] has it.
//!
//! Everything is synchronous and may wait for the disk, except what only looks at numbers: call it from threads that serve
//! no sockets. The formats are drawn in `docs/formats/log-directory.md` and `docs/formats/metadata-log.md`.
//!
//! *Architecture invariants*: all I/O goes through [`fs`], so that crashes can be simulated at every operation; no bytes of records are
//! decoded but headers and markers (one batch to find a record by its timestamp, and what compaction looks at); nothing here knows requests, groups or clients.
//!
//! Transactions are here as far as they concern one partition: who may write ([`PartitionLog::enrol`]), how they end
//! ([`PartitionLog::append_marker`]), and which aborted ones a reader must skip ([`ReadSlices::aborted`]).
//!
//! Not here: the transaction coordinator, replication.
pub mod checkpoint;
mod clock;
pub mod config;
mod context;
mod data_directory;
mod durability;
mod error;
mod files;
pub mod fs;
mod leader_epoch;
pub mod metadata;
mod names;
mod partition;
mod producer_state;
mod segment;
mod space;
mod store;
#[cfg(test)]
mod testing;
mod topic_id;
pub use clock::{Clock, HeldClock, SystemClock};
pub use data_directory::{FORMAT_VERSION, PreviousRun};
pub use durability::{FsyncPolicy, SYNC_INTERVAL};
pub use error::{ErrorKind, LogError, Result};
pub use leader_epoch::EpochEnd;
pub use names::check_topic_name;
pub use partition::{
    Acknowledgement, ActiveProducer, Appended, DamagedPlace, EndTransaction, FileSlice, FoundOffset,
    OffsetSpec, PartitionListener, PartitionLog, ReadBound, ReadRequest, ReadSlices,
};
pub use segment::AbortedTransaction;
pub use store::{
    CHECKPOINT_INTERVAL, CompactionOptions, LogStore, NewTopic, PARTITIONS_MAX, RETENTION_INTERVAL,
    StoreOptions, Topic,
};
pub use topic_id::{id_text, parse_id, random_id};
