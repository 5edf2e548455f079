//! Damage to records that had been synced: kept apart, reported once, never served.
//!
//! Only the batch (or, where its header is hurt, what follows up to where an index leads past it) is lost to readers: they get everything
//! before it, an error at it, and whatever lies behind if they ask for that. Appends go on. Nothing is cut and nothing rewritten: a
//! partition with damage is not compacted, so that a copy can be compared with it.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::PartitionLog;
use crate::error::IoContext;
use crate::fs::OpenMode;
use crate::names::FileKind;
use crate::segment::Segment;
use crate::segment::scan::{BatchScan, Scanned};
use crate::{LogError, Result};

/// Places that are remembered; more are counted as one with the last.
const PLACES_MAX: usize = 1000;

/// Where bytes of a partition are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DamagedPlace {
    /// First offset of the segment.
    pub segment_base_offset: i64,
    /// Where in its log file, in bytes.
    pub position: u64,
}

impl PartitionLog {
    /// Damage found since the store was opened, in what is still there.
    pub fn damage(&self) -> Vec<DamagedPlace> {
        let places = self.damage.lock().clone();
        let is_there = |place: &DamagedPlace| {
            let view = self.view.read();
            let found = view.segments.binary_search_by_key(&place.segment_base_offset, |one| one.base_offset);
            found.is_ok() || !self.is_open()
        };
        places.into_iter().filter(is_there).collect()
    }

    /// Takes note of damage, if the error is about that: the first time at a place it is logged.
    pub(crate) fn report_damage(&self, error: &LogError) {
        let LogError::Corrupt { path, position, .. } = error else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let segment_base_offset = FileKind::parse(&name).map_or(0, |(base_offset, _)| base_offset);
        let place = DamagedPlace { segment_base_offset, position: *position };
        {
            let mut places = self.damage.lock();
            if places.len() >= PLACES_MAX || places.contains(&place) {
                return;
            }
            places.push(place);
            self.has_damage.store(true, Ordering::Release);
        }
        let offset = self.offset_at(path, *position).unwrap_or(segment_base_offset);
        tracing::error!(topic = %self.topic, partition = self.index, offset, %error, "records are damaged and are not served");
    }

    /// An error if damage is known between two positions of a segment.
    pub(super) fn check_known_damage(&self, segment: &Segment, from: u64, end: u64) -> Result<()> {
        if !self.has_damage.load(Ordering::Acquire) {
            return Ok(());
        }
        let places = self.damage.lock();
        let within = |place: &&DamagedPlace| {
            place.segment_base_offset == segment.base_offset && (from..end).contains(&place.position)
        };
        match places.iter().filter(within).map(|place| place.position).min() {
            Some(position) => {
                Err(LogError::Corrupt { what: "record batch", path: segment.log_path(), position })
            }
            None => Ok(()),
        }
    }

    /// The offset of a batch whose header can still be read.
    fn offset_at(&self, path: &Path, position: u64) -> Option<i64> {
        let read = || -> Result<Scanned> {
            let file = self.context.fs().open(path, OpenMode::Existing).context("open", path)?;
            let size = file.size().context("read the size of", path)?;
            BatchScan::new(&*file, path.to_owned(), position, size).step()
        };
        match read() {
            Ok(Scanned::Batch(batch)) => Some(batch.header.base_offset),
            _ => None,
        }
    }
}
