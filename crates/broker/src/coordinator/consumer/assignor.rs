//! The assignors that the coordinator runs itself: who should have which partition.
//!
//! An assignor is a pure function of the members' subscriptions, the partitions there are and what everybody should have had so
//! far. Both give every partition of a subscribed topic to exactly one subscriber.

mod range;
mod uniform;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::assignment::Assignment;
use crate::config::ServerAssignor;

/// A member as assignors see it.
#[derive(Debug)]
pub(super) struct MemberSpec<'a> {
    pub(super) member_id: &'a str,
    pub(super) instance_id: Option<&'a str>,
    /// Topics that exist.
    pub(super) topics: BTreeSet<Uuid>,
    /// What it should have had so far.
    pub(super) previous: &'a Assignment,
}

/// Shares the partitions of the members' topics out. One assignment a member, in the order of `members`.
pub(super) fn assign(
    assignor: ServerAssignor,
    members: &[MemberSpec<'_>],
    partition_counts: &BTreeMap<Uuid, i32>,
) -> Vec<Assignment> {
    match assignor {
        ServerAssignor::Range => range::assign(members, partition_counts),
        ServerAssignor::Uniform => uniform::assign(members, partition_counts),
    }
}
