//! A consumer group as ConsumerGroupDescribe shows it.

use super::assignment::{self, Assignment};
use super::member::Member;
use super::{ConsumerGroup, ConsumerSettings};

/// A group.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerDescription {
    pub(crate) state: &'static str,
    pub(crate) epoch: i32,
    pub(crate) assignment_epoch: i32,
    pub(crate) assignor: &'static str,
    pub(crate) members: Vec<ConsumerMemberDescription>,
}

/// A member.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerMemberDescription {
    pub(crate) member_id: String,
    pub(crate) member: Member,
    pub(crate) assigned: Assignment,
    pub(crate) target: Assignment,
}

impl ConsumerGroup {
    /// The group as it is now.
    pub(crate) fn describe(&self, settings: &ConsumerSettings) -> ConsumerDescription {
        let members = self.members.iter().map(|(member_id, member)| ConsumerMemberDescription {
            member_id: member_id.clone(),
            member: member.clone(),
            assigned: assignment::held(&member.current.assigned),
            target: self.targets.get(member_id).cloned().unwrap_or_default(),
        });
        ConsumerDescription {
            state: self.state_name(),
            epoch: self.epoch,
            assignment_epoch: self.assignment_epoch,
            assignor: self.preferred_assignor(settings).name(),
            members: members.collect(),
        }
    }
}
