//! A partition as connections see it: appends that tell when they may be acknowledged, and news for those who wait.
//!
//! Acknowledgements of a partition are given in the order of its offsets, one at a time, whichever thread gives them: the
//! group coordinator relies on it.
//!
//! Lock order: `giving`, then `waiting`. Callbacks run under `giving`; they may append (that only queues) but must not
//! wait.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use millstream_log::{Appended, EndTransaction, LogError, PartitionListener, PartitionLog};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::DiskThreads;
use crate::coordinator::ProducerIdentity;
use crate::coordinator::transactions::{Marker, TransactionVersion};

/// Called once with the outcome of an append: on a disk thread, or on the one that syncs.
pub(crate) type AppendDone = Box<dyn FnOnce(Result<Appended, LogError>) + Send>;

/// Somebody who waits for partitions to grow.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    news: Notify,
    /// Whether a partition has grown since the last look.
    grown: AtomicBool,
}

impl Watcher {
    pub(crate) fn notify(&self) {
        self.grown.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Waits until a watched partition has grown since this was last called.
    pub(crate) async fn grown(&self) {
        while !self.grown.swap(false, Ordering::AcqRel) {
            self.news.notified().await;
        }
    }
}

/// What clients have moved through a partition since the start.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) records_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
}

/// A partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) log: Arc<PartitionLog>,
    pub(crate) traffic: Traffic,
    events: Arc<Events>,
    /// Which writer's it is.
    hash: usize,
}

impl Partition {
    /// Wraps a partition of the log, and listens to it.
    pub(crate) fn new(log: Arc<PartitionLog>, hash: usize) -> Arc<Self> {
        let events = Arc::new(Events { log: Arc::downgrade(&log), ..Events::default() });
        log.set_listener(Arc::clone(&events) as Arc<dyn PartitionListener>);
        Arc::new(Self { log, traffic: Traffic::default(), events, hash })
    }

    /// The writer that everything of this partition is given to.
    pub(crate) fn writer(&self, disks: &DiskThreads) -> usize {
        disks.writer(self.hash)
    }

    /// Appends batches that have been checked. Only in a job of [`Partition::writer`]: waits for the disk.
    ///
    /// # Errors
    /// As [`PartitionLog::append`].
    pub(crate) fn append(&self, batches: &[u8], version: TransactionVersion) -> Result<Appended, LogError> {
        match version {
            TransactionVersion::V2 => self.log.append_of_version_2(batches),
            _ => self.log.append(batches),
        }
    }

    /// Has `done` called when an append may be acknowledged, or never may.
    pub(crate) fn acknowledge(&self, appended: Appended, done: AppendDone) {
        self.events.acknowledge(appended, done);
    }

    /// Appends the broker's own records after all that was given to the writer before, also when clients' are refused because the
    /// disk is nearly full. `done` is called when the append may be acknowledged, or has failed.
    pub(crate) fn append_own(&self, disks: &DiskThreads, batches: Bytes, done: AppendDone) {
        let log = Arc::clone(&self.log);
        let events = Arc::clone(&self.events);
        let job = move || match log.append_from_reserve(&batches) {
            Ok(appended) => events.acknowledge(appended, done),
            Err(error) => events.refuse(error, done),
        };
        disks.write(self.writer(disks), Box::new(job));
    }

    /// Lets transactional batches of a producer in, before everything that is appended after this call.
    pub(crate) fn enrol(&self, disks: &DiskThreads, producer: ProducerIdentity) {
        let log = Arc::clone(&self.log);
        let job = move || {
            if let Err(error) = log.enrol(producer.id, producer.epoch) {
                // The producer hears of it when it appends.
                let (topic, partition) = (log.topic(), log.index());
                tracing::warn!(topic, partition, producer_id = producer.id, %error, "producer is not enrolled");
            }
        };
        disks.write(self.writer(disks), Box::new(job));
    }

    /// Ends a producer's transaction, after everything that was appended before. `done` as with [`Partition::append_own`].
    pub(crate) fn append_marker(&self, disks: &DiskThreads, marker: Marker, done: AppendDone) {
        let log = Arc::clone(&self.log);
        let events = Arc::clone(&self.events);
        let job = move || {
            let Marker { producer, committed, coordinator_epoch, is_next_epoch } = marker;
            let end = if committed { EndTransaction::Commit } else { EndTransaction::Abort };
            let appended = if is_next_epoch {
                log.append_next_epoch_marker(producer.id, producer.epoch, end, coordinator_epoch)
            } else {
                log.append_marker(producer.id, producer.epoch, end, coordinator_epoch)
            };
            match appended {
                Ok(appended) => events.acknowledge(appended, done),
                Err(error) => events.refuse(error, done),
            }
        };
        disks.write(self.writer(disks), Box::new(job));
    }

    /// Has `watcher` told whenever there is more to read, for as long as the result lives.
    pub(crate) fn watch(&self, watcher: &Arc<Watcher>) -> Watched {
        self.events.watch(watcher)
    }

    /// Tells everybody who waits for records or acknowledgements to look again: the topic is gone.
    pub(crate) fn wake_all(&self) {
        self.events.give_due();
        self.events.wake_watchers();
    }
}

/// That somebody is told of a partition's news, until it is dropped.
pub(crate) struct Watched {
    events: Arc<Events>,
    place: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.events.watchers.lock().by_place.remove(&self.place);
    }
}

/// Who is told of a partition's news. Thousands may wait for one partition, and each leaves when its time is over.
#[derive(Default)]
struct Watchers {
    by_place: BTreeMap<u64, Arc<Watcher>>,
    next_place: u64,
}

impl Watchers {
    fn add(&mut self, watcher: Arc<Watcher>) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        self.by_place.insert(place, watcher);
        place
    }
}

struct Waiting {
    appended: Appended,
    done: AppendDone,
}

/// What waits for a partition's progress.
#[derive(Default)]
struct Events {
    log: Weak<PartitionLog>,
    giving: Mutex<()>,
    /// By ascending offset to be reached.
    waiting: Mutex<VecDeque<Waiting>>,
    watchers: Mutex<Watchers>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("waiting", &self.waiting.lock().len()).finish_non_exhaustive()
    }
}

impl Events {
    fn acknowledge(&self, appended: Appended, done: AppendDone) {
        let offset = appended.acknowledgement.offset;
        {
            let mut waiting = self.waiting.lock();
            // A duplicate waits for its original, which lies before others that wait.
            let place = waiting.partition_point(|other| other.appended.acknowledgement.offset <= offset);
            waiting.insert(place, Waiting { appended, done });
        }
        // The watermark may have passed before this append was among those that wait.
        self.give_due();
    }

    fn refuse(&self, error: LogError, done: AppendDone) {
        let _giving = self.giving.lock();
        done(Err(error));
    }

    /// Answers those whose offset the high watermark has reached, or all when the partition has failed.
    fn give_due(&self) {
        let Some(log) = self.log.upgrade() else { return };
        let _giving = self.giving.lock();
        loop {
            let next = {
                let mut waiting = self.waiting.lock();
                match waiting.front().map(|front| front.appended.acknowledgement.is_due(&log)) {
                    None | Some(Ok(false)) => return,
                    Some(Ok(true)) => waiting.pop_front().map(|next| (next, Ok(()))),
                    Some(Err(error)) => waiting.pop_front().map(|next| (next, Err(error))),
                }
            };
            if let Some((next, outcome)) = next {
                (next.done)(outcome.map(|()| next.appended));
            }
        }
    }

    fn watch(self: &Arc<Self>, watcher: &Arc<Watcher>) -> Watched {
        let place = self.watchers.lock().add(Arc::clone(watcher));
        Watched { events: Arc::clone(self), place }
    }

    fn wake_watchers(&self) {
        for watcher in self.watchers.lock().by_place.values() {
            watcher.notify();
        }
    }
}

impl PartitionListener for Events {
    fn high_watermark_advanced(&self, _: i64) {
        // Nobody waits for an acknowledgement while the append that will is still under way.
        if !self.waiting.lock().is_empty() {
            self.give_due();
        }
        self.wake_watchers();
    }

    fn went_offline(&self) {
        self.give_due();
        self.wake_watchers();
    }
}

#[cfg(test)]
mod tests;
