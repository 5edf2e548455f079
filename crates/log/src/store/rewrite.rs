//! After a failed sync: whatever may be on no disk is written once more.
//!
//! Linux marks pages that it could not write as clean. As long as they stay in memory a new process reads them, and its syncs
//! succeed without writing them; a power cut would then take records that it has shown. So all files that the last good sync did not cover are written again,
//! byte for byte, before anything is read: then a sync means something. What the kernel has dropped meanwhile is found by the walk over checksums that
//! follows, as after a power cut.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::Path;

use crate::Result;
use crate::context::Checkpointed;
use crate::error::IoContext;
use crate::fs::{FileSystem, OpenMode, read_up_to, write_all_at};
use crate::names::{FileKind, parse_partition_directory};

const CHUNK_BYTES: usize = 1 << 20;

/// Writes all files of partitions again that are not wholly below their recovery points.
///
/// # Errors
/// [`crate::LogError::Io`]: the disk still fails, and nothing may be served from it.
pub(super) fn rewrite_unsynced(
    fs: &dyn FileSystem,
    root: &Path,
    checkpointed: &HashMap<(String, i32), Checkpointed>,
) -> Result<()> {
    tracing::warn!(path = %root.display(), "a sync failed before the last process ended: what it left is written again");
    for entry in fs.read_dir(root).context("list", root)?.iter().filter(|entry| entry.is_dir) {
        let Some((topic, partition)) = parse_partition_directory(&entry.name) else { continue };
        let known = checkpointed.get(&(topic.to_owned(), partition));
        let directory = root.join(&entry.name);
        let recovery_point = known.map_or(0, |known| known.recovery_point);
        rewrite_partition(fs, &directory, recovery_point).context("write again", &directory)?;
    }
    fs.sync_dir(root).context("sync", root)
}

fn rewrite_partition(fs: &dyn FileSystem, directory: &Path, recovery_point: i64) -> io::Result<()> {
    let entries = fs.read_dir(directory)?;
    let mut bases: Vec<i64> = entries
        .iter()
        .filter_map(|entry| match FileKind::parse(&entry.name)? {
            (base_offset, FileKind::Log) => Some(base_offset),
            _ => None,
        })
        .collect();
    bases.sort_unstable();
    // Equal is not enough: the indexes of a segment are synced with the next one's first records.
    let is_synced = |base_offset: i64| {
        let next = bases.partition_point(|&base| base <= base_offset);
        bases.get(next).is_some_and(|&next| next < recovery_point)
    };
    for entry in entries.iter().filter(|entry| !entry.is_dir) {
        let synced = match FileKind::parse(&entry.name) {
            Some((base_offset, kind)) => FileKind::OF_SEGMENT.contains(&kind) && is_synced(base_offset),
            None => false,
        };
        if !synced {
            rewrite_file(fs, &directory.join(&entry.name))?;
        }
    }
    fs.sync_dir(directory)
}

fn rewrite_file(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    let file = fs.open(path, OpenMode::Existing)?;
    // The kernel may have an older failure to tell, which is known.
    if let Err(error) = file.sync_data() {
        tracing::debug!(%error, path = %path.display(), "sync reports a failure again");
    }
    let mut chunk = vec![0; CHUNK_BYTES.min(file.size()? as usize)];
    let mut position = 0;
    loop {
        let length = read_up_to(&*file, &mut chunk, position)?;
        if length == 0 {
            break;
        }
        write_all_at(&*file, &mut [IoSlice::new(&chunk[..length])], position)?;
        position += length as u64;
    }
    // Its size may have been lost as well.
    file.set_size(position)?;
    file.sync_data()
}
