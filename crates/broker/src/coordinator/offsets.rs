//! The offsets that a group has committed.
//!
//! What is held here has been appended to `__consumer_offsets`, and synced where the policy asks for it. Commits are
//! applied in the order of their offsets there, so that a restart finds the same.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    /// −1 when the client did not say.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) commit_timestamp_ms: i64,
    /// When the offset ends whatever the group does (OffsetCommit 2 to 4 with a retention time).
    pub(crate) expire_timestamp_ms: Option<i64>,
    /// Nil in commits of older versions.
    pub(crate) topic_id: Uuid,
}

/// Committed offsets by topic and partition.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    topics: HashMap<String, BTreeMap<i32, CommittedOffset>>,
}

/// How offsets of a group grow old.
#[derive(Clone, Copy)]
pub(crate) struct ExpiryRule<'a> {
    pub(crate) now_ms: i64,
    pub(crate) retention_ms: i64,
    /// For a group without members: when it lost them. Offsets are no older than this.
    pub(crate) empty_since_ms: Option<i64>,
    /// Topics that members consume: their offsets stay.
    pub(crate) subscribed: &'a dyn Fn(&str) -> bool,
}

impl GroupOffsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.topics.get(topic)?.get(&partition)
    }

    pub(crate) fn set(&mut self, topic: &str, partition: i32, committed: CommittedOffset) {
        match self.topics.get_mut(topic) {
            Some(partitions) => _ = partitions.insert(partition, committed),
            None => {
                let partitions = BTreeMap::from([(partition, committed)]);
                self.topics.insert(topic.to_owned(), partitions);
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

    /// All offsets, by topic.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, CommittedOffset>)> {
        self.topics.iter().map(|(topic, partitions)| (topic.as_str(), partitions))
    }

    /// Every topic and partition with an offset.
    pub(crate) fn places(&self) -> Vec<(String, i32)> {
        let places = self.topics.iter().flat_map(|(topic, partitions)| {
            partitions.keys().map(move |&partition| (topic.clone(), partition))
        });
        places.collect()
    }

    /// The places whose offsets have grown too old (KIP-211).
    pub(crate) fn expired(&self, rule: &ExpiryRule<'_>) -> Vec<(String, i32)> {
        let is_expired = |committed: &CommittedOffset| match committed.expire_timestamp_ms {
            Some(end) => end <= rule.now_ms,
            None => {
                let base = rule.empty_since_ms.unwrap_or(i64::MIN).max(committed.commit_timestamp_ms);
                base.saturating_add(rule.retention_ms) <= rule.now_ms
            }
        };
        let mut expired = Vec::new();
        for (topic, partitions) in &self.topics {
            if (rule.subscribed)(topic) {
                continue;
            }
            let old = partitions.iter().filter(|(_, committed)| is_expired(committed));
            expired.extend(old.map(|(&partition, _)| (topic.clone(), partition)));
        }
        expired
    }
}
