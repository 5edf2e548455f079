//! The seam between the log and the file system.
//!
//! Every byte that this crate reads or writes passes through [`FileSystem`] and [`File`]: the real ones ([`RealFileSystem`]),
//! or simulated ones ([`sim::SimFileSystem`]) that forget unsynced pages and directory entries in a crash and fail on
//! demand. The traits are used as objects: a virtual call is a few nanoseconds beside a system call's hundreds, and the
//! rest of the crate (and the broker) stays free of a type parameter.
//!
//! Invariants that callers rely on: a rename is atomic; a new, renamed or removed name is durable only after
//! [`FileSystem::sync_dir`] of its directory; bytes and size are durable only after [`File::sync_data`].

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod real;
pub mod sim;

pub use real::RealFileSystem;

/// How [`FileSystem::open`] opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, for reading and writing.
    Existing,
    /// For reading and writing; created empty where it does not exist.
    OrCreate,
    /// For reading and writing; created, or emptied where it exists.
    Empty,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name, without the directory.
    pub name: String,
    /// Whether it is itself a directory.
    pub is_dir: bool,
}

/// An open file. Positions are explicit: there is no cursor, so threads share one handle.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads at `position` into `buffer`; returns how many bytes, 0 at the end of the file.
    ///
    /// # Errors
    /// As the system gives them.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// As [`Self::read_at`], of what is in the page cache only: it never waits for a disk.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the first byte is not there, or nobody can tell; others as the system gives them.
    fn read_cached_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes `buffers` one behind the other at `position`; may write less than all of them.
    ///
    /// # Errors
    /// As the system gives them.
    fn write_vectored_at(&self, buffers: &[IoSlice<'_>], position: u64) -> io::Result<usize>;

    /// Size in bytes.
    ///
    /// # Errors
    /// As the system gives them.
    fn size(&self) -> io::Result<u64>;

    /// Cuts or extends (with zeros) the file to `size` bytes.
    ///
    /// # Errors
    /// As the system gives them.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Makes content and size durable. After an error nothing is known about what the disk holds: never repeat it.
    ///
    /// # Errors
    /// As the system gives them.
    fn sync_data(&self) -> io::Result<()>;

    /// The descriptor, for what the standard library has no name for; `None` for a simulated file.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;
}

/// A file system as a whole.
pub trait WholeFileSystem: Send + Sync + fmt::Debug {
    /// Makes everything on it durable, names included: cheaper than many single syncs.
    ///
    /// # Errors
    /// As the system gives them; also one for whatever could not be written since this was opened or last told, whoever may have been told of it
    /// too. It may be of a foreign file.
    fn sync(&self) -> io::Result<()>;
}

/// Keeps a lock for as long as it lives.
pub trait LockGuard: Send + Sync + fmt::Debug {}

/// Operations on names.
pub trait FileSystem: Send + Sync + fmt::Debug {
    /// Opens a file.
    ///
    /// # Errors
    /// As the system gives them.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Creates a directory and those above it; one that exists is no error.
    ///
    /// # Errors
    /// As the system gives them.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Renames a file or directory, replacing a file of the new name.
    ///
    /// # Errors
    /// As the system gives them.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the system gives them.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory with the files in it.
    ///
    /// # Errors
    /// As the system gives them.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Names in a directory, in no order.
    ///
    /// # Errors
    /// As the system gives them.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the system gives them.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// The file system that holds `path`, as a whole.
    ///
    /// # Errors
    /// As the system gives them.
    fn whole(&self, path: &Path) -> io::Result<Box<dyn WholeFileSystem>>;

    /// Takes the exclusive lock that the file `path` (created if need be) stands for.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it is taken; others as the system gives them.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>>;

    /// Bytes that may still be written to the file system that holds `path`.
    ///
    /// # Errors
    /// As the system gives them.
    fn available_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Tells one run of the machine from another: what was written under the same id is still in its page cache. `None`
    /// where the system does not say.
    fn boot_id(&self) -> Option<String>;

    /// How many files a process may hold open.
    fn open_files_max(&self) -> usize;
}

/// Fills `buffer` from `position` on.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] when the file ends before; others as the system gives them.
pub fn read_exact_at(file: &dyn File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, position) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                position += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads as much of `buffer` as the file has from `position` on; returns how many bytes.
///
/// # Errors
/// As the system gives them.
pub fn read_up_to(file: &dyn File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Most slices that one vectored write takes (Linux' `IOV_MAX`).
const SLICES_PER_WRITE_MAX: usize = 1024;

/// Writes all `buffers` at `position`, in as many calls as it takes: one, unless the system writes less.
///
/// # Errors
/// [`io::ErrorKind::WriteZero`] when the file takes no more; others as the system gives them.
pub fn write_all_at(file: &dyn File, mut buffers: &mut [IoSlice<'_>], mut position: u64) -> io::Result<()> {
    IoSlice::advance_slices(&mut buffers, 0);
    while !buffers.is_empty() {
        let batch = &buffers[..buffers.len().min(SLICES_PER_WRITE_MAX)];
        match file.write_vectored_at(batch, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                position += count as u64;
                IoSlice::advance_slices(&mut buffers, count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a whole small file; `None` where it does not exist.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it has more than `bytes_max` bytes; others as the system gives them.
pub fn read_file(fs: &dyn FileSystem, path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match fs.open(path, OpenMode::Existing) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let size = file.size()?;
    if size > bytes_max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; size as usize];
    read_exact_at(&*file, &mut bytes, 0)?;
    Ok(Some(bytes))
}

/// Whether a replaced file must be durable when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// Content and name are synced.
    Yes,
    /// Only the content is synced, before the rename: a crash leaves the old or the new file, never half of one.
    OldOrNew,
    /// Nothing is synced: a power cut may leave half a file, which its reader must notice. A killed process does not.
    No,
}

/// Replaces a small file so that a crash leaves the old or the new content.
///
/// # Errors
/// As the system gives them.
pub fn replace_file(fs: &dyn FileSystem, path: &Path, content: &[u8], durable: Durable) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary: PathBuf = path.with_file_name(name);
    let file = fs.open(&temporary, OpenMode::Empty)?;
    write_all_at(&*file, &mut [IoSlice::new(content)], 0)?;
    if durable != Durable::No {
        file.sync_data()?;
    }
    fs.rename(&temporary, path)?;
    match (durable, path.parent()) {
        (Durable::Yes, Some(parent)) => fs.sync_dir(parent),
        _ => Ok(()),
    }
}
