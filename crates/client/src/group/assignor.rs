//! How the leader of a group divides partitions among its members, with the results of Java's assignors.

use std::collections::{BTreeMap, BTreeSet};

use crate::topic_partition::TopicPartition;

/// A rule of division.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Each topic's partitions in consecutive ranges: partition n of several topics goes to the same member where the
    /// topics have equally many.
    Range,
    /// All partitions of all topics in turns.
    RoundRobin,
}

impl Assignor {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// The assignor with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Gives each partition of the topics to one member that wants the topic. Members without any get an empty list.
    pub(super) fn assign(
        self,
        members: &[Subscriber],
        partition_counts: &BTreeMap<String, usize>,
    ) -> BTreeMap<String, Vec<TopicPartition>> {
        let mut members: Vec<&Subscriber> = members.iter().collect();
        members.sort_by_key(|member| member.rank());
        let mut assignment: BTreeMap<String, Vec<TopicPartition>> =
            members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
        match self {
            Self::Range => range(&members, partition_counts, &mut assignment),
            Self::RoundRobin => round_robin(&members, partition_counts, &mut assignment),
        }
        assignment
    }
}

/// A member and what it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) topics: BTreeSet<String>,
}

impl Subscriber {
    /// Static members come first, by instance id: their order survives restarts.
    fn rank(&self) -> (bool, &str) {
        let instance_id = self.instance_id.as_deref();
        (instance_id.is_none(), instance_id.unwrap_or(&self.member_id))
    }
}

fn range(
    members: &[&Subscriber],
    partition_counts: &BTreeMap<String, usize>,
    assignment: &mut BTreeMap<String, Vec<TopicPartition>>,
) {
    for (topic, count) in partition_counts {
        let wanting: Vec<_> = members.iter().filter(|member| member.topics.contains(topic)).collect();
        let mut next = 0;
        for (place, member) in wanting.iter().enumerate() {
            let extra = usize::from(place < count % wanting.len());
            let end = next + count / wanting.len() + extra;
            let partitions = (next..end).map(|index| TopicPartition::new(topic.as_str(), index as i32));
            assignment.entry(member.member_id.clone()).or_default().extend(partitions);
            next = end;
        }
    }
}

fn round_robin(
    members: &[&Subscriber],
    partition_counts: &BTreeMap<String, usize>,
    assignment: &mut BTreeMap<String, Vec<TopicPartition>>,
) {
    let mut turn = 0;
    for (topic, count) in partition_counts {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for index in 0..*count {
            while !members[turn % members.len()].topics.contains(topic) {
                turn += 1;
            }
            let member = members[turn % members.len()];
            turn += 1;
            let partition = TopicPartition::new(topic.as_str(), index as i32);
            assignment.entry(member.member_id.clone()).or_default().push(partition);
        }
    }
}

#[cfg(test)]
mod tests;
