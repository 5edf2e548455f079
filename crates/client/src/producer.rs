//! Writes records as whole batches, each partition in the order of the appends, each record once.
//!
//! ```text
//!  worker thread                      │ tokio
//!  BatchWriter ── append ─► open batch per partition
//!        │  full, lingered or flushed: sealed (compressed)
//!        ▼                            │
//!      Lane (one per partition) ──────┼─► sender (one per broker): stamps the sequence, puts one batch of each
//!        ▲  ▲                         │   ready lane into a Produce request, five requests under way
//!        │  └── retries, in order ◄───┤
//!        └───── router ◄──────────────┤   no leader known, leader moved, pauses
//! ```
//!
//! - A batch gets its producer id, epoch and sequence when it is first sent and is the same bytes on every retry, so that
//!   the broker recognises it. After a failure a lane sends nothing until all its answers are in, and then begins with the
//!   first batch that was not acknowledged: order holds across retries, and so does it without idempotence, where a lane
//!   has one batch under way.
//! - Memory for sealed batches is bounded by `buffer.memory`; [`BatchWriter::poll_ready`] is where a writer waits.
//! - A batch that cannot be delivered fails its writer for good: [`BatchWriter::poll_flushed`] then never says that all
//!   is well.
//!
//! Transactions are not here yet; [`identity`] is where they begin.

mod config;
mod delivery;
mod identity;
mod lane;
mod memory;
mod partitioner;
mod router;
mod sender;
mod split;
mod verdict;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use bytestring::ByteString;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::client::Client;
use crate::connections::Connections;
use crate::error::{ClientError, Result};
use crate::topic_partition::TopicPartition;

pub use config::{Acks, ProducerConfig};
pub use delivery::{Delivery, FlushMark};
pub use partitioner::Partitioner;
pub use writer::{Appender, BatchWriter};

use identity::IdentityCell;
use lane::Lane;
use memory::Memory;
use router::Router;
use sender::BrokerQueue;

/// A producer; cheap to clone. One per process and set of guarantees: its writers share connections, memory and
/// sequence numbers.
///
/// What is not acknowledged when the last handle and writer are dropped is lost: flush first.
#[derive(Debug, Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Ends the tasks when the last user lets go; they hold only what is inside.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// What the producer's handles, writers and tasks have in common.
///
/// Lock order: a lane, then a broker's list or the router's, then deliveries. `lanes` and `brokers` are taken alone.
#[derive(Debug)]
struct Shared {
    client: Client,
    config: ProducerConfig,
    connections: Connections,
    identity: IdentityCell,
    memory: Arc<Memory>,
    router: Router,
    lanes: Mutex<HashMap<TopicPartition, Arc<Lane>>>,
    brokers: Mutex<HashMap<i32, Arc<BrokerQueue>>>,
    closed: std::sync::atomic::AtomicBool,
    runtime: tokio::runtime::Handle,
}

impl Shared {
    fn is_closed(&self) -> bool {
        self.closed.load(std::sync::atomic::Ordering::Acquire)
    }

    fn close(&self) {
        self.closed.store(true, std::sync::atomic::Ordering::Release);
        self.router.wake.notify_one();
        self.brokers.lock().values().for_each(|broker| broker.wake.notify_one());
    }

    /// The lane of a partition.
    fn lane(&self, partition: TopicPartition) -> Arc<Lane> {
        let lane = || Arc::new(Lane::new(partition.clone()));
        Arc::clone(self.lanes.lock().entry(partition.clone()).or_insert_with(lane))
    }

    /// The sender to a broker, started when it is first needed.
    fn broker(self: &Arc<Self>, node: i32) -> Arc<BrokerQueue> {
        let start = || {
            let queue = Arc::new(BrokerQueue::new(node));
            self.runtime.spawn(sender::run(Arc::clone(self), Arc::clone(&queue)));
            queue
        };
        Arc::clone(self.brokers.lock().entry(node).or_insert_with(start))
    }
}

impl Producer {
    /// Opens a producer; with idempotence, asks for a producer id. Its tasks run on the runtime that this is called in.
    ///
    /// # Errors
    /// [`ClientError::InvalidInput`] for settings that contradict each other; those of connecting.
    pub async fn new(client: Client, config: ProducerConfig) -> Result<Self> {
        config.check()?;
        let identity = if config.is_idempotent() {
            IdentityCell::new(identity::acquire(&client).await?)
        } else {
            IdentityCell::none()
        };
        let shared = Arc::new(Shared {
            connections: Connections::new(Arc::clone(client.config())),
            client,
            identity,
            memory: Arc::new(Memory::new(config.buffer_memory_bytes)),
            router: Router { arrivals: Mutex::default(), wake: Notify::new() },
            lanes: Mutex::default(),
            brokers: Mutex::default(),
            closed: std::sync::atomic::AtomicBool::new(false),
            runtime: tokio::runtime::Handle::current(),
            config,
        });
        tokio::spawn(router::run(Arc::clone(&shared)));
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// The settings.
    pub fn config(&self) -> &ProducerConfig {
        &self.handle.shared.config
    }

    /// Opens a writer to a topic, for one thread. Its number of partitions stays what it is now: a key keeps its
    /// partition for the writer's life.
    ///
    /// # Errors
    /// With kind [`crate::ErrorKind::NotFound`] when the topic does not exist; those of connecting.
    pub async fn writer(&self, topic: &str) -> Result<BatchWriter> {
        let shared = &self.handle.shared;
        let metadata = shared.client.topic(topic).await?;
        if metadata.partitions.is_empty() {
            let topic = ByteString::from(topic);
            return Err(ClientError::NoSuchPartition { topic, partition: 0, count: 0 });
        }
        let partitions = 0..metadata.partitions.len() as i32;
        let lanes = partitions.map(|p| shared.lane(TopicPartition::new(metadata.name.clone(), p))).collect();
        Ok(BatchWriter::new(Arc::clone(&self.handle), lanes))
    }
}

#[cfg(test)]
mod tests;
