//! The scrub: reads segments that nobody reads, slowly, and compares their checksums, so that damage is known while a copy still exists.
//!
//! Only what lies below a recovery point is looked at: anything else may be torn and is recovery's. Partitions are not opened for it: their
//! files are read as they lie, one at a time, and the active segment of each is left out.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::LogStore;
use crate::error::IoContext;
use crate::fs::OpenMode;
use crate::names::FileKind;
use crate::partition::PartitionLog;
use crate::segment::scan::{BatchScan, Scanned};
use crate::{LogError, Result};

/// Directories that one call lists at most.
const PARTITIONS_PER_CALL_MAX: usize = 100;

/// A pass over everything begins no earlier than so long after the one before.
const PASS_INTERVAL_MS: i64 = 24 * 60 * 60 * 1000;

/// How far the scrub has come.
#[derive(Debug, Default)]
pub(super) struct ScrubProgress {
    waiting: VecDeque<Weak<PartitionLog>>,
    current: Option<Place>,
    /// When the last pass began.
    begun_ms: Option<i64>,
}

/// Where it goes on.
#[derive(Debug, Clone)]
struct Place {
    partition: Weak<PartitionLog>,
    base_offset: i64,
    position: u64,
}

impl LogStore {
    /// Compares the checksums of about `bytes` bytes of finished segments, going on where the last call ended; says how many bytes it
    /// has read. Once everything was looked at, the next pass begins a day after this one began. Damage is logged and kept
    /// ([`PartitionLog::damage`]).
    pub fn scrub(&self, bytes: u64) -> u64 {
        let mut progress = self.scrub.lock();
        let mut read = 0;
        for _ in 0..PARTITIONS_PER_CALL_MAX {
            let place = progress.current.take();
            let Some(place) = place.or_else(|| next_partition(&mut progress.waiting)) else {
                if self.begin_pass(&mut progress) {
                    continue;
                }
                break;
            };
            let Some(partition) = place.partition.upgrade() else { continue };
            match self.scrub_partition(&partition, place, bytes - read) {
                Ok((more, next)) => {
                    read += more;
                    progress.current = next;
                }
                Err(error) => {
                    // Deleted, retained or compacted meanwhile, or a disk that whoever needs it hears of.
                    tracing::debug!(%error, topic = partition.topic(), partition = partition.index(), "not scrubbed");
                }
            }
            if read >= bytes {
                break;
            }
        }
        read
    }

    /// Begins with everything again; false if it is too early.
    fn begin_pass(&self, progress: &mut ScrubProgress) -> bool {
        let now_ms = self.context.clock.now_ms();
        if progress.begun_ms.is_some_and(|begun_ms| now_ms.saturating_sub(begun_ms) < PASS_INTERVAL_MS) {
            return false;
        }
        progress.begun_ms = Some(now_ms);
        let all = self.topics().into_iter().flat_map(|topic| topic.partitions.to_vec());
        progress.waiting = all.map(|partition| Arc::downgrade(&partition)).collect();
        true
    }

    /// Reads up to `bytes` bytes; gives how many it was, and where to go on if that is in this partition.
    fn scrub_partition(
        &self,
        partition: &PartitionLog,
        mut place: Place,
        bytes: u64,
    ) -> Result<(u64, Option<Place>)> {
        let (fs, directory) = (self.context.fs(), partition.directory());
        let synced = self.synced_offset(partition);
        let entries = match fs.read_dir(&directory) {
            // Nothing was ever written.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((0, None)),
            entries => entries.context("list", &directory)?,
        };
        let mut bases: Vec<i64> = entries
            .iter()
            .filter_map(|entry| FileKind::parse(&entry.name).filter(|(_, kind)| *kind == FileKind::Log))
            .map(|(base_offset, _)| base_offset)
            .collect();
        bases.sort_unstable();
        let mut read = 0;
        for pair in bases.windows(2).filter(|pair| pair[0] >= place.base_offset && pair[1] <= synced) {
            let position = if pair[0] == place.base_offset { place.position } else { 0 };
            let path = FileKind::Log.path(&directory, pair[0]);
            let file = fs.open(&path, OpenMode::Existing).context("open", &path)?;
            let size = file.size().context("read the size of", &path)?;
            let mut scan = BatchScan::new(&*file, path.clone(), position, size);
            loop {
                let damaged_at = match scan.step()? {
                    Scanned::Batch(batch) if read >= bytes => {
                        (place.base_offset, place.position) = (pair[0], batch.position);
                        return Ok((read, Some(place)));
                    }
                    Scanned::Batch(batch) => {
                        read += batch.header.size() as u64;
                        if scan.check_crc(&batch)? { continue } else { batch.position }
                    }
                    Scanned::End => break,
                    Scanned::Unsound(position) => position,
                };
                let damage =
                    LogError::Corrupt { what: "record batch", path: path.clone(), position: damaged_at };
                partition.report_damage(&damage);
                // Behind a header that cannot be read, nothing can be found.
                if !scan.is_behind(damaged_at) {
                    break;
                }
            }
        }
        Ok((read, None))
    }

    /// The offset up to which everything is known to be on the disk.
    fn synced_offset(&self, partition: &PartitionLog) -> i64 {
        if partition.is_open() {
            return partition.recovery_point();
        }
        let key = (partition.topic().to_owned(), partition.index());
        self.context.checkpointed.lock().get(&key).map_or(0, |known| known.recovery_point)
    }
}

fn next_partition(waiting: &mut VecDeque<Weak<PartitionLog>>) -> Option<Place> {
    let partition = waiting.pop_front()?;
    Some(Place { partition, base_offset: 0, position: 0 })
}
