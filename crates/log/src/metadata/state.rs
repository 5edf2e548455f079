//! What the metadata log adds up to.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::MetadataRecord;
use crate::config::ConfigMap;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Name.
    pub name: String,
    /// Id, which no other topic ever has.
    pub id: Uuid,
    /// Number of partitions.
    pub partitions: i32,
    /// Configurations that were set on it.
    pub configs: ConfigMap,
}

/// A deleted topic of which files may be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedTopic {
    /// The name that it had.
    pub name: String,
    /// The number of partitions that it had.
    pub partitions: i32,
}

/// Something other than a topic that has configurations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// Kafka's number of its type: 4 for brokers.
    pub kind: i8,
    /// Its name: the id of a broker; empty for all brokers.
    pub name: String,
}

/// Whom a quota is for: users, clients by their `client.id`, or clients of users.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaEntity {
    /// Users, if it is for some.
    pub user: Option<QuotaName>,
    /// Clients, if it is for some.
    pub client_id: Option<QuotaName>,
}

/// One, or all that have no quota of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaName {
    /// All that have no quota of their own.
    Default,
    /// The one of that name.
    Named(String),
}

/// The state after a number of changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataState {
    /// Id of the cluster, made up when the data directory was created.
    pub cluster_id: String,
    /// Number of starts that did not follow a clean stop: the leader epoch of every partition.
    pub broker_epoch: i32,
    /// Producer ids from here on were never given.
    pub next_producer_id: i64,
    /// Topics by name.
    pub topics: BTreeMap<String, TopicMetadata>,
    /// Names of the topics by id.
    pub topic_names: BTreeMap<Uuid, String>,
    /// Deleted topics whose files are not all gone, by id.
    pub deleted_topics: BTreeMap<Uuid, DeletedTopic>,
    /// First offsets of partitions whose records were deleted before them, by topic id and partition index.
    pub log_starts: BTreeMap<(Uuid, i32), i64>,
    /// Finalized features and their levels.
    pub features: BTreeMap<String, i16>,
    /// Configurations that were set at run time on what is no topic.
    pub resource_configs: BTreeMap<ConfigResource, ConfigMap>,
    /// Quotas of clients: numbers as text, by name.
    pub client_quotas: BTreeMap<QuotaEntity, ConfigMap>,
}

impl MetadataState {
    /// The topic of that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&TopicMetadata> {
        self.topics.get(self.topic_names.get(&id)?)
    }

    pub(super) fn apply(&mut self, record: MetadataRecord) {
        match record {
            MetadataRecord::ClusterId { id } => self.cluster_id = id,
            MetadataRecord::BrokerEpoch { epoch } => self.broker_epoch = epoch,
            MetadataRecord::ProducerIds { next } => self.next_producer_id = next,
            MetadataRecord::Topic(topic) => {
                self.topic_names.insert(topic.id, topic.name.clone());
                self.topics.insert(topic.name.clone(), topic);
            }
            MetadataRecord::LogStart { topic_id, partition, offset } => {
                if self.topic_names.contains_key(&topic_id) {
                    self.log_starts.insert((topic_id, partition), offset);
                }
            }
            MetadataRecord::TopicDeleted { id } => {
                self.log_starts.retain(|(topic_id, _), _| *topic_id != id);
                if let Some(topic) = self.topic_names.remove(&id).and_then(|name| self.topics.remove(&name)) {
                    let deleted = DeletedTopic { name: topic.name, partitions: topic.partitions };
                    self.deleted_topics.insert(id, deleted);
                }
            }
            MetadataRecord::TopicLeftOver { id, topic } => _ = self.deleted_topics.insert(id, topic),
            MetadataRecord::TopicFilesRemoved { id } => _ = self.deleted_topics.remove(&id),
            MetadataRecord::Feature { name, level: 0 } => _ = self.features.remove(&name),
            MetadataRecord::Feature { name, level } => _ = self.features.insert(name, level),
            MetadataRecord::ResourceConfigs { resource, configs } => {
                put_or_remove(&mut self.resource_configs, resource, configs);
            }
            MetadataRecord::ClientQuotas { entity, quotas } => {
                put_or_remove(&mut self.client_quotas, entity, quotas);
            }
        }
    }

    /// The records that make this state out of an empty one.
    pub(super) fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = vec![
            MetadataRecord::ClusterId { id: self.cluster_id.clone() },
            MetadataRecord::BrokerEpoch { epoch: self.broker_epoch },
            MetadataRecord::ProducerIds { next: self.next_producer_id },
        ];
        let features = self.features.iter();
        records.extend(features.map(|(name, &level)| MetadataRecord::Feature { name: name.clone(), level }));
        let resources = self.resource_configs.iter();
        records.extend(resources.map(|(resource, configs)| MetadataRecord::ResourceConfigs {
            resource: resource.clone(),
            configs: configs.clone(),
        }));
        let quotas = self.client_quotas.iter();
        records.extend(quotas.map(|(entity, quotas)| MetadataRecord::ClientQuotas {
            entity: entity.clone(),
            quotas: quotas.clone(),
        }));
        let left_over = self.deleted_topics.iter();
        records
            .extend(left_over.map(|(&id, topic)| MetadataRecord::TopicLeftOver { id, topic: topic.clone() }));
        records.extend(self.topics.values().cloned().map(MetadataRecord::Topic));
        let starts = self.log_starts.iter();
        records.extend(starts.map(|(&(topic_id, partition), &offset)| MetadataRecord::LogStart {
            topic_id,
            partition,
            offset,
        }));
        records
    }
}

fn put_or_remove<K: Ord>(all: &mut BTreeMap<K, ConfigMap>, key: K, values: ConfigMap) {
    if values.is_empty() {
        all.remove(&key);
    } else {
        all.insert(key, values);
    }
}
