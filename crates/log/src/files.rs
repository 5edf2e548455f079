//! Files that are opened when they are needed, a bounded number of them at a time.
//!
//! Ten thousand partitions have more files than a process may hold open. A [`LazyFile`] knows its path and opens it at use;
//! the [`FileCache`] closes files not used lately (a clock with one bit) once too many are open. A handle that is in
//! use stays valid after the cache has let go of it.
//!
//! Closing a file with unsynced bytes loses no error: Linux reports a failed writeback that nobody has seen to the next
//! descriptor opened.
//!
//! Locks: a file's handle, then the cache's ring; the ring only ever tries the handles of other files.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::Result;
use crate::error::IoContext;
use crate::fs::{File, FileSystem, OpenMode};

/// Bounds the number of open files.
#[derive(Debug)]
pub(crate) struct FileCache {
    fs: Arc<dyn FileSystem>,
    open_files_max: usize,
    ring: Mutex<VecDeque<Weak<LazyFile>>>,
}

impl FileCache {
    pub(crate) fn new(fs: Arc<dyn FileSystem>, open_files_max: usize) -> Self {
        Self { fs, open_files_max: open_files_max.max(1), ring: Mutex::default() }
    }

    pub(crate) fn fs(&self) -> &dyn FileSystem {
        &*self.fs
    }

    /// Notes that `file` was opened, and closes others where that makes too many.
    fn admit(&self, file: &Arc<LazyFile>) {
        let mut ring = self.ring.lock();
        // Each file is passed at most twice: once for its bit, once for good.
        for _ in 0..2 * ring.len() {
            if ring.len() < self.open_files_max {
                break;
            }
            let Some(oldest) = ring.pop_front() else { break };
            if oldest.upgrade().is_some_and(|oldest| !oldest.close_if_unused()) {
                ring.push_back(oldest);
            }
        }
        ring.push_back(Arc::downgrade(file));
    }

    #[cfg(test)]
    pub(crate) fn open_files(&self) -> usize {
        let ring = self.ring.lock();
        ring.iter()
            .filter(|file| file.upgrade().is_some_and(|file| file.handle.lock().file.is_some()))
            .count()
    }
}

#[derive(Debug)]
struct Handle {
    path: PathBuf,
    file: Option<Arc<dyn File>>,
}

/// A file that is opened at use.
#[derive(Debug)]
pub(crate) struct LazyFile {
    handle: Mutex<Handle>,
    used: AtomicBool,
}

impl LazyFile {
    /// A file that exists, or is created with [`Self::create`].
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { handle: Mutex::new(Handle { path, file: None }), used: AtomicBool::new(false) })
    }

    /// The open file, which exists: a reader that comes late must not bring a removed one back.
    pub(crate) fn open(self: &Arc<Self>, cache: &FileCache) -> Result<Arc<dyn File>> {
        self.open_as(cache, OpenMode::Existing)
    }

    /// The open file, created empty where it is missing.
    pub(crate) fn create(self: &Arc<Self>, cache: &FileCache) -> Result<Arc<dyn File>> {
        self.open_as(cache, OpenMode::OrCreate)
    }

    fn open_as(self: &Arc<Self>, cache: &FileCache, mode: OpenMode) -> Result<Arc<dyn File>> {
        let file = {
            let mut handle = self.handle.lock();
            self.used.store(true, Ordering::Relaxed);
            if let Some(file) = &handle.file {
                return Ok(file.clone());
            }
            let file = cache.fs.open(&handle.path, mode).context("open", &handle.path)?;
            handle.file = Some(file.clone());
            file
        };
        cache.admit(self);
        Ok(file)
    }

    /// The file, if it is open and nobody is about to open or rename it.
    pub(crate) fn if_open(&self) -> Option<Arc<dyn File>> {
        self.used.store(true, Ordering::Relaxed);
        self.handle.try_lock()?.file.clone()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.handle.lock().path.clone()
    }

    /// Renames the file, if it was ever created; open handles stay valid.
    pub(crate) fn rename(&self, cache: &FileCache, to: PathBuf) -> Result<()> {
        let mut handle = self.handle.lock();
        match cache.fs.rename(&handle.path, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("rename", &handle.path);
            }
            _ => handle.path = to,
        }
        Ok(())
    }

    /// Closes the file, because another one takes its name.
    pub(crate) fn close(&self) {
        self.handle.lock().file = None;
    }

    /// Takes note that the file's directory was renamed.
    pub(crate) fn moved_to(&self, directory: &Path) {
        let mut handle = self.handle.lock();
        if let Some(name) = handle.path.file_name() {
            handle.path = directory.join(name);
        }
    }

    /// Closes the file unless it was used since the last call; says whether it is closed.
    fn close_if_unused(&self) -> bool {
        if self.used.swap(false, Ordering::Relaxed) {
            return false;
        }
        match self.handle.try_lock() {
            Some(mut handle) => {
                handle.file = None;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    //! The bound holds whatever the order of use, and evicted files open again.
    use super::*;
    use crate::fs::sim::{SimFileSystem, SplitMix};

    #[test]
    fn open_files_stay_below_the_bound_and_all_can_be_used() {
        let cache = FileCache::new(Arc::new(SimFileSystem::new(0)), 8);
        let files: Vec<_> = (0..100).map(|index| LazyFile::new(PathBuf::from(format!("{index}")))).collect();
        let mut random = SplitMix::new(1);
        for step in 0..2000_u64 {
            let at = random.below(100);
            let file = files[at as usize].create(&cache).unwrap();
            crate::fs::write_all_at(&*file, &mut [std::io::IoSlice::new(&step.to_be_bytes())], at * 8)
                .unwrap();
            assert!(cache.open_files() <= 8);
        }
    }

    /// A read of a segment that was removed meanwhile left an empty file of its name behind.
    #[test]
    fn only_who_writes_creates_a_file() {
        let cache = FileCache::new(Arc::new(SimFileSystem::new(0)), 4);
        let file = LazyFile::new(PathBuf::from("file"));
        let missing = |error: &crate::LogError| matches!(error, crate::LogError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound);
        assert!(missing(&file.open(&cache).unwrap_err()));
        file.create(&cache).unwrap();
        file.close();
        file.open(&cache).unwrap();
        file.close();
        cache.fs().remove_file(Path::new("file")).unwrap();
        assert!(missing(&file.open(&cache).unwrap_err()));
    }

    #[test]
    fn files_in_use_are_kept_before_others() {
        let cache = FileCache::new(Arc::new(SimFileSystem::new(0)), 4);
        let hot = LazyFile::new(PathBuf::from("hot"));
        for index in 0..50 {
            hot.create(&cache).unwrap();
            LazyFile::new(PathBuf::from(format!("{index}"))).create(&cache).unwrap();
        }
        assert!(hot.handle.lock().file.is_some());
    }
}
