//! `range`: of every topic each subscriber gets a run of neighbouring partitions.
//!
//! Members come in a fixed order, static ones first by instance id, so that a member gets the same numbers of all topics with
//! equally many partitions and subscribers: what one joins by key lies at one member. It follows that it is not sticky.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Assignment, MemberSpec};

/// What is left of a topic.
struct Remainder {
    next: i32,
    partitions: i32,
    quota: i32,
    members_with_one_more: i32,
}

impl Remainder {
    fn new(partitions: i32, subscribers: i32) -> Self {
        let subscribers = subscribers.max(1);
        Self {
            next: 0,
            partitions,
            quota: partitions / subscribers,
            members_with_one_more: partitions % subscribers,
        }
    }

    fn take(&mut self) -> std::ops::Range<i32> {
        let mut quota = self.quota;
        if self.members_with_one_more > 0 {
            self.members_with_one_more -= 1;
            quota += 1;
        }
        let start = self.next;
        self.next = (start + quota).min(self.partitions);
        start..self.next
    }
}

pub(super) fn assign(members: &[MemberSpec<'_>], partition_counts: &BTreeMap<Uuid, i32>) -> Vec<Assignment> {
    let mut subscribers: BTreeMap<Uuid, i32> = BTreeMap::new();
    for topic in members.iter().flat_map(|member| &member.topics) {
        *subscribers.entry(*topic).or_default() += 1;
    }
    let remainder = |(topic, count): (Uuid, i32)| {
        (topic, Remainder::new(partition_counts.get(&topic).copied().unwrap_or(0), count))
    };
    let mut remainders: BTreeMap<Uuid, Remainder> = subscribers.into_iter().map(remainder).collect();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| {
        let member = &members[index];
        (member.instance_id.is_none(), member.instance_id, member.member_id)
    });
    let mut assignments = vec![Assignment::new(); members.len()];
    for index in order {
        for topic in &members[index].topics {
            let run = remainders.get_mut(topic).map(Remainder::take).unwrap_or_default();
            if !run.is_empty() {
                assignments[index].insert(*topic, run.collect());
            }
        }
    }
    assignments
}
