//! What the coordinators of groups and of transactions count and hold: under the names that the JMX exporter gives Apache Kafka's own, and, where Kafka
//! has none, under ours.
//!
//! Counts are additions where something is written to a coordinator's topic; states are read when somebody asks. Kafka's `…-count` attributes are plain
//! numbers to the JMX exporter, so they are shown as gauges: a counter would get another name.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use crate::core::Core;

/// How long partitions of a coordinator's topic took to load.
#[derive(Debug, Default)]
pub(crate) struct LoadTimes {
    count: AtomicU64,
    sum_ms: AtomicU64,
    max_ms: AtomicU64,
}

impl LoadTimes {
    pub(crate) fn record(&self, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_ms.fetch_add(took_ms, Ordering::Relaxed);
        self.max_ms.fetch_max(took_ms, Ordering::Relaxed);
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>, prefix: &str) -> Result<(), Error> {
        let average_ms = self.sum_ms.load(Ordering::Relaxed) / self.count.load(Ordering::Relaxed).max(1);
        let max_ms = self.max_ms.load(Ordering::Relaxed);
        number(
            encoder,
            &format!("{prefix}_partition_load_time_max"),
            "Longest load of a partition, in ms",
            max_ms,
        )?;
        number(
            encoder,
            &format!("{prefix}_partition_load_time_avg"),
            "Average load of a partition, in ms",
            average_ms,
        )
    }
}

/// What the group coordinator has done since the start.
#[derive(Debug, Default)]
pub(crate) struct GroupCounts {
    pub(crate) offset_commits: Counter,
    pub(crate) offset_expirations: Counter,
    pub(crate) offset_deletions: Counter,
    /// Classic groups whose members have got a new assignment.
    pub(crate) classic_rebalances: Counter,
    /// New epochs of consumer groups.
    pub(crate) consumer_rebalances: Counter,
    pub(crate) load_times: LoadTimes,
}

/// What the transaction coordinator has done since the start.
#[derive(Debug)]
pub(crate) struct TransactionCounts {
    pub(crate) committed: Counter,
    /// By their producers, or by who came after them.
    pub(crate) aborted: Counter,
    pub(crate) timed_out: Counter,
    /// From the first partition to the decision, in seconds.
    pub(crate) duration_seconds: Histogram,
    pub(crate) load_times: LoadTimes,
}

impl Default for TransactionCounts {
    fn default() -> Self {
        Self {
            committed: Counter::default(),
            aborted: Counter::default(),
            timed_out: Counter::default(),
            duration_seconds: Histogram::new(exponential_buckets(0.001, 4.0, 10)),
            load_times: LoadTimes::default(),
        }
    }
}

/// Partitions of `__consumer_offsets`, by how far they are loaded.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct LoadedPartitions {
    pub(crate) loading: u64,
    pub(crate) active: u64,
    pub(crate) failed: u64,
}

/// Encodes all of them.
pub(super) fn encode(core: &Core, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    encode_groups(core, encoder)?;
    encode_group_counts(core, encoder)?;
    encode_transactions(core, encoder)
}

pub(super) fn number(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), Error> {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    gauge(value).encode(metric)
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

fn numbers(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    label: &'static str,
    values: impl IntoIterator<Item = (&'static str, u64)>,
) -> Result<(), Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (value_of_label, value) in values {
        gauge(value).encode(metric.encode_family(&[(label, value_of_label)])?)?;
    }
    Ok(())
}

fn encode_groups(core: &Core, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let mut by_kind: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut groups, mut offsets) = (0_u64, 0_u64);
    core.groups.visit(|_, group| {
        groups += 1;
        offsets += u64::try_from(group.offsets.len()).unwrap_or(u64::MAX);
        *by_kind.entry((group.kind.type_name(), group.kind.state_name())).or_default() += 1;
    });
    let of = |kind: &str, state: &str| by_kind.get(&(kind, state)).copied().unwrap_or(0);
    let manager = "kafka_coordinator_group_groupmetadatamanager";
    number(encoder, &format!("{manager}_numgroups"), "Groups", groups)?;
    number(encoder, &format!("{manager}_numoffsets"), "Committed offsets", offsets)?;
    for state in ["PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty"] {
        let name = format!("{manager}_numgroups{}", state.to_lowercase());
        number(encoder, &name, &format!("Classic groups in the state {state}"), of("classic", state))?;
    }
    let kinds = ["classic", "consumer"].map(|kind| {
        (kind, by_kind.iter().filter(|((of_kind, _), _)| *of_kind == kind).map(|(_, count)| count).sum())
    });
    let coordinator = "kafka_server_group_coordinator_metrics";
    numbers(encoder, (&format!("{coordinator}_group_count"), "Groups, by protocol"), "protocol", kinds)?;
    let states = [
        ("empty", "Empty"),
        ("assigning", "Assigning"),
        ("reconciling", "Reconciling"),
        ("stable", "Stable"),
    ];
    let states = states.map(|(label, state)| (label, of("consumer", state)));
    let name = format!("{coordinator}_consumer_group_count");
    numbers(encoder, (&name, "Consumer groups (KIP-848), by state"), "state", states)
}

fn encode_group_counts(core: &Core, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let coordinator = "kafka_server_group_coordinator_metrics";
    let loaded = core.groups.loaded_partitions();
    let partitions = [("loading", loaded.loading), ("active", loaded.active), ("failed", loaded.failed)];
    let name = format!("{coordinator}_num_partitions");
    numbers(encoder, (&name, "Partitions of __consumer_offsets, by state"), "state", partitions)?;
    let counts = core.groups.counts();
    for (name, help, count) in [
        ("offset_commit", "Offsets committed since the start", &counts.offset_commits),
        ("offset_expiration", "Offsets that have grown too old since the start", &counts.offset_expirations),
        ("offset_deletion", "Offsets deleted since the start", &counts.offset_deletions),
        ("group_completed_rebalance", "Rebalances of classic groups", &counts.classic_rebalances),
        ("consumer_group_rebalance", "New epochs of consumer groups (KIP-848)", &counts.consumer_rebalances),
    ] {
        number(encoder, &format!("{coordinator}_{name}_count"), help, count.get())?;
    }
    counts.load_times.encode(encoder, coordinator)
}

fn encode_transactions(core: &Core, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let name = "millstream_broker_transactional_ids";
    let help = "Transactional ids, by the state of their last transaction";
    numbers(encoder, (name, help), "state", core.transactions.count_by_state())?;
    let counts = core.transactions.counts();
    let name = "millstream_broker_transactions_ended";
    let help = "Transactions that were decided since the start, by outcome";
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    let outcomes =
        [("committed", &counts.committed), ("aborted", &counts.aborted), ("timed_out", &counts.timed_out)];
    for (outcome, count) in outcomes {
        ConstCounter::new(count.get()).encode(metric.encode_family(&[("outcome", outcome)])?)?;
    }
    let name = "millstream_broker_transaction_duration_seconds";
    let help = "Time from a transaction's first partition to its decision";
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    counts.duration_seconds.encode(metric)?;
    counts.load_times.encode(encoder, "kafka_server_transaction_coordinator_metrics")
}
