//! Record batches that go from the page cache to a socket without a copy.
//!
//! `sendfile` may wait for the disk in the middle of a socket's thread. So it is taken apart: a disk thread moves references to
//! the file's pages into a pipe (and waits for the disk where they are not in memory), and the socket's task moves them from
//! the pipe into the socket, which waits for nothing. The work per byte is that of `sendfile`, which does the same with a pipe
//! of its own.
//!
//! What a pipe refers to stays in memory until it is sent, so the number of pipes is bounded; whoever gets none copies.
//! A pipe is used again once it is empty.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// Bytes that a pipe takes: the most that Linux gives a process without privileges, and what consumers ask of a partition.
const CAPACITY_BYTES: usize = 1024 * 1024;
/// Pipes at a time; two file descriptors each.
const PIPES_MAX: usize = 32;

/// All pipes.
#[derive(Debug, Default)]
pub(crate) struct Pipes(Arc<Pool>);

#[derive(Debug, Default)]
struct Pool {
    /// Those that exist, idle or not.
    count: AtomicUsize,
    idle: Mutex<Vec<Ends>>,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// Bytes of a file in a pipe.
#[derive(Debug)]
pub(crate) struct Piped {
    /// None once it has gone back to the pool.
    ends: Option<Ends>,
    left_bytes: usize,
    pool: Arc<Pool>,
}

impl Pipes {
    /// Moves up to `length` bytes of a file into a pipe; says nothing when there is no pipe for them. Waits for the disk.
    ///
    /// # Errors
    /// As the system gives them, when nothing could be read.
    pub(crate) fn fill(
        &self,
        file: BorrowedFd<'_>,
        position: u64,
        length: usize,
    ) -> io::Result<Option<Piped>> {
        let Some(ends) = self.0.take() else { return Ok(None) };
        let mut piped = Piped { ends: Some(ends), left_bytes: 0, pool: Arc::clone(&self.0) };
        while piped.left_bytes < length {
            let Some(ends) = &piped.ends else { break };
            let mut from = position + piped.left_bytes as u64;
            let wanted = length - piped.left_bytes;
            match splice(file, Some(&mut from), &ends.write, None, wanted, SpliceFlags::NONBLOCK) {
                // The file ends here, which the caller finds out, or the pipe is full.
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(moved) => piped.left_bytes += moved,
                Err(Errno::INTR) => {}
                // A file system without `splice`.
                Err(Errno::INVAL) if piped.left_bytes == 0 => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(piped))
    }

    /// Closes the pipes that nobody uses.
    pub(crate) fn trim(&self) {
        let idle = std::mem::take(&mut *self.0.idle.lock());
        self.0.count.fetch_sub(idle.len(), Ordering::Relaxed);
    }
}

impl Pool {
    fn take(&self) -> Option<Ends> {
        if let Some(ends) = self.idle.lock().pop() {
            return Some(ends);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) < PIPES_MAX
            && let Ok(ends) = Ends::open()
        {
            return Some(ends);
        }
        // No more are allowed, or no file descriptor is left: copying needs none.
        self.count.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Ends {
    fn open() -> rustix::io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        fcntl_setpipe_size(&write, CAPACITY_BYTES)?;
        Ok(Self { read, write })
    }
}

impl Piped {
    /// Bytes that are still to be sent.
    pub(crate) fn left_bytes(&self) -> usize {
        self.left_bytes
    }

    /// Moves into a socket what it takes; `more` says that other bytes of the same answer follow.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the socket takes nothing; others as the system gives them.
    pub(crate) fn send(&mut self, socket: impl AsFd, more: bool) -> io::Result<usize> {
        let Some(ends) = &self.ends else { return Ok(0) };
        let flags = if more { SpliceFlags::NONBLOCK | SpliceFlags::MORE } else { SpliceFlags::NONBLOCK };
        let moved = splice(&ends.read, None, socket, None, self.left_bytes, flags)?;
        self.left_bytes -= moved;
        Ok(moved)
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        match self.ends.take() {
            Some(ends) if self.left_bytes == 0 => self.pool.idle.lock().push(ends),
            // What is left in it belongs to nobody.
            Some(_) => _ = self.pool.count.fetch_sub(1, Ordering::Relaxed),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
