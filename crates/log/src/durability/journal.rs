//! One sequential, synced file in front of the partitions' own, so that a thousand partitions share one small sync (ADR 0007).
//!
//! A round copies what was appended since the last one out of the partitions' files (where the page cache has it) into one frame, and syncs
//! that: the records are durable, although the files they belong to are not yet. The kernel writes those when it likes. When one of the two
//! files of the journal is full, the other is taken, and the file system is synced in the background
//! ([`super::settle`]); then the full one may be written over. Until then the recovery points stay where they are: they are about the partitions' files alone.
//! After a power cut, [`replay`] puts what the files have lost where it belongs.
//!
//! What does not fit, or comes while the journal cannot be written, is synced in the partitions' files; so is what it had, when it fails. Many bytes of one
//! partition go into its own file at once: to write them twice would cost more than it saves.
//!
//! Invariants: a frame is synced before the next is begun. A file is not written over before everything was synced, and no sync has failed. A process that finds
//! the journal of a killed one syncs everything before it removes that. After a clean stop there is none.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::settle::Settler;
use crate::Result;
use crate::context::Context;
use crate::data_directory::PreviousRun;
use crate::error::IoContext;
use crate::fs::{File, OpenMode, read_exact_at, write_all_at};
use crate::partition::{Mark, PartitionLog, Unsynced};

mod frame;
mod replay;
#[cfg(test)]
mod tests;

use frame::{Entry, FrameBuilder, Use};
pub(crate) use replay::{is_in_files, replay};

/// More bytes of one partition go into its own file at once.
const PARTITION_BYTES_MAX: u64 = 256 << 10;
/// A file grows by so much, so that most syncs need not make a new size durable.
const GROWTH_BYTES: u64 = 256 << 10;

/// Where the journal's files lie.
fn journal_path(root: &Path, index: usize) -> PathBuf {
    root.join(format!("millstream.journal.{index}"))
}

/// Removes the journal, durably: everything that it has must be in the partitions' files by now.
///
/// # Errors
/// [`crate::LogError::Io`].
pub(crate) fn discard(context: &Context) -> Result<()> {
    let mut found = false;
    for index in 0..2 {
        let path = journal_path(context.root(), index);
        match context.fs().remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => {
                outcome.context("remove", &path)?;
                found = true;
            }
        }
    }
    match found {
        true => context.fs().sync_dir(context.root()).context("sync", context.root()),
        false => Ok(()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// What a killed process left of it is still there.
    Untouched,
    Ready,
    Failed,
}

/// The journal of this process.
#[derive(Debug)]
pub(super) struct Journal {
    context: Arc<Context>,
    state: State,
    /// Most bytes of each file.
    file_bytes_max: u64,
    files: [Option<JournalFile>; 2],
    /// The file in use; the generation's parity tells which.
    of: Use,
    sequence: u32,
    position: u64,
    frame: FrameBuilder,
    /// What the frame in the making is about, and up to where.
    in_frame: Vec<(Arc<PartitionLog>, Mark)>,
    /// What the file in use is about.
    in_file: Vec<Weak<PartitionLog>>,
    settler: Settler,
}

#[derive(Debug)]
struct JournalFile {
    file: Arc<dyn File>,
    size: u64,
}

impl Journal {
    pub(super) fn new(context: Arc<Context>, file_bytes_max: u64) -> Self {
        Self {
            context,
            state: State::Untouched,
            file_bytes_max,
            files: [None, None],
            of: Use { generation: 1, salt: Uuid::new_v4().as_u64_pair().1 },
            sequence: 0,
            position: 0,
            frame: FrameBuilder::default(),
            in_frame: Vec::new(),
            in_file: Vec::new(),
            settler: Settler::default(),
        }
    }

    /// Settles on a thread from now on.
    pub(super) fn start_settler(&mut self) {
        self.settler.start(&self.context);
    }

    /// Settles on the calling thread what has to be, for a store without threads.
    pub(super) fn settle(&self) {
        self.settler.settle(&self.context);
    }

    /// Makes durable what was appended to partitions; those are left over, each once, whose own files have to be synced instead.
    pub(super) fn write(&mut self, partitions: Vec<Arc<PartitionLog>>) -> Vec<Arc<PartitionLog>> {
        if !self.is_usable() {
            return partitions;
        }
        let mut left = Vec::new();
        self.frame.begin();
        for partition in partitions {
            let Some(unsynced) = partition.unsynced() else { continue };
            let bytes = unsynced.bytes();
            if bytes > PARTITION_BYTES_MAX {
                left.push(partition);
                continue;
            }
            if !self.frame.has_room_for(unsynced.ranges.len(), bytes) {
                self.commit(&mut left);
            }
            match self.copy(&partition, &unsynced) {
                Ok(()) => self.in_frame.push((partition, unsynced.mark)),
                Err(error) => {
                    tracing::warn!(%error, "records cannot be copied into the journal");
                    left.push(partition);
                }
            }
        }
        self.commit(&mut left);
        if self.state == State::Failed {
            // What the journal had is left over too, and may be among the rest.
            left.sort_unstable_by_key(Arc::as_ptr);
            left.dedup_by_key(|partition| Arc::as_ptr(partition));
        }
        left
    }

    fn is_usable(&mut self) -> bool {
        if self.state == State::Untouched {
            self.state = match self.prepare() {
                Ok(()) => State::Ready,
                Err(error) => failed(&error),
            };
        }
        self.state == State::Ready
    }

    fn prepare(&self) -> Result<()> {
        if self.context.previous_run == PreviousRun::Killed {
            self.context.sync_once()?;
        }
        discard(&self.context)
    }

    /// Copies what a partition has into the frame.
    fn copy(&mut self, partition: &PartitionLog, unsynced: &Unsynced) -> Result<()> {
        let before = self.frame.len();
        for range in &unsynced.ranges {
            let entry = Entry {
                topic_id: partition.topic_id(),
                partition: partition.index(),
                segment_base: range.segment.base_offset,
                position: range.position,
                end_offset: range.end_offset,
                bytes: &[],
            };
            let copied = range.segment.log_file(&self.context.cache).and_then(|file| {
                self.frame.add(&entry, range.length as u32, |buffer| {
                    read_exact_at(&*file, buffer, range.position).context("read", &range.segment.log_path())
                })
            });
            copied.inspect_err(|_| self.frame.truncate(before))?;
        }
        Ok(())
    }

    /// Writes and syncs the frame, and begins the next; where that is not possible, what was in it is left over.
    fn commit(&mut self, left: &mut Vec<Arc<PartitionLog>>) {
        if self.frame.is_empty() {
            return;
        }
        let in_frame = std::mem::take(&mut self.in_frame);
        let size = self.frame.len() as u64;
        let is_possible =
            self.state == State::Ready && (self.position + size <= self.file_bytes_max || self.rotate());
        match is_possible.then(|| self.write_frame()) {
            Some(Ok(())) => {
                self.position += size;
                self.sequence += 1;
                for (partition, mark) in in_frame {
                    partition.finish_journaled(mark);
                    if partition.is_new_in_journal(self.of.generation) {
                        self.in_file.push(Arc::downgrade(&partition));
                    }
                }
            }
            outcome => {
                left.extend(in_frame.into_iter().map(|(partition, _)| partition));
                // On a full disk, the next frame is written over what there is of this one.
                if let Some(Err(error)) = outcome
                    && !error.is_disk_full()
                {
                    self.state = failed(&error);
                    left.extend(std::mem::take(&mut self.in_file).iter().filter_map(Weak::upgrade));
                }
            }
        }
        self.frame.begin();
    }

    /// Goes on in the other file, if that may be written over and the frame fits into it at all.
    fn rotate(&mut self) -> bool {
        if self.frame.len() as u64 > self.file_bytes_max || !self.settler.is_free() {
            return false;
        }
        self.settler.hand_over(std::mem::take(&mut self.in_file));
        self.of.generation += 1;
        (self.sequence, self.position) = (0, 0);
        true
    }

    fn write_frame(&mut self) -> Result<()> {
        let index = (self.of.generation % 2) as usize;
        let path = journal_path(self.context.root(), index);
        let bytes = self.frame.finish(self.of, self.sequence);
        let end = self.position + bytes.len() as u64;
        let journal_file = match &mut self.files[index] {
            Some(file) => file,
            empty => {
                let file = self.context.fs().open(&path, OpenMode::Empty).context("create", &path)?;
                self.context.fs().sync_dir(self.context.root()).context("sync", self.context.root())?;
                empty.insert(JournalFile { file, size: 0 })
            }
        };
        let grown = end.next_multiple_of(GROWTH_BYTES).min(self.file_bytes_max.max(end));
        let zeros = if end > journal_file.size { vec![0; (grown - end) as usize] } else { Vec::new() };
        let mut slices = [IoSlice::new(bytes), IoSlice::new(&zeros)];
        write_all_at(&*journal_file.file, &mut slices, self.position).context("write", &path)?;
        journal_file.file.sync_data().context("sync", &path)?;
        journal_file.size = journal_file.size.max(end + zeros.len() as u64);
        Ok(())
    }
}

fn failed(error: &crate::LogError) -> State {
    tracing::error!(%error, "the journal cannot be used any more: each partition's files are synced instead, which is slower");
    State::Failed
}
