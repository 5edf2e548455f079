//! Sets of partitions by topic id: what a member should have, and what it holds since when.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// Partitions by topic. No topic has an empty set.
pub(crate) type Assignment = BTreeMap<Uuid, BTreeSet<i32>>;

/// Partitions by topic, each with the member epoch at which the member got it (KIP-1251). No topic has an empty map.
pub(crate) type Holding = BTreeMap<Uuid, BTreeMap<i32, i32>>;

/// The partitions of a holding, one by one.
pub(crate) fn places(holding: &Holding) -> impl Iterator<Item = (Uuid, i32)> {
    holding
        .iter()
        .flat_map(|(&topic, partitions)| partitions.keys().map(move |&partition| (topic, partition)))
}

/// What is held, without since when.
pub(crate) fn held(holding: &Holding) -> Assignment {
    holding.iter().map(|(&topic, partitions)| (topic, partitions.keys().copied().collect())).collect()
}

/// All of `assignment`, held since `epoch`.
pub(crate) fn holding_since(assignment: &Assignment, epoch: i32) -> Holding {
    let since = |partitions: &BTreeSet<i32>| partitions.iter().map(|&partition| (partition, epoch)).collect();
    assignment.iter().map(|(&topic, partitions)| (topic, since(partitions))).collect()
}

/// Whether `owned` is part of `holding`.
pub(crate) fn is_within(owned: &Assignment, holding: &Holding) -> bool {
    owned.iter().all(|(topic, partitions)| {
        holding.get(topic).is_some_and(|held| partitions.iter().all(|partition| held.contains_key(partition)))
    })
}

/// Whether the two have a partition in common.
pub(crate) fn overlap(owned: &Assignment, holding: &Holding) -> bool {
    owned.iter().any(|(topic, partitions)| {
        holding.get(topic).is_some_and(|held| partitions.iter().any(|partition| held.contains_key(partition)))
    })
}
