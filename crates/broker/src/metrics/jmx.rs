//! What brokers count, under the names that the JMX exporter gives Apache Kafka's own: dashboards made for Kafka show them.
//!
//! Read when somebody asks. As in Kafka, what moves through topics is there for each topic, and without a label for all of
//! them; a topic counts from its first record since the start. A request that fails is counted for each partition of it that does.

use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use millstream_wire::ApiKey;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;

use super::Metrics;
use super::request_times::{Histogram, QUANTILES};
use crate::core::Core;
use crate::quotas::{QuotaKind, QuotaUsage};
use crate::storage::{Topic, TopicTable, Traffic};

type Labels = Vec<(&'static str, String)>;

/// Encodes all of them.
pub(super) fn encode(
    core: &Core,
    table: &TopicTable,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), Error> {
    encode_traffic(&core.metrics, table, encoder)?;
    encode_requests(&core.metrics, encoder)?;
    encode_times(&core.metrics, encoder)?;
    encode_partitions(table, encoder)?;
    encode_node(core, table, encoder)?;
    encode_quotas(core, encoder)?;
    encode_sizes(table, encoder)
}

/// Values with labels, and the one without.
struct Values<T> {
    labelled: Vec<(Labels, T)>,
    whole: Option<T>,
}

impl<T> Values<T> {
    fn whole(value: T) -> Self {
        Self { labelled: Vec::new(), whole: Some(value) }
    }

    fn encode<M: EncodeMetric>(
        self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        metric_of: fn(T) -> M,
        kind: MetricType,
    ) -> Result<(), Error> {
        let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in self.labelled {
            metric_of(value).encode(metric.encode_family(&labels)?)?;
        }
        self.whole.map_or(Ok(()), |value| metric_of(value).encode(metric))
    }
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: Values<u64>,
) -> Result<(), Error> {
    values.encode(encoder, (name, help), ConstCounter::new, MetricType::Counter)
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: Values<i64>,
) -> Result<(), Error> {
    values.encode(encoder, (name, help), ConstGauge::new, MetricType::Gauge)
}

fn fractions(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    labelled: Vec<(Labels, f64)>,
) -> Result<(), Error> {
    Values { labelled, whole: None }.encode(encoder, (name, help), ConstGauge::new, MetricType::Gauge)
}

fn sum(topic: &Topic, of: fn(&Traffic) -> &AtomicU64) -> u64 {
    topic.partitions.iter().map(|partition| of(&partition.traffic).load(Ordering::Relaxed)).sum()
}

fn encode_traffic(
    metrics: &Metrics,
    table: &TopicTable,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), Error> {
    type Moved = (&'static str, &'static str, fn(&Metrics) -> &Counter, fn(&Traffic) -> &AtomicU64);
    let moved: [Moved; 3] = [
        ("messagesin", "Records produced", |m| &m.produced_records, |t| &t.records_in),
        ("bytesin", "Bytes of records produced", |m| &m.produced_bytes, |t| &t.bytes_in),
        ("bytesout", "Bytes of records fetched", |m| &m.fetched_bytes, |t| &t.bytes_out),
    ];
    for (name, help, of_all, of_topic) in moved {
        let topics =
            table.iter().map(|topic| (vec![("topic", topic.name.to_string())], sum(topic, of_topic)));
        let labelled = topics.filter(|(_, value)| *value > 0).collect();
        let values = Values { labelled, whole: Some(of_all(metrics).get()) };
        counters(encoder, &format!("kafka_server_brokertopicmetrics_{name}"), help, values)?;
    }
    Ok(())
}

fn encode_requests(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let requests = |key| metrics.api(key).requests.get();
    for (name, help, value) in [
        ("totalproducerequests", "Produce requests", requests(ApiKey::Produce)),
        ("totalfetchrequests", "Fetch requests", requests(ApiKey::Fetch)),
        ("failedproducerequests", "Partitions of produce requests that failed", metrics.failed_produce.get()),
        ("failedfetchrequests", "Partitions of fetch requests that failed", metrics.failed_fetch.get()),
    ] {
        let name = format!("kafka_server_brokertopicmetrics_{name}");
        counters(encoder, &name, help, Values::whole(value))?;
    }
    let labelled =
        request_names().map(|(name, key)| (vec![("request", name.to_owned())], requests(key))).collect();
    let values = Values { labelled, whole: None };
    counters(encoder, "kafka_network_requestmetrics_requests", "Requests, by API", values)
}

/// What Kafka calls the requests of the APIs that are offered: those to fetch are counted once more by who sends them, and here that is consumers.
fn request_names() -> impl Iterator<Item = (&'static str, ApiKey)> {
    let offered = crate::api::APIS.iter().map(|api| (api.key.name(), api.key));
    offered.chain([("FetchConsumer", ApiKey::Fetch)])
}

/// From a request's last byte to its answer, of those APIs that were used.
fn encode_times(metrics: &Metrics, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let help = "Time from a request's last byte to its answer, by API";
    let name = "millstream_broker_request_latency_seconds";
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for api in crate::api::APIS {
        if let Some(histogram) = metrics.api(api.key).times.histogram() {
            let labels = [("api", api.key.name())];
            let Histogram { sum_seconds, count, buckets } = histogram;
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                sum_seconds,
                count,
                &buckets,
                None,
            )?;
        }
    }
    let now = Instant::now();
    let (mut quantiles, mut counts) = (Vec::new(), Vec::new());
    for (request, key) in request_names() {
        let Some(values) = metrics.api(key).times.quantiles_ms(now) else { continue };
        for ((_, quantile), value_ms) in QUANTILES.into_iter().zip(values) {
            let labels = vec![("request", request.to_owned()), ("quantile", quantile.to_owned())];
            quantiles.push((labels, value_ms));
        }
        let count = metrics.api(key).requests.get();
        counts.push((vec![("request", request.to_owned())], i64::try_from(count).unwrap_or(i64::MAX)));
    }
    let help = "Milliseconds from a request's last byte to its answer in the last minutes, by API";
    fractions(encoder, "kafka_network_requestmetrics_totaltimems", help, quantiles)?;
    // A plain number to the JMX exporter, which a counter would not be called.
    let values = Values { labelled: counts, whole: None };
    gauges(encoder, "kafka_network_requestmetrics_totaltimems_count", "Requests, by API", values)
}

fn encode_partitions(table: &TopicTable, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let (mut all, mut offline) = (0, 0);
    for partition in table.iter().flat_map(|topic| &topic.partitions) {
        all += 1;
        offline += i64::from(partition.log.is_offline());
    }
    for (name, help, value) in [
        ("kafka_server_replicamanager_partitioncount", "Partitions", all),
        ("kafka_server_replicamanager_leadercount", "Partitions that this broker leads", all - offline),
        ("kafka_server_replicamanager_underreplicatedpartitions", "Partitions that lack replicas", offline),
        (
            "kafka_controller_kafkacontroller_activecontrollercount",
            "Whether this broker is the controller",
            1,
        ),
        ("kafka_controller_kafkacontroller_offlinepartitionscount", "Partitions without a leader", offline),
        (
            "kafka_controller_kafkacontroller_preferredreplicaimbalancecount",
            "Partitions that the preferred replica does not lead",
            offline,
        ),
    ] {
        gauges(encoder, name, help, Values::whole(value))?;
    }
    Ok(())
}

/// What one node says of its cluster and of itself.
fn encode_node(core: &Core, table: &TopicTable, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let topics = i64::try_from(table.iter().count()).unwrap_or(i64::MAX);
    let partitions = table.iter().map(|topic| topic.partitions.len()).sum::<usize>();
    let partitions = i64::try_from(partitions).unwrap_or(i64::MAX);
    let controller = "kafka_controller_kafkacontroller";
    for (name, help, value) in [
        ("globaltopiccount", "Topics", topics),
        ("globalpartitioncount", "Partitions", partitions),
        ("activebrokercount", "Brokers that serve", 1),
        ("fencedbrokercount", "Brokers that do not", 0),
    ] {
        gauges(encoder, &format!("{controller}_{name}"), help, Values::whole(value))?;
    }
    let (name, help) = ("kafka_server_socket_server_metrics_connection_count", "Open connections");
    gauges(encoder, name, help, Values::whole(core.metrics.connections.get()))
}

/// What clients use that have quotas. Labels are those of the JMX exporter's examples for Kafka.
fn encode_quotas(core: &Core, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let usages = core.quotas.usages();
    let labels = |usage: &QuotaUsage| {
        let resource = ("resource", usage.kind.resource().to_owned());
        let user = usage.sharers.user.clone().map(|user| ("user", user));
        let client = usage.sharers.client_id.clone().map(|client_id| ("clientId", client_id));
        [resource].into_iter().chain(user).chain(client).collect::<Labels>()
    };
    let rates = [
        ("byte_rate", "Bytes per second that count for a quota", [QuotaKind::Produce, QuotaKind::Fetch]),
        ("request_time", "Percent of a thread that counts for a quota", [QuotaKind::Request; 2]),
        ("mutation_rate", "Partitions created and deleted per second", [QuotaKind::Mutation; 2]),
    ];
    for (name, help, kinds) in rates {
        let of_kind = usages.iter().filter(|usage| kinds.contains(&usage.kind));
        let labelled = of_kind.map(|usage| (labels(usage), usage.rate)).collect();
        fractions(encoder, &format!("kafka_server_quota_{name}"), help, labelled)?;
    }
    let tokens = usages.iter().filter_map(|usage| Some((labels(usage), usage.tokens?))).collect();
    fractions(encoder, "kafka_server_quota_tokens", "Partitions that may change at once", tokens)?;
    let throttles = usages.iter().map(|usage| (labels(usage), usage.throttle_ms)).collect();
    let help = "Milliseconds that clients are put off on average which exceed a quota";
    fractions(encoder, "kafka_server_quota_throttle_time", help, throttles)
}

/// Of partitions that were used since the start: the others would have to be opened.
fn encode_sizes(table: &TopicTable, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let mut values = Vec::new();
    for topic in table.iter() {
        for partition in topic.partitions.iter().filter(|partition| partition.log.is_open()) {
            let Ok(size_bytes) = partition.log.size_bytes() else { continue };
            let labels =
                vec![("topic", topic.name.to_string()), ("partition", partition.log.index().to_string())];
            values.push((labels, i64::try_from(size_bytes).unwrap_or(i64::MAX)));
        }
    }
    let values = Values { labelled: values, whole: None };
    gauges(encoder, "kafka_log_log_size", "Bytes of a partition's files", values)
}
