//! Offsets of partitions and groups under the names of kafka_exporter, which dashboards and alerts know.
//!
//! They are read from memory when somebody asks: nothing is counted for them on the way of a record. A partition that was not
//! used since the start is not open and its offsets are not known yet: it is left out, and opened for the next time.

use std::sync::{Arc, Weak};

use millstream_log::PartitionLog;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::core::Core;
use crate::storage::TopicTable;

/// Reads offsets and lag.
#[derive(Debug)]
pub(crate) struct Exporter {
    core: CoreReference,
}

/// A reference that a collector may print.
struct CoreReference(Weak<Core>);

impl std::fmt::Debug for CoreReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    topic: String,
    partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupPartitionLabels {
    consumergroup: String,
    topic: String,
    partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupTopicLabels {
    consumergroup: String,
    topic: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupLabels {
    consumergroup: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabels {
    topic: String,
}

impl Exporter {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self { core: CoreReference(Arc::downgrade(core)) }
    }
}

/// A metric's name and help with its values.
struct Values<L> {
    name: &'static str,
    help: &'static str,
    values: Vec<(L, i64)>,
}

impl<L: EncodeLabelSet> Values<L> {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new(0_i64);
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, gauge.metric_type())?;
        for (labels, value) in &self.values {
            ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Exporter {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(core) = self.core.0.upgrade() else { return Ok(()) };
        encode_single(&mut encoder, "kafka_brokers", "Number of brokers", 1)?;
        let in_flight = core.receiving_budget.used_bytes() + core.request_budget.used_bytes();
        let in_flight = i64::try_from(in_flight).unwrap_or(i64::MAX);
        let help = "Bytes of requests that are not answered yet";
        encode_single(&mut encoder, "millstream_broker_in_flight_bytes", help, in_flight)?;
        let table = core.topics();
        encode_topics(&core, &table, &mut encoder)?;
        encode_groups(&core, &table, &mut encoder)?;
        super::coordinators::encode(&core, &mut encoder)?;
        super::clients::encode(&core, &mut encoder)?;
        super::jmx::encode(&core, &table, &mut encoder)
    }
}

fn encode_single(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: i64,
) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(value);
    let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
    gauge.encode(metric)
}

fn encode_topics(
    core: &Core,
    table: &TopicTable,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), std::fmt::Error> {
    let counts = table.iter().map(|topic| {
        let partitions = i64::try_from(topic.partitions.len()).unwrap_or(i64::MAX);
        (TopicLabels { topic: topic.name.to_string() }, partitions)
    });
    let counts = counts.collect();
    let help = "Number of partitions of a topic";
    Values { name: "kafka_topic_partitions", help, values: counts }.encode(encoder)?;
    let node = i64::from(core.config.node_id);
    let (mut current, mut oldest, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
    let mut per_partition = [
        ("kafka_topic_partition_leader", "Broker that leads the partition", Vec::new()),
        ("kafka_topic_partition_replicas", "Number of replicas", Vec::new()),
        ("kafka_topic_partition_in_sync_replica", "Number of replicas that are in sync", Vec::new()),
        ("kafka_topic_partition_under_replicated_partition", "Whether replicas are missing", Vec::new()),
        ("kafka_topic_partition_leader_is_preferred", "Whether the preferred replica leads", Vec::new()),
    ];
    for topic in table.iter() {
        for partition in &topic.partitions {
            let log = &partition.log;
            let is_online = i64::from(!log.is_offline());
            let leader = if log.is_offline() { -1 } else { node };
            let values = [leader, 1, is_online, 1 - is_online, is_online];
            let labels = PartitionLabels { topic: topic.name.to_string(), partition: log.index() };
            let places = log.damage().len();
            if places > 0 {
                damaged.push((labels.clone(), i64::try_from(places).unwrap_or(i64::MAX)));
            }
            if log.is_open() {
                current.push((labels.clone(), log.high_watermark()));
                oldest.push((labels.clone(), log.log_start_offset()));
            } else if !log.is_offline() {
                open_later(core, log);
            }
            for ((_, _, collected), value) in per_partition.iter_mut().zip(values) {
                collected.push((labels.clone(), value));
            }
        }
    }
    let (name, help) =
        ("millstream_broker_damaged_batches", "Places where stored records are not what was written");
    Values { name, help, values: damaged }.encode(encoder)?;
    let (name, help) = ("kafka_topic_partition_current_offset", "Offset after the last readable record");
    Values { name, help, values: current }.encode(encoder)?;
    let (name, help) = ("kafka_topic_partition_oldest_offset", "Offset of the first record");
    Values { name, help, values: oldest }.encode(encoder)?;
    for (name, help, values) in per_partition {
        Values { name, help, values }.encode(encoder)?;
    }
    Ok(())
}

fn open_later(core: &Core, log: &Arc<PartitionLog>) {
    let log = Arc::clone(log);
    core.disks.read(Box::new(move || {
        if let Err(error) = log.open() {
            tracing::debug!(topic = log.topic(), partition = log.index(), %error, "partition cannot be opened");
        }
    }));
}

fn encode_groups(
    core: &Core,
    table: &TopicTable,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), std::fmt::Error> {
    let (mut offsets, mut lags, mut sums, mut members) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    core.groups.visit(|group_id, group| {
        for (topic, partitions) in group.offsets.topics() {
            let mut sum = 0;
            for (partition, committed) in partitions {
                let labels = GroupPartitionLabels {
                    consumergroup: group_id.to_owned(),
                    topic: topic.to_owned(),
                    partition,
                };
                offsets.push((labels.clone(), committed.offset));
                let known = table.by_name(topic).and_then(|topic| topic.partition(partition));
                let end = match known {
                    Some(partition) if partition.log.is_open() => partition.log.high_watermark(),
                    // Not known yet.
                    Some(_) => continue,
                    // What is not there any more has no lag.
                    None => committed.offset,
                };
                let lag = (end - committed.offset).max(0);
                sum += lag;
                lags.push((labels, lag));
            }
            let labels = GroupTopicLabels { consumergroup: group_id.to_owned(), topic: topic.to_owned() };
            sums.push((labels, sum));
        }
        let count = i64::try_from(group.kind.member_count()).unwrap_or(i64::MAX);
        members.push((GroupLabels { consumergroup: group_id.to_owned() }, count));
    });
    let (current, lag) = ("kafka_consumergroup_current_offset", "kafka_consumergroup_lag");
    Values { name: current, help: "Committed offset of a group", values: offsets }.encode(encoder)?;
    Values { name: lag, help: "Records that a group has not read yet", values: lags }.encode(encoder)?;
    let help = "Records of a topic that a group has not read yet";
    Values { name: "kafka_consumergroup_lag_sum", help, values: sums }.encode(encoder)?;
    let help = "Members of a group";
    Values { name: "kafka_consumergroup_members", help, values: members }.encode(encoder)
}
