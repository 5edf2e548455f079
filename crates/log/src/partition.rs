//! One partition: a list of segments, what is known of its producers and leader epochs, and how far it is durable.
//!
//! A partition costs little until it is used: its directory is created by the first append, and it is opened (and, after a
//! crash, recovered) by the first operation that needs it, on the caller's thread.
//!
//! Appends are serialised by the writer's lock. Readers never take it: they clone the list of segments ([`View`]) and read
//! files through their own handles, so neither waits for the other's I/O.
//!
//! Invariants: log start ≤ high watermark ≤ log end, and none of them falls while the process lives. Bytes below a published
//! position never change. Locks, in order: maintenance's, a sync's, the writer's, the view's, the marks', a segment's.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};
use uuid::Uuid;

use crate::config::TopicConfig;
use crate::context::Context;
use crate::leader_epoch::{EpochEnd, LeaderEpochs};
use crate::names::partition_directory;
use crate::producer_state::{ProducerEntry, ProducerState};
use crate::segment::Segment;
use crate::segment::scan::ScannedBatch;
use crate::{ErrorKind, LogError, Result};

mod append;
mod compaction;
mod damage;
mod follow;
mod lookup;
mod read;
mod recovery;
mod retention;
mod snapshots;
mod sync;
#[cfg(test)]
mod tests;
mod transactions;

pub use append::{Acknowledgement, Appended};
pub(crate) use compaction::{Compactable, CompactionRun};
pub use damage::DamagedPlace;
pub use lookup::{FoundOffset, OffsetSpec};
pub use read::{FileSlice, ReadBound, ReadRequest, ReadSlices};
pub(crate) use sync::{SyncPlan, SyncScope, Unsynced};
pub use transactions::{ActiveProducer, EndTransaction};

/// Hears of a partition's progress. Calls come from appending and syncing threads: they must be short and take no lock
/// under which the log is called.
pub trait PartitionListener: Send + Sync + fmt::Debug {
    /// Records up to `high_watermark` (exclusive) may be read and acknowledged now.
    fn high_watermark_advanced(&self, high_watermark: i64);

    /// The partition failed and answers nothing but errors from now on; whoever waits must be told.
    fn went_offline(&self);
}

/// An offset and where the bytes before it end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    pub(crate) offset: i64,
    pub(crate) segment_base: i64,
    pub(crate) position: u64,
}

/// The segments, oldest first; only the last one grows.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) segments: Vec<Arc<Segment>>,
}

impl View {
    /// Index of the segment that holds `offset`, if the log reaches back so far.
    pub(crate) fn floor(&self, offset: i64) -> Option<usize> {
        self.segments.partition_point(|segment| segment.base_offset <= offset).checked_sub(1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Status {
    Closed,
    Open,
    /// The store stops: the last sync is still to come, appends are refused.
    Closing,
    Offline,
    Deleted,
}

#[derive(Debug, Default)]
struct Marks {
    high_watermark: Mark,
    log_end: Mark,
    /// Where the oldest open transaction begins.
    first_open: Option<i64>,
    /// Transactions whose markers lie above the high watermark: until it has passed them, a crash may open them again.
    ended: Vec<EndedTransaction>,
    /// The place of the first unstable offset, once a reader has looked for it.
    unstable_place: Option<Mark>,
}

impl Marks {
    /// First offset that readers of committed records may not see although it is below the high watermark.
    fn first_unstable(&self, log_start_offset: i64) -> Option<i64> {
        let undecided = self.ended.iter().map(|ended| ended.first_offset);
        let first = undecided.chain(self.first_open).min()?;
        Some(first.max(log_start_offset)).filter(|&first| first < self.high_watermark.offset)
    }
}

/// A transaction that a marker in the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EndedTransaction {
    first_offset: i64,
    marker_offset: i64,
}

/// What only appends, syncs and maintenance touch.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    epochs: LeaderEpochs,
    /// Whether the checkpoint lacks the latest epoch.
    epochs_unwritten: bool,
    producers: ProducerState,
    /// Producers, with their epochs, whose open transactions include this partition.
    enrolled: HashMap<i64, i16>,
    /// Whether the directory exists.
    has_directory: bool,
    /// Whether names in the directory, or its own, were not synced.
    names_unsynced: bool,
    own_name_unsynced: bool,
    /// Small files that were written and not synced.
    files_unsynced: Vec<&'static str>,
    /// Offset of the newest producer snapshot.
    snapshot_offset: i64,
    bytes_since_snapshot: u64,
    /// Removed segments whose files still exist, with the time of their removal.
    discarded: Vec<(i64, Arc<Segment>)>,
    /// Memory reused from append to append.
    batches: Vec<ScannedBatch>,
    heads: Vec<[u8; 16]>,
    producer_changes: Vec<(i64, ProducerEntry)>,
}

/// One partition of a topic.
pub struct PartitionLog {
    context: Arc<Context>,
    topic: Arc<str>,
    topic_id: Uuid,
    index: i32,
    config: RwLock<Arc<TopicConfig>>,
    /// Age at which the active segment ends: `segment.ms` less the jitter. Not the writer's: whoever changes a configuration does not wait for
    /// an append.
    roll_ms: AtomicI64,
    status: AtomicU8,
    writer: Mutex<Writer>,
    view: RwLock<Arc<View>>,
    marks: Mutex<Marks>,
    log_start_offset: AtomicI64,
    log_end_offset: AtomicI64,
    high_watermark: AtomicI64,
    recovery_point: AtomicI64,
    recent_reads: Mutex<read::RecentReads>,
    listener: OnceLock<Arc<dyn PartitionListener>>,
    sync: Mutex<()>,
    sync_queued: AtomicBool,
    /// Generation of the journal that has the newest of its records there.
    journal_generation: AtomicU64,
    /// When everything up to then was synced last, in ms.
    synced_ms: AtomicI64,
    /// Held while segments other than the active one are replaced or removed.
    maintenance: Mutex<()>,
    /// Whether a swap of compaction failed half way: the next start finishes it.
    swap_failed: AtomicBool,
    damage: Mutex<Vec<DamagedPlace>>,
    has_damage: AtomicBool,
}

impl fmt::Debug for PartitionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionLog")
            .field("topic", &self.topic)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl PartitionLog {
    pub(crate) fn new(
        context: Arc<Context>,
        topic: Arc<str>,
        topic_id: Uuid,
        index: i32,
        config: Arc<TopicConfig>,
    ) -> Self {
        let roll_ms = AtomicI64::new(roll_ms(&topic, index, &config));
        Self {
            synced_ms: AtomicI64::new(context.clock.now_ms()),
            roll_ms,
            context,
            topic,
            topic_id,
            index,
            config: RwLock::new(config),
            status: AtomicU8::new(Status::Closed as u8),
            writer: Mutex::default(),
            view: RwLock::default(),
            marks: Mutex::default(),
            log_start_offset: AtomicI64::new(0),
            log_end_offset: AtomicI64::new(0),
            high_watermark: AtomicI64::new(0),
            recovery_point: AtomicI64::new(0),
            recent_reads: Mutex::default(),
            listener: OnceLock::new(),
            sync: Mutex::new(()),
            sync_queued: AtomicBool::new(false),
            journal_generation: AtomicU64::new(0),
            maintenance: Mutex::new(()),
            swap_failed: AtomicBool::new(false),
            damage: Mutex::default(),
            has_damage: AtomicBool::new(false),
        }
    }

    /// Name of the topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Id of the topic.
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// Index of the partition in its topic.
    pub fn index(&self) -> i32 {
        self.index
    }

    /// The topic's configuration.
    pub fn config(&self) -> Arc<TopicConfig> {
        self.config.read().clone()
    }

    pub(crate) fn set_config(&self, config: Arc<TopicConfig>) {
        self.roll_ms.store(roll_ms(&self.topic, self.index, &config), Ordering::Relaxed);
        *self.config.write() = config;
    }

    /// Sets who hears of this partition's progress; only the first call counts.
    pub fn set_listener(&self, listener: Arc<dyn PartitionListener>) {
        _ = self.listener.set(listener);
    }

    /// The epoch under which this process leads the partition.
    pub fn leader_epoch(&self) -> i32 {
        self.context.leader_epoch
    }

    /// Whether the partition was opened: operations that only look at offsets then need no disk.
    pub fn is_open(&self) -> bool {
        self.status() == Status::Open
    }

    /// Whether the partition failed and answers nothing but errors.
    pub fn is_offline(&self) -> bool {
        self.status() == Status::Offline
    }

    /// Opens the partition, which recovers it where the last process was not stopped in order. Every operation does it
    /// where needed; called beforehand, it moves the disk's work to a better moment.
    ///
    /// # Errors
    /// [`LogError::Corrupt`], after which the partition is offline; [`LogError::PartitionOffline`];
    /// [`LogError::PartitionDeleted`]; [`LogError::Io`].
    pub fn open(&self) -> Result<()> {
        if self.is_open() { Ok(()) } else { self.writer().map(drop) }
    }

    /// First offset that is there. It, the next two and the leader epoch need the partition open.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset.load(Ordering::Acquire)
    }

    /// Offset after the last record.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset.load(Ordering::Acquire)
    }

    /// Offset after the last record that may be read and acknowledged.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark.load(Ordering::Acquire)
    }

    /// Offset after the last record that readers of committed records may see.
    pub fn last_stable_offset(&self) -> i64 {
        let marks = self.marks.lock();
        marks.first_unstable(self.log_start_offset()).unwrap_or(marks.high_watermark.offset)
    }

    /// Offset up to which everything is known to be in the partition's files on the disk. What the journal has may be behind it.
    pub fn recovery_point(&self) -> i64 {
        self.recovery_point.load(Ordering::Acquire)
    }

    /// Bytes of all segment files, indexes included.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn size_bytes(&self) -> Result<u64> {
        self.open()?;
        let view = self.view.read().clone();
        Ok(view.segments.iter().map(|segment| segment.extent().size + segment.index_bytes()).sum())
    }

    /// The end of a leader epoch, for OffsetForLeaderEpoch.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn epoch_end(&self, leader_epoch: i32) -> Result<EpochEnd> {
        let writer = self.writer()?;
        Ok(writer.epochs.end_of(leader_epoch, self.log_end_offset()))
    }

    /// Whether the partition's directory exists.
    pub(crate) fn has_files(&self) -> bool {
        self.context.fs().read_dir(&self.directory()).is_ok()
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.context.root.join(partition_directory(&self.topic, self.index))
    }

    fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) {
            0 => Status::Closed,
            1 => Status::Open,
            2 => Status::Closing,
            3 => Status::Offline,
            _ => Status::Deleted,
        }
    }

    fn set_status(&self, status: Status) {
        self.status.store(status as u8, Ordering::Release);
    }

    /// An error unless the partition is open or can be.
    fn check_available(&self) -> Result<Status> {
        let status = self.status();
        if matches!(status, Status::Open | Status::Closed) {
            return Ok(status);
        }
        match status {
            Status::Deleted => {
                let (topic, partition) = (self.topic.to_string(), self.index);
                Err(LogError::PartitionDeleted { topic, partition })
            }
            _ => Err(self.offline_error()),
        }
    }

    pub(crate) fn offline_error(&self) -> LogError {
        LogError::PartitionOffline { topic: self.topic.to_string(), partition: self.index }
    }

    /// The writer's lock on an open partition.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>> {
        let mut writer = self.writer.lock();
        if self.check_available()? == Status::Closed {
            match self.recover(&mut writer) {
                Ok(()) => self.set_status(Status::Open),
                Err(error) => {
                    *writer = Writer::default();
                    if error.kind() == ErrorKind::Corrupt {
                        self.set_status(Status::Offline);
                        tracing::error!(topic = %self.topic, partition = self.index, %error, "partition is quarantined");
                    }
                    return Err(error);
                }
            }
        }
        Ok(writer)
    }

    /// Stops serving the partition after a failure.
    fn go_offline(&self, error: &LogError) {
        if matches!(self.status(), Status::Offline | Status::Deleted) {
            return;
        }
        self.set_status(Status::Offline);
        tracing::error!(topic = %self.topic, partition = self.index, %error, "partition is offline");
        if let Some(listener) = self.listener.get() {
            listener.went_offline();
        }
    }

    /// Moves the high watermark up to `mark`, and tells the listener.
    fn advance_high_watermark(&self, mark: Mark) {
        {
            let mut marks = self.marks.lock();
            if mark.offset <= marks.high_watermark.offset {
                return;
            }
            marks.high_watermark = mark;
            marks.ended.retain(|ended| ended.marker_offset >= mark.offset);
            self.high_watermark.store(mark.offset, Ordering::Release);
        }
        if let Some(listener) = self.listener.get() {
            listener.high_watermark_advanced(mark.offset);
        }
    }
}

fn roll_ms(topic: &str, index: i32, config: &TopicConfig) -> i64 {
    let jitter_max = config.segment_jitter_ms.min(config.segment_ms);
    // Any spread over the partitions will do, so that they do not all end a segment at once.
    let spread = millstream_wire::crc32c(topic.as_bytes()).wrapping_mul(31).wrapping_add(index as u32);
    let jitter_ms = if jitter_max > 0 { i64::from(spread) % jitter_max } else { 0 };
    let roll_ms = config.segment_ms - jitter_ms;
    // What is in the active segment is not compacted.
    if config.cleanup_policy.compact { roll_ms.min(config.max_compaction_lag_ms) } else { roll_ms }
}
