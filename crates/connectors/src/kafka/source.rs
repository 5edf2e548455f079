//! Reading topics: a split is a partition, a position an offset.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow_schema::SchemaRef;
use millstream_client::admin::{IsolationLevel, OffsetSpec};
use millstream_client::fetcher::{Fetcher, FetcherConfig, OffsetReset, Start};
use millstream_client::{Admin, Client, ClientError, ErrorKind, TopicPartition};
use millstream_engine::connector::{ConnectorError, Scan, Settings, TableSpec};
use millstream_engine::source::{Position, Source, SplitId, SplitReader};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::cluster::{self, Connections, choice, outside, property};
use super::layout::SourceLayout;
use super::options::{Bound, KafkaOptions, Startup};
use super::reader::KafkaReader;

/// Topics that are read.
#[derive(Debug)]
pub struct KafkaSource {
    options: KafkaOptions,
    layout: SourceLayout,
    follow: bool,
    /// The partitions wanted for each topic that does not exist.
    partitions: Vec<Option<i32>>,
    fetcher_config: FetcherConfig,
    client: Client,
    runtime: Handle,
    fetcher: OnceLock<Fetcher>,
    /// Where the partitions' reads begin and end, as found when they were listed.
    ranges: Mutex<HashMap<TopicPartition, Range>>,
}

/// Where a partition's read begins, unless it is resumed, and ends.
#[derive(Debug, Clone, Copy)]
struct Range {
    start: Start,
    stop: Option<i64>,
}

impl KafkaSource {
    pub(super) fn new(
        table: &TableSpec,
        scan: &Scan,
        settings: &Settings,
        connections: &Connections,
    ) -> Result<Self, ConnectorError> {
        let options = KafkaOptions::read(table)?;
        cluster::check_properties(&options)?;
        let partitions = options.topics.iter().map(|topic| cluster::wanted_partitions(topic, settings));
        Ok(Self {
            layout: SourceLayout::new(table, &options, &scan.projection)?,
            follow: scan.follow,
            partitions: partitions.collect::<Result<_, _>>()?,
            fetcher_config: fetcher_config(&options)?,
            client: connections.client(&options.bootstrap_servers)?,
            runtime: connections.runtime().clone(),
            fetcher: OnceLock::new(),
            ranges: Mutex::default(),
            options,
        })
    }

    /// The cluster that the topics are on.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// `properties.group.id`.
    pub fn group_id(&self) -> Option<&str> {
        self.options.group_id.as_deref()
    }

    /// The topics.
    pub fn topics(&self) -> &[String] {
        &self.options.topics
    }

    fn bound(&self) -> &Bound {
        if self.follow { &Bound::Unbounded } else { &self.options.bound }
    }

    async fn list(&self) -> Result<Vec<SplitId>, ConnectorError> {
        let mut all = Vec::new();
        for (topic, wanted) in self.options.topics.iter().zip(&self.partitions) {
            let found = match wanted {
                Some(_) => cluster::ensure_topic(&self.client, topic, *wanted).await,
                None => Ok(()),
            };
            let metadata = match found {
                Ok(()) => self.client.topic(topic).await,
                Err(error) => Err(error),
            };
            let count = metadata.map_err(|error| no_topic(topic, &error))?.partitions.len();
            let count = i32::try_from(count).unwrap_or(i32::MAX);
            all.extend((0..count).map(|partition| TopicPartition::new(topic.as_str(), partition)));
        }
        let starts = self.starts(&all).await?;
        let stops = self.stops(&all).await?;
        let mut ranges = self.ranges.lock();
        for partition in &all {
            let start = starts.get(partition).copied().unwrap_or(Start::Earliest);
            ranges.insert(partition.clone(), Range { start, stop: stops.get(partition).copied() });
        }
        Ok(all.iter().map(split_id).collect())
    }

    async fn starts(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, Start>, ConnectorError> {
        let each = |start: Start| partitions.iter().map(|partition| (partition.clone(), start)).collect();
        Ok(match &self.options.startup {
            Startup::Earliest => each(Start::Earliest),
            Startup::Latest => self.starts_at(partitions, OffsetSpec::Latest).await?,
            Startup::Timestamp(timestamp_ms) => {
                self.starts_at(partitions, OffsetSpec::Timestamp(*timestamp_ms)).await?
            }
            Startup::Specific(offsets) => specific(partitions, offsets)
                .into_iter()
                .map(|(partition, offset)| (partition, Start::at(offset)))
                .collect(),
            // Under `follow` the epoch store has these offsets, and more.
            Startup::Group if self.follow => match self.reset() {
                Some(Start::Latest) => self.starts_at(partitions, OffsetSpec::Latest).await?,
                reset => each(reset.unwrap_or(Start::Earliest)),
            },
            Startup::Group => {
                let committed = self.committed(partitions).await?;
                let mut starts = HashMap::new();
                for partition in partitions {
                    let start = committed.get(partition).map(|offset| Start::at(*offset)).or(self.reset());
                    let start = start.ok_or_else(|| self.no_offset(partition))?;
                    starts.insert(partition.clone(), start);
                }
                starts
            }
        })
    }

    async fn stops(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, i64>, ConnectorError> {
        let spec = match self.bound() {
            Bound::Unbounded => return Ok(HashMap::new()),
            // As in Flink: of a partition that is not named nothing is read.
            Bound::Specific(offsets) => {
                let mut stops: HashMap<_, _> = partitions.iter().map(|one| (one.clone(), 0)).collect();
                stops.extend(specific(partitions, offsets));
                return Ok(stops);
            }
            Bound::Group => {
                let stops = self.committed(partitions).await?;
                return match partitions.iter().find(|partition| !stops.contains_key(partition)) {
                    Some(partition) => Err(self.no_end(partition)),
                    None => Ok(stops),
                };
            }
            Bound::Latest => OffsetSpec::Latest,
            Bound::Timestamp(timestamp_ms) => OffsetSpec::Timestamp(*timestamp_ms),
        };
        self.offsets_or_end(partitions, spec).await.map_err(|error| outside(&error))
    }

    /// Starts that are offsets from the first read on: an epoch that knew none would leave the partition out.
    async fn starts_at(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<HashMap<TopicPartition, Start>, ConnectorError> {
        let offsets = self.offsets_or_end(partitions, spec).await.map_err(|error| outside(&error))?;
        Ok(offsets.into_iter().map(|(partition, offset)| (partition, Start::at(offset))).collect())
    }

    /// The offsets of a time, or the end where no record is as late: everything that is there now is earlier.
    async fn offsets_or_end(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<HashMap<TopicPartition, i64>, ClientError> {
        let mut offsets = self.offsets(partitions, spec).await?;
        if offsets.len() < partitions.len() {
            for (partition, latest) in self.offsets(partitions, OffsetSpec::Latest).await? {
                offsets.entry(partition).or_insert(latest);
            }
        }
        Ok(offsets)
    }

    async fn offsets(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<HashMap<TopicPartition, i64>, ClientError> {
        let asked: Vec<_> = partitions.iter().map(|partition| (partition.clone(), spec)).collect();
        let listed =
            Admin::new(self.client.clone()).list_offsets(&asked, self.fetcher_config.isolation).await?;
        Ok(listed.into_iter().filter_map(|(partition, listed)| Some((partition, listed.offset?))).collect())
    }

    async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, i64>, ConnectorError> {
        let group = self.group_id().ok_or_else(|| ConnectorError::Declaration {
            option: None,
            column: None,
            message: "'group-offsets' needs 'properties.group.id'; 'scan.startup.mode' = 'earliest-offset' does not".to_owned(),
        })?;
        let admin = Admin::new(self.client.clone());
        let committed = admin.committed_offsets(group, Some(partitions), true).await;
        let committed = committed.map_err(|error| outside(&error))?;
        Ok(committed.into_iter().map(|(partition, committed)| (partition, committed.offset)).collect())
    }

    /// Where to begin in partitions that the group knows nothing of.
    fn reset(&self) -> Option<Start> {
        match self.options.properties.get("auto.offset.reset").map(String::as_str) {
            Some("earliest") => Some(Start::Earliest),
            Some("latest") => Some(Start::Latest),
            _ => None,
        }
    }

    fn no_offset(&self, partition: &TopicPartition) -> ConnectorError {
        ConnectorError::NotFound {
            message: format!(
                "the group '{}' has committed no offset for {partition}: set 'scan.startup.mode' = 'earliest-offset', or \
                 'properties.auto.offset.reset' = 'earliest'",
                self.group_id().unwrap_or_default()
            ),
        }
    }

    fn no_end(&self, partition: &TopicPartition) -> ConnectorError {
        ConnectorError::NotFound {
            message: format!(
                "the group '{}' has committed no offset for {partition} to end at: set 'scan.bounded.mode' = 'latest-offset'",
                self.group_id().unwrap_or_default()
            ),
        }
    }

    /// The partition of a split, as it was listed.
    fn listed(&self, split: &SplitId) -> Result<(TopicPartition, Range), ConnectorError> {
        let known = partition_of(split).and_then(|partition| {
            let range = self.ranges.lock().get(&partition).copied()?;
            Some((partition, range))
        });
        known.ok_or_else(|| ConnectorError::NotFound {
            message: format!("there is no partition {split} any more: was its topic deleted?"),
        })
    }

    fn read(
        &self,
        split: &SplitId,
        partition: TopicPartition,
        range: Range,
    ) -> Result<Box<dyn SplitReader>, ConnectorError> {
        let reader = self.fetcher()?.read(partition, range.start, range.stop);
        Ok(Box::new(KafkaReader::new(split.clone(), self.layout.clone(), reader)?))
    }

    fn fetcher(&self) -> Result<Fetcher, ConnectorError> {
        if let Some(fetcher) = self.fetcher.get() {
            return Ok(fetcher.clone());
        }
        let _entered = self.runtime.enter();
        let fetcher = Fetcher::new(self.client.clone(), self.fetcher_config.clone());
        let fetcher = fetcher.map_err(|error| outside(&error))?;
        Ok(self.fetcher.get_or_init(|| fetcher).clone())
    }
}

/// The split of a partition.
pub(super) fn split_id(partition: &TopicPartition) -> SplitId {
    SplitId(partition.to_string().into())
}

/// The partition of a split.
pub(super) fn partition_of(split: &SplitId) -> Option<TopicPartition> {
    let (topic, partition) = split.0.rsplit_once('-')?;
    Some(TopicPartition::new(topic, partition.parse().ok()?))
}

fn specific(
    partitions: &[TopicPartition],
    offsets: &std::collections::BTreeMap<i32, i64>,
) -> HashMap<TopicPartition, i64> {
    let named = partitions
        .iter()
        .filter_map(|partition| Some((partition.clone(), *offsets.get(&partition.partition)?)));
    named.collect()
}

fn fetcher_config(options: &KafkaOptions) -> Result<FetcherConfig, ConnectorError> {
    let properties = &options.properties;
    let mut config = FetcherConfig::default();
    config.min_bytes = property(properties, "fetch.min.bytes")?.unwrap_or(config.min_bytes);
    config.max_bytes = property(properties, "fetch.max.bytes")?.unwrap_or(config.max_bytes);
    config.max_partition_bytes =
        property(properties, "max.partition.fetch.bytes")?.unwrap_or(config.max_partition_bytes);
    if let Some(wait_ms) = property(properties, "fetch.max.wait.ms")? {
        config.max_wait = Duration::from_millis(wait_ms);
    }
    let isolations = [
        ("read_uncommitted", IsolationLevel::ReadUncommitted),
        ("read_committed", IsolationLevel::ReadCommitted),
    ];
    config.isolation =
        choice(properties, "isolation.level", &isolations)?.unwrap_or(IsolationLevel::ReadUncommitted);
    let resets =
        [("earliest", OffsetReset::Earliest), ("latest", OffsetReset::Latest), ("none", OffsetReset::Error)];
    config.reset = choice(properties, "auto.offset.reset", &resets)?.unwrap_or(OffsetReset::Error);
    Ok(config)
}

impl Source for KafkaSource {
    fn schema(&self) -> SchemaRef {
        self.layout.schema.clone()
    }

    fn is_bounded(&self) -> bool {
        *self.bound() != Bound::Unbounded
    }

    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError> {
        self.runtime.block_on(self.list())
    }

    fn open(
        &self,
        split: &SplitId,
        resume: Option<Position>,
    ) -> Result<Box<dyn SplitReader>, ConnectorError> {
        let (partition, range) = self.listed(split)?;
        let start = resume.map_or(range.start, |position| Start::at(position.0));
        self.read(split, partition, Range { start, ..range })
    }

    /// As in Flink: a partition that was added to a topic is read from its first record, whatever `scan.startup.mode` says.
    fn open_added(&self, split: &SplitId) -> Result<Box<dyn SplitReader>, ConnectorError> {
        let (partition, range) = self.listed(split)?;
        self.read(split, partition, Range { start: Start::Earliest, ..range })
    }
}

/// An error about a topic that is to be read.
fn no_topic(topic: &str, error: &ClientError) -> ConnectorError {
    if !is_not_found(error) {
        return outside(error);
    }
    ConnectorError::NotFound {
        message: format!(
            "there is no topic {topic} on this broker: check the name, create it with `millstream topic create {topic}`, or let this file \
             create it with SET 'millstream.topic.{topic}.partitions' = '1'"
        ),
    }
}

/// Whether an error means that there is nothing there.
pub(super) fn is_not_found(error: &ClientError) -> bool {
    error.kind() == ErrorKind::NotFound
}

/// A shared source, for those that look behind the engine's trait.
pub(super) fn downcast(source: &Arc<dyn Source>) -> Option<&KafkaSource> {
    let any: &dyn std::any::Any = source.as_ref();
    any.downcast_ref()
}
