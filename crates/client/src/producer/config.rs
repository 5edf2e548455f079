//! Settings of a producer, under Kafka's names.

use std::time::Duration;

use millstream_wire::compression::Compression;

use crate::error::{ClientError, Result};

/// Whose acknowledgement a batch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Acks {
    /// All replicas in sync.
    #[default]
    All,
    /// The leader.
    Leader,
    /// Nobody's: batches count as delivered once they are written to the connection.
    None,
}

impl Acks {
    pub(super) fn code(self) -> i16 {
        match self {
            Self::All => -1,
            Self::Leader => 1,
            Self::None => 0,
        }
    }
}

/// Settings of a [`super::Producer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerConfig {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`: each record once, in order, also across retries. By default on with [`Acks::All`], the
    /// only one that it works with.
    pub idempotence: Option<bool>,
    /// `compression.type`.
    pub compression: Compression,
    /// `compression.CODEC.level`; the codec's default where none is given.
    pub compression_level: Option<i32>,
    /// `linger.ms`: how long a batch that is not full waits for more records once its writer has gone quiet.
    pub linger: Duration,
    /// `batch.size`: largest batch in bytes, before compression. Kafka's default of 16 KiB is made for many small
    /// producers; writers here are few and fast.
    pub batch_size_bytes: usize,
    /// `max.request.size`: largest request in bytes, and with it the largest record.
    pub request_bytes_max: usize,
    /// `buffer.memory`: bytes of batches that may wait to be acknowledged. A writer goes over it by what it appends
    /// between two times that it was told to be ready.
    pub buffer_memory_bytes: usize,
    /// `max.in.flight.requests.per.connection`, at most 5: brokers recognise that many batches of a partition again.
    pub in_flight_requests_max: usize,
    /// `delivery.timeout.ms`: when a batch is given up, counted from when it was sealed.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`: how long the broker may take to answer, replication included.
    pub request_timeout: Duration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotence: None,
            compression: Compression::None,
            compression_level: None,
            linger: Duration::from_millis(5),
            batch_size_bytes: 128 << 10,
            request_bytes_max: 1 << 20,
            buffer_memory_bytes: 32 << 20,
            in_flight_requests_max: 5,
            delivery_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
        }
    }
}

impl ProducerConfig {
    /// Whether batches carry a producer id and sequence numbers.
    pub fn is_idempotent(&self) -> bool {
        self.idempotence.unwrap_or(self.acks == Acks::All)
    }

    pub(super) fn check(&self) -> Result<()> {
        let invalid =
            |what, found: String, expected| Err(ClientError::InvalidInput { what, found, expected });
        if self.is_idempotent() && self.acks != Acks::All {
            return invalid("acks", format!("{:?} with enable.idempotence", self.acks), "all");
        }
        if !(1..=5).contains(&self.in_flight_requests_max) {
            let found = self.in_flight_requests_max.to_string();
            return invalid("max.in.flight.requests.per.connection", found, "1 to 5");
        }
        if self.request_bytes_max < 1024 || self.request_bytes_max > i32::MAX as usize / 2 {
            let found = self.request_bytes_max.to_string();
            return invalid("max.request.size", found, "1 KiB to 1 GiB");
        }
        if let Some(level) = self.compression_level
            && !self.compression.levels().is_some_and(|levels| levels.contains(&level))
        {
            let found = format!("{level} for {}", self.compression);
            return invalid("compression level", found, "a level that the codec has");
        }
        Ok(())
    }

    /// The size at which batches are closed: one must fit into a request.
    pub(super) fn batch_limit_bytes(&self) -> usize {
        self.batch_size_bytes.clamp(1, self.record_limit_bytes())
    }

    /// The size that a batch of one record may have.
    pub(super) fn record_limit_bytes(&self) -> usize {
        self.request_bytes_max - REQUEST_OVERHEAD_BYTES
    }
}

/// What a request with one batch takes besides the batch, with the longest topic name and client id in use.
const REQUEST_OVERHEAD_BYTES: usize = 512;
