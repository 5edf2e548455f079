//! The log as the broker uses it: no caller of this module ever waits for a disk, except on threads made for it.
//!
//! The log's own API is synchronous. Appends go to the disk thread of their partition, everything else that may touch a
//! file to the threads that read; both tell when they are done. What only looks at offsets in memory is answered at once.

pub(crate) mod buffers;
pub(crate) mod coordinator_topic;
pub(crate) mod disk;
pub(crate) mod participants;
pub(crate) mod partition;
pub(crate) mod topics;

pub(crate) use buffers::{Reach, RecordBuffers};
pub(crate) use disk::DiskThreads;
#[cfg(test)]
pub(crate) use disk::DisksByHand;
pub(crate) use partition::{Partition, Traffic, Watched, Watcher};
pub(crate) use topics::{Topic, TopicTable};
