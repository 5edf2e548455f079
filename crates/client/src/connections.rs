//! One connection per broker and user of it.
//!
//! Answers on a connection come in the order of the requests, so a long poll holds up whatever is behind it: the client
//! itself, each producer, fetcher and group member have a set of their own. Of several tasks that want the same broker one
//! connects and the others wait for it; after a failure all of them pause, longer each time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::Result;
use crate::transport::BrokerAddress;

/// What a connection is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// An entry of the bootstrap list, whose broker is not known.
    Bootstrap(usize),
    /// A broker by its id.
    Broker(i32),
}

#[derive(Debug)]
pub(crate) struct Connections {
    config: Arc<ClientConfig>,
    slots: Mutex<HashMap<Node, Arc<tokio::sync::Mutex<Slot>>>>,
}

#[derive(Debug, Default)]
struct Slot {
    connection: Option<Connection>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Connections {
    pub(crate) fn new(config: Arc<ClientConfig>) -> Self {
        Self { config, slots: Mutex::default() }
    }

    /// The open connection to a broker, or a new one. Waits out the pause after a failure first.
    pub(crate) async fn get(&self, node: Node, address: &BrokerAddress) -> Result<Connection> {
        let slot = Arc::clone(self.slots.lock().entry(node).or_default());
        let mut slot = slot.lock().await;
        if let Some(connection) = &slot.connection
            && !connection.is_closed()
            && connection.address() == address
        {
            return Ok(connection.clone());
        }
        slot.connection = None;
        if let Some(not_before) = slot.not_before.take() {
            tokio::time::sleep_until(not_before).await;
        }
        match Connection::open(address, &self.config).await {
            Ok(connection) => {
                slot.failures = 0;
                // A broker that accepts and hangs up at once must not be hammered.
                slot.not_before = Some(Instant::now() + self.config.reconnect_backoff.initial);
                slot.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                slot.failures += 1;
                let pause = self.config.reconnect_backoff.random_delay(slot.failures);
                slot.not_before = Some(Instant::now() + pause);
                Err(error)
            }
        }
    }

    /// Whether a connection to the broker is open now.
    pub(crate) fn is_open(&self, node: Node) -> bool {
        let slot = self.slots.lock().get(&node).cloned();
        slot.is_some_and(|slot| {
            slot.try_lock().is_ok_and(|slot| slot.connection.as_ref().is_some_and(|open| !open.is_closed()))
        })
    }
}
