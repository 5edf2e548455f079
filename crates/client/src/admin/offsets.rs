//! ListOffsets: where a partition begins and ends, and which offset a time has.
//!
//! Partitions are asked for at their leaders, one request per broker, all brokers at once. Those whose leader has
//! moved are asked again after fresh metadata.

use std::collections::{BTreeMap, HashMap};

use bytestring::ByteString;
use futures_util::future::join_all;
use millstream_wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use millstream_wire::{ApiKey, ErrorCode};

use super::{Admin, timeout_ms, unanswered};
use crate::client::Client;
use crate::error::{ClientError, Result, Subject};
use crate::metadata::Leader;
use crate::topic_partition::TopicPartition;

/// Which offset of a partition is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// The first that can be read.
    Earliest,
    /// The one after the last: the high watermark, or with read_committed the last stable offset.
    Latest,
    /// That of the first record with this timestamp in ms or a later one; none if there is no such record.
    Timestamp(i64),
    /// That of the record with the largest timestamp (KIP-734); none in an empty partition.
    MaxTimestamp,
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::Timestamp(timestamp_ms) => timestamp_ms.max(0),
        }
    }
}

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IsolationLevel {
    /// All up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Those of no transaction or a committed one, up to the first open transaction.
    ReadCommitted,
}

impl IsolationLevel {
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// An offset that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; none if no record matches.
    pub offset: Option<i64>,
    /// Timestamp in ms of the record there, where a time was asked for.
    pub timestamp_ms: Option<i64>,
    /// The leader epoch of the record there, if the broker says so.
    pub leader_epoch: Option<i32>,
}

impl Admin {
    /// Finds offsets of partitions.
    ///
    /// # Errors
    /// The first partition's error that does not pass within the API timeout.
    pub async fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        isolation: IsolationLevel,
    ) -> Result<HashMap<TopicPartition, ListedOffset>> {
        let mut found = HashMap::with_capacity(partitions.len());
        let timeout = self.client.config().api_timeout;
        let progress = parking_lot::Mutex::new(&mut found);
        self.client
            .retry(timeout, async || {
                let missing: Vec<_> = {
                    let found = progress.lock();
                    partitions.iter().filter(|(partition, _)| !found.contains_key(partition)).collect()
                };
                let mut first_error = None;
                for (partition, outcome) in list_once(&self.client, &missing, isolation).await? {
                    match outcome {
                        Ok(offset) => drop(progress.lock().insert(partition, offset)),
                        Err(error) if !error.is_retriable() => return Err(error),
                        Err(error) => first_error = first_error.or(Some(error)),
                    }
                }
                first_error.map_or(Ok(()), Err)
            })
            .await?;
        Ok(found)
    }
}

type Outcomes = Vec<(TopicPartition, Result<ListedOffset>)>;
type Wanted<'a> = &'a (TopicPartition, OffsetSpec);

/// Asks each leader once.
pub(crate) async fn list_once(
    client: &Client,
    wanted: &[Wanted<'_>],
    isolation: IsolationLevel,
) -> Result<Outcomes> {
    let mut by_leader: BTreeMap<i32, (Leader, Vec<Wanted<'_>>)> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(wanted.len());
    for &one in wanted {
        let (partition, _) = one;
        let topic = client.topic(&partition.topic).await?;
        match client.metadata().leader(&partition.topic, partition.partition) {
            Some(leader) => {
                by_leader.entry(leader.node).or_insert_with(|| (leader, Vec::new())).1.push(one);
            }
            None if usize::try_from(partition.partition).is_ok_and(|p| p < topic.partitions.len()) => {
                let subject = Subject::Partition(partition.clone());
                let code = ErrorCode::LeaderNotAvailable.code();
                let error = ClientError::broker(ApiKey::ListOffsets, subject, code, None);
                outcomes.push((partition.clone(), Err(error)));
            }
            None => {
                return Err(ClientError::NoSuchPartition {
                    topic: partition.topic.clone(),
                    partition: partition.partition,
                    count: topic.partitions.len(),
                });
            }
        }
    }
    let asked = by_leader.values().map(async |(leader, wanted)| {
        let answer = ask_leader(client, leader, wanted, isolation).await;
        answer.unwrap_or_else(|error| {
            wanted.iter().map(|(partition, _)| (partition.clone(), Err(error.clone()))).collect()
        })
    });
    outcomes.extend(join_all(asked).await.into_iter().flatten());
    Ok(outcomes)
}

async fn ask_leader(
    client: &Client,
    leader: &Leader,
    wanted: &[Wanted<'_>],
    isolation: IsolationLevel,
) -> Result<Outcomes> {
    let mut topics: BTreeMap<&ByteString, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, spec) in wanted {
        let epoch = client.metadata().leader(&partition.topic, partition.partition).and_then(|l| l.epoch);
        topics.entry(&partition.topic).or_default().push(ListOffsetsPartition {
            partition_index: partition.partition,
            current_leader_epoch: epoch.unwrap_or(-1),
            timestamp: spec.timestamp(),
        });
    }
    let timeout = client.config().request_timeout;
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.code(),
        topics: topics
            .into_iter()
            .map(|(name, partitions)| ListOffsetsTopic { name: name.to_string(), partitions })
            .collect(),
        timeout_ms: timeout_ms(timeout),
    };
    let connection = client.connection_to(leader.node, &leader.address).await?;
    let response = connection.call(&request, timeout).await?;
    Ok(wanted.iter().map(|(partition, _)| (partition.clone(), outcome(partition, &response))).collect())
}

fn outcome(partition: &TopicPartition, response: &ListOffsetsResponse) -> Result<ListedOffset> {
    let topic = response.topics.iter().find(|topic| topic.name == *partition.topic);
    let answer = topic
        .and_then(|topic| topic.partitions.iter().find(|p| p.partition_index == partition.partition))
        .ok_or_else(|| unanswered(ApiKey::ListOffsets, Subject::Partition(partition.clone())))?;
    ClientError::check(ApiKey::ListOffsets, || Subject::Partition(partition.clone()), answer.error_code)?;
    Ok(ListedOffset {
        offset: (answer.offset >= 0).then_some(answer.offset),
        timestamp_ms: (answer.timestamp >= 0).then_some(answer.timestamp),
        leader_epoch: (answer.leader_epoch >= 0).then_some(answer.leader_epoch),
    })
}
