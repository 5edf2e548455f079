//! The view of a cluster: brokers, topics, leaders and their epochs.
//!
//! A view is immutable and shared. A partition's leader never goes back to an older epoch of the same topic, whichever
//! broker answered (KIP-320): a broker that lags behind must not send producers to a deposed leader.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytestring::ByteString;
use millstream_wire::ErrorCode;
use millstream_wire::messages::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::transport::BrokerAddress;

/// A cluster as one broker described it.
#[derive(Debug, Clone)]
pub struct ClusterMetadata {
    /// The cluster's id.
    pub cluster_id: Option<ByteString>,
    /// The broker that takes administrative requests, if there is one now.
    pub controller_id: Option<i32>,
    /// The brokers by id.
    pub brokers: BTreeMap<i32, BrokerMetadata>,
    /// Counts refreshes.
    pub(crate) version: u64,
    pub(crate) fetched_at: Instant,
    topics: HashMap<ByteString, Arc<TopicMetadata>>,
    topic_errors: HashMap<ByteString, i16>,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerMetadata {
    /// Where it listens.
    pub address: BrokerAddress,
    /// Its rack.
    pub rack: Option<ByteString>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its name.
    pub name: ByteString,
    /// Its id; nil from brokers before 2.8.
    pub id: Uuid,
    /// Whether it belongs to Kafka itself.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionMetadata>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionMetadata {
    /// The broker that leads it; none during an election.
    pub leader: Option<i32>,
    /// The epoch of that leader; none from brokers before 2.1.
    pub leader_epoch: Option<i32>,
    /// The brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub in_sync_replicas: Vec<i32>,
    /// Those of them that are offline.
    pub offline_replicas: Vec<i32>,
}

impl ClusterMetadata {
    /// The view before anybody was asked.
    pub(crate) fn unknown() -> Self {
        Self {
            cluster_id: None,
            controller_id: None,
            brokers: BTreeMap::new(),
            version: 0,
            fetched_at: Instant::now(),
            topics: HashMap::new(),
            topic_errors: HashMap::new(),
        }
    }

    /// The view after an answer that covers the topics asked for.
    pub(crate) fn updated(&self, response: MetadataResponse) -> Self {
        let mut topics = HashMap::with_capacity(response.topics.len());
        let mut topic_errors = HashMap::new();
        for topic in response.topics {
            let Some(name) = topic.name.as_ref().map(owned) else { continue };
            if topic.error_code != 0 {
                topic_errors.insert(name, topic.error_code);
                continue;
            }
            let before = self.topics.get(&name).filter(|before| before.id == topic.topic_id);
            topics.insert(name.clone(), Arc::new(topic_metadata(name, &topic, before)));
        }
        Self {
            cluster_id: response.cluster_id.as_ref().map(owned),
            controller_id: (response.controller_id >= 0).then_some(response.controller_id),
            brokers: brokers(&response.brokers),
            version: self.version + 1,
            fetched_at: Instant::now(),
            topics,
            topic_errors,
        }
    }

    /// A topic, if it is known and exists.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicMetadata>> {
        self.topics.get(name)
    }

    /// The topics that are known and exist.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<TopicMetadata>> {
        self.topics.values()
    }

    /// Why a topic that was asked for is not known.
    pub(crate) fn topic_error(&self, name: &str) -> i16 {
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        self.topic_errors.get(name).copied().unwrap_or(unknown)
    }

    /// The leader of a partition and where it listens.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<Leader> {
        let partition = self.topics.get(topic)?.partitions.get(usize::try_from(partition).ok()?)?;
        let node = partition.leader?;
        let address = self.brokers.get(&node)?.address.clone();
        Some(Leader { node, address, epoch: partition.leader_epoch })
    }
}

/// Who leads a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) node: i32,
    pub(crate) address: BrokerAddress,
    pub(crate) epoch: Option<i32>,
}

pub(crate) fn brokers(
    brokers: &[millstream_wire::messages::metadata::MetadataResponseBroker],
) -> BTreeMap<i32, BrokerMetadata> {
    let known = brokers.iter().filter_map(|broker| {
        let address = BrokerAddress::new(&broker.host, u16::try_from(broker.port).ok()?);
        Some((broker.node_id, BrokerMetadata { address, rack: broker.rack.as_ref().map(owned) }))
    });
    known.collect()
}

/// A topic as it was described, except that leaders do not go back behind `before`.
pub(crate) fn topic_metadata(
    name: ByteString,
    topic: &MetadataResponseTopic,
    before: Option<&Arc<TopicMetadata>>,
) -> TopicMetadata {
    // Indexes come from outside: only as many partitions as were described are believed.
    let count = topic.partitions.len();
    let mut partitions = vec![PartitionMetadata::default(); count];
    for described in &topic.partitions {
        let Some(place) = usize::try_from(described.partition_index).ok().filter(|place| *place < count)
        else {
            continue;
        };
        let fresh = partition_metadata(described);
        let newer = before
            .and_then(|before| before.partitions.get(place))
            .filter(|known| known.leader_epoch > fresh.leader_epoch);
        partitions[place] = newer.cloned().unwrap_or(fresh);
    }
    TopicMetadata { name, id: topic.topic_id, is_internal: topic.is_internal, partitions }
}

fn partition_metadata(described: &MetadataResponsePartition) -> PartitionMetadata {
    PartitionMetadata {
        leader: (described.leader_id >= 0).then_some(described.leader_id),
        leader_epoch: (described.leader_epoch >= 0).then_some(described.leader_epoch),
        replicas: described.replica_nodes.clone(),
        in_sync_replicas: described.isr_nodes.clone(),
        offline_replicas: described.offline_replicas.clone(),
    }
}

/// A copy that does not keep the response's frame in memory.
fn owned(text: &ByteString) -> ByteString {
    ByteString::from(&**text)
}

#[cfg(test)]
mod tests;
