//! Producer snapshots: when they are written, and how the state is rebuilt from one.
//!
//! A snapshot is written where a segment begins, at a clean stop, and now and then in between, so that the walk that brings it
//! up to date stays short. Losing one costs a longer walk and nothing else, so none is synced; its checksum tells
//! a torn one.

use super::{PartitionLog, Writer};
use crate::error::IoContext;
use crate::fs::{Durable, OpenMode, read_file, replace_file};
use crate::names::FileKind;
use crate::producer_state::{ProducerState, snapshot};
use crate::segment::scan::BatchScan;
use crate::{LogError, Result};

/// Largest snapshot that is read: some two million producers.
const SNAPSHOT_BYTES_MAX: u64 = 512 << 20;
/// Bytes appended since the last snapshot that make another one worth it.
const BYTES_BETWEEN_SNAPSHOTS: u64 = 16 << 20;

impl PartitionLog {
    /// Writes the state as of `offset`, the log's end. A failure is logged and otherwise ignored.
    pub(super) fn write_producer_snapshot(&self, writer: &mut Writer, offset: i64) {
        let path = FileKind::ProducerSnapshot.path(&self.directory(), offset);
        let bytes = snapshot::encode(&writer.producers);
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
            self.replay_producers(&mut state, from, offset)?;
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
            self.writer.lock().producers.expire(now_ms, self.context.producer_expiration_ms);
        }
    }

    /// Rebuilds the state from the newest sound snapshot and the batches behind it.
    pub(super) fn load_producers(
        &self,
        writer: &mut Writer,
        snapshots: &[i64],
        log_end_offset: i64,
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
        let (from, mut state) = self.newest_snapshot(sound);
        writer.snapshot_offset = from;
        state.expire(now_ms, self.context.producer_expiration_ms);
        writer.bytes_since_snapshot = self.replay_producers(&mut state, from, log_end_offset)?;
        writer.producers = state;
        Ok(())
    }

    /// The newest sound snapshot of those given (rising offsets), or an empty state as of offset 0.
    fn newest_snapshot(&self, snapshots: &[i64]) -> (i64, ProducerState) {
        let newest = snapshots.iter().rev().find_map(|&offset| Some((offset, self.read_snapshot(offset)?)));
        newest.unwrap_or_default()
    }

    /// Adds the batches from one offset to another; says how many bytes they are.
    fn replay_producers(&self, state: &mut ProducerState, from: i64, end: i64) -> Result<u64> {
        let (view, now_ms) = (self.view.read().clone(), self.context.clock.now_ms());
        let (cache, mut bytes) = (&self.context.cache, 0);
        for segment in &view.segments {
            let extent = segment.extent();
            if extent.next_offset <= from || segment.base_offset >= end {
                continue;
            }
            let Some(first) = segment.find_offset(cache, from, extent.size)? else { continue };
            let file = segment.log_file(cache)?;
            let mut scan = BatchScan::new(&*file, segment.log_path(), first.position, extent.size);
            while let Some(batch) = scan.next_sound()?.filter(|batch| batch.header.base_offset < end) {
                state.add(&batch.header, now_ms);
                bytes += batch.header.size() as u64;
            }
        }
        Ok(bytes)
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
