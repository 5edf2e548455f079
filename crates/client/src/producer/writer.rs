//! Where a worker thread appends records.
//!
//! A writer belongs to one thread. [`BatchWriter::appender`] takes the writer's lock once for many appends; outside of it the
//! only other user of the lock is the task that seals batches which have waited longer than `linger.ms`, and
//! that one never makes a worker wait: it steps back while the lock is taken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchBuilder, Header};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::delivery::{Deliveries, Delivery, FlushMark};
use super::lane::{BatchTicket, Lane, Waiting};
use super::{Handle, Partitioner, Shared, sender};
use crate::error::{ClientError, Result};

/// What a record may take besides its key, value and headers, with the header of a batch of its own.
const RECORD_OVERHEAD_BYTES: usize = 128;

/// Appends records to one topic, from one thread.
#[derive(Debug)]
pub struct BatchWriter {
    /// Keeps the producer open.
    _producer: Arc<Handle>,
    inner: Arc<Inner>,
    partitioner: Partitioner,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    lanes: Vec<Arc<Lane>>,
    deliveries: Arc<Deliveries>,
    open: Mutex<OpenBatches>,
    /// Tells the linger task that a batch was opened, or that the writer is gone.
    opened: Arc<Notify>,
    is_gone: AtomicBool,
}

/// The batches that are being filled, by partition.
#[derive(Debug)]
struct OpenBatches {
    builders: Vec<Option<OpenBatch>>,
    /// Partitions with an open batch that holds records.
    filled: Vec<usize>,
    compressor: Compressor,
    /// Whether the linger task knows that there is something to watch.
    is_watched: bool,
}

#[derive(Debug)]
struct OpenBatch {
    builder: BatchBuilder,
    first_timestamp_ms: i64,
    opened_at: Instant,
}

impl BatchWriter {
    pub(super) fn new(producer: Arc<Handle>, lanes: Vec<Arc<Lane>>) -> Self {
        let shared = Arc::clone(&producer.shared);
        let open = OpenBatches {
            builders: lanes.iter().map(|_| None).collect(),
            filled: Vec::new(),
            compressor: Compressor::default(),
            is_watched: false,
        };
        let partitioner = Partitioner::new(lanes.len(), shared.config.batch_size_bytes);
        let inner = Arc::new(Inner {
            lanes,
            deliveries: Arc::new(Deliveries::new()),
            open: Mutex::new(open),
            opened: Arc::default(),
            is_gone: AtomicBool::new(false),
            shared,
        });
        let runtime = &inner.shared.runtime;
        runtime.spawn(linger(Arc::downgrade(&inner), Arc::clone(&inner.opened)));
        Self { _producer: producer, inner, partitioner }
    }

    /// The number of partitions that keys are divided among.
    pub fn partition_count(&self) -> usize {
        self.inner.lanes.len()
    }

    /// The partition for a record of about `record_bytes`: that of its key, as Java's producer chooses it, or without a
    /// key one that changes from batch to batch.
    pub fn partition_for(&mut self, key: Option<&[u8]>, record_bytes: usize) -> i32 {
        self.partitioner.partition_for(key, record_bytes)
    }

    /// Ready when there is room in `buffer.memory`; ask before each run of appends. What is open takes none of it until it is
    /// sealed, so batches always find their way out.
    ///
    /// # Errors
    /// The failure that ended this writer: from then on every call gives it.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.check()?;
        let room = self.inner.shared.memory.poll_room(context);
        room.map(|()| self.inner.check())
    }

    /// Waits until there is room.
    ///
    /// # Errors
    /// As [`BatchWriter::poll_ready`].
    pub async fn ready(&mut self) -> Result<()> {
        std::future::poll_fn(|context| self.poll_ready(context)).await
    }

    /// Opens the writer for a run of appends on this thread.
    pub fn appender(&mut self) -> Appender<'_> {
        Appender { open: self.inner.open.lock(), inner: &self.inner, partitioner: &mut self.partitioner }
    }

    /// Appends one record; for many in a row, [`BatchWriter::appender`] is cheaper.
    ///
    /// # Errors
    /// As [`Appender::append`].
    pub fn append(
        &mut self,
        partition: i32,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<()> {
        self.appender().append(partition, timestamp_ms, key, value, headers)
    }

    /// Sends what is open without waiting for more, and draws a line behind it. Appends may follow at once.
    ///
    /// # Errors
    /// When a batch cannot be compressed; the failure that ended this writer.
    pub fn seal(&mut self) -> Result<FlushMark> {
        self.inner.check()?;
        self.inner.seal_all(&mut self.inner.open.lock())?;
        Ok(self.inner.deliveries.mark())
    }

    /// Ready when everything before the mark is acknowledged.
    ///
    /// # Errors
    /// The failure that ended this writer.
    pub fn poll_flushed(&mut self, mark: FlushMark, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.inner.shared.is_closed() {
            return Poll::Ready(Err(ClientError::Closed { what: "producer" }));
        }
        self.inner.deliveries.poll_reached(mark, context)
    }

    /// Sends everything and waits until it is acknowledged.
    ///
    /// # Errors
    /// The failure that ended this writer.
    pub async fn flush(&mut self) -> Result<()> {
        let mark = self.seal()?;
        std::future::poll_fn(|context| self.poll_flushed(mark, context)).await
    }

    /// From now on keeps what became of acknowledged batches for [`BatchWriter::take_deliveries`], which must then be
    /// called now and then.
    pub fn keep_deliveries(&mut self) {
        self.inner.deliveries.keep_deliveries();
    }

    /// The batches acknowledged since the last call; within a partition in the order of the appends.
    pub fn take_deliveries(&mut self) -> Vec<Delivery> {
        self.inner.deliveries.take_deliveries()
    }
}

impl Drop for BatchWriter {
    fn drop(&mut self) {
        self.inner.is_gone.store(true, Ordering::Release);
        self.inner.opened.notify_one();
    }
}

/// A writer that is open for appends. Must not be kept across anything that waits.
#[derive(Debug)]
pub struct Appender<'a> {
    open: MutexGuard<'a, OpenBatches>,
    inner: &'a Arc<Inner>,
    partitioner: &'a mut Partitioner,
}

impl Appender<'_> {
    /// As [`BatchWriter::partition_for`].
    #[inline]
    pub fn partition_for(&mut self, key: Option<&[u8]>, record_bytes: usize) -> i32 {
        self.partitioner.partition_for(key, record_bytes)
    }

    /// Appends a record with a timestamp in ms to a partition's batch.
    ///
    /// # Errors
    /// [`ClientError::RecordTooLarge`]; [`ClientError::NoSuchPartition`]; the failure that ended this writer.
    #[inline]
    pub fn append(
        &mut self,
        partition: i32,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<()> {
        let place = partition as usize;
        let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + RECORD_OVERHEAD_BYTES;
        let record_limit_bytes = self.inner.shared.config.record_limit_bytes();
        if size > record_limit_bytes || !headers.is_empty() {
            self.inner.check_size(partition, size, headers)?;
        }
        if let Some(Some(batch)) = self.open.builders.get_mut(place)
            && !batch.builder.is_empty()
            && batch
                .builder
                .append(timestamp_ms, key, value, headers)
                .map_err(|e| self.inner.unwritable(e))?
        {
            return Ok(());
        }
        self.append_first(place, timestamp_ms, key, value, headers)
    }

    /// Appends the record that opens a batch, sealing the one that had no room for it.
    #[inline(never)]
    fn append_first(
        &mut self,
        place: usize,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<()> {
        self.inner.check()?;
        let Some(lane) = self.inner.lanes.get(place) else {
            let topic = self.inner.lanes.first().map(|lane| lane.partition.topic.clone());
            let (partition, count) = (place as i32, self.inner.lanes.len());
            return Err(ClientError::NoSuchPartition { topic: topic.unwrap_or_default(), partition, count });
        };
        let was_filled = self.open.builders[place].as_ref().is_some_and(|batch| !batch.builder.is_empty());
        if was_filled {
            self.inner.seal_one(&mut self.open, place, lane)?;
        } else {
            self.open.filled.push(place);
        }
        let limit_bytes = self.inner.shared.config.batch_limit_bytes();
        let batch = self.open.builders[place].get_or_insert_with(|| OpenBatch {
            builder: BatchBuilder::new(limit_bytes),
            first_timestamp_ms: timestamp_ms,
            opened_at: Instant::now(),
        });
        (batch.first_timestamp_ms, batch.opened_at) = (timestamp_ms, Instant::now());
        let appended = batch.builder.append(timestamp_ms, key, value, headers);
        appended.map(drop).map_err(|error| self.inner.unwritable(error))
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        if self.open.filled.is_empty() {
            return;
        }
        let linger = self.inner.shared.config.linger;
        if linger.is_zero() {
            // A failure shows in the next call.
            let _ = self.inner.seal_all(&mut self.open);
        } else if !self.open.is_watched {
            self.open.is_watched = true;
            self.inner.opened.notify_one();
        }
    }
}

impl Inner {
    fn check(&self) -> Result<()> {
        if self.shared.is_closed() {
            return Err(ClientError::Closed { what: "producer" });
        }
        self.deliveries.check()
    }

    #[cold]
    fn unwritable(&self, source: millstream_wire::WireError) -> ClientError {
        ClientError::protocol(&"this producer", millstream_wire::ApiKey::Produce, source)
    }

    #[inline(never)]
    fn check_size(&self, partition: i32, without_headers: usize, headers: &[Header<'_>]) -> Result<()> {
        let of_header = |header: &Header<'_>| header.key.len() + header.value.map_or(0, <[u8]>::len) + 10;
        let size_bytes = without_headers + headers.iter().map(of_header).sum::<usize>();
        let limit_bytes = self.shared.config.record_limit_bytes();
        let lane = usize::try_from(partition).ok().and_then(|place| self.lanes.get(place));
        match lane {
            Some(lane) if size_bytes > limit_bytes => Err(ClientError::RecordTooLarge {
                partition: lane.partition.clone(),
                size_bytes,
                limit_bytes,
            }),
            _ => Ok(()),
        }
    }

    /// Hands a filled batch to its lane. The batch's place in `filled` stays.
    fn seal_one(&self, open: &mut OpenBatches, place: usize, lane: &Arc<Lane>) -> Result<()> {
        let OpenBatches { builders, compressor, .. } = open;
        let Some(batch) = builders[place].as_mut() else { return Ok(()) };
        let config = &self.shared.config;
        let first_timestamp_ms = batch.first_timestamp_ms;
        let sealed = batch
            .builder
            .seal(config.compression, config.compression_level, compressor)
            .map_err(|error| self.unwritable(error))?;
        let info = BatchTicket {
            ticket: self.deliveries.issue(),
            _charge: Arc::new(self.shared.memory.charge(sealed.size_bytes())),
            sealed_at: Instant::now(),
            records: sealed.record_count(),
            first_timestamp_ms,
        };
        let mut state = lane.state.lock();
        state.push(Waiting { batch: sealed, info });
        sender::schedule(&self.shared, lane, &mut state);
        Ok(())
    }

    fn seal_all(&self, open: &mut OpenBatches) -> Result<()> {
        while let Some(place) = open.filled.pop() {
            self.seal_one(open, place, &self.lanes[place])?;
        }
        Ok(())
    }

    /// Seals what has waited long enough, and says when the next batch will have.
    fn seal_lingered(&self, open: &mut OpenBatches, now: Instant) -> Option<Instant> {
        let linger = self.shared.config.linger;
        let mut next: Option<Instant> = None;
        let mut index = 0;
        while let Some(&place) = open.filled.get(index) {
            let due = open.builders[place].as_ref().map_or(now, |batch| batch.opened_at + linger);
            if due > now {
                next = Some(next.map_or(due, |next| next.min(due)));
                index += 1;
                continue;
            }
            open.filled.swap_remove(index);
            if let Err(error) = self.seal_one(open, place, &self.lanes[place]) {
                self.deliveries.issue().fail(&error);
            }
        }
        open.is_watched = next.is_some();
        next
    }
}

/// Seals batches that have waited for `linger.ms`, until the writer is gone.
async fn linger(writer: Weak<Inner>, opened: Arc<Notify>) {
    let mut next: Option<Instant> = None;
    loop {
        match next {
            Some(at) => tokio::time::sleep_until(at).await,
            None => opened.notified().await,
        }
        let Some(inner) = writer.upgrade().filter(|inner| !inner.is_gone.load(Ordering::Acquire)) else {
            return;
        };
        next = match inner.open.try_lock() {
            Some(mut open) => inner.seal_lingered(&mut open, Instant::now()),
            // The worker is appending; its batches can wait a little more.
            None => Some(Instant::now() + inner.shared.config.linger),
        };
    }
}
