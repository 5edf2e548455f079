//! OffsetCommit and OffsetFetch: positions that a group keeps, each with a short text.
//!
//! Commits outside a group's generations (manual assignment) go with generation −1 and no member; the broker takes
//! them as long as the group has no members.

use std::collections::{BTreeMap, HashMap};

use bytestring::ByteString;
use millstream_wire::ApiKey;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use uuid::Uuid;

use super::{Admin, first_retriable};
use crate::client::Client;
use crate::connection::Connection;
use crate::error::{ClientError, Result, Subject};
use crate::topic_partition::TopicPartition;

/// `offset.metadata.max.bytes`: the longest text that brokers take with an offset by default.
pub const OFFSET_METADATA_BYTES_MAX: usize = 4096;
/// The version of OffsetCommit and OffsetFetch that names topics by id (KIP-848's follow-up in 4.1).
const TOPIC_IDS_SINCE: i16 = 10;
/// The version of OffsetFetch since which several groups are asked for at once.
const GROUPS_SINCE: i16 = 8;
/// The version of OffsetFetch since which open transactions can be waited for (KIP-447).
const STABLE_SINCE: i16 = 7;

/// A position to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch of the last record read, so that a later reader notices if it was truncated away.
    pub leader_epoch: Option<i32>,
    /// A text of at most 4096 bytes by default.
    pub metadata: String,
}

impl OffsetToCommit {
    /// A position without epoch and text.
    pub fn new(offset: i64) -> Self {
        Self { offset, leader_epoch: None, metadata: String::new() }
    }
}

/// A position that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch that was committed with it.
    pub leader_epoch: Option<i32>,
    /// The text that was committed with it.
    pub metadata: String,
}

/// Who commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberIdentity {
    /// The generation of the group that the member belongs to.
    pub generation: i32,
    /// The member's id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
}

impl MemberIdentity {
    /// Nobody: a commit outside the group's generations.
    pub fn none() -> Self {
        Self { generation: -1, member_id: String::new(), instance_id: None }
    }
}

impl Admin {
    /// Commits positions for a group that has no members (manual assignment).
    ///
    /// # Errors
    /// The first partition's error that does not pass within the API timeout. Partitions may have been committed all
    /// the same.
    pub async fn commit_offsets(
        &self,
        group: &str,
        offsets: &HashMap<TopicPartition, OffsetToCommit>,
    ) -> Result<()> {
        commit(&self.client, group, &MemberIdentity::none(), offsets).await
    }

    /// The positions that a group has committed for these partitions, or for all it knows. Partitions without a commit
    /// are left out. With `require_stable`, waits for open transactions that hold commits (KIP-447).
    ///
    /// # Errors
    /// Those of the group, and the first partition's error that does not pass within the API timeout.
    pub async fn committed_offsets(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
        require_stable: bool,
    ) -> Result<HashMap<TopicPartition, CommittedOffset>> {
        let timeout = self.client.config().api_timeout;
        self.client
            .retry(timeout, async || {
                let fetched = fetch_once(&self.client, group, partitions, require_stable).await;
                fetched.inspect_err(|error| self.client.check_coordinator(group, error))
            })
            .await
    }
}

/// Commits positions as a member or as nobody, repeated on errors that pass.
pub(crate) async fn commit(
    client: &Client,
    group: &str,
    member: &MemberIdentity,
    offsets: &HashMap<TopicPartition, OffsetToCommit>,
) -> Result<()> {
    if let Some(long) = offsets.values().find(|o| o.metadata.len() > OFFSET_METADATA_BYTES_MAX) {
        return Err(ClientError::InvalidInput {
            what: "metadata of a committed offset",
            found: format!("{} bytes", long.metadata.len()),
            expected: "at most 4096 bytes",
        });
    }
    if offsets.is_empty() {
        return Ok(());
    }
    client
        .retry(client.config().api_timeout, async || {
            let committed = commit_once(client, group, member, offsets).await;
            committed.inspect_err(|error| client.check_coordinator(group, error))
        })
        .await
}

async fn commit_once(
    client: &Client,
    group: &str,
    member: &MemberIdentity,
    offsets: &HashMap<TopicPartition, OffsetToCommit>,
) -> Result<()> {
    let connection = client.coordinator_connection(group).await?;
    let version = connection.version::<OffsetCommitRequest>()?;
    let (version, ids) =
        with_topic_ids(client, version, offsets.keys().map(|partition| &partition.topic)).await;
    let mut topics: BTreeMap<&ByteString, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for (partition, offset) in offsets {
        topics.entry(&partition.topic).or_default().push(OffsetCommitRequestPartition {
            partition_index: partition.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch.unwrap_or(-1),
            committed_metadata: Some(offset.metadata.clone()),
        });
    }
    let topic = |(name, partitions): (&ByteString, Vec<OffsetCommitRequestPartition>)| {
        let topic_id = ids.get(name).copied().unwrap_or_default();
        let name = if topic_id.is_nil() { name.to_string() } else { String::new() };
        OffsetCommitRequestTopic { name, topic_id, partitions }
    };
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: member.generation,
        member_id: member.member_id.clone(),
        group_instance_id: member.instance_id.clone(),
        topics: topics.into_iter().map(topic).collect(),
        ..OffsetCommitRequest::default()
    };
    let timeout = client.config().request_timeout;
    let response =
        connection.send_as(&request, version, timeout).await?.wait::<OffsetCommitRequest>().await?;

    let names = names_of(&ids);
    let mut outcomes = Vec::with_capacity(offsets.len());
    for topic in response.topics {
        let name = names.get(&topic.topic_id).cloned().unwrap_or_else(|| topic.name.as_str().into());
        for answer in topic.partitions {
            let partition = TopicPartition::new(name.clone(), answer.partition_index);
            let subject = || Subject::Partition(partition.clone());
            let outcome = ClientError::check(ApiKey::OffsetCommit, subject, answer.error_code);
            outcomes.push((partition.clone(), outcome));
        }
    }
    first_retriable(&outcomes).map_or(Ok(()), Err)?;
    outcomes.into_iter().try_for_each(|(_, outcome)| outcome)
}

async fn fetch_once(
    client: &Client,
    group: &str,
    partitions: Option<&[TopicPartition]>,
    require_stable: bool,
) -> Result<HashMap<TopicPartition, CommittedOffset>> {
    let connection = client.coordinator_connection(group).await?;
    let version = connection.version::<OffsetFetchRequest>()?;
    let wanted = partitions.map(|partitions| {
        let mut wanted: BTreeMap<ByteString, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            wanted.entry(partition.topic.clone()).or_default().push(partition.partition);
        }
        wanted
    });
    let names = wanted.iter().flat_map(BTreeMap::keys);
    let (version, ids) = if wanted.is_some() {
        with_topic_ids(client, version, names).await
    } else {
        // All topics of a group come with ids that would have to be resolved: ask in the last version with names.
        (version.min(TOPIC_IDS_SINCE - 1), HashMap::new())
    };
    let require_stable = require_stable && version >= STABLE_SINCE;
    let request = if version >= GROUPS_SINCE {
        let topic = |(name, partition_indexes): (&ByteString, &Vec<i32>)| {
            let topic_id = ids.get(name).copied().unwrap_or_default();
            let name = if topic_id.is_nil() { name.to_string() } else { String::new() };
            OffsetFetchRequestTopics { name, topic_id, partition_indexes: partition_indexes.clone() }
        };
        let topics = wanted.as_ref().map(|wanted| wanted.iter().map(topic).collect());
        let group = OffsetFetchRequestGroup { group_id: group.to_owned(), topics, ..Default::default() };
        OffsetFetchRequest { groups: vec![group], require_stable, ..OffsetFetchRequest::default() }
    } else {
        let topic = |(name, partition_indexes): (&ByteString, &Vec<i32>)| OffsetFetchRequestTopic {
            name: name.to_string(),
            partition_indexes: partition_indexes.clone(),
        };
        let topics = wanted.as_ref().map(|wanted| wanted.iter().map(topic).collect());
        OffsetFetchRequest { group_id: group.to_owned(), topics, require_stable, ..Default::default() }
    };
    let timeout = client.config().request_timeout;
    let response = connection.send_as(&request, version, timeout).await?.wait::<OffsetFetchRequest>().await?;
    committed_of(&connection, group, response, &names_of(&ids))
}

fn committed_of(
    connection: &Connection,
    group: &str,
    response: millstream_wire::messages::OffsetFetchResponse,
    names: &HashMap<Uuid, ByteString>,
) -> Result<HashMap<TopicPartition, CommittedOffset>> {
    let api = ApiKey::OffsetFetch;
    let group_error = response.groups.first().map_or(response.error_code, |group| group.error_code);
    ClientError::check(api, || Subject::Group(group.to_owned()), group_error)?;
    let mut committed = HashMap::new();
    let mut take = |topic: ByteString, index, code, offset, leader_epoch: i32, text: Option<String>| {
        let partition = TopicPartition::new(topic, index);
        ClientError::check(api, || Subject::Partition(partition.clone()), code)?;
        if offset >= 0 {
            let leader_epoch = (leader_epoch >= 0).then_some(leader_epoch);
            let metadata = text.unwrap_or_default();
            committed.insert(partition, CommittedOffset { offset, leader_epoch, metadata });
        }
        Ok::<_, ClientError>(())
    };
    for topic in response.topics {
        for p in topic.partitions {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            take(topic.name.as_str().into(), p.partition_index, p.error_code, offset, epoch, p.metadata)?;
        }
    }
    for topic in response.groups.into_iter().flat_map(|group| group.topics) {
        let name = names.get(&topic.topic_id).cloned().unwrap_or_else(|| topic.name.as_str().into());
        for p in topic.partitions {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            take(name.clone(), p.partition_index, p.error_code, offset, epoch, p.metadata)?;
        }
    }
    tracing::trace!(address = %connection.address(), group, partitions = committed.len(), "offsets fetched");
    Ok(committed)
}

/// The ids of topics for a version that names them so, or the last version without ids where one is unknown.
async fn with_topic_ids<'a>(
    client: &Client,
    version: i16,
    topics: impl Iterator<Item = &'a ByteString>,
) -> (i16, HashMap<ByteString, Uuid>) {
    let mut ids = HashMap::new();
    if version < TOPIC_IDS_SINCE {
        return (version, ids);
    }
    for name in topics {
        if ids.contains_key(name) {
            continue;
        }
        match client.topic(name).await {
            Ok(topic) if !topic.id.is_nil() => drop(ids.insert(name.clone(), topic.id)),
            _ => return (TOPIC_IDS_SINCE - 1, HashMap::new()),
        }
    }
    (version, ids)
}

fn names_of(ids: &HashMap<ByteString, Uuid>) -> HashMap<Uuid, ByteString> {
    ids.iter().map(|(name, id)| (*id, name.clone())).collect()
}
