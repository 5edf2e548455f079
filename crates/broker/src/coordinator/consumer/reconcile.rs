//! A member's next step from what it holds towards its target: revoke first, then assign what is free.
//!
//! ```text
//!              new target takes partitions away                    given up
//!   Stable ─────────────────────────────────────► Unrevoked ─────────────────┐
//!     ▲  │ new target, all of it free                  ▲                     │
//!     └──┘                                             │                     ▼
//!     ▲                 the rest was released          │    some are still with others
//!     └──────────────────────────────────────── Unreleased ◄──────────────── ┘
//! ```
//!
//! While a member revokes it keeps its epoch; the epoch of the target is its own once it has given up what it must. So two
//! members never hold one partition: it is assigned only when nobody holds it, and held until its holder says that it is given up.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::assignment::{Assignment, Holding, overlap};
use super::member::{Current, MemberState};

/// Where a member has to go.
pub(super) struct Goal<'a> {
    pub(super) epoch: i32,
    pub(super) target: &'a Assignment,
    /// The topics it wants now; of others nothing is left to it, whatever the target says.
    pub(super) subscribed: &'a BTreeSet<Uuid>,
    pub(super) subscription_changed: bool,
    /// What the member says it owns, where it says so.
    pub(super) owned: Option<&'a Assignment>,
    /// Whether somebody holds a partition.
    pub(super) is_held: &'a dyn Fn(Uuid, i32) -> bool,
}

impl Goal<'_> {
    /// A member that does not say what it owns may still own it.
    fn still_owns(&self, revoking: &Holding) -> bool {
        self.owned.is_none_or(|owned| overlap(owned, revoking))
    }
}

/// The member's next standing; the same when it has to wait.
pub(super) fn step(current: &Current, goal: &Goal<'_>) -> Current {
    match current.state {
        MemberState::Stable if current.epoch != goal.epoch => advance(current, goal),
        MemberState::Stable if goal.subscription_changed => drop_unsubscribed(current, goal),
        MemberState::Stable => current.clone(),
        MemberState::Unrevoked if goal.still_owns(&current.revoking) => {
            if goal.subscription_changed {
                drop_unsubscribed(current, goal)
            } else {
                current.clone()
            }
        }
        MemberState::Unrevoked | MemberState::Unreleased => advance(current, goal),
    }
}

/// Takes away what the member no longer wants, and leaves the rest for later.
fn drop_unsubscribed(current: &Current, goal: &Goal<'_>) -> Current {
    let is_wanted = |topic: &Uuid| goal.subscribed.contains(topic);
    if current.assigned.keys().all(is_wanted) {
        return current.clone();
    }
    let mut next = Current { previous_epoch: current.epoch, ..current.clone() };
    for (topic, partitions) in &current.assigned {
        if !is_wanted(topic) {
            next.assigned.remove(topic);
            next.revoking.entry(*topic).or_default().extend(partitions);
        }
    }
    if goal.still_owns(&next.revoking) {
        next.state = MemberState::Unrevoked;
    } else {
        next.revoking = Holding::new();
    }
    next
}

/// Compares what the member has with its target.
fn advance(current: &Current, goal: &Goal<'_>) -> Current {
    let mut assigned = Holding::new();
    let mut revoking = Holding::new();
    for (&topic, partitions) in &current.assigned {
        let target = goal.target.get(&topic).filter(|_| goal.subscribed.contains(&topic));
        for (&partition, &since) in partitions {
            let keeps = target.is_some_and(|target| target.contains(&partition));
            let kind = if keeps { &mut assigned } else { &mut revoking };
            kind.entry(topic).or_default().insert(partition, since);
        }
    }
    if !revoking.is_empty() && goal.still_owns(&revoking) {
        let state = MemberState::Unrevoked;
        return Current { epoch: current.epoch, previous_epoch: current.epoch, state, assigned, revoking };
    }
    let mut state = MemberState::Stable;
    for (&topic, partitions) in goal.target.iter().filter(|(topic, _)| goal.subscribed.contains(topic)) {
        for &partition in partitions {
            if current.assigned.get(&topic).is_some_and(|held| held.contains_key(&partition)) {
                continue;
            }
            // What the member itself was giving up is nobody else's.
            let is_own = current.revoking.get(&topic).is_some_and(|held| held.contains_key(&partition));
            if !is_own && (goal.is_held)(topic, partition) {
                state = MemberState::Unreleased;
            } else {
                assigned.entry(topic).or_default().insert(partition, goal.epoch);
            }
        }
    }
    Current { epoch: goal.epoch, previous_epoch: current.epoch, state, assigned, revoking: Holding::new() }
}
