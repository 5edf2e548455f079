//! Memory for fetched records, used again and again.
//!
//! A fresh buffer of a megabyte costs as much as filling it: the kernel has to find and clear 256 pages. So buffers come from
//! a pool, and go back when the last slice of an answer is gone. What is out is counted: [`RecordBuffers::allowance`] shrinks
//! answers when slow readers hold too much.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use millstream_log::{FileSlice, ReadSlices};
use parking_lot::Mutex;

use crate::server::Records;

/// Smallest pooled buffer; below it the allocator is as good.
const POOLED_BYTES_MIN: usize = 64 * 1024;
/// Size classes: 64 KiB to 64 MiB, by powers of two.
const CLASSES: usize = 11;
/// The part of what is left that one answer may have. With the defaults, the largest answers are not cut while less than a
/// seventh is out.
const ANSWER_SHARE: usize = 4;
/// Bytes that wait for their next use at most.
const IDLE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How far to go for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// No further than the page cache.
    Memory,
    /// Waits for the disk where need be.
    Disk,
}

/// A pool of buffers.
#[derive(Debug)]
pub(crate) struct RecordBuffers {
    shared: Arc<Shared>,
    limit_bytes: usize,
}

#[derive(Debug, Default)]
struct Shared {
    out_bytes: AtomicUsize,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    classes: [Vec<Vec<u8>>; CLASSES],
    bytes: usize,
}

impl RecordBuffers {
    /// A pool that lets answers shrink once `limit_bytes` are out.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { shared: Arc::default(), limit_bytes }
    }

    /// How many bytes an answer may have now: a part of what is left, so that a few slow readers do not take all of it.
    pub(crate) fn allowance(&self) -> usize {
        self.limit_bytes.saturating_sub(self.shared.out_bytes.load(Ordering::Relaxed)) / ANSWER_SHARE
    }

    /// Whether so much is out that answers shrink.
    pub(crate) fn is_short(&self) -> bool {
        self.shared.out_bytes.load(Ordering::Relaxed) > self.limit_bytes / 2
    }

    /// Reads slices of files into one buffer. Waits for the disk, if it has to be reached for.
    ///
    /// # Errors
    /// As the system gives them; a file that ends early is [`io::ErrorKind::UnexpectedEof`]; [`io::ErrorKind::WouldBlock`] where not
    /// everything is within reach.
    pub(crate) fn read(&self, slices: &ReadSlices, reach: Reach) -> io::Result<Records> {
        let length = usize::try_from(slices.size_bytes()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let mut buffer = self.take(length);
        let mut filled = 0;
        for slice in &slices.slices {
            let end = filled + usize::try_from(slice.length).map_err(|_| io::ErrorKind::OutOfMemory)?;
            read_slice(slice, &mut buffer.memory[filled..end], reach)?;
            filled = end;
        }
        Ok(Bytes::from_owner(buffer))
    }

    fn take(&self, length: usize) -> Buffer {
        let class = class_of(length);
        let pooled = class.and_then(|class| {
            let mut idle = self.shared.idle.lock();
            let memory = idle.classes[class].pop()?;
            idle.bytes -= memory.len();
            Some(memory)
        });
        let size = class.map_or(length, |class| POOLED_BYTES_MIN << class);
        let memory = pooled.unwrap_or_else(|| vec![0; size]);
        self.shared.out_bytes.fetch_add(memory.len(), Ordering::Relaxed);
        Buffer { memory, length, shared: Arc::clone(&self.shared) }
    }

    /// Gives the memory of idle buffers back.
    pub(crate) fn trim(&self) {
        *self.shared.idle.lock() = Idle::default();
    }
}

/// The class whose buffers are just large enough; none for sizes that are not pooled.
fn class_of(length: usize) -> Option<usize> {
    if length < POOLED_BYTES_MIN {
        return None;
    }
    let class = length.div_ceil(POOLED_BYTES_MIN).next_power_of_two().trailing_zeros() as usize;
    (class < CLASSES).then_some(class)
}

fn read_slice(slice: &FileSlice, mut buffer: &mut [u8], reach: Reach) -> io::Result<()> {
    let mut position = slice.position;
    while !buffer.is_empty() {
        let outcome = match reach {
            Reach::Memory => slice.file.read_cached_at(buffer, position),
            Reach::Disk => slice.file.read_at(buffer, position),
        };
        match outcome {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                position += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A buffer in use.
struct Buffer {
    memory: Vec<u8>,
    length: usize,
    shared: Arc<Shared>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.shared.out_bytes.fetch_sub(memory.len(), Ordering::Relaxed);
        let Some(class) = class_of(memory.len()) else { return };
        let mut idle = self.shared.idle.lock();
        if idle.bytes + memory.len() <= IDLE_BYTES_MAX {
            idle.bytes += memory.len();
            idle.classes[class].push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Classes fit, and the pool stays within its bounds.
    use super::*;

    #[test]
    fn a_class_is_large_enough_and_no_larger_than_twice() {
        for length in [POOLED_BYTES_MIN, POOLED_BYTES_MIN + 1, 100_000, 1 << 20, (1 << 20) + 1, 64 << 20] {
            let size = POOLED_BYTES_MIN << class_of(length).unwrap();
            assert!(size >= length && size < 2 * length, "{length} gets {size}");
        }
        assert_eq!(class_of(POOLED_BYTES_MIN - 1), None);
        assert_eq!(class_of((64 << 20) + 1), None);
    }

    #[test]
    fn memory_is_used_again_and_what_is_out_is_counted() {
        let buffers = RecordBuffers::new(1 << 20);
        let first = buffers.take(100_000);
        let place = first.memory.as_ptr();
        assert_eq!(buffers.allowance(), ((1 << 20) - (128 << 10)) / ANSWER_SHARE);
        assert!(!buffers.is_short());
        drop(first);
        assert_eq!(buffers.allowance(), (1 << 20) / ANSWER_SHARE);
        let second = buffers.take(70_000);
        assert_eq!(second.memory.as_ptr(), place, "the same memory");
        assert_eq!(second.as_ref().len(), 70_000);
        let large = buffers.take(2 << 20);
        assert_eq!(buffers.allowance(), 0);
        assert!(buffers.is_short());
        drop((second, large));
        buffers.trim();
        assert_eq!(buffers.shared.idle.lock().bytes, 0);
    }
}
