//! Producer snapshots: when they are written, and how the state is rebuilt from one.
//!
//! A snapshot is written where a segment begins, at a clean stop, and now and then in between, so that the walk that brings it
//! up to date stays short. Losing one costs a longer walk and nothing else, so none is synced; its checksum tells
//! a torn one.

use super::{PartitionLog, Writer};
use crate::fs::{Durable, read_file, replace_file};
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
        log_start_offset: i64,
        log_end_offset: i64,
    ) -> Result<()> {
        let now_ms = self.context.clock.now_ms();
        writer.producers = ProducerState::default();
        let mut from = log_start_offset;
        for &offset in snapshots.iter().rev() {
            // One from beyond the end is about records that were cut.
            match self.read_snapshot(offset).filter(|_| offset <= log_end_offset) {
                Some(state) => {
                    writer.producers = state;
                    from = offset;
                    break;
                }
                None => self.remove_snapshot(offset),
            }
        }
        writer.snapshot_offset = from;
        writer.producers.expire(now_ms, self.context.producer_expiration_ms);
        self.replay_producers(writer, from, now_ms)
    }

    fn replay_producers(&self, writer: &mut Writer, from: i64, now_ms: i64) -> Result<()> {
        let view = self.view.read().clone();
        let cache = &self.context.cache;
        for segment in &view.segments {
            let extent = segment.extent();
            if extent.next_offset <= from {
                continue;
            }
            let Some(first) = segment.find_offset(cache, from, extent.size)? else { continue };
            let file = segment.log_file(cache)?;
            let mut scan = BatchScan::new(&*file, segment.log_path(), first.position, extent.size);
            while let Some(batch) = scan.next_sound()? {
                writer.producers.add(&batch.header, now_ms);
                writer.bytes_since_snapshot += batch.header.size() as u64;
            }
        }
        Ok(())
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
