//! The partitions of a transaction.

use std::collections::{BTreeMap, BTreeSet};

/// A set of partitions, by topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TopicPartitions {
    topics: BTreeMap<String, BTreeSet<i32>>,
}

impl TopicPartitions {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(crate) fn contains(&self, topic: &str, partition: i32) -> bool {
        self.topics.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    pub(crate) fn contains_all(&self, others: &Self) -> bool {
        others.iter().all(|(topic, partition)| self.contains(topic, partition))
    }

    /// Puts a partition in; says whether it was not there.
    pub(crate) fn insert(&mut self, topic: &str, partition: i32) -> bool {
        match self.topics.get_mut(topic) {
            Some(partitions) => partitions.insert(partition),
            None => {
                self.topics.insert(topic.to_owned(), BTreeSet::from([partition]));
                true
            }
        }
    }

    pub(crate) fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    /// Every partition with its topic.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, i32)> {
        let topics = self.topics.iter();
        topics.flat_map(|(topic, partitions)| {
            partitions.iter().map(move |&partition| (topic.as_str(), partition))
        })
    }

    /// Every topic with its partitions.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeSet<i32>)> {
        self.topics.iter().map(|(topic, partitions)| (topic.as_str(), partitions))
    }
}

impl<T: AsRef<str>> FromIterator<(T, i32)> for TopicPartitions {
    fn from_iter<I: IntoIterator<Item = (T, i32)>>(places: I) -> Self {
        let mut partitions = Self::default();
        for (topic, partition) in places {
            partitions.insert(topic.as_ref(), partition);
        }
        partitions
    }
}
