//! What members of consumer groups (KIP-848) ask for, and how such groups are written down.
//!
//! A group changes under its shard's lock and its records go to the log before the lock is let go, so that they lie there in the
//! order of the changes; the answer waits until they are safe. Groups change their kind here, too.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::classic::{ClassicGroup, JoinAnswer, JoinRequest};
use super::consumer::{
    Change, ConsumerDescription, ConsumerGroup, ConsumerRecord, Context, HeartbeatAnswer, HeartbeatRequest,
    JOIN,
};
use super::records::OffsetsRecord;
use super::shard::{Groups, Shard};
use super::{AppendDone, Group, GroupCoordinator, GroupKind};
use crate::api::Refusal;

/// Most bytes of keys and values in one batch: half of what a batch may have by default.
const PART_BYTES_MAX: usize = 512 * 1024;

/// Tells when what was appended is safe.
pub(super) type Written = oneshot::Receiver<Result<(), ErrorCode>>;

impl GroupCoordinator {
    /// A member joins, is alive, or leaves; the answer comes when what it tells of is written down.
    pub(crate) async fn consumer_heartbeat(
        self: &Arc<Self>,
        group_id: &str,
        request: HeartbeatRequest,
    ) -> Result<HeartbeatAnswer, Refusal> {
        let shard = self.loaded_shard(group_id).await?;
        if request.is_leaving() {
            let left =
                self.change_consumer(shard, group_id, |group, context| group.leave(&request, context)).await;
            return match left {
                Some(outcome) => outcome?,
                None => Err(not_found(group_id, shard.groups.lock().contains_key(group_id))),
            };
        }
        let (answer, written) = self.consumer_alive(shard, group_id, &request)?;
        wait(written).await?;
        Ok(answer)
    }

    fn consumer_alive(
        self: &Arc<Self>,
        shard: &Shard,
        group_id: &str,
        request: &HeartbeatRequest,
    ) -> Result<(HeartbeatAnswer, Option<Written>), Refusal> {
        let topics = self.topics.topics();
        let settings = self.settings(group_id);
        let context = self.context(&settings, &*topics);
        let mut groups = shard.groups.lock();
        let is_joining = request.member_epoch == JOIN;
        let mut replaced = Vec::new();
        let answer = match groups.get_mut(group_id) {
            Some(Group { kind: GroupKind::Consumer(group), .. }) => group.heartbeat(request, &context)?,
            Some(group) if is_joining => {
                replaced.push(OffsetsRecord::Group { group: group_id.to_owned(), stored: None });
                upgrade(group_id, group, request, &context)?
            }
            None if is_joining => {
                ConsumerGroup::check_new(request)?;
                let mut group = ConsumerGroup::new();
                let answer = group.heartbeat(request, &context)?;
                groups.insert(group_id.to_owned(), Group::new(GroupKind::Consumer(group)));
                answer
            }
            found => return Err(not_found(group_id, found.is_some())),
        };
        let written = groups.get_mut(group_id).and_then(|group| {
            let group = group.consumer()?;
            self.append_changes(shard, group_id, group, replaced)
        });
        Ok((answer, written))
    }

    /// Lets a member with the classic protocol join a consumer group. None where it is none, or no longer one: the classic
    /// group is to be asked.
    pub(super) fn join_locked_consumer(
        self: &Arc<Self>,
        shard: &Shard,
        groups: &mut Groups,
        group_id: &str,
        request: &JoinRequest,
    ) -> Option<(JoinAnswer, Option<Written>)> {
        let limits = &self.config.limits;
        let group = groups.get_mut(group_id)?;
        let consumer = group.consumer()?;
        let sessions = limits.session_timeout_min..=limits.session_timeout_max;
        if !sessions.contains(&request.session_timeout) {
            let member_id = request.member_id.clone();
            return Some((JoinAnswer::failed(ErrorCode::InvalidSessionTimeout, member_id), None));
        }
        let instance_id = request.group_instance_id.as_deref().filter(|_| request.member_id.is_empty());
        let is_last = instance_id.is_some_and(|instance_id| consumer.is_last_of_new_protocol(instance_id));
        let policy = self.config.consumer.migration_policy;
        let is_downgrade =
            is_last && policy.allows_downgrade() && consumer.members().len() <= limits.members_max;
        if consumer.is_empty() || is_downgrade {
            // An empty group is of the kind of the first who joins. So is one whose last member with the new
            // protocol comes back with the old one.
            if let Err(error) = self.downgrade(shard, group_id, group) {
                return Some((JoinAnswer::failed(error, request.member_id.clone()), None));
            }
            return None;
        }
        let topics = self.topics.topics();
        let settings = self.settings(group_id);
        let answer = consumer.join_classic(request, &self.context(&settings, &*topics));
        Some((answer, self.append_changes(shard, group_id, consumer, Vec::new())))
    }

    /// Works on a consumer group, appends what has changed, and waits until that is safe. None if there is no such group.
    pub(super) async fn change_consumer<T>(
        self: &Arc<Self>,
        shard: &Shard,
        group_id: &str,
        work: impl FnOnce(&mut ConsumerGroup, &Context<'_>) -> T,
    ) -> Option<Result<T, ErrorCode>> {
        let changed = self.change_locked_consumer(shard, &mut shard.groups.lock(), group_id, work);
        let (result, written) = changed?;
        Some(wait(written).await.map(|()| result))
    }

    /// As [`GroupCoordinator::change_consumer`], for a caller that goes on with the lock. It waits itself.
    pub(super) fn change_locked_consumer<T>(
        self: &Arc<Self>,
        shard: &Shard,
        groups: &mut Groups,
        group_id: &str,
        work: impl FnOnce(&mut ConsumerGroup, &Context<'_>) -> T,
    ) -> Option<(T, Option<Written>)> {
        let group = groups.get_mut(group_id)?;
        let topics = self.topics.topics();
        let settings = self.settings(group_id);
        let result = work(group.consumer()?, &self.context(&settings, &*topics));
        Some((result, self.settle(shard, group_id, group)))
    }

    /// Does what is due in a consumer group.
    pub(super) fn consumer_on_time(self: &Arc<Self>, shard: &Shard, group_id: &str) {
        let mut groups = shard.groups.lock();
        let Some(group) = groups.get_mut(group_id) else { return };
        let (topics, settings) = (self.topics.topics(), self.settings(group_id));
        if let Some(consumer) = group.consumer() {
            consumer.on_time(group_id, &self.context(&settings, &*topics));
            // Nobody waits for it.
            drop(self.settle(shard, group_id, group));
        }
    }

    /// Members may have gone: the group becomes a classic one if all that are left are classic.
    fn settle(self: &Arc<Self>, shard: &Shard, group_id: &str, group: &mut Group) -> Option<Written> {
        let policy = self.config.consumer.migration_policy;
        let members_max = self.config.limits.members_max;
        let consumer = group.consumer()?;
        if consumer.has_lost_members() && consumer.is_to_be_classic(policy, members_max) {
            // Where that cannot be said, the group goes on as it is.
            if let Ok(written) = self.downgrade(shard, group_id, group) {
                return Some(written);
            }
        }
        self.append_changes(shard, group_id, group.consumer()?, Vec::new())
    }

    /// Makes a classic group of a consumer group, with those of its members that are classic.
    fn downgrade(
        self: &Arc<Self>,
        shard: &Shard,
        group_id: &str,
        group: &mut Group,
    ) -> Result<Written, ErrorCode> {
        let (topics, settings) = (self.topics.topics(), self.settings(group_id));
        let (stored, mut records) = {
            let consumer = group.consumer().ok_or(ErrorCode::UnknownServerError)?;
            let stored = consumer.to_classic(&self.context(&settings, &*topics))?;
            consumer.end();
            let records = consumer.take_changes(group_id).1.into_iter().map(OffsetsRecord::Consumer);
            (stored, records.collect::<Vec<_>>())
        };
        let now = self.now();
        let mut classic = if stored.members.is_empty() {
            ClassicGroup::new(self.config.limits, now)
        } else {
            records.push(OffsetsRecord::Group { group: group_id.to_owned(), stored: Some(stored.clone()) });
            ClassicGroup::restore(stored, self.config.limits, now)
        };
        let write = if classic.members().len() > 0 { classic.start_anew(now) } else { None };
        if let Some(deadline) = classic.deadline() {
            self.timers.wake_by(deadline);
        }
        tracing::info!(group_id, "consumer group has become a classic group");
        group.kind = GroupKind::Classic(classic);
        let (reply, written) = oneshot::channel();
        self.append_in_parts(shard, &records, Box::new(move |outcome| _ = reply.send(outcome)));
        if let Some(write) = write {
            self.write_group(shard, group_id, write);
        }
        Ok(written)
    }

    /// Appends the records that have changed, behind `first`. None if there are none. Called with the shard's lock held.
    fn append_changes(
        self: &Arc<Self>,
        shard: &Shard,
        group_id: &str,
        group: &mut ConsumerGroup,
        first: Vec<OffsetsRecord>,
    ) -> Option<Written> {
        if let Some(deadline) = group.deadline() {
            self.timers.wake_by(deadline);
        }
        let (changes, records): (Vec<Change>, Vec<ConsumerRecord>) = group.take_changes(group_id);
        if records.is_empty() {
            return None;
        }
        let mut all = first;
        all.extend(records.into_iter().map(OffsetsRecord::Consumer));
        if changes.contains(&Change::Group) {
            self.counts.consumer_rebalances.inc();
        }
        let (reply, written) = oneshot::channel();
        let coordinator = Arc::clone(self);
        let group_id = group_id.to_owned();
        let done: AppendDone = Box::new(move |outcome| {
            if let Err(error) = outcome {
                tracing::warn!(group_id, %error, "group state was not written");
            }
            if let Some(group) = coordinator.shard_of(&group_id).groups.lock().get_mut(&group_id)
                && let Some(group) = group.consumer()
            {
                group.written(changes, outcome.is_ok());
            }
            _ = reply.send(outcome);
        });
        self.append_in_parts(shard, &all, done);
        Some(written)
    }

    /// Appends records in as many batches as the topic's `max.message.bytes` asks for. `done` hears of the first failure.
    fn append_in_parts(&self, shard: &Shard, records: &[OffsetsRecord], done: AppendDone) {
        let mut rest = records;
        let failure = Arc::new(Mutex::new(None));
        loop {
            let (part, others) = rest.split_at(part_len(rest));
            rest = others;
            let failure = Arc::clone(&failure);
            if rest.is_empty() {
                let done = move |outcome: Result<(), ErrorCode>| {
                    let earlier = failure.lock().take();
                    done(earlier.map_or(outcome, Err));
                };
                return self.append(shard, part, Box::new(done));
            }
            let done = move |outcome: Result<(), ErrorCode>| {
                if let Err(error) = outcome {
                    failure.lock().get_or_insert(error);
                }
            };
            self.append(shard, part, Box::new(done));
        }
    }

    /// A consumer group with its members.
    pub(crate) async fn describe_consumer(&self, group_id: &str) -> Result<ConsumerDescription, Refusal> {
        let shard = self.loaded_shard(group_id).await?;
        let groups = shard.groups.lock();
        match groups.get(group_id).map(|group| &group.kind) {
            Some(GroupKind::Consumer(group)) => Ok(group.describe(&self.config.consumer)),
            found => Err(not_found(group_id, found.is_some())),
        }
    }
}

/// Makes a consumer group of a classic one for the member that joins. Nothing changes if it may not join.
fn upgrade(
    group_id: &str,
    group: &mut Group,
    request: &HeartbeatRequest,
    context: &Context<'_>,
) -> Result<HeartbeatAnswer, Refusal> {
    let Some(classic) = group.classic() else { return Err(not_found(group_id, true)) };
    ConsumerGroup::check_new(request)?;
    let is_empty = classic.members().len() == 0;
    let mut consumer = if is_empty {
        ConsumerGroup::new()
    } else {
        ConsumerGroup::from_classic(classic, context).inspect_err(|refusal| {
            let reason = refusal.message.as_deref().unwrap_or_default();
            tracing::info!(group_id, reason, "classic group cannot become a consumer group");
        })?
    };
    let answer = consumer.heartbeat(request, context)?;
    classic.hand_over(context.now);
    group.kind = GroupKind::Consumer(consumer);
    tracing::info!(group_id, "classic group has become a consumer group");
    Ok(answer)
}

/// How many of the records go into one batch; at least one.
fn part_len(records: &[OffsetsRecord]) -> usize {
    let mut bytes = 0;
    for (index, record) in records.iter().enumerate() {
        // What cannot be encoded is refused when it is appended.
        bytes += record
            .encode()
            .map_or(0, |record| record.key.len() + record.value.map_or(0, |value| value.len()));
        if bytes > PART_BYTES_MAX && index > 0 {
            return index;
        }
    }
    records.len()
}

fn not_found(group_id: &str, is_other_kind: bool) -> Refusal {
    let message = if is_other_kind {
        format!("Group {group_id} is not a consumer group.")
    } else {
        format!("Group {group_id} not found.")
    };
    Refusal::new(ErrorCode::GroupIdNotFound, message)
}

pub(super) async fn wait(written: Option<Written>) -> Result<(), ErrorCode> {
    match written {
        Some(written) => written.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable)),
        None => Ok(()),
    }
}
