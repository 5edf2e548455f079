//! The server side of Kafka's protocol over the log.
//!
//! ```text
//!   clients ──► server (connections, order, bounds) ──► api (one file per API) ──► storage ──► millstream-log
//!                                                          └──► coordinator (groups) ──┘
//! ```
//!
//! [`Broker::start`] opens a data directory and serves it on TCP listeners and, without a socket, to clients in the same
//! process ([`Broker::connect_in_process`]). Every answer is the one that a one-node Apache Kafka 4.3 would give; where not,
//! the API's file and `docs/protocol.md` say so.
//!
//! Invariants of the crate:
//! - no task that serves connections waits for a disk: what may touch a file runs on the disk threads (`storage::disk`);
//! - record batches are never rebuilt: what a producer sent is what a consumer gets, but for offset and leader epoch;
//! - everything that grows with what clients send has a bound with a name ([`BrokerConfig`]);
//! - an acknowledgement is given when the fsync policy is satisfied, not before.
//!
//! # Example
//! ```no_run
//! # async fn example() -> millstream_broker::Result<()> {
//! use millstream_broker::{Broker, BrokerConfig, ListenerConfig};
//!
//! let mut config = BrokerConfig::new("./data");
//! config.listeners.push(ListenerConfig::plaintext("127.0.0.1:9092"));
//! let broker = Broker::start(config).await?;
//! println!("listening at {}", broker.listeners()[0].address);
//! broker.shutdown().await
//! # }
//! ```

mod api;
mod broker;
mod config;
mod coordinator;
mod core;
mod error;
mod error_code;
mod features;
mod metrics;
mod properties;
mod quotas;
mod server;
#[cfg(test)]
mod simulation;
mod storage;
mod telemetry;

pub use broker::{Broker, InProcess, ListenerAddress};
pub use config::{BrokerConfig, ConsumerGroupConfig, GroupMigrationPolicy, ListenerConfig, ServerAssignor};
pub use error::{BrokerError, ErrorKind, Result};
pub use properties::{PropertyDescription, SettingNotice, broker_properties};
pub use quotas::{QuotaWindows, Windows};
pub use server::InProcessConnection;

pub use millstream_log::{CompactionOptions, FsyncPolicy};
