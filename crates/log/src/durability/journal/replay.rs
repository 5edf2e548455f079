//! After a power cut: what the journal has is written into the partitions' files again.
//!
//! Entries are facts of the form "these bytes lie there": to write them once more changes nothing where they had reached the disk.
//! Left out is what the files are known to have (below the recovery point, where compaction may have moved it since), and topics that are no
//! more. Segments that were deleted may come back; the partition's recovery removes what ends before the log's start.
//!
//! A file or directory whose name was lost is made again. Then everything is synced, and only then is the journal removed: whatever
//! happens meanwhile, the next start does the same.

use std::collections::HashMap;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::frame::{Entry, frames, has_lost_frames};
use super::{discard, journal_path};
use crate::Result;
use crate::checkpoint::{PARTITION_METADATA_FILE, read_partition_metadata, write_partition_metadata};
use crate::context::Context;
use crate::error::{IoContext, LogError};
use crate::fs::{Durable, File, OpenMode, read_file, write_all_at};
use crate::metadata::MetadataState;
use crate::names::{FileKind, STRAY_SUFFIX, discarded_directory, partition_directory};

/// Largest file that is read: far beyond any that is written.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Files that are held open at once.
const OPEN_FILES_MAX: usize = 64;

/// Brings the files up to what the journal says, and removes it.
///
/// # Errors
/// [`LogError::Io`]: nothing is lost, and the next start tries again.
pub(crate) fn replay(context: &Context, metadata: &MetadataState) -> Result<()> {
    let mut files = Vec::new();
    for index in 0..2 {
        let path = journal_path(context.root(), index);
        if let Some(bytes) = read_file(context.fs(), &path, FILE_BYTES_MAX).context("read", &path)? {
            files.push((path, bytes));
        }
    }
    if files.is_empty() {
        return Ok(());
    }
    files.sort_by_key(|(_, bytes)| frames(bytes).next().map(|frame| frame.generation));
    let mut replay = Replay {
        context,
        metadata,
        targets: HashMap::new(),
        ends: HashMap::new(),
        open: HashMap::new(),
        written_bytes: 0,
    };
    for (path, bytes) in &files {
        if has_lost_frames(bytes) {
            tracing::error!(path = %path.display(), "the journal is damaged: records that were acknowledged last may be missing");
        }
        frames(bytes).flat_map(|frame| frame.entries()).try_for_each(|entry| replay.write(&entry))?;
    }
    let (ends, partitions, bytes) = (replay.ends, replay.targets.len(), replay.written_bytes);
    context.fs().sync_all(context.root()).context("sync", context.root())?;
    tracing::info!(partitions, bytes, "records from the journal are in their partitions again");
    let mut checkpointed = context.checkpointed.lock();
    for (name, end_offset) in ends {
        checkpointed.entry(name).or_default().journaled = end_offset;
    }
    drop(checkpointed);
    discard(context)
}

struct Replay<'a> {
    context: &'a Context,
    metadata: &'a MetadataState,
    /// Where the entries of a partition go; `None` where nowhere.
    targets: HashMap<(Uuid, i32), Option<Target>>,
    /// Where what the journal has of each partition ends.
    ends: HashMap<(String, i32), i64>,
    open: HashMap<PathBuf, Arc<dyn File>>,
    written_bytes: u64,
}

#[derive(Clone)]
struct Target {
    name: (String, i32),
    directory: PathBuf,
    recovery_point: i64,
    log_start_offset: i64,
}

impl Replay<'_> {
    fn write(&mut self, entry: &Entry<'_>) -> Result<()> {
        let Some(target) = self.target(entry)? else { return Ok(()) };
        if entry.end_offset <= target.recovery_point {
            return Ok(());
        }
        let Target { name, directory, log_start_offset, .. } = target;
        self.ends.insert(name, entry.end_offset);
        let path = FileKind::Log.path(&directory, entry.segment_base);
        let file = self.file(&path, entry.position == 0)?;
        let size = file.as_ref().map_or(Ok(0), |file| file.size()).context("read the size of", &path)?;
        let Some(file) = file.filter(|_| size >= entry.position) else {
            // Of a deleted segment, the journal may have nothing but the end.
            if entry.end_offset > log_start_offset {
                tracing::error!(path = %path.display(), position = entry.position, size, "bytes before those in the journal are missing");
            }
            return Ok(());
        };
        self.written_bytes += entry.bytes.len() as u64;
        write_all_at(&*file, &mut [IoSlice::new(entry.bytes)], entry.position).context("write", &path)
    }

    fn target(&mut self, entry: &Entry<'_>) -> Result<Option<Target>> {
        let key = (entry.topic_id, entry.partition);
        if let Some(known) = self.targets.get(&key) {
            return Ok(known.clone());
        }
        let topic = self
            .metadata
            .topic_by_id(entry.topic_id)
            .filter(|topic| (0..topic.partitions).contains(&entry.partition));
        let target = match topic {
            None => None,
            Some(topic) => {
                let name = (topic.name.clone(), entry.partition);
                let known = self.context.checkpointed.lock().get(&name).copied().unwrap_or_default();
                let directory = self.directory(&topic.name, entry)?;
                let (recovery_point, log_start_offset) = (known.recovery_point, known.log_start_offset);
                Some(Target { name, directory, recovery_point, log_start_offset })
            }
        };
        self.targets.insert(key, target.clone());
        Ok(target)
    }

    /// The partition's directory, which is there then and says whose it is.
    fn directory(&self, topic: &str, entry: &Entry<'_>) -> Result<PathBuf> {
        let (fs, root) = (self.context.fs(), self.context.root());
        let directory = root.join(partition_directory(topic, entry.partition));
        let metadata_path = directory.join(PARTITION_METADATA_FILE);
        match read_partition_metadata(fs, &metadata_path) {
            Ok(Some(owner)) if owner == entry.topic_id => return Ok(directory),
            Ok(Some(_)) => {
                let aside = root.join(discarded_directory(topic, entry.partition, STRAY_SUFFIX));
                tracing::warn!(from = %directory.display(), to = %aside.display(), "directory of another topic is set aside");
                fs.rename(&directory, &aside).context("rename", &directory)?;
            }
            Ok(None) | Err(LogError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        fs.create_dir_all(&directory).context("create", &directory)?;
        write_partition_metadata(fs, &metadata_path, entry.topic_id, Durable::No)?;
        Ok(directory)
    }

    fn file(&mut self, path: &Path, create: bool) -> Result<Option<Arc<dyn File>>> {
        if let Some(file) = self.open.get(path) {
            return Ok(Some(file.clone()));
        }
        let mode = if create { OpenMode::OrCreate } else { OpenMode::Existing };
        let file = match self.context.fs().open(path, mode) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.context("open", path)?,
        };
        if self.open.len() >= OPEN_FILES_MAX {
            self.open.clear();
        }
        self.open.insert(path.to_owned(), file.clone());
        Ok(Some(file))
    }
}
