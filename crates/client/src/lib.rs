//! Kafka client: whole-batch producer and fetcher, groups and admin, over TCP and in process.
//!
//! A [`Client`] knows a cluster: its brokers, topics and leaders, kept fresh on errors and by age. On it stand
//!
//! - [`Admin`]: topics, configurations, offsets, groups, commits;
//! - [`Producer`] and its [`BatchWriter`]s: records are appended synchronously on a worker thread and go out as whole
//!   batches, idempotent and in order across retries;
//! - [`Fetcher`] and its [`PartitionReader`]s: whole record batches are fetched ahead within bounds and polled from
//!   worker threads; [`RecordDecoder`] turns them into records without copying;
//! - [`GroupMember`]: the classic consumer group protocol.
//!
//! Tokio runs the I/O; nothing here is asynchronous per record. Every queue has a bound that is named in
//! [`ClientConfig`], [`ProducerConfig`] or [`FetcherConfig`]. The broker within the same process is reached through a
//! [`transport::Dialer`]; everything above the transport is the same.
//!
//! What this crate does not know: SQL, the engine, the broker, record formats.

pub mod admin;
mod backoff;
mod client;
mod config;
mod connection;
mod connections;
mod error;
pub mod fetcher;
pub mod group;
pub mod metadata;
pub mod producer;
#[cfg(test)]
mod scripted_broker;
mod topic_partition;
pub mod transport;

pub use admin::Admin;
pub use backoff::Backoff;
pub use bytestring::ByteString;
pub use client::Client;
pub use config::ClientConfig;
pub use connection::Connection;
pub use error::{BrokerError, ClientError, ErrorKind, Result, Subject};
pub use fetcher::{
    FetchedBatches, Fetcher, FetcherConfig, OffsetReset, PartitionReader, ReaderSet, RecordDecoder, Start,
};
pub use group::{Assignor, GroupConfig, GroupEvent, GroupMember};
pub use producer::{BatchWriter, Producer, ProducerConfig};
pub use topic_partition::TopicPartition;
pub use transport::BrokerAddress;
