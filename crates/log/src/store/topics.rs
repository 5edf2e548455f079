//! Topics: looking them up, creating, changing and deleting them.
//!
//! A change is one synced frame of the metadata log; what follows from it on the disk happens afterwards and is caught up
//! after a crash. A deleted topic's recovery points leave the checkpoints before the deletion is written, so that a new topic
//! of the same name never inherits them; if the deletion then does not happen, a start merely walks more.

use std::sync::Arc;

use uuid::Uuid;

use super::{DiscardedDirectory, LogStore, Topic};
use crate::config::{ConfigMap, TopicConfig};
use crate::error::IoContext;
use crate::metadata::{MetadataRecord, TopicMetadata};
use crate::names::{check_topic_name, collision_key};
use crate::partition::PartitionLog;
use crate::topic_id::random_id;
use crate::{LogError, Result};

/// Most partitions of a topic.
pub const PARTITIONS_MAX: i32 = 100_000;

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Configurations that differ from the defaults.
    pub configs: ConfigMap,
}

impl LogStore {
    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().by_name.get(name).cloned()
    }

    /// The topic of that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        let topics = self.topics.read();
        topics.by_name.get(topics.by_id.get(&id)?).cloned()
    }

    /// All topics, by name.
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        let mut topics: Vec<_> = self.topics.read().by_name.values().cloned().collect();
        topics.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        topics
    }

    /// A partition.
    pub fn partition(&self, topic: &str, index: i32) -> Option<Arc<PartitionLog>> {
        let topics = self.topics.read();
        topics.by_name.get(topic)?.partitions.get(usize::try_from(index).ok()?).cloned()
    }

    /// Checks whether a topic could be created, without doing so.
    ///
    /// # Errors
    /// As [`Self::create_topic`], but for the writing.
    pub fn check_new_topic(&self, topic: &NewTopic) -> Result<TopicConfig> {
        check_topic_name(&topic.name)?;
        check_partitions(topic.partitions, 1)?;
        let config = TopicConfig::resolve(&topic.configs, &self.broker_configs.read())?;
        let topics = self.topics.read();
        if topics.by_name.contains_key(&*topic.name) {
            return Err(LogError::TopicExists { topic: topic.name.clone() });
        }
        if topic.name.contains(['.', '_']) {
            let key = collision_key(&topic.name);
            if let Some(existing) = topics.by_name.keys().find(|name| collision_key(name) == key) {
                let (topic, existing) = (topic.name.clone(), existing.to_string());
                return Err(LogError::TopicNameCollision { topic, existing });
            }
        }
        Ok(config)
    }

    /// Creates a topic; it is durable when this returns.
    ///
    /// # Errors
    /// [`LogError::InvalidTopicName`], [`LogError::InvalidPartitionCount`], [`LogError::UnknownConfig`],
    /// [`LogError::InvalidConfig`], [`LogError::TopicExists`], [`LogError::TopicNameCollision`]; [`LogError::MetadataOffline`],
    /// [`LogError::Io`].
    pub fn create_topic(&self, topic: NewTopic) -> Result<Arc<Topic>> {
        self.create_topic_with_id(topic, random_id())
    }

    /// As [`Self::create_topic`], with an id that is given: for a topic whose partition directories come from elsewhere.
    ///
    /// # Errors
    /// As [`Self::create_topic`]; [`LogError::TopicExists`] also where the id is taken.
    pub fn create_topic_with_id(&self, topic: NewTopic, id: Uuid) -> Result<Arc<Topic>> {
        let _administration = self.administration.lock();
        self.check_new_topic(&topic)?;
        let taken = self.metadata.state().deleted_topics.contains_key(&id) || self.topic_by_id(id).is_some();
        if taken {
            return Err(LogError::TopicExists { topic: topic.name });
        }
        let NewTopic { name, partitions, configs } = topic;
        self.put_topic(TopicMetadata { name, id, partitions, configs }, &[])
    }

    /// Gives a topic more partitions.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::InvalidPartitionCount`]; as [`Self::create_topic`].
    pub fn create_partitions(&self, topic: &str, partitions: i32) -> Result<Arc<Topic>> {
        let _administration = self.administration.lock();
        let old = self.topic(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.to_owned() })?;
        check_partitions(partitions, old.partitions.len() as i32 + 1)?;
        let configs = old.overrides.clone();
        let changed = TopicMetadata { name: old.name.to_string(), id: old.id, partitions, configs };
        self.put_topic(changed, &old.partitions)
    }

    /// Replaces the configurations that were set on a topic.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`], [`LogError::UnknownConfig`], [`LogError::InvalidConfig`]; as [`Self::create_topic`].
    pub fn set_topic_configs(&self, topic: &str, configs: ConfigMap) -> Result<Arc<Topic>> {
        let _administration = self.administration.lock();
        let old = self.topic(topic).ok_or_else(|| LogError::UnknownTopic { topic: topic.to_owned() })?;
        TopicConfig::resolve(&configs, &self.broker_configs.read())?;
        let partitions = old.partitions.len() as i32;
        let changed = TopicMetadata { name: old.name.to_string(), id: old.id, partitions, configs };
        self.put_topic(changed, &old.partitions)
    }

    /// Checks whether all topics could take their defaults from these broker properties.
    ///
    /// # Errors
    /// [`LogError::InvalidConfig`] when one could not.
    pub fn check_broker_configs(&self, configs: &ConfigMap) -> Result<()> {
        TopicConfig::resolve(&ConfigMap::new(), configs)?;
        self.topics().iter().try_for_each(|topic| TopicConfig::resolve(&topic.overrides, configs).map(drop))
    }

    /// Replaces the broker properties that topics take their defaults from.
    ///
    /// # Errors
    /// As [`Self::check_broker_configs`]: then nothing changes.
    pub fn set_broker_configs(&self, configs: ConfigMap) -> Result<()> {
        let _administration = self.administration.lock();
        self.check_broker_configs(&configs)?;
        *self.broker_configs.write() = configs;
        for topic in self.topics() {
            let metadata = describe(&topic);
            let rebuilt = self.build_topic(&metadata, &topic.partitions)?;
            self.topics.write().insert(Arc::new(rebuilt));
        }
        Ok(())
    }

    /// The broker properties that topics take their defaults from.
    pub fn broker_configs(&self) -> ConfigMap {
        self.broker_configs.read().clone()
    }

    /// Deletes a topic: it is gone when this returns, its files some time later.
    ///
    /// # Errors
    /// [`LogError::UnknownTopic`]; [`LogError::MetadataOffline`], [`LogError::Io`].
    pub fn delete_topic(&self, id: Uuid) -> Result<()> {
        let _administration = self.administration.lock();
        let topic = self.topic_by_id(id).ok_or_else(|| LogError::UnknownTopic { topic: id.to_string() })?;
        self.write_checkpoints_without(Some(&topic))?;
        self.metadata.change(|_| Ok((vec![MetadataRecord::TopicDeleted { id }], ())))?;
        self.topics.write().remove(&topic);
        self.context.forget_checkpoints(&topic.name, 0);
        let (since_ms, delay_ms) = (self.context.clock.now_ms(), topic.config.file_delete_delay_ms);
        for partition in &*topic.partitions {
            // The topic is deleted, whatever becomes of its files: a start finds those that are left.
            match partition.mark_deleted() {
                Ok(Some(path)) => {
                    let discarded = DiscardedDirectory { path, since_ms, delay_ms, topic_id: Some(id) };
                    self.discarded.lock().push(discarded);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, topic = %topic.name, "files of a deleted topic are left")
                }
            }
        }
        tracing::info!(topic = %topic.name, partitions = topic.partitions.len(), "topic is deleted");
        // A new topic of this name must not find them again after a power cut.
        let root = self.context.root();
        self.context.fs().sync_dir(root).context("sync", root)
    }

    fn put_topic(&self, metadata: TopicMetadata, existing: &[Arc<PartitionLog>]) -> Result<Arc<Topic>> {
        // Checkpoints may speak of an earlier topic of this name, whose deletion was on the disk although it seemed to have failed.
        let first_new = existing.len() as i32;
        if self.context.has_checkpoints(&metadata.name, first_new) {
            self.write_checkpoints_without(None)?;
            self.context.forget_checkpoints(&metadata.name, first_new);
        }
        self.metadata.change(|_| Ok((vec![MetadataRecord::Topic(metadata.clone())], ())))?;
        let topic = Arc::new(self.build_topic(&metadata, existing)?);
        self.topics.write().insert(topic.clone());
        Ok(topic)
    }
}

fn describe(topic: &Topic) -> TopicMetadata {
    TopicMetadata {
        name: topic.name.to_string(),
        id: topic.id,
        partitions: topic.partitions.len() as i32,
        configs: topic.overrides.clone(),
    }
}

fn check_partitions(count: i32, least: i32) -> Result<()> {
    if (least..=PARTITIONS_MAX).contains(&count) {
        Ok(())
    } else {
        Err(LogError::InvalidPartitionCount { count, least, most: PARTITIONS_MAX })
    }
}
