//! A segment's files: creating, syncing, renaming and removing them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Segment;
use crate::Result;
use crate::error::IoContext;
use crate::files::{FileCache, LazyFile};
use crate::names::{DELETED, FileKind};

impl Segment {
    /// Creates the files, and empties what may lie there under their names.
    pub(crate) fn create_files(&self, cache: &FileCache) -> Result<()> {
        for file in [&self.log, &self.offset_file, &self.time_file] {
            let open = file.create(cache)?;
            let path = file.path();
            if open.size().context("read the size of", &path)? > 0 {
                open.set_size(0).context("truncate", &path)?;
            }
        }
        remove_if_there(cache, &self.aborted.file.path())
    }

    /// Closes a segment that compaction wrote in place of others, which ended at `next_offset`, and makes its files durable. The
    /// transaction index is there even if it is empty: it takes an old one's place.
    pub(crate) fn seal_cleaned(
        &mut self,
        cache: &FileCache,
        next_offset: i64,
        created_ms: i64,
    ) -> Result<()> {
        self.created_ms = created_ms;
        self.seal(cache)?;
        self.aborted.file.create(cache)?;
        self.sync(cache, true)?;
        self.dirty.store(false, Ordering::Relaxed);
        let mut tail = self.tail.lock();
        tail.next_offset = tail.next_offset.max(next_offset);
        Ok(())
    }

    /// Renames the log file of a segment that compaction wrote.
    pub(crate) fn rename_log(&self, cache: &FileCache, suffix: &str) -> Result<()> {
        rename_to(cache, &self.log, FileKind::Log, self.base_offset, suffix)
    }

    /// Gives the index files of a segment that compaction wrote their final names.
    pub(crate) fn rename_indexes(&self, cache: &FileCache) -> Result<()> {
        let indexes = [
            (&self.offset_file, FileKind::OffsetIndex),
            (&self.time_file, FileKind::TimeIndex),
            (&self.aborted.file, FileKind::TransactionIndex),
        ];
        indexes.into_iter().try_for_each(|(file, kind)| rename_to(cache, file, kind, self.base_offset, ""))
    }

    /// Makes the log file durable, and with `indexes` the index files too.
    pub(crate) fn sync(&self, cache: &FileCache, indexes: bool) -> Result<()> {
        let with_indexes = [&self.log, &self.offset_file, &self.time_file];
        for file in &with_indexes[..if indexes { 3 } else { 1 }] {
            file.create(cache)?.sync_data().context("sync", &file.path())?;
        }
        if indexes { self.aborted.sync(cache) } else { Ok(()) }
    }

    /// Gives the files the names under which they wait for removal; `suffix` tells them from others of the same segment.
    pub(crate) fn rename_deleted(&self, cache: &FileCache, suffix: &str) -> Result<()> {
        for file in self.files() {
            let mut path = file.path().into_os_string();
            path.push(suffix);
            path.push(DELETED);
            file.rename(cache, path.into())?;
        }
        Ok(())
    }

    /// Takes note that the partition's directory was renamed.
    pub(crate) fn moved_to(&self, directory: &Path) {
        self.files().into_iter().for_each(|file| file.moved_to(directory));
    }

    /// Removes the files.
    pub(crate) fn remove_files(&self, cache: &FileCache) -> Result<()> {
        self.files().into_iter().try_for_each(|file| remove_if_there(cache, &file.path()))
    }

    /// The log last: without it, the others are leftovers.
    fn files(&self) -> [&Arc<LazyFile>; 4] {
        [&self.aborted.file, &self.offset_file, &self.time_file, &self.log]
    }
}

fn rename_to(
    cache: &FileCache,
    file: &LazyFile,
    kind: FileKind,
    base_offset: i64,
    suffix: &str,
) -> Result<()> {
    let from = file.path();
    let directory = from.parent().unwrap_or(Path::new(""));
    let mut to = kind.path(directory, base_offset).into_os_string();
    to.push(suffix);
    file.rename(cache, to.into())
}

fn remove_if_there(cache: &FileCache, path: &Path) -> Result<()> {
    match cache.fs().remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("remove", path),
        _ => Ok(()),
    }
}
