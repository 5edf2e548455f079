//! Kafka's checkpoint files: small texts that are replaced as a whole.
//!
//! All of them are a version line `0`, a line with the number of entries, and one line per entry; drawn in
//! `docs/formats/log-directory.md`. A file that cannot be read is an error, never an empty one: which of them may be done
//! without is the caller's to know.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use uuid::Uuid;

use crate::error::IoContext;
use crate::fs::{Durable, FileSystem, read_file, replace_file};
use crate::topic_id::{id_text, parse_id};
use crate::{LogError, Result};

/// Offset up to which a partition is known to be on the disk.
pub const RECOVERY_POINT_FILE: &str = "recovery-point-offset-checkpoint";
/// First offset of a partition, where it is not that of the first segment.
pub const LOG_START_FILE: &str = "log-start-offset-checkpoint";
/// High watermark.
pub const HIGH_WATERMARK_FILE: &str = "replication-offset-checkpoint";
/// Offset up to which a partition is compacted.
pub const COMPACTED_FILE: &str = "cleaner-offset-checkpoint";
/// Where each leader epoch of a partition began.
pub const LEADER_EPOCH_FILE: &str = "leader-epoch-checkpoint";
/// The id of the topic that a partition directory belongs to.
pub const PARTITION_METADATA_FILE: &str = "partition.metadata";

/// Largest checkpoint that is read: a million partitions with long names.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Offsets by topic and partition.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// Reads an offset checkpoint; one that does not exist is empty.
///
/// # Errors
/// [`LogError::Io`], [`LogError::Corrupt`].
pub fn read_offsets(fs: &dyn FileSystem, path: &Path) -> Result<Offsets> {
    let mut offsets = Offsets::new();
    for (position, line) in read_entries(fs, path)? {
        let mut fields = line.split_ascii_whitespace();
        let entry = (|| {
            let (topic, partition, offset) = (fields.next()?, fields.next()?, fields.next()?);
            (fields.next().is_none() && !topic.is_empty()).then_some(())?;
            Some(((topic.to_owned(), partition.parse().ok()?), offset.parse().ok()?))
        })();
        let Some((key, offset)) = entry else { return Err(corrupt(path, position)) };
        offsets.insert(key, offset);
    }
    Ok(offsets)
}

/// Replaces an offset checkpoint.
///
/// # Errors
/// [`LogError::Io`].
pub fn write_offsets(fs: &dyn FileSystem, path: &Path, offsets: &Offsets, durable: Durable) -> Result<()> {
    let mut text = format!("0\n{}\n", offsets.len());
    for ((topic, partition), offset) in offsets {
        _ = writeln!(text, "{topic} {partition} {offset}");
    }
    replace_file(fs, path, text.as_bytes(), durable).context("write", path)
}

/// Reads a leader epoch checkpoint, as pairs of epoch and the offset where it began; one that does not exist is empty.
///
/// # Errors
/// [`LogError::Io`], [`LogError::Corrupt`].
pub fn read_leader_epochs(fs: &dyn FileSystem, path: &Path) -> Result<Vec<(i32, i64)>> {
    let mut epochs: Vec<(i32, i64)> = Vec::new();
    for (position, line) in read_entries(fs, path)? {
        let entry = line
            .split_once(' ')
            .and_then(|(epoch, offset)| Some((epoch.parse().ok()?, offset.parse().ok()?)))
            .filter(|&(epoch, offset)| {
                epochs.last().is_none_or(|&(last, from)| epoch > last && offset >= from)
            });
        epochs.push(entry.ok_or_else(|| corrupt(path, position))?);
    }
    Ok(epochs)
}

/// Replaces a leader epoch checkpoint.
///
/// # Errors
/// [`LogError::Io`].
pub fn write_leader_epochs(
    fs: &dyn FileSystem,
    path: &Path,
    epochs: &[(i32, i64)],
    durable: Durable,
) -> Result<()> {
    let mut text = format!("0\n{}\n", epochs.len());
    for (epoch, offset) in epochs {
        _ = writeln!(text, "{epoch} {offset}");
    }
    replace_file(fs, path, text.as_bytes(), durable).context("write", path)
}

/// Reads the topic id of a partition directory; `None` where the file does not exist.
///
/// # Errors
/// [`LogError::Io`], [`LogError::Corrupt`].
pub fn read_partition_metadata(fs: &dyn FileSystem, path: &Path) -> Result<Option<Uuid>> {
    let Some(text) = read_text(fs, path)? else { return Ok(None) };
    let mut lines = text.lines();
    let id = (lines.next() == Some("version: 0"))
        .then(|| lines.next()?.strip_prefix("topic_id: ").and_then(parse_id))
        .flatten();
    id.map(Some).ok_or_else(|| corrupt(path, 0))
}

/// Writes the topic id of a partition directory.
///
/// # Errors
/// [`LogError::Io`].
pub fn write_partition_metadata(
    fs: &dyn FileSystem,
    path: &Path,
    topic_id: Uuid,
    durable: Durable,
) -> Result<()> {
    let text = format!("version: 0\ntopic_id: {}", id_text(topic_id));
    replace_file(fs, path, text.as_bytes(), durable).context("write", path)
}

/// The entry lines of a checkpoint with their byte positions, after version and count were checked.
fn read_entries(fs: &dyn FileSystem, path: &Path) -> Result<Vec<(u64, String)>> {
    let Some(text) = read_text(fs, path)? else { return Ok(Vec::new()) };
    let mut position = 0;
    let mut lines = text.lines().map(|line| {
        let at = position;
        position += line.len() as u64 + 1;
        (at, line.to_owned())
    });
    if lines.next().is_none_or(|(_, version)| version != "0") {
        return Err(corrupt(path, 0));
    }
    let count = lines.next().and_then(|(_, count)| count.parse::<usize>().ok());
    let entries: Vec<_> = lines.collect();
    if count == Some(entries.len()) { Ok(entries) } else { Err(corrupt(path, 2)) }
}

fn read_text(fs: &dyn FileSystem, path: &Path) -> Result<Option<String>> {
    let bytes = read_file(fs, path, FILE_BYTES_MAX).context("read", path)?;
    bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| corrupt(path, 0))).transpose()
}

fn corrupt(path: &Path, position: u64) -> LogError {
    LogError::Corrupt { what: "checkpoint", path: path.to_owned(), position }
}

#[cfg(test)]
mod tests;
