//! The log: Kafka's own segment files, their recovery and retention, and the metadata log.
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
    Acknowledgement, Appended, FileSlice, FoundOffset, OffsetSpec, PartitionListener, PartitionLog,
    ReadBound, ReadRequest, ReadSlices,
};
pub use store::{
    CHECKPOINT_INTERVAL, LogStore, NewTopic, PARTITIONS_MAX, RETENTION_INTERVAL, StoreOptions, Topic,
};
pub use topic_id::{id_text, parse_id, random_id};
