//! `uniform`: everybody gets as many partitions as everybody else, and keeps as many of its own as that allows.
//!
//! Where all subscribe to the same topics, numbers differ by one at most: members give up what lies above their quota, and
//! the rest goes to those below it. Where subscriptions differ, partitions are placed at the least loaded subscriber and then
//! moved along chains of members (a gives to b what b can take, b gives to c) while that makes the loads more equal; when no
//! chain is left, no other placement is more equal.
//!
//! Deviation: Apache Kafka gives the places above the minimum to the first members; here those have them who hold most
//! already, so that fewer partitions move.

use std::collections::{BTreeMap, HashMap, VecDeque};

use uuid::Uuid;

use super::{Assignment, MemberSpec};

pub(super) fn assign(members: &[MemberSpec<'_>], partition_counts: &BTreeMap<Uuid, i32>) -> Vec<Assignment> {
    let Some(first) = members.first() else { return Vec::new() };
    let mut shares = Shares::retained(members, partition_counts);
    if members.iter().all(|member| member.topics == first.topics) {
        shares.fill_quotas();
    } else {
        shares.place_at_least_loaded(members);
        shares.level(members);
    }
    shares.assignments
}

/// Who has what, and what nobody has yet.
struct Shares {
    assignments: Vec<Assignment>,
    /// Number of partitions of each.
    loads: Vec<usize>,
    unassigned: Vec<(Uuid, i32)>,
}

impl Shares {
    /// What members had and still may have; of two that had the same, the first keeps it.
    fn retained(members: &[MemberSpec<'_>], partition_counts: &BTreeMap<Uuid, i32>) -> Self {
        let mut taken: HashMap<(Uuid, i32), usize> = HashMap::new();
        let mut assignments = vec![Assignment::new(); members.len()];
        for (index, member) in members.iter().enumerate() {
            for (&topic, partitions) in member.previous.iter().filter(|(id, _)| member.topics.contains(id)) {
                let count = partition_counts.get(&topic).copied().unwrap_or(0);
                for &partition in partitions.range(0..count) {
                    if *taken.entry((topic, partition)).or_insert(index) == index {
                        assignments[index].entry(topic).or_default().insert(partition);
                    }
                }
            }
        }
        let wanted = |topic: &Uuid| members.iter().any(|member| member.topics.contains(topic));
        let places = partition_counts.iter().filter(|(topic, _)| wanted(topic));
        let places = places.flat_map(|(&topic, &count)| (0..count).map(move |partition| (topic, partition)));
        let unassigned = places.filter(|place| !taken.contains_key(place)).collect();
        let loads = assignments.iter().map(|own| own.values().map(|partitions| partitions.len()).sum());
        Self { loads: loads.collect(), assignments, unassigned }
    }

    fn give(&mut self, member: usize, (topic, partition): (Uuid, i32)) {
        self.assignments[member].entry(topic).or_default().insert(partition);
        self.loads[member] += 1;
    }

    /// Takes the last partition of `topic` from a member.
    fn take(&mut self, member: usize, topic: Uuid) -> Option<(Uuid, i32)> {
        let partitions = self.assignments[member].get_mut(&topic)?;
        let partition = partitions.pop_last()?;
        if partitions.is_empty() {
            self.assignments[member].remove(&topic);
        }
        self.loads[member] -= 1;
        Some((topic, partition))
    }

    /// Everybody may have anything: equal numbers.
    fn fill_quotas(&mut self) {
        let members = self.loads.len();
        let total = self.loads.iter().sum::<usize>() + self.unassigned.len();
        let (quota, with_one_more) = (total / members, total % members);
        let mut order: Vec<usize> = (0..members).collect();
        order.sort_by_key(|&member| std::cmp::Reverse(self.loads[member]));
        let mut quotas = vec![quota; members];
        order.iter().take(with_one_more).for_each(|&member| quotas[member] += 1);
        for (member, &quota) in quotas.iter().enumerate() {
            while self.loads[member] > quota {
                let last = self.assignments[member].keys().next_back().copied();
                let Some(freed) = last.and_then(|topic| self.take(member, topic)) else { break };
                self.unassigned.push(freed);
            }
        }
        let mut unassigned = std::mem::take(&mut self.unassigned).into_iter();
        for (member, &quota) in quotas.iter().enumerate() {
            let missing = quota.saturating_sub(self.loads[member]);
            for place in unassigned.by_ref().take(missing) {
                self.give(member, place);
            }
        }
        debug_assert!(unassigned.next().is_none(), "quotas add up to all partitions");
    }

    /// Topics with few subscribers first: the others have more choice.
    fn place_at_least_loaded(&mut self, members: &[MemberSpec<'_>]) {
        let subscribers = subscribers(members);
        let count = |topic: &Uuid| subscribers.get(topic).map_or(0, Vec::len);
        let mut unassigned = std::mem::take(&mut self.unassigned);
        unassigned.sort_by_key(|(topic, partition)| (count(topic), *topic, *partition));
        for place in unassigned {
            let candidates = subscribers.get(&place.0).into_iter().flatten().copied();
            if let Some(member) = candidates.min_by_key(|&member| self.loads[member]) {
                self.give(member, place);
            }
        }
    }

    /// Moves partitions along chains from the most to less loaded members until no chain makes loads more equal. Every chain
    /// lowers the sum of squared loads, so there is an end.
    fn level(&mut self, members: &[MemberSpec<'_>]) {
        let subscribers = subscribers(members);
        let mut order: Vec<usize> = (0..members.len()).collect();
        loop {
            order.sort_by_key(|&member| std::cmp::Reverse(self.loads[member]));
            let chain = order.iter().find_map(|&member| self.chain_from(member, &subscribers));
            let Some(chain) = chain else { return };
            for (from, topic, to) in chain {
                if let Some(place) = self.take(from, topic) {
                    self.give(to, place);
                }
            }
        }
    }

    /// The shortest chain of gifts from `start` to somebody with at least two partitions less.
    fn chain_from(
        &self,
        start: usize,
        subscribers: &BTreeMap<Uuid, Vec<usize>>,
    ) -> Option<Vec<(usize, Uuid, usize)>> {
        let mut came_from: HashMap<usize, (usize, Uuid)> = HashMap::new();
        let mut seen_topics: Vec<Uuid> = Vec::new();
        let mut waiting = VecDeque::from([start]);
        while let Some(member) = waiting.pop_front() {
            for &topic in self.assignments[member].keys() {
                if seen_topics.contains(&topic) {
                    continue;
                }
                seen_topics.push(topic);
                for &next in subscribers.get(&topic).into_iter().flatten() {
                    if next == start || came_from.contains_key(&next) {
                        continue;
                    }
                    came_from.insert(next, (member, topic));
                    if self.loads[next] + 2 <= self.loads[start] {
                        return Some(walk_back(start, next, &came_from));
                    }
                    waiting.push_back(next);
                }
            }
        }
        None
    }
}

fn subscribers(members: &[MemberSpec<'_>]) -> BTreeMap<Uuid, Vec<usize>> {
    let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        for topic in &member.topics {
            subscribers.entry(*topic).or_default().push(index);
        }
    }
    subscribers
}

/// The chain's gifts, the last one first, so that everybody has what it gives.
fn walk_back(
    start: usize,
    end: usize,
    came_from: &HashMap<usize, (usize, Uuid)>,
) -> Vec<(usize, Uuid, usize)> {
    let mut chain = Vec::new();
    let mut to = end;
    while to != start {
        let Some(&(from, topic)) = came_from.get(&to) else { break };
        chain.push((from, topic, to));
        to = from;
    }
    chain
}
