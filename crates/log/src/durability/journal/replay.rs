//! At a start: comparing what the journal has with the partitions' files, and writing it there where they may have lost it.
//!
//! Entries are facts of the form "these bytes lie there": to write them once more changes nothing where they had reached the disk.
//! Left out is what the files are known to have (below the recovery point, where compaction may have moved it since), and topics that are no
//! more. Segments that were deleted may come back; the partition's recovery removes what ends before the log's start.
//!
//! A file or directory whose name was lost is made again. Then everything is synced, and only then is the journal removed: whatever
//! happens meanwhile, the next start does the same.

use std::collections::HashMap;
use std::collections::hash_map;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::frame::{Entry, FrameReader};
use super::{discard, journal_path};
use crate::Result;
use crate::checkpoint::{PARTITION_METADATA_FILE, read_partition_metadata, write_partition_metadata};
use crate::context::{Checkpoints, Context};
use crate::error::{IoContext, LogError};
use crate::fs::{Durable, File, FileSystem, OpenMode, write_all_at};
use crate::metadata::MetadataState;
use crate::names::{FileKind, STRAY_SUFFIX, discarded_directory, partition_directory};

/// Segments whose files are held open at once.
const OPEN_SEGMENTS_MAX: usize = 64;

/// Whether the files of a killed process are as long as the journal has them: else more has gone than a process, though the machine has run on.
/// Notes in `checkpoints` up to where the journal has each partition.
///
/// # Errors
/// [`LogError::Io`].
pub(crate) fn is_in_files(
    fs: &dyn FileSystem,
    root: &Path,
    metadata: &MetadataState,
    checkpoints: &mut Checkpoints,
) -> Result<bool> {
    let mut places = Places::new(metadata, checkpoints);
    let (mut sizes, mut whole) = (HashMap::new(), true);
    for_each_entry(fs, root, |entry| {
        let Some(place) = places.of(entry) else { return Ok(()) };
        let path = FileKind::Log.path(&root.join(&place.directory), entry.segment_base);
        let size = match sizes.entry(path) {
            hash_map::Entry::Occupied(known) => *known.get(),
            hash_map::Entry::Vacant(unknown) => {
                let file = open_existing(fs, unknown.key())?;
                let size =
                    file.map_or(Ok(0), |file| file.size()).context("read the size of", unknown.key())?;
                *unknown.insert(size)
            }
        };
        whole &=
            size >= entry.position + entry.bytes.len() as u64 || entry.end_offset <= place.log_start_offset;
        Ok(())
    })?;
    places.note_ends(checkpoints);
    Ok(whole)
}

/// Brings the files up to what the journal says, and removes it. Notes in the context's checkpoints up to where it had each partition.
///
/// # Errors
/// [`LogError::Io`]: nothing is lost, and the next start tries again.
pub(crate) fn replay(context: &Context, metadata: &MetadataState) -> Result<()> {
    let mut checkpoints = context.checkpointed.lock();
    let mut places = Places::new(metadata, &checkpoints);
    let mut files = Files { context, directories: HashMap::new(), open: HashMap::new() };
    let mut bytes = 0;
    for_each_entry(context.fs(), context.root(), |entry| {
        let Some(place) = places.of(entry) else { return Ok(()) };
        bytes += entry.bytes.len();
        files.write(entry, place)
    })?;
    if bytes > 0 {
        context.sync_everything().context("sync", context.root())?;
        tracing::info!(
            partitions = places.ends.len(),
            bytes,
            "records from the journal are in their partitions again"
        );
    }
    places.note_ends(&mut checkpoints);
    drop(checkpoints);
    discard(context)
}

/// Reads the journal, the file that was begun first first.
fn for_each_entry(
    fs: &dyn FileSystem,
    root: &Path,
    mut act: impl FnMut(&Entry<'_>) -> Result<()>,
) -> Result<()> {
    let mut files = Vec::new();
    for index in 0..2 {
        let path = journal_path(root, index);
        let Some(file) = open_existing(fs, &path)? else { continue };
        let mut first = FrameReader::new(&*file, &path);
        first.next_frame()?;
        let of = first.of();
        files.extend(of.map(|of| (of, path, file)));
    }
    files.sort_by_key(|(of, ..)| *of);
    for (_, path, file) in &files {
        let mut reader = FrameReader::new(&**file, path);
        while let Some(mut entries) = reader.next_frame()? {
            entries.try_for_each(|entry| act(&entry))?;
        }
        if reader.has_lost_frames()? {
            let path = path.display();
            tracing::error!(%path, "the journal is damaged: of what was acknowledged last, records may be missing");
        }
    }
    Ok(())
}

fn open_existing(fs: &dyn FileSystem, path: &Path) -> Result<Option<Arc<dyn File>>> {
    match fs.open(path, OpenMode::Existing) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.context("open", path).map(Some),
    }
}

/// Where entries belong.
struct Places<'a> {
    metadata: &'a MetadataState,
    known: HashMap<(Uuid, i32), Option<Place>>,
    /// Where what the journal has of each partition ends.
    ends: HashMap<(String, i32), i64>,
    checkpoints: Checkpoints,
}

#[derive(Debug, Clone)]
struct Place {
    topic: String,
    directory: String,
    recovery_point: i64,
    log_start_offset: i64,
}

impl<'a> Places<'a> {
    fn new(metadata: &'a MetadataState, checkpoints: &Checkpoints) -> Self {
        Self { metadata, known: HashMap::new(), ends: HashMap::new(), checkpoints: checkpoints.clone() }
    }

    /// Where an entry belongs, if it says anything that the files need not have already.
    fn of(&mut self, entry: &Entry<'_>) -> Option<&Place> {
        let key = (entry.topic_id, entry.partition);
        let find = || {
            let topic = self.metadata.topic_by_id(entry.topic_id)?;
            (0..topic.partitions).contains(&entry.partition).then_some(())?;
            let topic = topic.name.clone();
            let directory = partition_directory(&topic, entry.partition);
            let found = self.checkpoints.get(&(topic.clone(), entry.partition)).copied().unwrap_or_default();
            let (recovery_point, log_start_offset) = (found.recovery_point, found.log_start_offset);
            Some(Place { topic, directory, recovery_point, log_start_offset })
        };
        let place = self.known.entry(key).or_insert_with(find).as_ref()?;
        if entry.end_offset <= place.recovery_point {
            return None;
        }
        self.ends.insert((place.topic.clone(), entry.partition), entry.end_offset);
        Some(place)
    }

    fn note_ends(self, checkpoints: &mut Checkpoints) {
        for (name, end_offset) in self.ends {
            checkpoints.entry(name).or_default().journaled = end_offset;
        }
    }
}

/// The partitions' files.
struct Files<'a> {
    context: &'a Context,
    /// Directories that are there and say whose they are.
    directories: HashMap<(Uuid, i32), PathBuf>,
    open: HashMap<PathBuf, Arc<dyn File>>,
}

impl Files<'_> {
    fn write(&mut self, entry: &Entry<'_>, place: &Place) -> Result<()> {
        let path = FileKind::Log.path(&self.directory(entry, place)?, entry.segment_base);
        let file = self.file(&path, entry.position == 0)?;
        let size = file.as_ref().map_or(Ok(0), |file| file.size()).context("read the size of", &path)?;
        let Some(file) = file.filter(|_| size >= entry.position) else {
            // Of a deleted segment, the journal may have nothing but the end.
            if entry.end_offset > place.log_start_offset {
                let (path, position) = (path.display(), entry.position);
                tracing::error!(%path, position, size, "bytes before those in the journal are missing");
            }
            return Ok(());
        };
        write_all_at(&*file, &mut [IoSlice::new(entry.bytes)], entry.position).context("write", &path)
    }

    fn directory(&mut self, entry: &Entry<'_>, place: &Place) -> Result<PathBuf> {
        let key = (entry.topic_id, entry.partition);
        if let Some(known) = self.directories.get(&key) {
            return Ok(known.clone());
        }
        let (fs, root) = (self.context.fs(), self.context.root());
        let directory = root.join(&place.directory);
        let metadata_path = directory.join(PARTITION_METADATA_FILE);
        let owner = match read_partition_metadata(fs, &metadata_path) {
            Err(LogError::Corrupt { .. }) => None,
            read => read?,
        };
        if owner.is_some_and(|owner| owner != entry.topic_id) {
            let aside = root.join(discarded_directory(&place.topic, entry.partition, STRAY_SUFFIX));
            tracing::warn!(from = %directory.display(), to = %aside.display(), "directory of another topic is set aside");
            fs.rename(&directory, &aside).context("rename", &directory)?;
        }
        if owner != Some(entry.topic_id) {
            fs.create_dir_all(&directory).context("create", &directory)?;
            write_partition_metadata(fs, &metadata_path, entry.topic_id, Durable::No)?;
        }
        self.directories.insert(key, directory.clone());
        Ok(directory)
    }

    fn file(&mut self, path: &Path, create: bool) -> Result<Option<Arc<dyn File>>> {
        if let Some(file) = self.open.get(path) {
            return Ok(Some(file.clone()));
        }
        let fs = self.context.fs();
        let file = match create {
            true => Some(fs.open(path, OpenMode::OrCreate).context("open", path)?),
            false => open_existing(fs, path)?,
        };
        if self.open.len() >= OPEN_SEGMENTS_MAX {
            self.open.clear();
        }
        self.open.extend(file.clone().map(|file| (path.to_owned(), file)));
        Ok(file)
    }
}
