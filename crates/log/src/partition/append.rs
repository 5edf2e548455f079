//! Appending record batches.
//!
//! The caller has checked the batches' checksums and records. Here they get offsets and the leader epoch: both lie in
//! the first 16 bytes of a batch, outside the checksum, so the bytes are written from the caller's buffer with those 16
//! replaced, in one vectored write. Only `message.timestamp.type=LogAppendTime` needs a copy, because it changes what the
//! checksum covers.

use std::borrow::Cow;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use millstream_wire::WireError;
use millstream_wire::records::{Batches, Tail, TimestampType, set_max_timestamp};

use super::transactions::Marker;
use super::{EndedTransaction, Mark, PartitionLog, View, Writer};
use crate::checkpoint::{
    LEADER_EPOCH_FILE, PARTITION_METADATA_FILE, write_leader_epochs, write_partition_metadata,
};
use crate::config::{MessageTimestampType, TopicConfig};
use crate::durability::FsyncPolicy;
use crate::error::IoContext;
use crate::fs::{Durable, write_all_at};
use crate::producer_state::{ProducerBatch, ProducerEntry, SequenceCheck, check_sequence};
use crate::segment::scan::ScannedBatch;
use crate::segment::{AppendShape, SEGMENT_BYTES_MAX, Segment};
use crate::{LogError, Result};

/// Bytes at the front of a batch that an append replaces: base offset, length (unchanged), leader epoch.
const HEAD_LEN: usize = 16;
/// A batch up to this size is copied behind its head: that costs less than telling the system of two places.
const SMALL_BYTES_MAX: usize = 1024;

/// When an append may be acknowledged: once the high watermark has reached `offset`. Under the policies `none` and `interval`
/// it has when the append returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Offset that the high watermark must reach.
    pub offset: i64,
}

impl Acknowledgement {
    /// Whether it may be given now. If not, [`super::PartitionListener::high_watermark_advanced`] will tell when.
    ///
    /// # Errors
    /// [`LogError::PartitionOffline`] when it never may.
    pub fn is_due(&self, partition: &PartitionLog) -> Result<bool> {
        if partition.high_watermark() >= self.offset {
            return Ok(true);
        }
        partition.check_available().map(|_| false)
    }
}

/// Where an append went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// First offset of the partition.
    pub log_start_offset: i64,
    /// The time that all records got, in ms; −1 where they keep their own.
    pub log_append_time_ms: i64,
    /// Whether the batch had been appended before: the offsets are those of the original.
    pub duplicate: bool,
    /// When the append may be acknowledged.
    pub acknowledgement: Acknowledgement,
}

/// Whose batches are appended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    /// Anybody's.
    Records,
    /// Those of a client of transaction version 2.
    Version2,
    /// A marker's one batch.
    Marker(&'a Marker),
}

impl<'a> Origin<'a> {
    fn marker(self) -> Option<&'a Marker> {
        match self {
            Self::Marker(marker) => Some(marker),
            Self::Records | Self::Version2 => None,
        }
    }
}

impl PartitionLog {
    /// Appends one or more record batches, whose checksums and records the caller has checked. Returns once they are
    /// in the page cache; [`Appended::acknowledgement`] tells when they are as durable as the policy asks.
    ///
    /// A transactional batch needs its producer enrolled ([`Self::enrol`]); one without a base sequence is a coordinator's.
    ///
    /// # Errors
    /// [`LogError::InvalidBatch`], [`LogError::MessageTooLarge`], [`LogError::RecordListTooLarge`],
    /// [`LogError::OutOfOrderSequence`], [`LogError::InvalidProducerEpoch`], [`LogError::NotInTransaction`],
    /// [`LogError::OutsideTransaction`]; [`LogError::DiskReserve`]; [`LogError::Io`], after which the partition holds what it held before; as [`Self::open`].
    pub fn append(self: &Arc<Self>, batches: &[u8]) -> Result<Appended> {
        self.append_with_space(batches, Origin::Records)
    }

    /// As [`Self::append`], for clients of transaction version 2 (Produce 12 and later, KIP-890): of a producer that the partition knows nothing
    /// of, it takes no transactional batch but the first. Whatever came before it is lost, or is still on its way.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_of_version_2(self: &Arc<Self>, batches: &[u8]) -> Result<Appended> {
        self.append_with_space(batches, Origin::Version2)
    }

    fn append_with_space(self: &Arc<Self>, batches: &[u8], origin: Origin<'_>) -> Result<Appended> {
        self.context.space.check(self.context.fs(), self.context.root(), batches.len())?;
        self.append_batches(batches, origin)
    }

    /// As [`Self::append`], also when only the reserve is left on the disk: for records without which the broker cannot go on.
    ///
    /// # Errors
    /// As [`Self::append`], but for [`LogError::DiskReserve`].
    pub fn append_from_reserve(self: &Arc<Self>, batches: &[u8]) -> Result<Appended> {
        self.append_batches(batches, Origin::Records)
    }

    /// Appends batches of records, or the one batch that is a marker.
    pub(super) fn append_batches(self: &Arc<Self>, batches: &[u8], origin: Origin<'_>) -> Result<Appended> {
        let config = self.config();
        let mut writer = self.writer()?;
        let mut scratch = std::mem::take(&mut writer.batches);
        scratch.clear();
        let outcome = parse(batches, &config, origin.marker().is_some(), &mut scratch)
            .and_then(|()| self.append_parsed(&mut writer, &config, batches, &mut scratch, origin));
        writer.batches = scratch;
        writer.producer_changes.clear();
        drop(writer);
        let (appended, mark) = outcome?;
        if let Some(mark) = mark {
            if self.context.policy != FsyncPolicy::Group {
                self.flush_if_due(&config)?;
            }
            match self.context.policy {
                FsyncPolicy::None => {
                    // The segment before is finished: it is synced in the background.
                    if mark.segment_base == appended.base_offset && appended.base_offset > 0 {
                        self.enqueue_sync();
                    }
                    self.advance_high_watermark(mark);
                }
                FsyncPolicy::Interval => {
                    self.enqueue_sync();
                    self.advance_high_watermark(mark);
                }
                FsyncPolicy::Group => self.enqueue_sync(),
            }
        }
        Ok(appended)
    }

    /// The append under the writer's lock; no mark means that nothing was written.
    fn append_parsed(
        self: &Arc<Self>,
        writer: &mut Writer,
        config: &TopicConfig,
        bytes: &[u8],
        batches: &mut [ScannedBatch],
        origin: Origin<'_>,
    ) -> Result<(Appended, Option<Mark>)> {
        let marker = origin.marker();
        let now_ms = self.context.clock.now_ms();
        let log_end_offset = self.log_end_offset();
        let mut next_offset = log_end_offset;
        for batch in &mut *batches {
            if let Some(marker) = marker {
                writer.check_marker(marker)?;
            } else if let Some(original) = self.check_producer(writer, batch, origin)? {
                return Ok((self.duplicate(&original), None));
            }
            batch.header.base_offset = next_offset;
            batch.header.partition_leader_epoch = self.context.leader_epoch;
            next_offset = batch.header.next_offset();
            writer.note_producer(batch, marker, now_ms);
        }
        let append_time_ms =
            (config.message_timestamp_type == MessageTimestampType::LogAppendTime).then_some(now_ms);
        let bytes = stamp(bytes, batches, append_time_ms)?;
        let shape = AppendShape {
            bytes: bytes.len() as u64,
            last_offset: next_offset - 1,
            max_timestamp_ms: batches.iter().map(|batch| batch.header.max_timestamp).max().unwrap_or(-1),
        };
        let segment = self.writable_segment(writer, config, &shape, now_ms)?;
        self.write_epochs(writer)?;
        let mark = self.write(writer, &segment, &bytes, batches)?;
        let ended = marker.and_then(|marker| writer.open_transaction(marker.producer_id));
        for (producer_id, entry) in writer.producer_changes.drain(..) {
            writer.producers.insert(producer_id, entry);
        }
        writer.bytes_since_snapshot += shape.bytes;
        for batch in &*batches {
            segment.add_batch(batch, config);
        }
        let ended =
            ended.map(|first_offset| EndedTransaction { first_offset, marker_offset: log_end_offset });
        if let Some(marker) = marker {
            self.finish_marker(writer, &segment, marker, ended);
        }
        self.publish_end(writer, mark, ended);
        // The batches are in the log: index entries that cannot be written now are written later, or made anew.
        if let Err(error) = segment.flush_indexes_if_due(&self.context.cache) {
            tracing::warn!(topic = %self.topic, partition = self.index, %error, "index entries were not written");
        }
        let appended = Appended {
            base_offset: log_end_offset,
            last_offset: next_offset - 1,
            log_start_offset: self.log_start_offset(),
            log_append_time_ms: append_time_ms.unwrap_or(-1),
            duplicate: false,
            acknowledgement: Acknowledgement { offset: next_offset },
        };
        Ok((appended, Some(mark)))
    }

    /// Checks a batch against its producer's last ones and its transaction; a duplicate gives the original.
    fn check_producer(
        &self,
        writer: &Writer,
        batch: &ScannedBatch,
        origin: Origin<'_>,
    ) -> Result<Option<ProducerBatch>> {
        let header = &batch.header;
        if header.attributes.is_control() {
            let (what, found) = ("control flag of a batch to append", 1);
            return Err(WireError::InvalidValue { what, found, expected: 0 }.into());
        }
        if !header.has_producer_id() {
            return Ok(None);
        }
        let (topic, partition, producer_id) = (|| self.topic.to_string(), self.index, header.producer_id);
        let known = writer.producer(producer_id);
        let begins_late = header.attributes.is_transactional() && header.base_sequence > 0;
        let check = match (known, origin) {
            (None, Origin::Version2) if begins_late => SequenceCheck::OutOfOrder { last_sequence: -1 },
            _ => check_sequence(known, header),
        };
        if matches!(check, SequenceCheck::Next | SequenceCheck::OutOfOrder { .. }) {
            self.check_transaction(writer, header)?;
        }
        match check {
            SequenceCheck::Next => Ok(None),
            SequenceCheck::Duplicate(original) => Ok(Some(original)),
            SequenceCheck::OutOfOrder { last_sequence } => Err(LogError::OutOfOrderSequence {
                topic: topic(),
                partition,
                producer_id,
                found: header.base_sequence,
                last: last_sequence,
            }),
            SequenceCheck::Fenced { current_epoch } => Err(LogError::InvalidProducerEpoch {
                producer_id,
                found: header.producer_epoch,
                current: current_epoch,
            }),
        }
    }

    fn duplicate(&self, original: &ProducerBatch) -> Appended {
        Appended {
            base_offset: original.base_offset(),
            last_offset: original.last_offset,
            log_start_offset: self.log_start_offset(),
            // Of every duplicate, as in Apache Kafka: all that is known of it is its largest timestamp.
            log_append_time_ms: original.timestamp_ms,
            duplicate: true,
            // The original may still wait for its sync.
            acknowledgement: Acknowledgement { offset: original.last_offset + 1 },
        }
    }

    /// The active segment, or a new one where it is full.
    fn writable_segment(
        &self,
        writer: &mut Writer,
        config: &TopicConfig,
        append: &AppendShape,
        now_ms: i64,
    ) -> Result<Arc<Segment>> {
        let active = self.view.read().segments.last().cloned();
        let roll_ms = self.roll_ms.load(Ordering::Relaxed);
        match active {
            Some(active) if !active.is_full_for(append, config, roll_ms, now_ms) => Ok(active),
            _ => self.roll(writer, now_ms),
        }
    }

    /// Ends the active segment and begins the next.
    pub(super) fn roll(&self, writer: &mut Writer, now_ms: i64) -> Result<Arc<Segment>> {
        let view = self.view.read().clone();
        if let Some(active) = view.segments.last() {
            active.seal(&self.context.cache)?;
        }
        if std::mem::take(&mut writer.names_unsynced) {
            // Under every policy: a power cut must not leave a segment without the one before it.
            let directory = self.directory();
            self.context
                .fs()
                .sync_dir(&directory)
                .context("sync", &directory)
                .inspect_err(|error| self.go_offline(error))?;
        }
        self.create_directory(writer)?;
        let base_offset = self.log_end_offset();
        let segment = Arc::new(Segment::new(&self.directory(), base_offset, now_ms));
        segment.create_files(&self.context.cache)?;
        writer.names_unsynced = true;
        if !view.segments.is_empty() {
            self.write_producer_snapshot(writer, base_offset);
        }
        // A segment of the same base is empty: it takes the new one's place.
        let kept = view.segments.iter().filter(|segment| segment.base_offset != base_offset);
        let segments = kept.cloned().chain([segment.clone()]).collect();
        *self.view.write() = Arc::new(View { segments });
        Ok(segment)
    }

    /// Creates the partition's directory before the first segment.
    fn create_directory(&self, writer: &mut Writer) -> Result<()> {
        if writer.has_directory {
            return Ok(());
        }
        let directory = self.directory();
        self.context.fs().create_dir_all(&directory).context("create", &directory)?;
        let path = directory.join(PARTITION_METADATA_FILE);
        write_partition_metadata(self.context.fs(), &path, self.topic_id, Durable::No)?;
        writer.files_unsynced.push(PARTITION_METADATA_FILE);
        writer.has_directory = true;
        writer.own_name_unsynced = true;
        writer.names_unsynced = true;
        Ok(())
    }

    /// Brings the checkpoint of leader epochs up to date before the first append under a new one.
    fn write_epochs(&self, writer: &mut Writer) -> Result<()> {
        if !writer.epochs_unwritten {
            return Ok(());
        }
        let path = self.directory().join(LEADER_EPOCH_FILE);
        write_leader_epochs(self.context.fs(), &path, writer.epochs.entries(), Durable::No)?;
        writer.files_unsynced.push(LEADER_EPOCH_FILE);
        writer.epochs_unwritten = false;
        writer.names_unsynced = true;
        Ok(())
    }

    /// Writes the batches behind the segment's end. What a failed write left is cut off again.
    fn write(
        &self,
        writer: &mut Writer,
        segment: &Arc<Segment>,
        bytes: &[u8],
        batches: &mut [ScannedBatch],
    ) -> Result<Mark> {
        let extent = segment.extent();
        let file = segment.log_file(&self.context.cache)?;
        let heads = &mut writer.heads;
        heads.clear();
        heads.extend(batches.iter().map(|batch| head(bytes, batch)));
        let written = if let ([batch], [head]) = (&*batches, &**heads) {
            let whole = &bytes[..batch.header.size()];
            let mut small = [0; SMALL_BYTES_MAX];
            if let Some(small) = small.get_mut(..whole.len()) {
                small.copy_from_slice(whole);
                small[..HEAD_LEN].copy_from_slice(head);
                write_all_at(&*file, &mut [IoSlice::new(small)], extent.size)
            } else {
                write_all_at(&*file, &mut [IoSlice::new(head), IoSlice::new(&whole[HEAD_LEN..])], extent.size)
            }
        } else {
            let mut slices = Vec::with_capacity(2 * batches.len());
            for (batch, head) in batches.iter().zip(heads) {
                let from = batch.position as usize;
                slices.push(IoSlice::new(head));
                slices.push(IoSlice::new(&bytes[from + HEAD_LEN..from + batch.header.size()]));
            }
            write_all_at(&*file, &mut slices, extent.size)
        };
        if let Err(error) = written {
            let path = segment.log_path();
            let error = LogError::Io { operation: "write", path, source: error };
            // Only a full disk is worth another try, and only if nothing of this one stays.
            if !error.is_disk_full() || file.set_size(extent.size).is_err() {
                self.go_offline(&error);
            }
            return Err(error);
        }
        for batch in &mut *batches {
            batch.position += extent.size;
        }
        Ok(Mark {
            offset: batches.last().map_or(extent.next_offset, |batch| batch.header.next_offset()),
            segment_base: segment.base_offset,
            position: extent.size + bytes.len() as u64,
        })
    }

    /// Shows what was appended to readers of the log's end.
    fn publish_end(&self, writer: &Writer, mark: Mark, ended: Option<EndedTransaction>) {
        let mut marks = self.marks.lock();
        marks.log_end = mark;
        marks.first_open = writer.producers.first_unstable_offset();
        marks.ended.extend(ended);
        self.log_end_offset.store(mark.offset, Ordering::Release);
    }
}

impl Writer {
    /// What is known of a producer, with the batches of the append in progress.
    pub(super) fn producer(&self, producer_id: i64) -> Option<&ProducerEntry> {
        let changed = self.producer_changes.iter().find(|(id, _)| *id == producer_id);
        changed.map(|(_, entry)| entry).or_else(|| self.producers.get(producer_id))
    }

    fn note_producer(&mut self, batch: &ScannedBatch, marker: Option<&Marker>, now_ms: i64) {
        let header = &batch.header;
        if !header.has_producer_id() {
            return;
        }
        let known = self.producer(header.producer_id).copied();
        let mut entry = known.unwrap_or_else(|| ProducerEntry::new(header.producer_epoch, now_ms));
        match marker {
            Some(marker) => {
                entry.end_transaction(header.producer_epoch, marker.coordinator_epoch, now_ms);
            }
            None => entry.add(header, now_ms),
        }
        match self.producer_changes.iter_mut().find(|(id, _)| *id == header.producer_id) {
            Some((_, changed)) => *changed = entry,
            None => self.producer_changes.push((header.producer_id, entry)),
        }
    }
}

/// Reads the headers of the batches to append, with their positions in `bytes`.
fn parse(bytes: &[u8], config: &TopicConfig, is_marker: bool, batches: &mut Vec<ScannedBatch>) -> Result<()> {
    let mut walk = Batches::new(bytes, Tail::MustBeWhole);
    let mut position = 0;
    while let Some(view) = walk.next() {
        let header = *view?.header();
        if header.size() > config.max_message_bytes && !is_marker {
            return Err(LogError::MessageTooLarge { size: header.size(), limit: config.max_message_bytes });
        }
        batches.push(ScannedBatch { position, header });
        position = walk.position() as u64;
    }
    let limit = config.segment_bytes.min(SEGMENT_BYTES_MAX) as usize;
    if bytes.len() > limit {
        return Err(LogError::RecordListTooLarge { size: bytes.len(), limit });
    }
    if batches.is_empty() {
        let (needed, available) = (millstream_wire::records::BATCH_HEADER_LEN, 0);
        return Err(WireError::Truncated { what: "record batch", needed, available }.into());
    }
    Ok(())
}

/// The bytes to write: the caller's, or a copy in which all records have the append's time.
fn stamp<'a>(
    bytes: &'a [u8],
    batches: &mut [ScannedBatch],
    append_time_ms: Option<i64>,
) -> Result<Cow<'a, [u8]>> {
    let Some(append_time_ms) = append_time_ms else { return Ok(Cow::Borrowed(bytes)) };
    let mut stamped = bytes.to_vec();
    for batch in batches {
        let from = batch.position as usize;
        let bytes = &mut stamped[from..from + batch.header.size()];
        set_max_timestamp(bytes, TimestampType::LogAppendTime, append_time_ms)?;
        batch.header.max_timestamp = append_time_ms;
        batch.header.attributes = batch.header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
    }
    Ok(Cow::Owned(stamped))
}

/// The first bytes of a batch with its offset and leader epoch.
fn head(bytes: &[u8], batch: &ScannedBatch) -> [u8; HEAD_LEN] {
    let header = &batch.header;
    let mut head = [0; HEAD_LEN];
    head[..8].copy_from_slice(&header.base_offset.to_be_bytes());
    head[8..12].copy_from_slice(&header.batch_length.to_be_bytes());
    head[12..].copy_from_slice(&header.partition_leader_epoch.to_be_bytes());
    debug_assert_eq!(head[8..12], bytes[batch.position as usize + 8..batch.position as usize + 12]);
    head
}
