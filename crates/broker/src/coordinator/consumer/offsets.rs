//! Who may commit and fetch offsets of a consumer group.
//!
//! A member's epoch must be its current one; an older one will do for partitions that it has held since then (KIP-1251), so that a
//! rebalance elsewhere does not fail commits.

use millstream_wire::ErrorCode;
use uuid::Uuid;

use super::ConsumerGroup;
use super::member::Member;

/// The first version of OffsetCommit for members with the new protocol.
const MEMBER_EPOCH_SINCE: i16 = 9;

/// A commit, as far as the group has to know it.
pub(crate) struct Commit<'a> {
    pub(crate) member_id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    pub(crate) epoch: i32,
    /// Of OffsetCommit; none for a commit in a transaction.
    pub(crate) version: Option<i16>,
}

impl ConsumerGroup {
    /// Whether offsets of `places` may be committed now.
    pub(crate) fn check_offset_commit(
        &self,
        commit: &Commit<'_>,
        places: impl Iterator<Item = (Uuid, i32)>,
    ) -> Result<(), ErrorCode> {
        if commit.epoch < 0 && self.is_empty() {
            // An administrator, or a consumer that assigns its partitions itself.
            return Ok(());
        }
        let names_no_member = commit.member_id.is_empty() && commit.instance_id.is_none();
        if commit.version.is_none() && commit.epoch == -1 && names_no_member {
            return Ok(());
        }
        let member = self.members.get(commit.member_id).ok_or(ErrorCode::UnknownMemberId)?;
        let is_old_request = commit.version.is_some_and(|version| version < MEMBER_EPOCH_SINCE);
        if is_old_request && !member.is_classic() {
            return Err(ErrorCode::UnsupportedVersion);
        }
        if commit.epoch == member.current.epoch {
            return Ok(());
        }
        let is_held_since = |(topic, partition)| {
            member.current.holds_since(topic, partition).is_some_and(|since| commit.epoch >= since)
        };
        if commit.epoch < member.current.epoch && places.into_iter().all(is_held_since) {
            return Ok(());
        }
        Err(stale(member))
    }

    /// Whether somebody may see the offsets: a member with its epoch, or anybody who does not say that he is one.
    pub(crate) fn check_offset_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        let Some(member_id) = member_id else {
            return if epoch < 0 { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        };
        let member = self.members.get(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        if epoch == member.current.epoch { Ok(()) } else { Err(stale(member)) }
    }
}

fn stale(member: &Member) -> ErrorCode {
    if member.is_classic() { ErrorCode::IllegalGeneration } else { ErrorCode::StaleMemberEpoch }
}
