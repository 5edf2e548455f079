//! The data directory as a whole: its lock, its format version, and whether the last process left it in order.
//!
//! A directory belongs to one process (`.lock`), carries the version of its layout (`millstream.format`), and
//! `.kafka_cleanshutdown` lies in it only between a clean stop and the next start. The run of the machine that wrote last
//! (`millstream.boot`) tells a killed process from a machine that went down: after the former, the page cache still has
//! every byte that was written. Unless a sync has failed: then the kernel takes pages for clean that no disk has, and the next process must
//! know it. So such a failure is noted behind the run's id, in a page that is in memory anyway: nothing has to be synced for a note that
//! only matters for as long as the page cache lives.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::IoContext;
use crate::fs::{Durable, File, FileSystem, LockGuard, OpenMode, read_file, replace_file, write_all_at};
use crate::{LogError, Result};

/// Newest layout that this release reads, and the one that it writes.
pub const FORMAT_VERSION: u32 = 1;

const LOCK_FILE: &str = ".lock";
const FORMAT_FILE: &str = "millstream.format";
const BOOT_FILE: &str = "millstream.boot";
const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";
/// Files that show that a directory is Apache Kafka's.
const KAFKA_FILES: [&str; 2] = ["meta.properties", "bootstrap.checkpoint"];
/// Behind the run's id while partitions may wait for their recovery from a power cut: they are opened when they are used, and the process may
/// be killed before. As long as [`SYNC_FAILED`], which may take its place.
const UNRECOVERED: &[u8] = b" unrecovered";
/// Behind the run's id once a sync has failed in it.
const SYNC_FAILED: &[u8] = b" sync failed";
const SMALL_FILE_BYTES_MAX: u64 = 4096;

/// How the last process left the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviousRun {
    /// There was none.
    None,
    /// It stopped in order: everything is synced, checkpoints are current.
    Clean,
    /// It was killed, but the machine has been up since: what was written can be read.
    Killed,
    /// It was killed after a sync had failed: what can be read may be on no disk.
    SyncFailed,
    /// The machine went down, or may have: of what was not synced, anything may be missing.
    PowerCut,
}

impl PreviousRun {
    /// Whether bytes behind the recovery points may be missing or wrong.
    pub(crate) fn may_have_lost_bytes(self) -> bool {
        matches!(self, Self::PowerCut | Self::SyncFailed)
    }
}

/// A locked data directory.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    pub(crate) path: PathBuf,
    fs: Arc<dyn FileSystem>,
    /// Held for as long as the store lives.
    _lock: Box<dyn LockGuard>,
}

impl DataDirectory {
    /// Creates the directory where it is missing, locks it, and checks its format version.
    ///
    /// # Errors
    /// [`LogError::DirectoryLocked`], [`LogError::FormatTooNew`], [`LogError::ForeignDirectory`], [`LogError::Corrupt`],
    /// [`LogError::Io`].
    pub(crate) fn open(fs: Arc<dyn FileSystem>, path: &Path) -> Result<(Self, PreviousRun)> {
        fs.create_dir_all(path).context("create", path)?;
        let lock_path = path.join(LOCK_FILE);
        let lock = match fs.lock(&lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(LogError::DirectoryLocked { path: path.to_owned() });
            }
            Err(error) => return Err(error).context("lock", &lock_path),
        };
        let directory = Self { path: path.to_owned(), fs, _lock: lock };
        let known = directory.check_format()?;
        let previous = if known { directory.read_previous_run()? } else { PreviousRun::None };
        Ok((directory, previous))
    }

    /// Whether the directory carries a format version that this release reads.
    fn check_format(&self) -> Result<bool> {
        let path = self.path.join(FORMAT_FILE);
        match read_file(&*self.fs, &path, SMALL_FILE_BYTES_MAX).context("read", &path)? {
            Some(text) => {
                let version = std::str::from_utf8(&text)
                    .ok()
                    .and_then(|text| text.trim().strip_prefix("version="))
                    .and_then(|version| version.parse().ok());
                match version {
                    Some(found) if found > FORMAT_VERSION => {
                        let path = self.path.clone();
                        Err(LogError::FormatTooNew { path, found, supported: FORMAT_VERSION })
                    }
                    Some(_) => Ok(true),
                    None => Err(LogError::Corrupt { what: "format version", path, position: 0 }),
                }
            }
            None => {
                for file in KAFKA_FILES {
                    let path = self.path.join(file);
                    if read_file(&*self.fs, &path, u64::MAX).context("read", &path)?.is_some() {
                        return Err(LogError::ForeignDirectory {
                            path: self.path.clone(),
                            file: file.to_owned(),
                        });
                    }
                }
                Ok(false)
            }
        }
    }

    /// Writes the format version, which makes the directory a data directory: the last step of its creation.
    pub(crate) fn initialise(&self) -> Result<()> {
        let path = self.path.join(FORMAT_FILE);
        let text = format!("version={FORMAT_VERSION}\n");
        sync_ancestors(&*self.fs, &self.path)?;
        replace_file(&*self.fs, &path, text.as_bytes(), Durable::Yes).context("write", &path)
    }

    fn read_previous_run(&self) -> Result<PreviousRun> {
        if self.read_small(CLEAN_SHUTDOWN_FILE)?.is_some() {
            return Ok(PreviousRun::Clean);
        }
        let (Some(then), Some(now)) = (self.read_small(BOOT_FILE)?, self.fs.boot_id()) else {
            return Ok(PreviousRun::PowerCut);
        };
        Ok(match then.strip_prefix(now.as_bytes()) {
            Some(b"") => PreviousRun::Killed,
            Some(SYNC_FAILED) => PreviousRun::SyncFailed,
            // Another run of the machine, or partitions that were not recovered in this one.
            _ => PreviousRun::PowerCut,
        })
    }

    fn read_small(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(file);
        read_file(&*self.fs, &path, SMALL_FILE_BYTES_MAX).context("read", &path)
    }

    /// Notes that a process is at work: from here on, only [`Self::mark_clean`] makes the stop a clean one.
    pub(crate) fn mark_running(&self, previous: PreviousRun) -> Result<FailedSyncNote> {
        let boot = self.path.join(BOOT_FILE);
        let id = self.fs.boot_id().unwrap_or_default();
        let note = if previous.may_have_lost_bytes() { UNRECOVERED } else { b"" };
        let content = [id.as_bytes(), note].concat();
        replace_file(&*self.fs, &boot, &content, Durable::OldOrNew).context("write", &boot)?;
        let clean = self.path.join(CLEAN_SHUTDOWN_FILE);
        match self.fs.remove_file(&clean) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("remove", &clean);
            }
            _ => {}
        }
        self.fs.sync_dir(&self.path).context("sync", &self.path)?;
        let file = self.fs.open(&boot, OpenMode::Existing).context("open", &boot)?;
        Ok(FailedSyncNote {
            file,
            position: id.len() as u64,
            failed: AtomicBool::new(false),
            written: AtomicBool::new(false),
        })
    }

    /// Notes that everything is synced and the process is about to end.
    pub(crate) fn mark_clean(&self) -> Result<()> {
        let path = self.path.join(CLEAN_SHUTDOWN_FILE);
        replace_file(&*self.fs, &path, b"{\"version\":0,\"brokerEpoch\":-1}", Durable::Yes)
            .context("write", &path)
    }
}

/// Where the next process reads that a sync has failed in this one.
#[derive(Debug)]
pub(crate) struct FailedSyncNote {
    file: Arc<dyn File>,
    position: u64,
    failed: AtomicBool,
    written: AtomicBool,
}

impl FailedSyncNote {
    /// Whether a sync has failed in this process.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Notes that a sync has failed.
    pub(crate) fn write(&self) {
        self.failed.store(true, Ordering::Release);
        if self.written.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = write_all_at(&*self.file, &mut [IoSlice::new(SYNC_FAILED)], self.position) {
            self.written.store(false, Ordering::Release);
            tracing::error!(%error, "that a sync failed could not be noted: restart the machine before the broker");
        }
    }
}

/// Makes the names of a directory and of those above it durable: who created them, this process or one that was stopped,
/// is not known.
fn sync_ancestors(fs: &dyn FileSystem, path: &Path) -> Result<()> {
    for parent in path.ancestors().skip(1) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match fs.sync_dir(parent) {
            // A directory that this process may not read is older than the process.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            outcome => outcome.context("sync", parent)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
