//! Epochs kept in Kafka: offsets of topics in the consumer group, everything else in a topic of ours.
//!
//! - A partition's progress is an offset committed to the group, with [`progress`](super::progress) in its metadata, so
//!   that whoever watches lag sees the pipeline.
//! - Positions in files, what sinks still have to do, and the word that a pipeline has finished are a record of the topic
//!   [`STATE_TOPIC`]: compacted, one partition, keyed by group and pipeline, the value JSON.
//!
//! The two are not one transaction: a crash between them repeats what one of them had already noted, and loses nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use millstream_client::admin::{IsolationLevel, NewTopic, OffsetSpec, OffsetToCommit};
use millstream_client::fetcher::{Fetcher, FetcherConfig, RecordDecoder, Start};
use millstream_client::producer::{Producer, ProducerConfig};
use millstream_client::{Admin, Client, ClientError, ErrorKind, TopicPartition};
use millstream_engine::connector::ConnectorError;
use millstream_engine::element::{Epoch, TimestampMs};
use millstream_engine::epoch::{EpochRecord, EpochStore, Interrupter, SplitProgress};
use millstream_engine::sink::Committable;
use millstream_engine::source::{Position, Source, SplitId};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::claims::Claim;
use super::cluster::{Connections, outside};
use super::progress;
use super::source::{downcast, is_not_found, partition_of};

/// Where pipelines note what no consumer group can hold.
pub const STATE_TOPIC: &str = "__millstream_pipelines";

/// How long the topic may take to be there.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(10);

/// The epochs of one pipeline.
#[derive(Debug)]
pub struct KafkaEpochs {
    runtime: Handle,
    group: String,
    /// The key of the pipeline's record: group and statement.
    key: String,
    home: Client,
    /// The clients of the sources that are topics, by the sources' names, with their topics.
    sources: HashMap<String, (Client, Vec<String>)>,
    producer: Option<Producer>,
    /// Becomes true when nobody wants a commit to be waited for any more.
    interrupted: watch::Sender<bool>,
    /// Nobody else in this process commits these topics' offsets to the group.
    _claim: Claim,
}

impl KafkaEpochs {
    /// Epochs of the pipeline `statement` that reads `sources`, named as in its plan. The group is the sources'
    /// `properties.group.id`, or else `name`.
    ///
    /// # Errors
    /// When the sources name different groups, or another pipeline commits the same offsets.
    pub(super) fn new(
        connections: &Connections,
        sources: &[(String, Arc<dyn Source>)],
        name: &str,
        statement: &str,
    ) -> Result<Self, ConnectorError> {
        let topics: Vec<_> =
            sources.iter().filter_map(|(name, source)| Some((name.clone(), downcast(source)?))).collect();
        let groups: BTreeSet<&str> = topics.iter().filter_map(|(_, source)| source.group_id()).collect();
        if groups.len() > 1 {
            let names: Vec<&str> = groups.into_iter().collect();
            return Err(ConnectorError::Declaration {
                option: Some("properties.group.id".to_owned()),
                column: None,
                message: format!("the tables of one pipeline name different groups: {}", names.join(", ")),
            });
        }
        let group = groups.first().copied().unwrap_or(name).to_owned();
        let first = topics.first().map(|(_, source)| source.client().clone());
        let home = connections.home()?.or(first).ok_or_else(|| ConnectorError::Declaration {
            option: None,
            column: None,
            message: "a pipeline that resumes needs a cluster to keep its progress".to_owned(),
        })?;
        let read = topics.iter().flat_map(|(name, source)| {
            source.topics().iter().map(move |topic| (name.as_str(), topic.as_str()))
        });
        let claim = connections.claims().claim(&group, read)?;
        let sources = topics
            .into_iter()
            .map(|(name, source)| (name, (source.client().clone(), source.topics().to_vec())));
        Ok(Self {
            runtime: connections.runtime().clone(),
            key: format!("{group}/{statement}"),
            group,
            home,
            sources: sources.collect(),
            producer: None,
            interrupted: watch::Sender::new(false),
            _claim: claim,
        })
    }

    /// The group that the offsets are committed to.
    pub fn group(&self) -> &str {
        &self.group
    }

    async fn read_offsets(&self) -> Result<Vec<SplitProgress>, ClientError> {
        let mut splits = Vec::new();
        for (name, (client, topics)) in &self.sources {
            let committed = Admin::new(client.clone()).committed_offsets(&self.group, None, true).await?;
            for (partition, committed) in committed {
                if topics.iter().any(|topic| **topic == *partition.topic) {
                    let split = super::source::split_id(&partition);
                    splits.push(progress::decode(name, split, committed.offset, &committed.metadata));
                }
            }
        }
        splits.sort_by(|one, other| (&one.source, &one.split).cmp(&(&other.source, &other.split)));
        Ok(splits)
    }

    async fn commit_offsets(&self, record: &EpochRecord) -> Result<(), ClientError> {
        for (name, (client, _)) in &self.sources {
            let own = record.splits.iter().filter(|split| split.source == *name);
            let offset = |split: &SplitProgress| {
                let metadata = progress::encode(split);
                let offset = OffsetToCommit { offset: split.position.0, leader_epoch: None, metadata };
                Some((partition_of(&split.split)?, offset))
            };
            let offsets: HashMap<_, _> = own.filter_map(offset).collect();
            Admin::new(client.clone()).commit_offsets(&self.group, &offsets).await?;
        }
        Ok(())
    }

    /// The last record of the state topic with our key.
    async fn read_state(&self) -> Result<Option<Bytes>, ClientError> {
        let partition = TopicPartition::new(STATE_TOPIC, 0);
        match self.home.topic(STATE_TOPIC).await {
            Err(error) if is_not_found(&error) => return Ok(None),
            outcome => outcome?,
        };
        let asked = [(partition.clone(), OffsetSpec::Latest)];
        let ends =
            Admin::new(self.home.clone()).list_offsets(&asked, IsolationLevel::ReadUncommitted).await?;
        let end = ends.get(&partition).and_then(|listed| listed.offset).unwrap_or_default();
        let fetcher = Fetcher::new(self.home.clone(), FetcherConfig::default())?;
        let mut reader = fetcher.read(partition.clone(), Start::Earliest, Some(end));
        let mut decoder = RecordDecoder::new();
        let mut found = None;
        while let Some(fetched) = reader.next().await? {
            for batch in decoder.batches(&fetched) {
                let batch = batch?;
                for record in batch.records() {
                    let record = record.map_err(|error| batch.bad_record(&partition, error))?;
                    if record.key == Some(self.key.as_bytes()) {
                        found = record.value.map(|value| batch.body().slice_ref(value));
                    }
                }
            }
        }
        Ok(found)
    }

    async fn write_state(&mut self, value: &str) -> Result<(), ClientError> {
        if self.producer.is_none() {
            let topic =
                NewTopic::new(STATE_TOPIC).with_partitions(1).with_config("cleanup.policy", "compact");
            match Admin::new(self.home.clone()).create_topic(&topic).await {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            self.home.wait_for_topic(STATE_TOPIC, TOPIC_TIMEOUT).await?;
        }
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => Producer::new(self.home.clone(), ProducerConfig::default()).await?,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let mut writer = producer.writer(STATE_TOPIC).await?;
        writer.append(0, now_ms, Some(self.key.as_bytes()), Some(value.as_bytes()), &[])?;
        writer.flush().await?;
        self.producer = Some(producer);
        Ok(())
    }

    fn is_topic(&self, split: &SplitProgress) -> bool {
        self.sources.contains_key(&split.source)
    }
}

impl EpochStore for KafkaEpochs {
    fn restore(&mut self) -> Result<Option<EpochRecord>, ConnectorError> {
        let runtime = self.runtime.clone();
        let (offsets, state) = runtime
            .block_on(async { Ok((self.read_offsets().await?, self.read_state().await?)) })
            .map_err(|error: ClientError| outside(&error))?;
        let mut record = match state {
            Some(bytes) => decode_state(&bytes).ok_or_else(|| ConnectorError::Data {
                message: format!("the record `{}` of topic {STATE_TOPIC} cannot be understood", self.key),
            })?,
            None if offsets.is_empty() => return Ok(None),
            None => {
                EpochRecord { epoch: Epoch(0), splits: Vec::new(), committables: Vec::new(), finished: false }
            }
        };
        record.splits.extend(offsets);
        Ok(Some(record))
    }

    fn commit(&mut self, record: &EpochRecord) -> Result<(), ConnectorError> {
        let runtime = self.runtime.clone();
        let others: Vec<&SplitProgress> =
            record.splits.iter().filter(|split| !self.is_topic(split)).collect();
        let has_state = !others.is_empty() || !record.committables.is_empty() || record.finished;
        let state = has_state.then(|| encode_state(record, &others));
        let mut interrupted = self.interrupted.subscribe();
        let committed = async {
            if let Some(state) = state {
                self.write_state(&state).await?;
            }
            self.commit_offsets(record).await
        };
        runtime.block_on(async {
            tokio::select! {
                outcome = committed => outcome.map_err(|error| outside(&error)),
                _ = interrupted.wait_for(|interrupted| *interrupted) => Err(ConnectorError::Unreachable {
                    message: "the commit of an epoch was interrupted".to_owned(),
                }),
            }
        })
    }

    fn interrupter(&self) -> Option<Interrupter> {
        let interrupted = self.interrupted.clone();
        Some(Box::new(move || _ = interrupted.send_replace(true)))
    }
}

fn encode_state(record: &EpochRecord, splits: &[&SplitProgress]) -> String {
    let split = |split: &&SplitProgress| {
        json!({
            "source": split.source,
            "split": &*split.split.0,
            "position": split.position.0,
            "reached": split.reached.0,
            "watermark": split.watermark.0,
            "horizon": split.horizon.0,
            "ended": split.ended,
        })
    };
    let hex = |committable: &Committable| {
        committable.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    json!({
        "version": 1,
        "epoch": record.epoch.0,
        "finished": record.finished,
        "splits": splits.iter().map(split).collect::<Vec<_>>(),
        "committables": record.committables.iter().map(hex).collect::<Vec<_>>(),
    })
    .to_string()
}

fn decode_state(bytes: &[u8]) -> Option<EpochRecord> {
    let state: Value = serde_json::from_slice(bytes).ok()?;
    if state["version"].as_i64()? != 1 {
        return None;
    }
    let split = |split: &Value| {
        Some(SplitProgress {
            source: split["source"].as_str()?.to_owned(),
            split: SplitId(split["split"].as_str()?.into()),
            position: Position(split["position"].as_i64()?),
            reached: Position(split["reached"].as_i64()?),
            watermark: TimestampMs(split["watermark"].as_i64()?),
            horizon: TimestampMs(split["horizon"].as_i64()?),
            ended: split["ended"].as_bool()?,
        })
    };
    let committable = |hex: &Value| {
        let hex = hex.as_str()?;
        let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        (0..hex.len())
            .step_by(2)
            .map(byte)
            .collect::<Option<Vec<u8>>>()
            .map(|bytes| Committable(bytes.into()))
    };
    Some(EpochRecord {
        epoch: Epoch(state["epoch"].as_u64()?),
        finished: state["finished"].as_bool()?,
        splits: state["splits"].as_array()?.iter().map(split).collect::<Option<_>>()?,
        committables: state["committables"].as_array()?.iter().map(committable).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests;
