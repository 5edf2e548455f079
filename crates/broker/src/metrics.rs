//! What the broker counts.
//!
//! Everything is declared here. Counters of the hot path are resolved once per API, so that counting is one addition.
//! Counts of the coordinators are kept by them (`coordinators`). Offsets and lag under kafka_exporter's names (`exporter`), and what Kafka's own metrics are called behind the JMX exporter (`jmx`), are
//! read when somebody asks, and so are times of requests (`request_times`) and what clients have pushed (`clients`).

mod clients;
mod coordinators;
mod exporter;
mod jmx;
mod request_times;

use millstream_wire::ApiKey;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use coordinators::{GroupCounts, LoadedPartitions, TransactionCounts};
pub(crate) use exporter::Exporter;
use request_times::RequestTimes;

/// A request's API, by Kafka's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabel {
    api: &'static str,
}

/// An error code in an answer, by Kafka's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    api: &'static str,
    error: &'static str,
}

/// The metrics of one API.
#[derive(Debug, Default)]
pub(crate) struct ApiMetrics {
    pub(crate) requests: Counter,
    /// From a request's last byte to its answer's turn.
    pub(crate) times: RequestTimes,
}

/// The broker's metrics.
pub(crate) struct Metrics {
    requests: Family<ApiLabel, Counter>,
    errors: Family<ErrorLabels, Counter>,
    by_api: Vec<ApiMetrics>,
    pub(crate) malformed_requests: Counter,
    pub(crate) connections: Gauge,
    pub(crate) connections_accepted: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) produced_bytes: Counter,
    pub(crate) produced_records: Counter,
    pub(crate) fetched_bytes: Counter,
    failed_produce: Counter,
    failed_fetch: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = Family::<ApiLabel, Counter>::default();
        let by_api = ApiKey::all().map(|key| {
            let label = ApiLabel { api: key.name() };
            if crate::api::APIS.iter().any(|api| api.key == key) {
                let requests = requests.get_or_create_owned(&label);
                return ApiMetrics { requests, times: RequestTimes::default() };
            }
            // Not offered: counted nowhere, so that no API without meaning shows up.
            ApiMetrics::default()
        });
        let by_api = by_api.collect();
        Self {
            requests,
            errors: Family::default(),
            by_api,
            malformed_requests: Counter::default(),
            connections: Gauge::default(),
            connections_accepted: Counter::default(),
            connections_refused: Counter::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            produced_bytes: Counter::default(),
            produced_records: Counter::default(),
            fetched_bytes: Counter::default(),
            failed_produce: Counter::default(),
            failed_fetch: Counter::default(),
        }
    }

    pub(crate) fn api(&self, key: ApiKey) -> &ApiMetrics {
        // `ApiKey::all` is ordered by key and has no gaps.
        &self.by_api[usize::try_from(key.code()).unwrap_or(0)]
    }

    pub(crate) fn count_error(&self, key: ApiKey, error: millstream_wire::ErrorCode) {
        let labels = ErrorLabels { api: key.name(), error: error.name() };
        self.errors.get_or_create(&labels).inc();
        match key {
            ApiKey::Produce => drop(self.failed_produce.inc()),
            ApiKey::Fetch => drop(self.failed_fetch.inc()),
            _ => {}
        }
    }

    /// Makes the metrics part of `registry`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("millstream_broker");
        registry.register("requests", "Requests begun, by API", self.requests.clone());
        registry.register("errors", "Error codes answered by produce and fetch", self.errors.clone());
        registry.register(
            "malformed_requests",
            "Connections closed because of bytes that are no request",
            self.malformed_requests.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "connections_accepted",
            "Connections accepted since the start",
            self.connections_accepted.clone(),
        );
        registry.register(
            "connections_refused",
            "Connections refused because their address had as many as it may",
            self.connections_refused.clone(),
        );
        registry.register_with_unit("received", "Bytes of requests", Unit::Bytes, self.bytes_in.clone());
        registry.register_with_unit("sent", "Bytes of responses", Unit::Bytes, self.bytes_out.clone());
        registry.register_with_unit(
            "produced",
            "Bytes of record batches appended for producers",
            Unit::Bytes,
            self.produced_bytes.clone(),
        );
        registry.register(
            "produced_records",
            "Records appended for producers",
            self.produced_records.clone(),
        );
        registry.register_with_unit(
            "fetched",
            "Bytes of record batches handed to consumers",
            Unit::Bytes,
            self.fetched_bytes.clone(),
        );
    }
}
