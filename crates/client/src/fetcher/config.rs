//! Settings of a fetcher, under Kafka's names.

use std::time::Duration;

use crate::admin::IsolationLevel;
use crate::error::{ClientError, Result};

/// Where a partition's read begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At an offset; with the leader epoch of the record before it, if known, so that truncation shows.
    Offset {
        /// The first offset to read.
        offset: i64,
        /// The leader epoch that was committed with it.
        leader_epoch: Option<i32>,
    },
    /// At the first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// At the first record with this timestamp in ms or a later one; behind the last if there is none.
    Timestamp(i64),
}

impl Start {
    /// At an offset of unknown epoch.
    pub fn at(offset: i64) -> Self {
        Self::Offset { offset, leader_epoch: None }
    }
}

/// `auto.offset.reset`: what to do when the offset to read is not in the log (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OffsetReset {
    /// Report it.
    #[default]
    Error,
    /// Go on with the first record there is; what lies between is lost and logged.
    Earliest,
    /// Go on behind the last record.
    Latest,
}

/// Settings of a [`super::Fetcher`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetcherConfig {
    /// `fetch.min.bytes`: what a broker waits for before it answers.
    pub min_bytes: i32,
    /// `fetch.max.wait.ms`: how long it waits at most.
    pub max_wait: Duration,
    /// `fetch.max.bytes`: the largest answer, exceeded only by a single batch that is larger.
    pub max_bytes: i32,
    /// `max.partition.fetch.bytes`: the most of one partition in an answer, with the same exception.
    pub max_partition_bytes: i32,
    /// Bytes of one partition that may wait for its reader before the partition is left out of fetches; exceeded by one
    /// fetch.
    pub partition_buffer_bytes: usize,
    /// Bytes of all partitions that may wait for their readers; exceeded by one fetch per broker. A frame of up to 4 MiB stays
    /// in memory while any part of it waits; of larger ones small parts are copied out.
    pub buffer_bytes_max: usize,
    /// `isolation.level`.
    pub isolation: IsolationLevel,
    /// `auto.offset.reset`.
    pub reset: OffsetReset,
    /// How long a topic or partition may be unknown to the brokers before its readers fail.
    pub unknown_topic_timeout: Duration,
}

impl Default for FetcherConfig {
    fn default() -> Self {
        Self {
            min_bytes: 1,
            max_wait: Duration::from_millis(500),
            max_bytes: 50 << 20,
            max_partition_bytes: 1 << 20,
            partition_buffer_bytes: 2 << 20,
            buffer_bytes_max: 64 << 20,
            isolation: IsolationLevel::ReadUncommitted,
            reset: OffsetReset::Error,
            unknown_topic_timeout: Duration::from_secs(30),
        }
    }
}

impl FetcherConfig {
    pub(super) fn check(&self) -> Result<()> {
        for (what, value) in
            [("fetch.max.bytes", self.max_bytes), ("max.partition.fetch.bytes", self.max_partition_bytes)]
        {
            if value < 1 {
                let found = value.to_string();
                return Err(ClientError::InvalidInput { what, found, expected: "at least 1" });
            }
        }
        Ok(())
    }
}
