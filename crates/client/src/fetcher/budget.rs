//! The bound on what all partitions of a fetcher hold for their readers.

use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct Budget {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used_bytes: AtomicUsize::new(0) }
    }

    pub(super) fn has_room(&self) -> bool {
        self.used_bytes.load(Ordering::Acquire) < self.limit_bytes
    }

    pub(super) fn take(&self, bytes: usize) {
        self.used_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Gives bytes back; true when there is room again because of it.
    pub(super) fn give_back(&self, bytes: usize) -> bool {
        let before = self.used_bytes.fetch_sub(bytes, Ordering::AcqRel);
        before >= self.limit_bytes && before - bytes < self.limit_bytes
    }
}
