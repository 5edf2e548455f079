//! Topics change here and nowhere else: one change at a time, on a disk thread, and then a new [`TopicTable`] for everybody.

use std::sync::Arc;

use millstream_log::NewTopic;
use millstream_log::config::{ConfigMap, find_definition};
use millstream_wire::ErrorCode;
use uuid::Uuid;

use super::Core;
use crate::api::Refusal;
use crate::error_code;
use crate::storage::topics::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use crate::storage::{Partition, Topic, TopicTable};

impl Core {
    /// What auto-creation makes of a name.
    pub(crate) fn auto_topic(&self, name: &str) -> NewTopic {
        if name == OFFSETS_TOPIC || name == TRANSACTIONS_TOPIC {
            return self.internal_topic(name);
        }
        NewTopic { name: name.to_owned(), partitions: self.config.num_partitions, configs: ConfigMap::new() }
    }

    /// Creates a topic; it is durable when this returns.
    pub(crate) async fn create_topic(self: &Arc<Self>, new: NewTopic) -> Result<Arc<Topic>, Refusal> {
        let core = Arc::clone(self);
        self.to_its_end(async move {
            let _administration = core.administration.lock().await;
            warn_of_ineffective(&new.name, &new.configs);
            let created = core.on_disk(move |store| store.create_topic(new)).await?;
            tracing::info!(topic = %created.name, partitions = created.partitions.len(), "topic is created");
            Ok(core.put(adopt(&created, None)))
        })
        .await
    }

    /// Gives a topic more partitions.
    pub(crate) async fn create_partitions(
        self: &Arc<Self>,
        topic: &Topic,
        count: i32,
    ) -> Result<Arc<Topic>, Refusal> {
        let (core, name, id) = (Arc::clone(self), Arc::clone(&topic.name), topic.id);
        self.to_its_end(async move {
            let _administration = core.administration.lock().await;
            let grown = core.on_disk(move |store| store.create_partitions(&name, count)).await?;
            let current = core.topics().by_id(id).cloned();
            Ok(core.put(adopt(&grown, current.as_deref())))
        })
        .await
    }

    /// Deletes a topic, and what groups have committed for it.
    pub(crate) async fn delete_topic(self: &Arc<Self>, id: Uuid) -> Result<(), Refusal> {
        let core = Arc::clone(self);
        self.to_its_end(async move {
            let _administration = core.administration.lock().await;
            core.on_disk(move |store| store.delete_topic(id)).await?;
            let removed = {
                let mut topics = core.topics.write();
                let mut table = TopicTable::clone(&topics);
                let removed = table.remove(id);
                *topics = Arc::new(table);
                removed
            };
            if let Some(topic) = removed {
                topic.partitions.iter().for_each(|partition| partition.wake_all());
                core.groups.forget_topic(&topic.name);
            }
            Ok(())
        })
        .await
    }

    /// Changes the configurations that were set on a topic. `change` sees them as they are.
    pub(crate) async fn change_topic_configs(
        &self,
        topic: Arc<str>,
        validate_only: bool,
        change: impl FnOnce(&mut ConfigMap) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let _administration = self.administration.lock().await;
        let Some(current) = self.store.topic(&topic) else {
            return Err(ErrorCode::UnknownTopicOrPartition.into());
        };
        let mut configs = current.overrides.clone();
        change(&mut configs)?;
        let broker = self.store.broker_configs();
        if let Err(error) = millstream_log::config::TopicConfig::resolve(&configs, &broker) {
            return Err(Refusal::new(error_code::of_log(&error), error.to_string()));
        }
        if validate_only || configs == current.overrides {
            return Ok(());
        }
        warn_of_ineffective(&topic, &configs);
        self.on_disk(move |store| store.set_topic_configs(&topic, configs)).await?;
        Ok(())
    }

    fn put(&self, topic: Topic) -> Arc<Topic> {
        let id = topic.id;
        let mut topics = self.topics.write();
        let mut table = TopicTable::clone(&topics);
        table.insert(topic);
        *topics = Arc::new(table);
        // It has just been put in.
        topics.by_id(id).cloned().unwrap_or_else(|| unreachable!("the topic is in the table"))
    }
}

/// Names what is set on a topic and does nothing.
fn warn_of_ineffective(topic: &str, configs: &ConfigMap) {
    for (config, value) in configs {
        if find_definition(config).is_some_and(|definition| definition.is_ineffective(value)) {
            tracing::warn!(topic, config, value, "this configuration of the topic has no effect here");
        }
    }
}

/// A topic of the log as the broker sees it. Partitions that it has already stay the same.
pub(super) fn adopt(topic: &millstream_log::Topic, current: Option<&Topic>) -> Topic {
    let hash = topic.id.as_u128() as usize;
    let partitions = topic.partitions.iter().enumerate().map(|(index, log)| {
        let known = current.and_then(|current| current.partitions.get(index));
        known.cloned().unwrap_or_else(|| Partition::new(Arc::clone(log), hash.wrapping_add(index)))
    });
    Topic { name: Arc::clone(&topic.name), id: topic.id, partitions: partitions.collect() }
}
