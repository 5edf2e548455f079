//! The topics as of now, to be looked at without waiting for anybody who changes them.
//!
//! A table never changes; a change makes a new one. Whoever holds a table sees one consistent state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::Partition;
use crate::coordinator::topics::Topics;

/// Where groups keep their offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Where transactions keep their state.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// Whether a topic is the broker's own.
pub(crate) fn is_internal(name: &str) -> bool {
    name == OFFSETS_TOPIC || name == TRANSACTIONS_TOPIC
}

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) id: Uuid,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn is_internal(&self) -> bool {
        is_internal(&self.name)
    }
}

/// All topics.
#[derive(Debug, Default, Clone)]
pub(crate) struct TopicTable {
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
    version: u64,
}

impl Topics for TopicTable {
    fn version(&self) -> u64 {
        self.version
    }

    fn id_of(&self, name: &str) -> Option<Uuid> {
        self.by_name(name).map(|topic| topic.id)
    }

    fn name_of(&self, id: Uuid) -> Option<&str> {
        self.by_id(id).map(|topic| &*topic.name)
    }

    fn partition_count(&self, id: Uuid) -> Option<i32> {
        self.by_id(id).and_then(|topic| i32::try_from(topic.partitions.len()).ok())
    }

    fn visit_names(&self, look: &mut dyn FnMut(&str)) {
        self.by_name.keys().for_each(|name| look(name));
    }
}

impl TopicTable {
    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name)
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.by_id.get(&id)
    }

    /// All topics, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    pub(crate) fn insert(&mut self, topic: Topic) {
        self.version += 1;
        let topic = Arc::new(topic);
        self.by_id.insert(topic.id, Arc::clone(&topic));
        if let Some(previous) = self.by_name.insert(Arc::clone(&topic.name), Arc::clone(&topic))
            && previous.id != topic.id
        {
            self.by_id.remove(&previous.id);
        }
    }

    pub(crate) fn remove(&mut self, id: Uuid) -> Option<Arc<Topic>> {
        let topic = self.by_id.remove(&id)?;
        self.version += 1;
        self.by_name.remove(&topic.name);
        Some(topic)
    }
}
