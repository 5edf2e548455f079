//! Offsets that are committed in a transaction (KIP-98, KIP-447): written into the group's partition of `__consumer_offsets` as a
//! part of the transaction, and of effect once its marker is there.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use tokio::sync::oneshot;

use super::consumer::Commit;
use super::records::OffsetsRecord;
use super::requests::{Accepted, offset_records};
use super::{CommitOffset, CoordinatorBatch, GroupCoordinator, GroupKind, ProducerIdentity};

/// A TxnOffsetCommit request, its topics resolved. It is on behalf of a member of the group, or of nobody (KIP-447).
#[derive(Debug)]
pub(crate) struct TransactionalCommit {
    pub(crate) producer: ProducerIdentity,
    /// Empty for nobody.
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    /// The generation of a classic group or the member's epoch; −1 for nobody.
    pub(crate) generation_id: i32,
    pub(crate) offsets: Vec<CommitOffset>,
}

impl TransactionalCommit {
    /// Whether the group takes the commit.
    fn check(&self, group: &GroupKind, accepted: &Accepted) -> Result<(), ErrorCode> {
        let instance_id = self.group_instance_id.as_deref();
        match group {
            GroupKind::Classic(group) => {
                group.check_offset_commit(&self.member_id, instance_id, self.generation_id, true)
            }
            GroupKind::Consumer(group) => {
                let (member_id, epoch) = (self.member_id.as_str(), self.generation_id);
                let commit = Commit { member_id, instance_id, epoch, version: None };
                let places = accepted.iter().map(|(_, partition, offset)| (offset.topic_id, *partition));
                group.check_offset_commit(&commit, places).map_err(|error| match error {
                    // Producers know generations only.
                    ErrorCode::StaleMemberEpoch => ErrorCode::IllegalGeneration,
                    error => error,
                })
            }
        }
    }
}

impl GroupCoordinator {
    /// Commits offsets in a producer's transaction, which the partition of the group has to be a part of; one code for each, in
    /// order.
    pub(crate) async fn commit_in_transaction(
        self: &Arc<Self>,
        group_id: &str,
        mut commit: TransactionalCommit,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        let shard = self.loaded_shard(group_id).await?;
        let now = self.now();
        let producer = commit.producer;
        let offsets = std::mem::take(&mut commit.offsets);
        let (codes, accepted) = self.accept(offsets, None, now);
        let (written, outcome) = oneshot::channel();
        {
            let mut groups = shard.groups.lock();
            match groups.get(group_id) {
                Some(group) => commit.check(&group.kind, &accepted)?,
                None if commit.generation_id >= 0 => return Err(ErrorCode::IllegalGeneration),
                None => _ = self.group_for_offsets(&mut groups, group_id),
            }
            if accepted.is_empty() {
                return Ok(codes);
            }
            let records = offset_records(group_id, &accepted);
            let encoded = records.iter().map(OffsetsRecord::encode);
            let records = encoded.collect::<Result<Vec<_>, _>>().map_err(|error| {
                tracing::error!(%error, group_id, "committed offsets cannot be encoded");
                ErrorCode::UnknownServerError
            })?;
            let batch = CoordinatorBatch { records, timestamp_ms: now.wall_ms, transaction: Some(producer) };
            let coordinator = Arc::clone(self);
            let group_id = group_id.to_owned();
            let done = move |outcome: Result<(), ErrorCode>| {
                if outcome.is_ok() {
                    coordinator.hold_back(&group_id, producer.id, accepted);
                }
                _ = written.send(outcome);
            };
            self.log.append(shard.partition, batch, Box::new(done));
        }
        outcome.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable)).map(|()| codes)
    }

    /// The offsets are in the log and wait for the marker. As with other commits they make a group that was deleted meanwhile a
    /// group again.
    fn hold_back(&self, group_id: &str, producer_id: i64, accepted: Accepted) {
        let shard = self.shard_of(group_id);
        let mut groups = shard.groups.lock();
        let group = self.group_for_offsets(&mut groups, group_id);
        self.counts.offset_commits.inc_by(u64::try_from(accepted.len()).unwrap_or(u64::MAX));
        for (topic, partition, committed) in accepted {
            group.offsets.set_pending(producer_id, &topic, partition, committed);
        }
        shard.transactions.lock().entry(producer_id).or_default().insert(group_id.to_owned());
    }

    /// A marker is in a partition of `__consumer_offsets`: offsets of the producer's transaction count now, or never did.
    pub(crate) fn transaction_ended(&self, partition: i32, producer_id: i64, is_committed: bool) {
        let Some(shard) = usize::try_from(partition).ok().and_then(|index| self.shards.get(index)) else {
            return;
        };
        let mut groups = shard.groups.lock();
        let ended = shard.transactions.lock().remove(&producer_id).unwrap_or_default();
        for group_id in ended {
            if let Some(group) = groups.get_mut(&group_id) {
                group.offsets.end_transaction(producer_id, is_committed);
            }
        }
    }

    /// Waits until a partition's groups are in memory, or cannot be.
    pub(crate) async fn shard_loaded(&self, partition: i32) {
        if let Some(shard) = usize::try_from(partition).ok().and_then(|index| self.shards.get(index)) {
            // A shard that failed has no groups to tell.
            _ = shard.loaded().await;
        }
    }
}
