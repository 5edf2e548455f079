//! Metrics that clients push (KIP-714): who is asked for what, how often, and what came.
//!
//! Subscriptions are configurations of the resource type CLIENT_METRICS and come from the metadata log ([`subscriptions`]). A client asks for
//! its own (GetTelemetrySubscriptions) and pushes what it is asked for (PushTelemetry); what is known of it meanwhile is an instance
//! ([`instances`]), and the values that it pushed are series ([`series`]), which `/metrics` shows until the client has been silent for a while.
//! Errors and throttling are those of Apache Kafka with a receiver plugin: here the metrics page is the receiver.
//!
//! Instances are bounded by number, series (with their lines on the page) by bytes, a push by `telemetry.max.bytes` before and after it is decompressed. Of what a client
//! pushes without being asked nothing is kept. Throttling goes by the id that a client gives: one that makes up ids is not slowed down by it.

mod instances;
mod series;
mod subscriptions;

use std::sync::Arc;

use millstream_log::Clock;
use millstream_wire::compression::{Compression, Decompressor};
use millstream_wire::{ErrorCode, WireError, otlp};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use uuid::Uuid;

use crate::api::Caller;
use instances::{Instance, Instances};

pub(crate) use series::{Pushed, Series, SeriesLabels};
pub(crate) use subscriptions::{Attribute, INTERVAL_MS_DEFAULT, Subscription};

/// Ids below are reserved by Kafka; 0 asks for one.
const RESERVED_IDS: u128 = 100;

/// Codecs for pushes, the preferred one first.
pub(crate) const COMPRESSIONS: [Compression; 4] =
    [Compression::Zstd, Compression::Lz4, Compression::Gzip, Compression::Snappy];

/// Name and version of a client's library, as it gave them with ApiVersions (KIP-511).
#[derive(Debug, Clone)]
pub(crate) struct Software {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// A client as a request shows it.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) caller: &'a Arc<Caller>,
}

/// What a client is told of its subscriptions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) instance_id: Uuid,
    pub(crate) subscription_id: i32,
    pub(crate) metrics: Vec<String>,
    pub(crate) interval_ms: i32,
}

/// What a client pushes.
pub(crate) struct Push<'a> {
    pub(crate) instance_id: Uuid,
    pub(crate) subscription_id: i32,
    pub(crate) is_terminating: bool,
    pub(crate) compression_type: i8,
    pub(crate) metrics: &'a [u8],
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct TelemetryCounts {
    pub(crate) unknown_subscriptions: Counter,
    pub(crate) throttled: Counter,
    /// Pushes that were taken in.
    pub(crate) exported: Counter,
    /// Pushes that could not be read.
    pub(crate) failed: Counter,
    /// Values for which there was no room.
    pub(crate) dropped: Counter,
}

/// The metrics of clients.
pub(crate) struct Telemetry {
    push_bytes_max: usize,
    clock: Arc<dyn Clock>,
    instances: Mutex<Instances>,
    pub(crate) counts: TelemetryCounts,
}

impl Telemetry {
    pub(crate) fn new(push_bytes_max: usize, clock: Arc<dyn Clock>) -> Self {
        let (instances, counts) = (Mutex::default(), TelemetryCounts::default());
        Self { push_bytes_max, clock, instances, counts }
    }

    /// Puts a subscription in force, or with none takes it back.
    pub(crate) fn subscribe(&self, name: &str, subscription: Option<Subscription>) {
        self.instances.lock().subscriptions.put(name, subscription);
    }

    /// Largest push in bytes, compressed or not.
    pub(crate) fn push_bytes_max(&self) -> usize {
        self.push_bytes_max
    }

    /// Tells a client what it shall push. An id of zero stands for one that has none yet.
    ///
    /// # Errors
    /// THROTTLING_QUOTA_EXCEEDED when it asks again before its interval is over, and no refusal of its push is the reason.
    pub(crate) fn granted(&self, instance_id: Uuid, client: Client<'_>) -> Result<Granted, ErrorCode> {
        let now_ms = self.clock.now_ms();
        let instance_id = if instance_id.is_nil() { millstream_log::random_id() } else { instance_id };
        let mut instances = self.instances.lock();
        let instance = instances.touch(instance_id, client, now_ms);
        if !instance.may_ask(now_ms) {
            self.counts.throttled.inc();
            return Err(ErrorCode::ThrottlingQuotaExceeded);
        }
        let demand = &instance.demand;
        Ok(Granted {
            instance_id,
            subscription_id: demand.subscription_id,
            metrics: demand.metrics.clone(),
            interval_ms: demand.interval_ms,
        })
    }

    /// Takes in what a client pushes.
    ///
    /// # Errors
    /// Kafka's codes, in the order in which it looks for them.
    pub(crate) fn push(&self, push: &Push<'_>, client: Client<'_>) -> Result<(), ErrorCode> {
        if push.instance_id.as_u128() < RESERVED_IDS {
            return Err(ErrorCode::InvalidRequest);
        }
        let now_ms = self.clock.now_ms();
        let checked = {
            let mut instances = self.instances.lock();
            let instance = instances.touch(push.instance_id, client, now_ms);
            let checked = self.check(push, instance, now_ms);
            instance.is_terminating = push.is_terminating;
            instance.last_error = checked.err();
            checked.map(|codec| (codec, instance.demand.metrics.is_empty()))
        };
        let (codec, is_unasked) = checked?;
        if push.metrics.is_empty() || is_unasked {
            return Ok(());
        }
        let taken = self.take(push, codec);
        let count = if taken.is_ok() { &self.counts.exported } else { &self.counts.failed };
        count.inc();
        if let Err(error) = taken {
            tracing::debug!(client_id = client.client_id, %error, "metrics that a client pushed cannot be read");
            let code = match error {
                WireError::TooLarge { .. } => ErrorCode::TelemetryTooLarge,
                _ => ErrorCode::InvalidRecord,
            };
            self.instances.lock().fail(push.instance_id, code);
            return Err(code);
        }
        Ok(())
    }

    fn check(&self, push: &Push<'_>, instance: &mut Instance, now_ms: i64) -> Result<Compression, ErrorCode> {
        if instance.is_terminating {
            return Err(ErrorCode::InvalidRequest);
        }
        if !instance.may_push(now_ms) && !push.is_terminating {
            self.counts.throttled.inc();
            return Err(ErrorCode::ThrottlingQuotaExceeded);
        }
        if push.subscription_id != instance.demand.subscription_id {
            self.counts.unknown_subscriptions.inc();
            return Err(ErrorCode::UnknownSubscriptionId);
        }
        let codec =
            u8::try_from(push.compression_type).ok().and_then(|code| Compression::from_code(code).ok());
        let codec = codec.ok_or(ErrorCode::UnsupportedCompressionType)?;
        if push.metrics.len() > self.push_bytes_max {
            return Err(ErrorCode::TelemetryTooLarge);
        }
        Ok(codec)
    }

    /// Reads a push whole before any of its values counts.
    fn take(&self, push: &Push<'_>, codec: Compression) -> Result<(), WireError> {
        let data = Decompressor::default().decompress(codec, push.metrics, self.push_bytes_max)?;
        otlp::visit_points(&data, &mut |_| {})?;
        let dropped = self.instances.lock().record(push.instance_id, &data)?;
        self.counts.dropped.inc_by(dropped);
        Ok(())
    }

    /// How many instances there are, and everything that they have pushed.
    pub(crate) fn collect(&self) -> (usize, Vec<Pushed>) {
        let mut instances = self.instances.lock();
        instances.expire(self.clock.now_ms());
        instances.collect()
    }
}
