//! The metadata log: what the broker must not forget beside the records themselves.
//!
//! Topics with their ids, partition counts and configurations, the cluster's id, the broker's epoch, producer ids handed
//! out, finalized features. One file of checksummed frames (`docs/formats/metadata-log.md`); a frame holds the records of
//! one change, is synced before the change is answered, under every fsync policy, and is there as a whole or not at all.
//!
//! When the file has grown, its state is written to the file of the next generation, which replaces it by a rename.
//!
//! Invariants: state is changed only after the frame that says so is synced. After a failed write that cannot be taken
//! back, or any failed sync, nothing more is written until the next start. Locks: the file's before the state's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use crate::Result;
use crate::fs::FileSystem;

mod codec;
mod file;
mod state;

pub use codec::MetadataRecord;
use file::MetadataFile;
pub use state::{ConfigResource, DeletedTopic, MetadataState, QuotaEntity, QuotaName, TopicMetadata};

/// Producer ids that are set aside by one synced record.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// The open metadata log.
#[derive(Debug)]
pub struct MetadataLog {
    file: Mutex<Writer>,
    state: RwLock<MetadataState>,
}

#[derive(Debug)]
struct Writer {
    file: MetadataFile,
    /// Producer ids of the current block that are still free: from the first up to the second, exclusive.
    producer_ids: (i64, i64),
}

impl MetadataLog {
    /// Opens the metadata log in `directory`; with `create`, begins one where there is none.
    ///
    /// # Errors
    /// [`crate::LogError::Corrupt`] when it is damaged, or missing without `create`;
    /// [`crate::LogError::UnknownMetadataRecord`]; [`crate::LogError::Io`].
    pub fn open(fs: Arc<dyn FileSystem>, directory: &Path, create: bool) -> Result<Self> {
        let (file, state) = MetadataFile::open(fs, directory, create)?;
        let writer = Writer { file, producer_ids: (state.next_producer_id, state.next_producer_id) };
        Ok(Self { file: Mutex::new(writer), state: RwLock::new(state) })
    }

    /// The state as of the last change; hold it briefly.
    pub fn state(&self) -> RwLockReadGuard<'_, MetadataState> {
        self.state.read()
    }

    /// Makes a change durable and then visible: all of its records or none. `decide` sees the state that the change is
    /// based on, which no other change can alter meanwhile; no records means no change.
    ///
    /// # Errors
    /// Those of `decide`; [`crate::LogError::MetadataOffline`]; [`crate::LogError::Io`].
    pub fn change<T>(
        &self,
        decide: impl FnOnce(&MetadataState) -> Result<(Vec<MetadataRecord>, T)>,
    ) -> Result<T> {
        let mut writer = self.file.lock();
        let (records, result) = decide(&self.state.read())?;
        self.commit(&mut writer, records)?;
        Ok(result)
    }

    /// A producer id that was never given before, and will not be again.
    ///
    /// # Errors
    /// As [`Self::change`]: every thousandth call writes.
    pub fn next_producer_id(&self) -> Result<i64> {
        let mut writer = self.file.lock();
        let (mut next, mut end) = writer.producer_ids;
        if next == end {
            next = self.state.read().next_producer_id;
            end = next + PRODUCER_ID_BLOCK;
            self.commit(&mut writer, vec![MetadataRecord::ProducerIds { next: end }])?;
        }
        writer.producer_ids = (next + 1, end);
        Ok(next)
    }

    /// Number of changes that were ever written.
    pub fn frames(&self) -> u64 {
        self.file.lock().file.next_sequence()
    }

    /// Path of the current file.
    pub fn path(&self) -> PathBuf {
        self.file.lock().file.path().to_owned()
    }

    fn commit(&self, writer: &mut Writer, records: Vec<MetadataRecord>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        writer.file.append(&records)?;
        let mut state = self.state.write();
        for record in records {
            state.apply(record);
        }
        let state = parking_lot::RwLockWriteGuard::downgrade(state);
        if writer.file.is_due_for_compaction() {
            // The change itself is done: a failure here is reported by the next one.
            if let Err(error) = writer.file.compact(&state) {
                tracing::warn!(%error, "metadata log was not compacted");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
