//! Producer snapshots: when they are written, and how the state is rebuilt from one, and the transaction indexes with it.
//!
//! A snapshot is written where a segment begins, at a clean stop, and now and then in between, so that the walk that brings it
//! up to date stays short. Losing one costs a longer walk and nothing else, so none is synced; its checksum tells
//! a torn one.
//!
//! Which transactions were aborted follows from the same walk: the state tells where the transaction of a marker began. An index
//! is complete up to every snapshot of the same run of the machine; after a power cut, those of segments that had to be walked are
//! made anew from the snapshot at or before the first of them.

use millstream_wire::records::ControlRecord;

use super::{PartitionLog, Writer};
use crate::error::IoContext;
use crate::fs::{Durable, OpenMode, read_file, replace_file};
use crate::names::FileKind;
use crate::producer_state::{ProducerState, snapshot};
use crate::segment::AbortedTransaction;
use crate::segment::scan::{BatchScan, ScannedBatch};
use crate::{LogError, Result};

/// Largest snapshot that is read: some two million producers.
const SNAPSHOT_BYTES_MAX: u64 = 512 << 20;
/// Bytes appended since the last snapshot that make another one worth it.
const BYTES_BETWEEN_SNAPSHOTS: u64 = 16 << 20;

/// Whether a replay of the log looks after the transaction indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransactionIndexes {
    Keep,
    Repair,
}

impl PartitionLog {
    /// Writes the state as of `offset`, the log's end. A failure is logged and otherwise ignored.
    pub(super) fn write_producer_snapshot(&self, writer: &mut Writer, offset: i64) {
        let path = FileKind::ProducerSnapshot.path(&self.directory(), offset);
        let bytes = snapshot::encode(&writer.producers);
        let active = self.view.read().segments.last().cloned();
        if let Some(Err(error)) = active.map(|active| active.aborted.flush(&self.context.cache)) {
            // Recovery looks for aborted transactions only behind the snapshot.
            tracing::warn!(%error, path = %path.display(), "producer snapshot was not written");
            return;
        }
        if let Err(error) = replace_file(self.context.fs(), &path, &bytes, Durable::No) {
            tracing::warn!(%error, path = %path.display(), "producer snapshot was not written");
            return;
        }
        let previous = std::mem::replace(&mut writer.snapshot_offset, offset);
        writer.bytes_since_snapshot = 0;
        let at_segment = self.view.read().segments.iter().any(|segment| segment.base_offset == previous);
        if previous != offset && !at_segment {
            self.remove_snapshot(previous);
        }
    }

    /// Makes the snapshot durable from which producers are known once the segments before `offset` are gone.
    pub(super) fn keep_producers(&self, offset: i64) -> Result<()> {
        let (fs, directory) = (self.context.fs(), self.directory());
        let path = FileKind::ProducerSnapshot.path(&directory, offset);
        if self.read_snapshot(offset).is_none() {
            let entries = fs.read_dir(&directory).context("list", &directory)?;
            let mut snapshots: Vec<i64> = entries
                .iter()
                .filter_map(|entry| FileKind::parse(&entry.name))
                .filter_map(|(at, kind)| (kind == FileKind::ProducerSnapshot && at < offset).then_some(at))
                .collect();
            snapshots.sort_unstable();
            let (from, mut state) = self.newest_snapshot(&snapshots);
            self.replay_producers(&mut state, from, offset, TransactionIndexes::Keep)?;
            replace_file(fs, &path, &snapshot::encode(&state), Durable::No).context("write", &path)?;
        }
        fs.open(&path, OpenMode::Existing).and_then(|file| file.sync_data()).context("sync", &path)?;
        fs.sync_dir(&directory).context("sync", &directory)
    }

    /// Writes a snapshot if enough was appended since the last; `closing` counts any byte as enough.
    pub(crate) fn snapshot_producers_if_due(&self, closing: bool) {
        if !self.is_open() {
            return;
        }
        let mut writer = self.writer.lock();
        let due = if closing {
            writer.bytes_since_snapshot > 0
        } else {
            writer.bytes_since_snapshot >= BYTES_BETWEEN_SNAPSHOTS
        };
        if due {
            let offset = self.log_end_offset();
            self.write_producer_snapshot(&mut writer, offset);
        }
    }

    /// Forgets producers that were silent for too long.
    pub(crate) fn expire_producers(&self) {
        if self.is_open() {
            let now_ms = self.context.clock.now_ms();
            self.writer.lock().producers.expire(now_ms, self.context.producer_expiration_ms());
        }
    }

    /// Rebuilds the state from the newest sound snapshot and the batches behind it, and brings the transaction indexes up to
    /// date: those that end at `rebuild_from` or behind it are not trusted at all.
    pub(super) fn load_producers(
        &self,
        writer: &mut Writer,
        snapshots: &[i64],
        log_end_offset: i64,
        rebuild_from: Option<i64>,
    ) -> Result<()> {
        let now_ms = self.context.clock.now_ms();
        let (sound, beyond_end) =
            snapshots.split_at(snapshots.partition_point(|&offset| offset <= log_end_offset));
        if !beyond_end.is_empty() {
            // They are about records that were cut, and must not come back once others have taken their offsets.
            beyond_end.iter().for_each(|&offset| self.remove_snapshot(offset));
            let directory = self.directory();
            self.context.fs().sync_dir(&directory).context("sync", &directory)?;
        }
        let usable = sound.partition_point(|&offset| rebuild_from.is_none_or(|from| offset <= from));
        let (from, mut state) = self.newest_snapshot(&sound[..usable]);
        writer.snapshot_offset = sound.last().copied().unwrap_or(0);
        state.expire(now_ms, self.context.producer_expiration_ms());
        writer.bytes_since_snapshot =
            self.replay_producers(&mut state, from, log_end_offset, TransactionIndexes::Repair)?;
        writer.producers = state;
        Ok(())
    }

    /// The newest sound snapshot of those given (rising offsets), or an empty state as of offset 0.
    fn newest_snapshot(&self, snapshots: &[i64]) -> (i64, ProducerState) {
        let newest = snapshots.iter().rev().find_map(|&offset| Some((offset, self.read_snapshot(offset)?)));
        newest.unwrap_or_default()
    }

    /// Adds the batches from one offset to another; says how many bytes they are.
    fn replay_producers(
        &self,
        state: &mut ProducerState,
        from: i64,
        end: i64,
        indexes: TransactionIndexes,
    ) -> Result<u64> {
        let view = self.view.read().clone();
        let (cache, mut bytes) = (&self.context.cache, 0);
        for segment in &view.segments {
            let extent = segment.extent();
            // An empty segment may still have an index, of a log that a power cut took.
            let is_before = extent.next_offset <= from && segment.base_offset < from;
            if is_before || segment.base_offset > end {
                continue;
            }
            let mut aborted = Vec::new();
            if let Some(first) = segment.find_offset(cache, from, extent.size)? {
                let file = segment.log_file(cache)?;
                let mut scan = BatchScan::new(&*file, segment.log_path(), first.position, extent.size);
                while let Some(batch) = scan.next_sound()?.filter(|batch| batch.header.base_offset < end) {
                    aborted.extend(self.replay_batch(state, &scan, &batch)?);
                    bytes += batch.header.size() as u64;
                }
            }
            if indexes == TransactionIndexes::Repair {
                // In a segment that was walked as a whole, no entry is kept: any may be damaged.
                let kept_before = if from <= segment.base_offset { i64::MIN } else { from };
                segment.aborted.reconcile(cache, kept_before, &aborted)?;
            }
        }
        Ok(bytes)
    }

    /// Adds one batch of the log; the transaction that it aborts, if it does.
    fn replay_batch(
        &self,
        state: &mut ProducerState,
        scan: &BatchScan<'_>,
        batch: &ScannedBatch,
    ) -> Result<Option<AbortedTransaction>> {
        let (header, now_ms) = (&batch.header, self.context.clock.now_ms());
        if !header.attributes.is_control() {
            state.add(header, now_ms);
            return Ok(None);
        }
        let Some(ControlRecord::EndTransaction { committed, coordinator_epoch }) =
            scan.read_control(batch)?
        else {
            return Ok(None);
        };
        let first_offset = state.end_transaction(header, coordinator_epoch, now_ms);
        let last_offset = header.last_offset();
        Ok(first_offset.filter(|_| !committed).map(|first_offset| AbortedTransaction {
            producer_id: header.producer_id,
            first_offset,
            last_offset,
            last_stable_offset: state.first_unstable_offset().unwrap_or(last_offset + 1),
        }))
    }

    fn read_snapshot(&self, offset: i64) -> Option<ProducerState> {
        let path = FileKind::ProducerSnapshot.path(&self.directory(), offset);
        let bytes = read_file(self.context.fs(), &path, SNAPSHOT_BYTES_MAX).ok()??;
        snapshot::decode(&bytes)
    }

    pub(super) fn remove_snapshot(&self, offset: i64) {
        let path = FileKind::ProducerSnapshot.path(&self.directory(), offset);
        match self.context.fs().remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let error = LogError::Io { operation: "remove", path, source: error };
                tracing::warn!(%error, "producer snapshot was not removed");
            }
            _ => {}
        }
    }
}
