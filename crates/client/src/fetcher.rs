//! Reads partitions from chosen offsets as whole record batches, ahead of their readers and within bounds.
//!
//! ```text
//!   Fetcher::read ─► placer ─────────────► broker loop ───────────► queue ─► PartitionReader::poll_next
//!                    start offset, leader,  one per leader: a fetch  per partition, by bytes
//!                    epoch validation       session, one long poll
//!                      ▲                      │
//!                      └── leader moved, ◄────┘
//!                          offset out of range
//! ```
//!
//! - A partition is read in order and without gaps that the log does not have. When its leader changes, the position is
//!   checked against the new leader's epochs first (KIP-320): truncation is an error, not a silent gap.
//! - A partition whose queue is full is left out of fetches until its reader has caught up; the others go on. All queues
//!   together are bounded as well.
//! - Batches are slices of the received frame. Neither CRC nor records have been looked at: that is the reader's, on its own
//!   thread, with [`RecordDecoder`].
//! - Brokers that cannot be reached are tried again for ever; a reader waits meanwhile.

mod broker_loop;
mod budget;
mod config;
mod decode;
mod outcome;
mod partition;
mod placer;
mod reader;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::client::Client;
use crate::connections::Connections;
use crate::error::{ClientError, Result};
use crate::topic_partition::TopicPartition;

pub use config::{FetcherConfig, OffsetReset, Start};
pub use decode::{DecodedBatch, DecodedBatches, DecodedRecord, DecodedRecords, RecordDecoder};
pub use partition::FetchedBatches;
pub use reader::{PartitionReader, ReaderSet};

use broker_loop::BrokerLoop;
use budget::Budget;
use partition::Partition;
use placer::Placer;

/// Reads partitions; cheap to clone. Ends when it and all its readers are dropped.
#[derive(Debug, Clone)]
pub struct Fetcher {
    handle: Arc<Handle>,
}

/// Ends the tasks when the last user lets go; they hold only what is inside.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.placer.wake.notify_one();
        self.shared.wake_loops();
    }
}

/// What the fetcher's handles, readers and tasks have in common. `loops` is locked alone or before a partition.
#[derive(Debug)]
struct Shared {
    client: Client,
    config: FetcherConfig,
    connections: Connections,
    budget: Arc<Budget>,
    placer: Placer,
    loops: Mutex<HashMap<i32, Arc<BrokerLoop>>>,
    closed: AtomicBool,
    next_reader_id: AtomicU64,
    runtime: tokio::runtime::Handle,
}

impl Shared {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn wake_loops(&self) {
        self.loops.lock().values().for_each(|broker| broker.wake.notify_one());
    }

    /// The loop of a broker, started when it is first needed.
    fn broker_loop(self: &Arc<Self>, node: i32) -> Arc<BrokerLoop> {
        let start = || {
            let broker = Arc::new(BrokerLoop::new(node));
            self.runtime.spawn(broker_loop::run(Arc::clone(self), Arc::clone(&broker)));
            broker
        };
        Arc::clone(self.loops.lock().entry(node).or_insert_with(start))
    }
}

impl Fetcher {
    /// Opens a fetcher. Its tasks run on the runtime that this is called in.
    ///
    /// # Errors
    /// [`ClientError::InvalidInput`] for limits that cannot work.
    pub fn new(client: Client, config: FetcherConfig) -> Result<Self> {
        config.check()?;
        let shared = Arc::new(Shared {
            connections: Connections::new(Arc::clone(client.config())),
            client,
            budget: Arc::new(Budget::new(config.buffer_bytes_max)),
            placer: Placer { arrivals: Mutex::default(), wake: Notify::new() },
            loops: Mutex::default(),
            closed: AtomicBool::new(false),
            next_reader_id: AtomicU64::new(0),
            runtime: tokio::runtime::Handle::current(),
            config,
        });
        shared.runtime.spawn(placer::run(Arc::clone(&shared)));
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// The settings.
    pub fn config(&self) -> &FetcherConfig {
        &self.handle.shared.config
    }

    /// Starts to read a partition, up to the offset `stop` (not included) if one is given. Does not wait; whatever
    /// is wrong shows in the reader. Dropping the reader ends the read. Several reads of one partition take turns; for many of
    /// them another fetcher is better.
    pub fn read(&self, partition: TopicPartition, start: Start, stop: Option<i64>) -> PartitionReader {
        let shared = &self.handle.shared;
        let id = shared.next_reader_id.fetch_add(1, Ordering::Relaxed);
        let partition = Arc::new(Partition::new(id, partition, start, stop, Arc::clone(&shared.budget)));
        shared.client.interested_in(&partition.name.topic);
        shared.placer.take_in(Arc::clone(&partition));
        PartitionReader::new(Arc::clone(&self.handle), partition)
    }
}

/// The fetcher was closed under a reader; cannot happen while the reader holds it.
fn closed() -> ClientError {
    ClientError::Closed { what: "fetcher" }
}

#[cfg(test)]
mod tests;
