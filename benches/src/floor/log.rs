//! The floor's topics: a file for each partition, and where in it each batch begins.

use std::fs::File;
use std::io::{IoSlice, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, ensure};
use bytestring::ByteString;
use millstream_wire::crc32c;
use millstream_wire::frame::Payload;
use millstream_wire::records::BatchHeader;
use uuid::Uuid;

/// Of a batch, what stands before its length: the offset that the broker sets.
const OFFSET_BYTES: usize = 8;
/// Of a batch, what the CRC does not cover.
const CRC_FROM: usize = 21;

/// All topics.
#[derive(Debug)]
pub(super) struct Log {
    directory: PathBuf,
    topics: Mutex<Vec<Arc<Topic>>>,
}

/// A topic with its partitions.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: ByteString,
    pub(super) id: Uuid,
    partitions: Vec<Mutex<Partition>>,
}

/// A partition: its file, and what it holds.
#[derive(Debug)]
pub(super) struct Partition {
    file: Arc<File>,
    /// First offset and place of each batch.
    batches: Vec<(i64, u64)>,
    pub(super) end_offset: i64,
    size_bytes: u64,
}

/// Whole batches of a partition's file.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) file: Arc<File>,
    pub(super) start: u64,
    pub(super) length: usize,
}

impl Payload for Stretch {
    fn size_bytes(&self) -> usize {
        self.length
    }
}

/// Nothing of what is locked here can be half done: a thread that panicked leaves it as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, topics: Mutex::default() }
    }

    /// Makes a topic with empty files.
    pub(super) fn create(&self, name: &str, partitions: usize) -> anyhow::Result<()> {
        let id = Uuid::new_v4();
        let partition = |index| Partition::create(self.directory.join(format!("{id}-{index}")));
        let partitions = (0..partitions).map(partition).collect::<Result<_, _>>()?;
        lock(&self.topics).push(Arc::new(Topic { name: name.into(), id, partitions }));
        Ok(())
    }

    /// Removes a topic and its files.
    pub(super) fn delete(&self, name: &str) -> anyhow::Result<()> {
        let Some(topic) = self.find(name, Uuid::nil()) else { return Ok(()) };
        lock(&self.topics).retain(|other| other.id != topic.id);
        for index in 0..topic.partitions.len() {
            std::fs::remove_file(self.directory.join(format!("{}-{index}", topic.id)))?;
        }
        Ok(())
    }

    /// The topic of that name or id.
    pub(super) fn find(&self, name: &str, id: Uuid) -> Option<Arc<Topic>> {
        let wanted = |topic: &&Arc<Topic>| if id.is_nil() { topic.name == name } else { topic.id == id };
        lock(&self.topics).iter().find(wanted).cloned()
    }
}

impl Topic {
    pub(super) fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    pub(super) fn partition(&self, index: i32) -> anyhow::Result<MutexGuard<'_, Partition>> {
        let partition = usize::try_from(index).ok().and_then(|index| self.partitions.get(index));
        Ok(lock(partition.with_context(|| format!("{} has no partition {index}", self.name))?))
    }
}

impl Partition {
    fn create(path: PathBuf) -> anyhow::Result<Mutex<Self>> {
        let file = File::options().create_new(true).read(true).append(true).open(path)?;
        Ok(Mutex::new(Self { file: Arc::new(file), batches: Vec::new(), end_offset: 0, size_bytes: 0 }))
    }

    /// Checks one batch, gives it the next offsets, and writes it with one system call. Returns its first offset.
    pub(super) fn append(&mut self, batch: &[u8]) -> anyhow::Result<i64> {
        let header = BatchHeader::parse(batch)?;
        ensure!(header.size() == batch.len(), "more or less than one batch");
        ensure!(header.crc == crc32c(&batch[CRC_FROM..]), "the CRC of a batch is wrong");
        let first = self.end_offset;
        let offset = first.to_be_bytes();
        let written =
            (&*self.file).write_vectored(&[IoSlice::new(&offset), IoSlice::new(&batch[OFFSET_BYTES..])])?;
        ensure!(written == batch.len(), "the disk is full");
        self.batches.push((first, self.size_bytes));
        self.end_offset += i64::from(header.last_offset_delta) + 1;
        self.size_bytes += batch.len() as u64;
        Ok(first)
    }

    /// No batches.
    pub(super) fn nothing(&self) -> Stretch {
        Stretch { file: Arc::clone(&self.file), start: 0, length: 0 }
    }

    /// Whole batches from `offset` on, as many as fit into `bytes_max`, but at least one; none at the end.
    pub(super) fn read(&self, offset: i64, bytes_max: usize) -> Option<Stretch> {
        if offset >= self.end_offset {
            return None;
        }
        let at = self.batches.partition_point(|(first, _)| *first <= offset).checked_sub(1)?;
        let start = self.batches[at].1;
        let end_max = start + bytes_max as u64;
        let end = if self.size_bytes <= end_max {
            self.size_bytes
        } else {
            let past = self.batches.partition_point(|(_, place)| *place <= end_max) - 1;
            self.batches[past.max(at + 1)].1
        };
        Some(Stretch { file: Arc::clone(&self.file), start, length: (end - start) as usize })
    }
}
