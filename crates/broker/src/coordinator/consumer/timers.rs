//! When a consumer group has to be looked at again, and what happens then: members that were waited for too long are put out.

use std::time::{Duration, Instant};

use super::member::Member;
use super::{ConsumerGroup, Context};

impl ConsumerGroup {
    /// A time at or before the next moment at which [`ConsumerGroup::on_time`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn note_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    /// A member is alive.
    pub(super) fn heard(&mut self, member_id: &str, context: &Context<'_>) {
        if let Some(member) = self.members.get_mut(member_id) {
            let deadline = member.heard(context.settings.session_timeout, context.now);
            self.note_deadline(deadline);
        }
    }

    pub(super) fn set_rebalance_deadline(&mut self, member_id: &str, deadline: Option<Instant>) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.deadlines.rebalance = deadline;
            deadline.into_iter().for_each(|deadline| self.note_deadline(deadline));
        }
    }

    /// Gives every member a full session, and those that have to revoke their full time: the group was just loaded.
    pub(crate) fn start_timers(&mut self, context: &Context<'_>) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in ids {
            self.heard(&member_id, context);
            let must_revoke = |member: &&Member| {
                member.current.state == super::member::MemberState::Unrevoked && !member.is_classic()
            };
            let timeout: Option<Duration> = self
                .members
                .get(&member_id)
                .filter(must_revoke)
                .map(|member| member.profile.rebalance_timeout());
            if let Some(timeout) = timeout {
                self.set_rebalance_deadline(&member_id, Some(context.now.instant + timeout));
            }
        }
    }

    /// Puts out whoever has passed a deadline. Call it when [`ConsumerGroup::deadline`] has passed.
    pub(crate) fn on_time(&mut self, group_id: &str, context: &Context<'_>) {
        let mut late = Vec::new();
        let mut next: Option<Instant> = None;
        for (member_id, member) in &self.members {
            match member.deadlines.earliest() {
                Some((deadline, why)) if deadline <= context.now.instant => {
                    tracing::info!(group_id, member_id, "member is put out of the group: {why}");
                    late.push(member_id.clone());
                }
                Some((deadline, _)) => next = Some(next.map_or(deadline, |earlier| earlier.min(deadline))),
                None => {}
            }
        }
        self.deadline = next;
        self.fence(&late, context);
    }
}
