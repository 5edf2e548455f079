//! `buffer.memory`: bytes of sealed batches that are not yet acknowledged, and who waits for room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

#[derive(Debug)]
pub(super) struct Memory {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    /// One entry per writer that waits.
    waiting: Mutex<Vec<Waker>>,
}

/// Bytes that one batch takes; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Memory {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used_bytes: AtomicUsize::new(0), waiting: Mutex::default() }
    }

    /// Takes room without asking: batches that are sealed must go somewhere.
    pub(super) fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.used_bytes.fetch_add(bytes, Ordering::AcqRel);
        Charge { memory: Arc::clone(self), bytes }
    }

    fn has_room(&self) -> bool {
        self.used_bytes.load(Ordering::Acquire) < self.limit_bytes
    }

    /// Ready when there is room for more.
    pub(super) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock();
        // Room made before the lock would wake nobody.
        if self.has_room() {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let before = self.memory.used_bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        let limit = self.memory.limit_bytes;
        if before >= limit && before - self.bytes < limit {
            let waiting = std::mem::take(&mut *self.memory.waiting.lock());
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_waits_is_woken_once_when_there_is_room() {
        let memory = Arc::new(Memory::new(100));
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let context = Context::from_waker(&waker);
        let (first, second) = (memory.charge(90), memory.charge(90));
        assert!(memory.poll_room(&context).is_pending());
        assert!(memory.poll_room(&context).is_pending());
        drop(first);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(memory.poll_room(&context).is_ready());
        drop(second);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
