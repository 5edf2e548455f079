//! Rebuilding shards from `__consumer_offsets`, and clearing out what has grown old.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use millstream_wire::ErrorCode;

use super::classic::ClassicGroup;
use super::consumer::ConsumerGroup;
use super::offsets::CommittedOffset;
use super::records::OffsetsRecord;
use super::shard::{Groups, LoadState, Shard};
use super::{AppendDone, Group, GroupCoordinator, GroupKind, Replayed};

impl GroupCoordinator {
    /// Marks every shard as loaded: there is nothing to load.
    pub(crate) fn start_empty(&self) {
        for shard in &self.shards {
            shard.set_load_state(LoadState::Loaded);
        }
    }

    /// Rebuilds one shard. Waits for the disk.
    pub(crate) fn load_shard(self: &Arc<Self>, partition: i32) {
        let Some(shard) = usize::try_from(partition).ok().and_then(|index| self.shards.get(index)) else {
            return;
        };
        let _loading = Loading(shard);
        let (mut replay, begun) = (Replay::default(), self.now().instant);
        let outcome = self.log.replay(partition, &mut |replayed| replay.apply(replayed));
        if let Err(error) = outcome {
            tracing::error!(partition, %error, "__consumer_offsets cannot be loaded");
            shard.set_load_state(LoadState::Failed(error));
            return;
        }
        if replay.unreadable > 0 {
            tracing::warn!(partition, records = replay.unreadable, "passed over records that cannot be read");
        }
        let now = self.now();
        let mut groups = shard.groups.lock();
        for (group_id, restored) in replay.groups {
            for producer_id in restored.offsets.open_transactions() {
                shard.transactions.lock().entry(producer_id).or_default().insert(group_id.clone());
            }
            if restored.consumer.is_stored() {
                self.restore_consumer(&mut groups, group_id, restored);
                continue;
            }
            let mut group = match restored.stored {
                Some(stored) => ClassicGroup::restore(stored, self.config.limits, now),
                None => ClassicGroup::new(self.config.limits, now),
            };
            if let Some(deadline) = group.deadline() {
                self.timers.wake_by(deadline);
            }
            // A name without members, generation or offsets is nothing.
            if restored.offsets.is_empty() && group.is_idle() && group.protocol_type().is_none() {
                group.kill(now);
                continue;
            }
            groups.insert(group_id, Group { kind: GroupKind::Classic(group), offsets: restored.offsets });
        }
        self.forget_gone_topics(shard, &mut groups);
        self.counts.load_times.record(self.now().instant.saturating_duration_since(begun));
        // Before the groups are let go of: whoever deletes a topic from now on forgets its offsets here.
        shard.set_load_state(LoadState::Loaded);
    }

    /// Takes back what was committed for topics that are gone, be there others of the same name or none: the last process ended before it did.
    /// Nobody sees it any more.
    fn forget_gone_topics(self: &Arc<Self>, shard: &Shard, groups: &mut Groups) {
        let topics = self.topics.topics();
        let is_gone = |topic: &str, committed: &CommittedOffset| match topics.id_of(topic) {
            Some(id) => committed.is_of_another_topic_than(id),
            None => true,
        };
        for (group_id, group) in groups {
            let places = group.offsets.places_where(&is_gone);
            if !places.is_empty() {
                tracing::info!(group_id, ?places, "offsets of deleted topics are taken back");
                for (topic, partition) in &places {
                    group.offsets.remove(topic, *partition);
                }
                self.take_back_offsets(shard, group_id, places, Box::new(|_| {}));
            }
        }
    }

    fn restore_consumer(&self, groups: &mut HashMap<String, Group>, group_id: String, restored: Restored) {
        let (topics, settings) = (self.topics.topics(), self.settings(&group_id));
        let mut group = restored.consumer;
        group.start_timers(&self.context(&settings, &*topics));
        if let Some(deadline) = group.deadline() {
            self.timers.wake_by(deadline);
        }
        groups.insert(group_id, Group { kind: GroupKind::Consumer(group), offsets: restored.offsets });
    }

    /// Takes back offsets that nobody needs any more (`offsets.retention.minutes`), and groups that are over.
    pub(crate) fn expire(self: &Arc<Self>) {
        let now = self.now();
        let retention_ms = i64::try_from(self.config.offsets_retention.as_millis()).unwrap_or(i64::MAX);
        for shard in self.shards.iter().filter(|shard| shard.is_loaded()) {
            let mut groups = shard.groups.lock();
            let mut over = Vec::new();
            for (group_id, group) in groups.iter_mut() {
                let expired = group.expired_offsets(now.wall_ms, retention_ms);
                if !expired.is_empty() {
                    let coordinator = Arc::clone(self);
                    let count = u64::try_from(expired.len()).unwrap_or(u64::MAX);
                    let done = move |outcome: Result<(), ErrorCode>| {
                        if outcome.is_ok() {
                            coordinator.counts.offset_expirations.inc_by(count);
                        }
                    };
                    self.take_back_offsets(shard, group_id, expired, Box::new(done));
                } else if group.is_over() {
                    over.push((group_id.clone(), group.end(group_id, now)));
                }
            }
            for (group_id, tombstones) in over {
                groups.remove(&group_id);
                self.append(shard, &tombstones, Box::new(|_| {}));
            }
        }
    }

    /// Takes back what groups have committed for a topic that is deleted.
    pub(crate) fn forget_topic(self: &Arc<Self>, topic: &str) {
        for shard in &self.shards {
            let groups = shard.groups.lock();
            if !shard.is_loaded() {
                // Whoever loads it sees which topics there are.
                continue;
            }
            for (group_id, group) in groups.iter() {
                let places = group.offsets.places_where(&|name, _| name == topic);
                if !places.is_empty() {
                    self.take_back_offsets(shard, group_id, places, Box::new(|_| {}));
                }
            }
        }
    }

    /// Writes that offsets are gone; they go from memory when that is written, in the order of the log. Called with
    /// the shard's lock held.
    pub(super) fn take_back_offsets(
        self: &Arc<Self>,
        shard: &Shard,
        group_id: &str,
        places: Vec<(String, i32)>,
        done: AppendDone,
    ) {
        let tombstones: Vec<_> = places
            .iter()
            .map(|(topic, partition)| OffsetsRecord::Offset {
                group: group_id.to_owned(),
                topic: topic.clone(),
                partition: *partition,
                committed: None,
            })
            .collect();
        let coordinator = Arc::clone(self);
        let group_id = group_id.to_owned();
        let written = move |outcome: Result<(), ErrorCode>| {
            match outcome {
                Ok(()) => {
                    let mut groups = coordinator.shard_of(&group_id).groups.lock();
                    if let Some(group) = groups.get_mut(&group_id) {
                        for (topic, partition) in &places {
                            group.offsets.remove(topic, *partition);
                        }
                    }
                }
                Err(error) => tracing::warn!(group_id, %error, "offsets were not taken back"),
            }
            done(outcome);
        };
        self.append(shard, &tombstones, Box::new(written));
    }
}

/// A shard that is being loaded. A defect on the way must not leave those who ask for its groups without an answer for ever.
struct Loading<'a>(&'a Shard);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if self.0.load_state() == LoadState::Loading {
            let partition = self.0.partition;
            tracing::error!(
                partition,
                "loading a partition of __consumer_offsets panicked; its groups are not served"
            );
            self.0.set_load_state(LoadState::Failed(ErrorCode::UnknownServerError));
        }
    }
}

/// Groups as far as the records read so far tell.
#[derive(Default)]
struct Replay {
    groups: HashMap<String, Restored>,
    /// By producer id: the groups in which its open transaction has committed offsets.
    open: HashMap<i64, BTreeSet<String>>,
    unreadable: usize,
}

#[derive(Default)]
struct Restored {
    stored: Option<super::classic::StoredGroup>,
    consumer: ConsumerGroup,
    offsets: super::offsets::GroupOffsets,
}

impl Replay {
    fn apply(&mut self, replayed: Replayed<'_>) {
        let (key, value, transaction) = match replayed {
            Replayed::Record { key, value, transaction } => (key, value, transaction),
            Replayed::EndOfTransaction { producer_id, committed } => {
                for group in self.open.remove(&producer_id).unwrap_or_default() {
                    if let Some(restored) = self.groups.get_mut(&group) {
                        restored.offsets.end_transaction(producer_id, committed);
                    }
                }
                return;
            }
        };
        match OffsetsRecord::decode(key, value) {
            Ok(OffsetsRecord::Offset { group, topic, partition, committed }) => {
                if let (Some(_), Some(producer_id)) = (&committed, transaction) {
                    self.open.entry(producer_id).or_default().insert(group.clone());
                }
                let offsets = &mut self.groups.entry(group).or_default().offsets;
                match (committed, transaction) {
                    (Some(committed), Some(producer_id)) => {
                        offsets.set_pending(producer_id, &topic, partition, committed);
                    }
                    (Some(committed), None) => offsets.set(&topic, partition, committed),
                    (None, _) => offsets.remove(&topic, partition),
                }
            }
            Ok(OffsetsRecord::Group { group, stored }) => {
                self.groups.entry(group).or_default().stored = stored
            }
            Ok(OffsetsRecord::Consumer(record)) => {
                self.groups.entry(record.group_id).or_default().consumer.replay(record.content);
            }
            Ok(OffsetsRecord::Other) => {}
            Err(_) => self.unreadable += 1,
        }
    }
}
