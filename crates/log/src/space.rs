//! Room on the disk that appends of clients leave to the broker's own.
//!
//! A disk that is full to the last byte cannot take the marker that ends a transaction, the offset that lets a consumer go on, or the
//! segment that compaction makes smaller. So appends of records end some way before: what is left is for those, and appends are taken
//! again as soon as there is more, without a restart.
//!
//! The file system is asked once in a while, as bytes are appended, and at every append while there is too little.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::error::IoContext;
use crate::fs::FileSystem;
use crate::{LogError, Result};

/// Most bytes that are appended before the file system is asked again.
const BYTES_BETWEEN_LOOKS_MAX: u64 = 16 << 20;

#[derive(Debug)]
pub(crate) struct SpaceGuard {
    reserve_bytes: u64,
    /// Bytes that may be appended before the file system is asked again.
    allowance_bytes: AtomicI64,
    is_low: AtomicBool,
}

impl SpaceGuard {
    pub(crate) fn new(reserve_bytes: u64) -> Self {
        Self { reserve_bytes, allowance_bytes: AtomicI64::new(0), is_low: AtomicBool::new(false) }
    }

    /// Checks that `bytes` more may be appended to the file system that holds `root`.
    ///
    /// # Errors
    /// [`LogError::DiskReserve`]; [`LogError::Io`].
    pub(crate) fn check(&self, fs: &dyn FileSystem, root: &Path, bytes: usize) -> Result<()> {
        let bytes = bytes as i64;
        if self.reserve_bytes == 0 || self.allowance_bytes.fetch_sub(bytes, Ordering::Relaxed) >= bytes {
            return Ok(());
        }
        let available_bytes = fs.available_bytes(root).context("read the free space of", root)?;
        let free_bytes = available_bytes.saturating_sub(self.reserve_bytes);
        if i64::try_from(free_bytes).is_ok_and(|free_bytes| free_bytes < bytes) {
            if !self.is_low.swap(true, Ordering::Relaxed) {
                let reserve_bytes = self.reserve_bytes;
                tracing::error!(path = %root.display(), available_bytes, reserve_bytes, "disk is nearly full: records are refused");
            }
            return Err(LogError::DiskReserve {
                path: root.to_owned(),
                available_bytes,
                reserve_bytes: self.reserve_bytes,
            });
        }
        if self.is_low.swap(false, Ordering::Relaxed) {
            tracing::info!(path = %root.display(), available_bytes, "disk has space again: records are taken");
        }
        // Others write too: half of what is free may be gone before the next look.
        let allowance_bytes = (free_bytes / 2).min(BYTES_BETWEEN_LOOKS_MAX) as i64;
        self.allowance_bytes.store(allowance_bytes.saturating_sub(bytes), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! When appends are refused, and when they are taken again.
    use super::*;
    use crate::fs::sim::SimFileSystem;

    #[test]
    fn appends_end_at_the_reserve_and_begin_again_above_it() {
        let (fs, root) = (SimFileSystem::new(1), Path::new(""));
        let guard = SpaceGuard::new(1000);
        fs.set_available_bytes(1500);
        assert!(guard.check(&fs, root, 400).is_ok());
        assert!(matches!(
            guard.check(&fs, root, 501),
            Err(LogError::DiskReserve { available_bytes: 1500, reserve_bytes: 1000, .. })
        ));
        fs.set_available_bytes(999);
        assert!(guard.check(&fs, root, 1).unwrap_err().is_disk_full());
        fs.set_available_bytes(1001);
        assert!(guard.check(&fs, root, 1).is_ok());
        assert!(SpaceGuard::new(0).check(&fs, root, 1 << 30).is_ok());
    }

    #[test]
    fn no_more_is_appended_between_two_looks_than_there_was() {
        let (fs, root) = (SimFileSystem::new(1), Path::new(""));
        let guard = SpaceGuard::new(1 << 20);
        let mut available = 100_u64 << 20;
        let mut appended = 0;
        loop {
            fs.set_available_bytes(available - appended);
            match guard.check(&fs, root, 100_000) {
                Ok(()) => appended += 100_000,
                Err(_) => break,
            }
        }
        assert!(available - appended >= 1 << 20 && available - appended < (1 << 20) + 100_000);
        available += 1 << 20;
        fs.set_available_bytes(available - appended);
        assert!(guard.check(&fs, root, 100_000).is_ok());
    }
}
