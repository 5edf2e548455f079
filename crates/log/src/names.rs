//! Kafka's names: topics, partition directories and the files in them.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::{LogError, Result};

/// Most characters of a topic name, so that `name-partition.id-delete` still fits a file name.
const TOPIC_NAME_LEN_MAX: usize = 249;

/// Extension of a file that waits for its removal.
pub(crate) const DELETED: &str = ".deleted";
/// Extension of a file that compaction writes.
pub(crate) const CLEANED: &str = ".cleaned";
/// Extension of a log file that compaction has written, on its way into an old one's place.
pub(crate) const SWAP: &str = ".swap";

/// Checks a topic's name by Kafka's rules.
///
/// # Errors
/// [`LogError::InvalidTopicName`].
pub fn check_topic_name(topic: &str) -> Result<()> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = if topic.is_empty() {
        "it is empty"
    } else if topic == "." || topic == ".." {
        "it cannot be \".\" or \"..\""
    } else if topic.len() > TOPIC_NAME_LEN_MAX {
        "it is longer than 249 characters"
    } else if !topic.bytes().all(legal) {
        "it contains a character other than ASCII alphanumerics, '.', '_' and '-'"
    } else {
        return Ok(());
    };
    Err(LogError::InvalidTopicName { topic: topic.to_owned(), reason })
}

/// The form in which names collide: Kafka's metrics write `_` for `.`.
pub(crate) fn collision_key(topic: &str) -> String {
    topic.replace('.', "_")
}

/// Directory of a partition.
pub(crate) fn partition_directory(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// Topic and partition of a directory name; `None` when it is no partition's.
pub(crate) fn parse_partition_directory(name: &str) -> Option<(&str, i32)> {
    let (topic, partition) = name.rsplit_once('-')?;
    let digits = !partition.is_empty() && partition.bytes().all(|byte| byte.is_ascii_digit());
    let partition = digits.then(|| partition.parse().ok()).flatten()?;
    check_topic_name(topic).ok().map(|()| (topic, partition))
}

/// Name that a directory gets before it is removed, or set aside because it belongs to no known topic.
pub(crate) fn discarded_directory(topic: &str, partition: i32, suffix: &str) -> String {
    let id = Uuid::new_v4().simple();
    // Kafka shortens the name so that the id and the suffix fit into 255 characters.
    let room = 255 - suffix.len() - 1 - 32;
    let directory = partition_directory(topic, partition);
    let kept = &directory[..directory.len().min(room)];
    format!("{kept}.{id}{suffix}")
}

/// Suffix of a partition directory that is being removed.
pub(crate) const DELETE_SUFFIX: &str = "-delete";
/// Suffix of a partition directory that belongs to no known topic.
pub(crate) const STRAY_SUFFIX: &str = "-stray";

/// Kinds of files that carry an offset in their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    Log,
    OffsetIndex,
    TimeIndex,
    TransactionIndex,
    ProducerSnapshot,
}

impl FileKind {
    pub(crate) const OF_SEGMENT: [Self; 4] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex];

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TransactionIndex => ".txnindex",
            Self::ProducerSnapshot => ".snapshot",
        }
    }

    pub(crate) fn path(self, directory: &Path, offset: i64) -> PathBuf {
        directory.join(format!("{offset:020}{}", self.extension()))
    }

    /// Offset and kind of a file name; `None` for any other file.
    pub(crate) fn parse(name: &str) -> Option<(i64, Self)> {
        let (offset, extension) = name.split_at_checked(20)?;
        let digits = offset.bytes().all(|byte| byte.is_ascii_digit());
        let kind = Self::OF_SEGMENT
            .into_iter()
            .chain([Self::ProducerSnapshot])
            .find(|kind| kind.extension() == extension)?;
        digits.then(|| offset.parse().ok()).flatten().map(|offset| (offset, kind))
    }
}

#[cfg(test)]
mod tests;
