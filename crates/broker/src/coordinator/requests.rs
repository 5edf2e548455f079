//! What members and other clients ask of groups.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::classic::{ClassicGroup, JoinAnswer, JoinRequest, LeaveTarget, Now, SyncAnswer, SyncRequest};
use super::consumer::{Commit, ConsumerGroup, Context};
use super::consumer_requests::wait;
use super::offsets::CommittedOffset;
use super::records::OffsetsRecord;
use super::shard::Groups;
use super::{Group, GroupCoordinator, GroupKind};

/// The first version of OffsetCommit that members of consumer groups use.
const MEMBER_EPOCH_SINCE: i16 = 9;

/// An offset to commit.
#[derive(Debug, Clone)]
pub(crate) struct CommitOffset {
    pub(crate) topic: String,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// An OffsetCommit request, its topics resolved.
#[derive(Debug, Clone)]
pub(crate) struct CommitRequest {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    /// −1 for commits outside the group's management.
    pub(crate) generation_id: i32,
    /// Versions 2 to 4: how long the offsets live, in milliseconds.
    pub(crate) retention_ms: Option<i64>,
    /// Of OffsetCommit.
    pub(crate) version: i16,
    pub(crate) offsets: Vec<CommitOffset>,
}

/// Whose offsets OffsetFetch wants, and which.
#[derive(Debug, Clone, Default)]
pub(crate) struct FetchRequest {
    /// Version 9 and later: checked when given (KIP-848).
    pub(crate) member_id: Option<String>,
    /// −1 when not given.
    pub(crate) member_epoch: i32,
    /// Topics with partitions; none for all that there are.
    pub(crate) places: Option<Vec<(String, Vec<i32>)>>,
}

/// A committed offset as OffsetFetch answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchedOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// None where the group has committed nothing.
    pub(crate) committed: Option<CommittedOffset>,
    /// Whether an open transaction may change it.
    pub(crate) is_unstable: bool,
}

/// Offsets on their way into the log, with their topics and partitions.
pub(super) type Accepted = Vec<(String, i32, CommittedOffset)>;

/// Who commits.
struct Committer {
    member_id: String,
    instance_id: Option<String>,
    generation_id: i32,
    version: i16,
}

impl Committer {
    fn of(request: &CommitRequest) -> Self {
        Self {
            member_id: request.member_id.clone(),
            instance_id: request.group_instance_id.clone(),
            generation_id: request.generation_id,
            version: request.version,
        }
    }

    /// What a member of a group that does not exist hears.
    fn no_group(&self) -> ErrorCode {
        if self.version >= MEMBER_EPOCH_SINCE {
            ErrorCode::GroupIdNotFound
        } else {
            ErrorCode::IllegalGeneration
        }
    }

    /// Whether the group takes the commit.
    fn check(&self, group: &mut Group, accepted: &Accepted, now: Now) -> Result<(), ErrorCode> {
        let instance_id = self.instance_id.as_deref();
        match &mut group.kind {
            GroupKind::Classic(group) => {
                group.check_offset_commit(&self.member_id, instance_id, self.generation_id, false)?;
                group.committed(&self.member_id, now);
                Ok(())
            }
            GroupKind::Consumer(group) => {
                let commit = Commit {
                    member_id: &self.member_id,
                    instance_id,
                    epoch: self.generation_id,
                    version: Some(self.version),
                };
                let places = accepted.iter().map(|(_, partition, offset)| (offset.topic_id, *partition));
                group.check_offset_commit(&commit, places)
            }
        }
    }
}

impl GroupCoordinator {
    /// Lets a member join; the answer comes when the join phase is over.
    pub(crate) async fn join(self: &Arc<Self>, group_id: &str, request: JoinRequest) -> JoinAnswer {
        let member_id = request.member_id.clone();
        let shard = match self.loaded_shard(group_id).await {
            Ok(shard) => shard,
            Err(error) => return JoinAnswer::failed(error, member_id),
        };
        let (reply, answer) = oneshot::channel();
        let now = self.now();
        let is_new = member_id.is_empty();
        let joined = {
            // What kind the group is, is looked at and acted upon under one lock.
            let mut groups = shard.groups.lock();
            match self.join_locked_consumer(shard, &mut groups, group_id, &request) {
                Some(joined) => Ok(joined),
                None => Err(self.with_locked_group(shard, &mut groups, group_id, is_new, |group| {
                    ((), group.join(request, reply, now))
                })),
            }
        };
        match joined {
            Ok((answer, written)) => {
                let member_id = answer.member_id.clone();
                let outcome = wait(written).await;
                return outcome.map_or_else(|error| JoinAnswer::failed(error, member_id), |()| answer);
            }
            Err(Some(())) => {}
            Err(None) => return JoinAnswer::failed(ErrorCode::UnknownMemberId, member_id),
        }
        // The reply is dropped when the same member asks again.
        answer.await.unwrap_or_else(|_| JoinAnswer::failed(ErrorCode::RebalanceInProgress, member_id))
    }

    /// Gives a member its assignment once the leader has brought it.
    pub(crate) async fn sync(self: &Arc<Self>, group_id: &str, request: SyncRequest) -> SyncAnswer {
        let shard = match self.loaded_shard(group_id).await {
            Ok(shard) => shard,
            Err(error) => return SyncAnswer::failed(error),
        };
        let (reply, answer) = oneshot::channel();
        let now = self.now();
        let synced = {
            let mut groups = shard.groups.lock();
            let ask =
                |group: &mut ConsumerGroup, context: &Context<'_>| group.sync_classic(&request, context);
            match self.change_locked_consumer(shard, &mut groups, group_id, ask) {
                Some(synced) => Ok(synced),
                None => Err(self.with_locked_group(shard, &mut groups, group_id, false, |group| {
                    ((), group.sync(request, reply, now))
                })),
            }
        };
        match synced {
            Ok((answer, written)) => return wait(written).await.map_or_else(SyncAnswer::failed, |()| answer),
            Err(Some(())) => {}
            Err(None) => return SyncAnswer::failed(ErrorCode::UnknownMemberId),
        }
        answer.await.unwrap_or_else(|_| SyncAnswer::failed(ErrorCode::RebalanceInProgress))
    }

    /// A member is alive.
    pub(crate) async fn heartbeat(
        self: &Arc<Self>,
        group_id: &str,
        member_id: &str,
        group_instance_id: Option<&str>,
        generation_id: i32,
    ) -> ErrorCode {
        let shard = match self.loaded_shard(group_id).await {
            Ok(shard) => shard,
            Err(error) => return error,
        };
        let now = self.now();
        let (code, written) = {
            let mut groups = shard.groups.lock();
            let heard = self.change_locked_consumer(shard, &mut groups, group_id, |group, context| {
                group.heartbeat_classic(member_id, group_instance_id, generation_id, context)
            });
            heard.unwrap_or_else(|| {
                let heard = self.with_locked_group(shard, &mut groups, group_id, false, |group| {
                    (group.heartbeat(member_id, group_instance_id, generation_id, now), None)
                });
                (heard.unwrap_or(ErrorCode::UnknownMemberId), None)
            })
        };
        wait(written).await.map_or_else(|error| error, |()| code)
    }

    /// Members leave; one code for each.
    pub(crate) async fn leave(
        self: &Arc<Self>,
        group_id: &str,
        targets: &[LeaveTarget],
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        let shard = self.loaded_shard(group_id).await?;
        let now = self.now();
        let (codes, written) = {
            let mut groups = shard.groups.lock();
            let left = self.change_locked_consumer(shard, &mut groups, group_id, |group, context| {
                group.leave_classic(targets, context)
            });
            left.unwrap_or_else(|| {
                let left = self.with_locked_group(shard, &mut groups, group_id, false, |group| {
                    group.leave(targets, now)
                });
                (left.unwrap_or_else(|| vec![ErrorCode::UnknownMemberId; targets.len()]), None)
            })
        };
        wait(written).await.map(|()| codes)
    }

    /// The offsets that may be committed as far as they themselves go, and one code for each that was asked for.
    pub(super) fn accept(
        &self,
        offsets: Vec<CommitOffset>,
        retention_ms: Option<i64>,
        now: Now,
    ) -> (Vec<ErrorCode>, Accepted) {
        let mut codes = Vec::with_capacity(offsets.len());
        let mut accepted = Vec::with_capacity(offsets.len());
        for offset in offsets {
            if offset.metadata.len() > self.config.metadata_bytes_max {
                codes.push(ErrorCode::OffsetMetadataTooLarge);
                continue;
            }
            codes.push(ErrorCode::None);
            let committed = CommittedOffset {
                offset: offset.offset,
                leader_epoch: offset.leader_epoch,
                metadata: offset.metadata,
                commit_timestamp_ms: now.wall_ms,
                expire_timestamp_ms: retention_ms.map(|life_ms| now.wall_ms.saturating_add(life_ms)),
                topic_id: offset.topic_id,
            };
            accepted.push((offset.topic, offset.partition, committed));
        }
        (codes, accepted)
    }

    /// The group that offsets belong to. A name under which somebody only commits offsets is a classic group without members.
    pub(super) fn group_for_offsets<'a>(&self, groups: &'a mut Groups, group_id: &str) -> &'a mut Group {
        groups.entry(group_id.to_owned()).or_insert_with(|| {
            let classic = ClassicGroup::new(self.config.limits, self.now());
            Group::new(GroupKind::Classic(classic))
        })
    }

    /// Commits offsets; one code for each, in order.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        group_id: &str,
        request: CommitRequest,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        let shard = self.loaded_shard(group_id).await?;
        let now = self.now();
        let who = Committer::of(&request);
        let (codes, accepted) = self.accept(request.offsets, request.retention_ms, now);
        let (written, outcome) = oneshot::channel();
        {
            let mut groups = shard.groups.lock();
            if who.generation_id < 0 {
                self.group_for_offsets(&mut groups, group_id);
            }
            let group = groups.get_mut(group_id).ok_or(who.no_group())?;
            who.check(group, &accepted, now)?;
            if accepted.is_empty() {
                return Ok(codes);
            }
            let records = offset_records(group_id, &accepted);
            let coordinator = Arc::clone(self);
            let group_id = group_id.to_owned();
            let done = move |outcome: Result<(), ErrorCode>| {
                if outcome.is_ok() {
                    coordinator.apply_commit(&group_id, accepted);
                }
                _ = written.send(outcome);
            };
            self.append(shard, &records, Box::new(done));
        }
        match outcome.await {
            Ok(Ok(())) => Ok(codes),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ErrorCode::CoordinatorNotAvailable),
        }
    }

    /// The commit is in the log. Where the group was deleted meanwhile, the offsets make it a group again: they lie
    /// behind its end in the log as well.
    fn apply_commit(&self, group_id: &str, accepted: Accepted) {
        let mut groups = self.shard_of(group_id).groups.lock();
        let group = self.group_for_offsets(&mut groups, group_id);
        self.counts.offset_commits.inc_by(u64::try_from(accepted.len()).unwrap_or(u64::MAX));
        for (topic, partition, committed) in accepted {
            group.offsets.set(&topic, partition, committed);
        }
    }

    /// Offsets of a group: of the named places, or all there are.
    pub(crate) async fn fetch_offsets(
        &self,
        group_id: &str,
        request: FetchRequest,
    ) -> Result<Vec<FetchedOffset>, ErrorCode> {
        let shard = self.loaded_shard(group_id).await?;
        let groups = shard.groups.lock();
        if let Some(Group { kind: GroupKind::Consumer(group), .. }) = groups.get(group_id) {
            group.check_offset_fetch(request.member_id.as_deref(), request.member_epoch)?;
        }
        let places = request.places;
        let offsets = groups.get(group_id).map(|group| &group.offsets);
        let topics = self.topics.topics();
        // What was committed as the topic was being deleted says nothing of a new one of its name.
        let counts = |topic: &str, committed: &CommittedOffset| {
            topics.id_of(topic).is_none_or(|id| !committed.is_of_another_topic_than(id))
        };
        let mut fetched = Vec::new();
        match places {
            Some(places) => {
                for (topic, partitions) in places {
                    for partition in partitions {
                        let committed = offsets.and_then(|offsets| offsets.get(&topic, partition));
                        let committed = committed.filter(|committed| counts(&topic, committed)).cloned();
                        let is_unstable =
                            offsets.is_some_and(|offsets| offsets.is_unstable(&topic, partition));
                        let topic = topic.clone();
                        fetched.push(FetchedOffset { topic, partition, committed, is_unstable });
                    }
                }
            }
            None => {
                let Some(offsets) = offsets else { return Ok(fetched) };
                for (topic, partitions) in offsets.topics() {
                    let counting = partitions.filter(|(_, committed)| counts(topic, committed));
                    fetched.extend(counting.map(|(partition, committed)| FetchedOffset {
                        topic: topic.to_owned(),
                        partition,
                        committed: Some(committed.clone()),
                        is_unstable: offsets.is_unstable(topic, partition),
                    }));
                }
            }
        }
        Ok(fetched)
    }
}

/// What offsets are in the log.
pub(super) fn offset_records(group_id: &str, accepted: &Accepted) -> Vec<OffsetsRecord> {
    let records = accepted.iter().map(|(topic, partition, committed)| OffsetsRecord::Offset {
        group: group_id.to_owned(),
        topic: topic.clone(),
        partition: *partition,
        committed: Some(committed.clone()),
    });
    records.collect()
}
