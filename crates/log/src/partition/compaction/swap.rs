//! Putting a rewritten segment in the place of old ones, so that a crash at any step leaves either.
//!
//! 1. The new files lie there as `.log.cleaned`, `.index.cleaned`, `.timeindex.cleaned` and `.txnindex.cleaned`, synced with their names.
//! 2. `.log.cleaned` becomes `.log.swap`, synced: from here on the new segment counts.
//! 3. The old segments' files become `.deleted`, the new indexes get their final names; synced.
//! 4. `.log.swap` becomes `.log`, synced.
//!
//! A start that finds a `.log.swap` does 3 and 4; without one, it removes what ends in `.cleaned`. Kafka knows both names and
//! does the same, but for making the indexes anew.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::{PartitionLog, View};
use crate::Result;
use crate::error::IoContext;
use crate::fs::{DirectoryEntry, FileSystem, OpenMode};
use crate::names::{CLEANED, FileKind, SWAP};
use crate::segment::Segment;
use crate::segment::scan::{BatchScan, Scanned};

impl PartitionLog {
    /// Swaps in the rewritten segment of a group. False if the group is no longer there as it was, or the partition is not served.
    pub(super) fn swap_in(&self, group: &[Arc<Segment>], cleaned: &Arc<Segment>) -> Result<bool> {
        let _maintenance = self.maintenance.lock();
        let is_there = || {
            let segments = &self.view.read().segments;
            let first = group.first()?;
            let at = segments.iter().position(|segment| Arc::ptr_eq(segment, first))?;
            let there = segments.get(at..at + group.len())?;
            there.iter().zip(group).all(|(left, right)| Arc::ptr_eq(left, right)).then_some(())
        };
        if !super::is_swappable(self.status()) || is_there().is_none() {
            cleaned.remove_files(&self.context.cache)?;
            return Ok(false);
        }
        let (cache, directory) = (&self.context.cache, self.directory());
        let sync = || cache.fs().sync_dir(&directory).context("sync", &directory);
        sync()?;
        let outcome = (|| {
            cleaned.rename_log(cache, SWAP)?;
            sync()?;
            let suffix = format!(".{}", self.context.next_swap());
            group.iter().try_for_each(|segment| segment.rename_deleted(cache, &suffix))?;
            cleaned.rename_indexes(cache)?;
            sync()?;
            cleaned.rename_log(cache, "")?;
            sync()
        })();
        if let Err(error) = outcome {
            // The disk may hold any step of the swap, which the next start finishes; until then nothing more is moved about.
            self.swap_failed.store(true, Ordering::Relaxed);
            return Err(error);
        }
        self.show_swapped(group, cleaned);
        Ok(true)
    }

    fn show_swapped(&self, group: &[Arc<Segment>], cleaned: &Arc<Segment>) {
        let now_ms = self.context.clock.now_ms();
        let mut writer = self.writer.lock();
        let mut segments = self.view.read().segments.clone();
        let replaced = |segment: &Arc<Segment>| group.iter().any(|old| Arc::ptr_eq(segment, old));
        let at = segments.iter().position(replaced).unwrap_or(0);
        segments.retain(|segment| !replaced(segment));
        segments.insert(at, cleaned.clone());
        *self.view.write() = Arc::new(View { segments });
        self.recent_reads.lock().clear();
        for segment in group {
            writer.discarded.push((now_ms, segment.clone()));
        }
        for segment in group.iter().skip(1).filter(|segment| segment.base_offset != writer.snapshot_offset) {
            self.remove_snapshot(segment.base_offset);
        }
    }
}

/// Finishes or undoes the swaps that a crash interrupted; says whether there were any.
pub(crate) fn finish_swaps(
    fs: &dyn FileSystem,
    directory: &Path,
    entries: &[DirectoryEntry],
) -> Result<bool> {
    let is_temporary = |name: &str| name.ends_with(CLEANED) || name.ends_with(SWAP);
    if !entries.iter().any(|entry| is_temporary(&entry.name)) {
        return Ok(false);
    }
    let swapped: Vec<i64> = entries
        .iter()
        .filter_map(|entry| FileKind::parse(entry.name.strip_suffix(SWAP)?))
        .filter_map(|(base_offset, kind)| (kind == FileKind::Log).then_some(base_offset))
        .collect();
    for &base_offset in &swapped {
        finish_swap(fs, directory, entries, base_offset)?;
    }
    for entry in entries {
        let Some((base_offset, kind)) = entry.name.strip_suffix(CLEANED).and_then(FileKind::parse) else {
            continue;
        };
        if !swapped.contains(&base_offset) || kind == FileKind::Log {
            remove(fs, &directory.join(&entry.name))?;
        }
    }
    fs.sync_dir(directory).context("sync", directory)?;
    Ok(true)
}

fn finish_swap(
    fs: &dyn FileSystem,
    directory: &Path,
    entries: &[DirectoryEntry],
    base_offset: i64,
) -> Result<()> {
    let named = |kind: FileKind, suffix: &str| {
        let mut path = kind.path(directory, base_offset).into_os_string();
        path.push(suffix);
        std::path::PathBuf::from(path)
    };
    let swap = named(FileKind::Log, SWAP);
    let end_offset = end_of(fs, &swap, base_offset)?;
    tracing::info!(path = %swap.display(), end_offset, "interrupted compaction is finished");
    for entry in entries {
        let Some((offset, kind)) = FileKind::parse(&entry.name) else { continue };
        if FileKind::OF_SEGMENT.contains(&kind) && offset > base_offset && offset < end_offset {
            remove(fs, &directory.join(&entry.name))?;
        }
    }
    for kind in [FileKind::OffsetIndex, FileKind::TimeIndex, FileKind::TransactionIndex] {
        let cleaned = named(kind, CLEANED);
        // One that is not there has its final name already.
        if fs.open(&cleaned, OpenMode::Existing).is_ok() {
            let to = kind.path(directory, base_offset);
            fs.rename(&cleaned, &to).context("rename", &cleaned)?;
        }
    }
    fs.sync_dir(directory).context("sync", directory)?;
    fs.rename(&swap, &FileKind::Log.path(directory, base_offset)).context("rename", &swap)?;
    fs.sync_dir(directory).context("sync", directory)
}

/// Offset after the last batch of a log file.
fn end_of(fs: &dyn FileSystem, path: &Path, base_offset: i64) -> Result<i64> {
    let file = fs.open(path, OpenMode::Existing).context("open", path)?;
    let size = file.size().context("read the size of", path)?;
    let mut scan = BatchScan::new(&*file, path.to_owned(), 0, size);
    let mut end_offset = base_offset;
    while let Scanned::Batch(batch) = scan.step()? {
        end_offset = batch.header.next_offset();
    }
    Ok(end_offset)
}

fn remove(fs: &dyn FileSystem, path: &Path) -> Result<()> {
    match fs.remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("remove", path),
        _ => Ok(()),
    }
}
