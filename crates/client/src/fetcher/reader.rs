//! The reader's side of partitions: polled from any thread.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::Handle;
use super::partition::{FetchedBatches, Partition, Taken};
use crate::error::Result;
use crate::topic_partition::TopicPartition;

/// Reads one partition. Belongs to one thread at a time; dropping it ends the read.
#[derive(Debug)]
pub struct PartitionReader {
    /// Keeps the fetcher open.
    fetcher: Arc<Handle>,
    partition: Arc<Partition>,
    /// Behind what was taken; before the first batches none unless the read began at an offset.
    position: Option<i64>,
}

impl PartitionReader {
    pub(super) fn new(fetcher: Arc<Handle>, partition: Arc<Partition>) -> Self {
        let position = Some(partition.state.lock().fetch_offset).filter(|offset| *offset >= 0);
        Self { fetcher, partition, position }
    }

    /// The partition.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition.name
    }

    /// Takes the next batches, or registers the waker. `None` is the end of a read with a stop, now and ever after.
    ///
    /// # Errors
    /// What ended the read; everything fetched before was given out first, and the error is given again on every call:
    /// [`crate::ClientError::Truncated`], [`crate::ClientError::TopicRecreated`], offsets out of range, topics
    /// that do not exist, missing permissions.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<FetchedBatches>>> {
        if self.fetcher.shared.is_closed() {
            return Poll::Ready(Err(super::closed()));
        }
        let (taken, has_room) = self.partition.take(context.waker());
        if has_room {
            self.fetcher.shared.wake_loops();
        }
        match taken {
            Taken::Batches(batches) => {
                self.position = Some(batches.next_position);
                Poll::Ready(Ok(Some(batches)))
            }
            Taken::End => Poll::Ready(Ok(None)),
            Taken::Failed(error) => Poll::Ready(Err(error)),
            Taken::Nothing => Poll::Pending,
        }
    }

    /// Waits for the next batches.
    ///
    /// # Errors
    /// As [`PartitionReader::poll_next`].
    pub async fn next(&mut self) -> Result<Option<FetchedBatches>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// The position behind what was taken, once it is known.
    pub fn position(&self) -> Option<i64> {
        self.position
    }

    /// The offset that the read begins at, once it is known: an end of the log or a time has to be asked for first. It is
    /// not behind anything that [`PartitionReader::poll_next`] has still to give.
    pub fn start_offset(&self) -> Option<i64> {
        self.partition.state.lock().start_offset
    }

    /// The end of what is replicated, as of the last fetch.
    pub fn high_watermark(&self) -> Option<i64> {
        self.partition.state.lock().high_watermark
    }

    /// About how many records are left: to the stop, or else to the end of the log as of the last fetch.
    pub fn remaining(&self) -> Option<u64> {
        let end = self.partition.stop.or_else(|| self.high_watermark())?;
        let position = self.position.or_else(|| {
            let state = self.partition.state.lock();
            state.start.is_none().then_some(state.fetch_offset)
        })?;
        u64::try_from(end.saturating_sub(position)).ok().or(Some(0))
    }
}

impl Drop for PartitionReader {
    fn drop(&mut self) {
        if self.partition.discard() {
            self.fetcher.shared.wake_loops();
        }
    }
}

/// Several readers polled as one, in turns.
#[derive(Debug, Default)]
pub struct ReaderSet {
    readers: Vec<PartitionReader>,
    next: usize,
}

impl ReaderSet {
    /// Readers to be polled together.
    pub fn new(readers: Vec<PartitionReader>) -> Self {
        Self { readers, next: 0 }
    }

    /// The readers.
    pub fn readers(&self) -> &[PartitionReader] {
        &self.readers
    }

    /// Adds a reader.
    pub fn push(&mut self, reader: PartitionReader) {
        self.readers.push(reader);
    }

    /// Takes the reader of a partition out, if there is one.
    pub fn remove(&mut self, partition: &TopicPartition) -> Option<PartitionReader> {
        let place = self.readers.iter().position(|reader| reader.partition() == partition)?;
        Some(self.readers.swap_remove(place))
    }

    /// The next batches of any partition; after one has given some, the others come first. `None` when all have ended.
    ///
    /// # Errors
    /// As [`PartitionReader::poll_next`], of the first that fails.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<FetchedBatches>>> {
        let count = self.readers.len();
        let mut has_ended = true;
        for turn in 0..count {
            let place = (self.next + turn) % count;
            match self.readers[place].poll_next(context) {
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(ready) => {
                    self.next = place + 1;
                    return Poll::Ready(ready);
                }
                Poll::Pending => has_ended = false,
            }
        }
        if has_ended { Poll::Ready(Ok(None)) } else { Poll::Pending }
    }

    /// Waits for the next batches.
    ///
    /// # Errors
    /// As [`ReaderSet::poll_next`].
    pub async fn next(&mut self) -> Result<Option<FetchedBatches>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }
}
