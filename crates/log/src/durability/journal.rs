//! One sequential, synced file in front of the partitions' own, so that a thousand partitions share one small sync (ADR 0007).
//!
//! A round copies what was appended since the last one out of the partitions' files (where the page cache has it) into one frame, and syncs
//! that: the records are durable, although the files they belong to are not yet. The kernel writes those when it likes. When one of the two
//! files of the journal is full, the other is taken, and the partitions that the full one is about are synced in the background
//! ([`super::settle`]); then it may be written over. Until then the recovery points stay where they are: they are about the partitions' files alone.
//! After a power cut, [`replay`] puts what the files have lost where it belongs.
//!
//! The journal is never needed: what does not fit, or comes while it cannot be written, is synced in the partitions' files. So a failure of
//! its own costs speed and nothing else. Many bytes of one partition go there at once: to write them twice would cost more than it saves.
//!
//! Invariants: a frame is synced before the next is begun. A file is not written over before all partitions in it were synced. A process that finds a journal of
//! a killed one syncs everything before it removes that. After a clean stop there is none.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file_syncs::FileSyncs;
use super::settle::Settler;
use crate::Result;
use crate::context::Context;
use crate::data_directory::PreviousRun;
use crate::error::IoContext;
use crate::fs::{File, OpenMode, read_exact_at, write_all_at};
use crate::partition::{PartitionLog, Unsynced};

mod frame;
mod replay;
#[cfg(test)]
mod tests;

use frame::{Entry, FrameBuilder};
pub(crate) use replay::replay;

/// More bytes of one partition go into its own file at once.
const PARTITION_BYTES_MAX: u64 = 256 << 10;
/// Most bytes of a frame.
const FRAME_BYTES_MAX: usize = 4 << 20;
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
    /// How often a file was begun, from 1; its parity tells which.
    generation: u64,
    sequence: u32,
    position: u64,
    frame: FrameBuilder,
    /// What the file in use is about.
    concerned: Vec<Arc<PartitionLog>>,
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
            generation: 1,
            sequence: 0,
            position: 0,
            frame: FrameBuilder::default(),
            concerned: Vec::new(),
            settler: Settler::default(),
        }
    }

    /// Settles on a thread from now on.
    pub(super) fn start_settler(&mut self) {
        self.settler.start(&self.context);
    }

    /// Settles on the calling thread what has to be, for a store without threads.
    pub(super) fn settle(&self, files: &mut FileSyncs) {
        self.settler.settle(files);
    }

    /// Makes durable what was appended to partitions; those are left over whose own files have to be synced instead.
    pub(super) fn write(&mut self, partitions: Vec<Arc<PartitionLog>>) -> Vec<Arc<PartitionLog>> {
        if !self.is_usable() {
            return partitions;
        }
        self.frame.begin();
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for partition in partitions {
            let Some(unsynced) = partition.unsynced() else { continue };
            if self.take(&partition, &unsynced) {
                taken.push((partition, unsynced.mark));
            } else {
                left.push(partition);
            }
        }
        if taken.is_empty() {
            return left;
        }
        if self.commit() {
            for (partition, mark) in taken {
                partition.finish_journaled(mark);
                if partition.is_new_in_journal(self.generation) {
                    self.concerned.push(partition);
                }
            }
        } else {
            left.extend(taken.into_iter().map(|(partition, _)| partition));
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

    /// Copies what a partition has into the frame. False if that is too much, or cannot be read.
    fn take(&mut self, partition: &PartitionLog, unsynced: &Unsynced) -> bool {
        let bytes = unsynced.bytes();
        // Its own file's turn may not come for a while.
        let is_large = bytes > PARTITION_BYTES_MAX && !partition.is_being_synced();
        if is_large || self.frame.len() as u64 + bytes > FRAME_BYTES_MAX as u64 {
            return false;
        }
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
            if let Err(error) = copied {
                tracing::warn!(%error, "records cannot be copied into the journal");
                self.frame.truncate(before);
                return false;
            }
        }
        true
    }

    /// Writes and syncs the frame. False if that was not possible.
    fn commit(&mut self) -> bool {
        if self.position + self.frame.len() as u64 > self.file_bytes_max && !self.rotate() {
            return false;
        }
        match self.write_frame() {
            Ok(()) => {
                self.position += self.frame.len() as u64;
                self.sequence += 1;
                true
            }
            // What there is of it is written over by the next.
            Err(error) if error.is_disk_full() => false,
            Err(error) => {
                self.state = failed(&error);
                false
            }
        }
    }

    /// Goes on in the other file, if that may be written over and the frame fits into it at all.
    fn rotate(&mut self) -> bool {
        if self.frame.len() as u64 > self.file_bytes_max || !self.settler.is_free() {
            return false;
        }
        self.settler.hand_over(std::mem::take(&mut self.concerned));
        self.generation += 1;
        (self.sequence, self.position) = (0, 0);
        true
    }

    fn write_frame(&mut self) -> Result<()> {
        let index = (self.generation % 2) as usize;
        let path = journal_path(self.context.root(), index);
        let bytes = self.frame.finish(self.generation, self.sequence);
        let end = self.position + bytes.len() as u64;
        let journal_file = match &mut self.files[index] {
            Some(file) => file,
            empty => {
                let file = self.context.fs().open(&path, OpenMode::Empty).context("create", &path)?;
                self.context.fs().sync_dir(self.context.root()).context("sync", self.context.root())?;
                empty.insert(JournalFile { file, size: 0 })
            }
        };
        if end > journal_file.size {
            let size = end.next_multiple_of(GROWTH_BYTES).min(self.file_bytes_max.max(end));
            let zeros = vec![0; (size - end) as usize];
            let mut slices = [IoSlice::new(bytes), IoSlice::new(&zeros)];
            write_all_at(&*journal_file.file, &mut slices, self.position).context("write", &path)?;
            journal_file.file.sync_data().context("sync", &path)?;
            journal_file.size = size;
            return Ok(());
        }
        write_all_at(&*journal_file.file, &mut [IoSlice::new(bytes)], self.position)
            .context("write", &path)?;
        journal_file.file.sync_data().context("sync", &path)
    }
}

fn failed(error: &crate::LogError) -> State {
    tracing::error!(%error, "the journal cannot be used any more: each partition's files are synced instead, which is slower");
    State::Failed
}
