//! What administrators ask of groups: to list, describe and delete them, and to take offsets back.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::ErrorCode;
use tokio::sync::oneshot;

use super::classic::State;
use super::consumer::CONSUMER_PROTOCOL_TYPE;
use super::records::OffsetsRecord;
use super::shard::LoadState;
use super::{Group, GroupCoordinator, GroupKind};
use crate::api::Refusal;
use crate::metrics::LoadedPartitions;

/// A group as DescribeGroups answers it.
#[derive(Debug, Clone)]
pub(crate) struct GroupDescription {
    pub(crate) state: &'static str,
    pub(crate) protocol_type: String,
    pub(crate) protocol_name: String,
    pub(crate) members: Vec<MemberDescription>,
}

/// A member as DescribeGroups answers it.
#[derive(Debug, Clone)]
pub(crate) struct MemberDescription {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

/// A group as ListGroups answers it.
#[derive(Debug, Clone)]
pub(crate) struct GroupListing {
    pub(crate) group_id: String,
    pub(crate) protocol_type: String,
    pub(crate) state: &'static str,
    pub(crate) type_name: &'static str,
}

impl GroupCoordinator {
    /// Deletes a group that has no members.
    pub(crate) async fn delete_group(self: &Arc<Self>, group_id: &str) -> Result<(), ErrorCode> {
        let shard = self.loaded_shard(group_id).await?;
        let (written, outcome) = oneshot::channel();
        {
            let mut groups = shard.groups.lock();
            let group = groups.get_mut(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
            let is_empty = match &group.kind {
                GroupKind::Classic(classic) if classic.state() == State::Dead => {
                    return Err(ErrorCode::GroupIdNotFound);
                }
                GroupKind::Classic(classic) => classic.state() == State::Empty,
                GroupKind::Consumer(consumer) => consumer.is_empty(),
            };
            if !is_empty {
                return Err(ErrorCode::NonEmptyGroup);
            }
            let mut records: Vec<_> = group
                .offsets
                .places()
                .into_iter()
                .map(|(topic, partition)| OffsetsRecord::Offset {
                    group: group_id.to_owned(),
                    topic,
                    partition,
                    committed: None,
                })
                .collect();
            records.extend(group.end(group_id, self.now()));
            groups.remove(group_id);
            self.append(shard, &records, Box::new(move |outcome| _ = written.send(outcome)));
        }
        outcome.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
    }

    /// Takes back offsets of topics that no member consumes; one code for each place, in order.
    pub(crate) async fn delete_offsets(
        self: &Arc<Self>,
        group_id: &str,
        places: Vec<(String, i32)>,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        let shard = self.loaded_shard(group_id).await?;
        let (written, outcome) = oneshot::channel();
        let codes = {
            let mut groups = shard.groups.lock();
            let group = groups.get_mut(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
            let is_empty = match &group.kind {
                GroupKind::Consumer(consumer) => consumer.is_empty(),
                GroupKind::Classic(classic) => match classic.state() {
                    State::Dead => return Err(ErrorCode::GroupIdNotFound),
                    State::Empty => true,
                    _ if classic.protocol_type() == Some(CONSUMER_PROTOCOL_TYPE) => false,
                    _ => return Err(ErrorCode::NonEmptyGroup),
                },
            };
            let mut codes = Vec::with_capacity(places.len());
            let mut taken_back = Vec::new();
            for (topic, partition) in places {
                if !is_empty && group.consumes(&topic) {
                    codes.push(ErrorCode::GroupSubscribedToTopic);
                    continue;
                }
                codes.push(ErrorCode::None);
                if group.offsets.get(&topic, partition).is_some() {
                    taken_back.push((topic, partition));
                }
            }
            if taken_back.is_empty() {
                return Ok(codes);
            }
            let coordinator = Arc::clone(self);
            let count = u64::try_from(taken_back.len()).unwrap_or(u64::MAX);
            let done = move |outcome: Result<(), ErrorCode>| {
                if outcome.is_ok() {
                    coordinator.counts.offset_deletions.inc_by(count);
                }
                _ = written.send(outcome);
            };
            self.take_back_offsets(shard, group_id, taken_back, Box::new(done));
            codes
        };
        outcome.await.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable)).map(|()| codes)
    }

    /// A classic group with its members.
    pub(crate) async fn describe(&self, group_id: &str) -> Result<GroupDescription, Refusal> {
        let shard = self.loaded_shard(group_id).await?;
        let groups = shard.groups.lock();
        let missing = |message| Err(Refusal::new(ErrorCode::GroupIdNotFound, message));
        let group = match groups.get(group_id).map(|group| &group.kind) {
            Some(GroupKind::Classic(group)) => group,
            Some(GroupKind::Consumer(_)) => {
                return missing(format!("Group {group_id} is not a classic group."));
            }
            None => return missing(format!("Group {group_id} not found.")),
        };
        // Between two generations there is no protocol, and what members say about it means nothing.
        let settled = group.state() == State::Stable;
        let protocol = group.protocol_name().filter(|_| settled).unwrap_or_default();
        let members = group.members().map(|member| MemberDescription {
            member_id: member.member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: if settled { member.metadata(protocol) } else { Bytes::new() },
            assignment: if settled { member.assignment.clone() } else { Bytes::new() },
        });
        Ok(GroupDescription {
            state: group.state().name(),
            protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
            protocol_name: protocol.to_owned(),
            members: members.collect(),
        })
    }

    /// All groups. Fails while some are not loaded.
    pub(crate) async fn list(&self) -> Result<Vec<GroupListing>, ErrorCode> {
        let mut listings = Vec::new();
        for shard in &self.shards {
            shard.loaded().await?;
            let groups = shard.groups.lock();
            listings.extend(groups.iter().map(|(group_id, group)| GroupListing {
                group_id: group_id.clone(),
                protocol_type: group.kind.protocol_type().to_owned(),
                state: group.kind.state_name(),
                type_name: group.kind.type_name(),
            }));
        }
        Ok(listings)
    }

    /// How far the groups are loaded.
    pub(crate) fn loaded_partitions(&self) -> LoadedPartitions {
        let mut partitions = LoadedPartitions::default();
        for shard in &self.shards {
            match shard.load_state() {
                LoadState::Loading => partitions.loading += 1,
                LoadState::Loaded => partitions.active += 1,
                LoadState::Failed(_) => partitions.failed += 1,
            }
        }
        partitions
    }

    /// Looks at every group that is in memory; for metrics.
    pub(crate) fn visit(&self, mut look: impl FnMut(&str, &mut Group)) {
        for shard in &self.shards {
            for (group_id, group) in shard.groups.lock().iter_mut() {
                look(group_id, group);
            }
        }
    }

    /// Sends everybody who waits away: the broker stops.
    pub(crate) fn stop(&self) {
        let now = self.now();
        self.visit(|_, group| group.kind.kill(now));
    }
}
