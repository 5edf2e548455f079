//! The offsets that a group has committed.
//!
//! What is held here has been appended to `__consumer_offsets`, and synced where the policy asks for it. Commits are
//! applied in the order of their offsets there, so that a restart finds the same.
//!
//! Offsets committed in a transaction are pending until its marker: then they count, or are forgotten (KIP-98). Of several commits the one
//! that lies last in the log counts, whenever its transaction ended: compaction keeps that one, so a restart would find it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

impl CommittedOffset {
    /// Whether it is known to be for another topic than that of `topic_id`, which has its name.
    pub(crate) fn is_of_another_topic_than(&self, topic_id: Uuid) -> bool {
        !self.topic_id.is_nil() && self.topic_id != topic_id
    }
}

/// Committed offsets by topic and partition.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    topics: HashMap<String, BTreeMap<i32, Placed>>,
    /// By producer id: what its open transaction has committed.
    pending: HashMap<i64, HashMap<String, BTreeMap<i32, Placed>>>,
    /// Commits so far.
    commits: u64,
}

/// An offset, and its place among the group's commits.
#[derive(Debug)]
struct Placed {
    committed: CommittedOffset,
    number: u64,
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
        self.topics.is_empty() && self.pending.is_empty()
    }

    /// How many places have an offset that counts.
    pub(crate) fn len(&self) -> usize {
        self.topics.values().map(BTreeMap::len).sum()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        Some(&self.topics.get(topic)?.get(&partition)?.committed)
    }

    fn place(&mut self, committed: CommittedOffset) -> Placed {
        self.commits += 1;
        Placed { committed, number: self.commits }
    }

    pub(crate) fn set(&mut self, topic: &str, partition: i32, committed: CommittedOffset) {
        let placed = self.place(committed);
        self.put(topic, partition, placed);
    }

    fn put(&mut self, topic: &str, partition: i32, placed: Placed) {
        match self.topics.get_mut(topic) {
            Some(partitions) => _ = partitions.insert(partition, placed),
            None => _ = self.topics.insert(topic.to_owned(), BTreeMap::from([(partition, placed)])),
        }
    }

    /// Holds an offset back until the transaction of `producer_id` ends.
    pub(crate) fn set_pending(
        &mut self,
        producer_id: i64,
        topic: &str,
        partition: i32,
        committed: CommittedOffset,
    ) {
        let placed = self.place(committed);
        let places = self.pending.entry(producer_id).or_default().entry(topic.to_owned()).or_default();
        places.insert(partition, placed);
    }

    /// The transaction of `producer_id` has ended: what it committed counts, where nothing later does, or never did.
    pub(crate) fn end_transaction(&mut self, producer_id: i64, is_committed: bool) {
        let Some(pending) = self.pending.remove(&producer_id) else { return };
        for (topic, places) in pending.into_iter().filter(|_| is_committed) {
            for (partition, placed) in places {
                let current = self.topics.get(&topic).and_then(|partitions| partitions.get(&partition));
                if current.is_none_or(|current| current.number < placed.number) {
                    self.put(&topic, partition, placed);
                }
            }
        }
    }

    /// Whether an open transaction has committed an offset for a partition.
    pub(crate) fn is_unstable(&self, topic: &str, partition: i32) -> bool {
        let in_topic = |places: &BTreeMap<i32, Placed>| places.contains_key(&partition);
        self.pending.values().any(|pending| pending.get(topic).is_some_and(in_topic))
    }

    /// The producers whose open transactions have committed offsets.
    pub(crate) fn open_transactions(&self) -> impl Iterator<Item = i64> {
        self.pending.keys().copied()
    }

    pub(crate) fn remove(&mut self, topic: &str, partition: i32) {
        self.pending.retain(|_, pending| {
            if let Some(places) = pending.get_mut(topic) {
                places.remove(&partition);
                if places.is_empty() {
                    pending.remove(topic);
                }
            }
            !pending.is_empty()
        });
        if let Some(partitions) = self.topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    /// All offsets, by topic and partition.
    pub(crate) fn topics(
        &self,
    ) -> impl Iterator<Item = (&str, impl Iterator<Item = (i32, &CommittedOffset)>)> {
        self.topics.iter().map(|(topic, partitions)| {
            let offsets = partitions.iter().map(|(&partition, placed)| (partition, &placed.committed));
            (topic.as_str(), offsets)
        })
    }

    /// Every topic and partition with an offset, be it pending.
    pub(crate) fn places(&self) -> Vec<(String, i32)> {
        self.places_where(&|_, _| true)
    }

    /// Topics and partitions with an offset, be it pending, of which something is true.
    pub(crate) fn places_where(&self, is_so: &dyn Fn(&str, &CommittedOffset) -> bool) -> Vec<(String, i32)> {
        let pending = self.pending.values().flatten();
        let places = self.topics.iter().chain(pending).flat_map(|(topic, partitions)| {
            let chosen = partitions.iter().filter(move |(_, placed)| is_so(topic, &placed.committed));
            chosen.map(move |(&partition, _)| (topic.clone(), partition))
        });
        places.collect::<BTreeSet<_>>().into_iter().collect()
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
            let is_old = |&(partition, placed): &(&i32, &Placed)| {
                is_expired(&placed.committed) && !self.is_unstable(topic, *partition)
            };
            let old = partitions.iter().filter(is_old);
            expired.extend(old.map(|(&partition, _)| (topic.clone(), partition)));
        }
        expired
    }
}
