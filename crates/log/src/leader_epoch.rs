//! Where each leader epoch of a partition began (KIP-101, KIP-279), by which clients notice a truncation.
//!
//! Every start that does not follow a clean stop raises the broker's epoch, which is the leader epoch of all partitions. An
//! epoch is in a partition's history from the moment it is served, and in its checkpoint from the first append on.

/// The epochs of a partition, rising, with the offset where each began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeaderEpochs(Vec<(i32, i64)>);

/// The end of an epoch, as OffsetForLeaderEpoch answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch that is not above the requested one, or −1.
    pub leader_epoch: i32,
    /// The offset after its last record, or −1.
    pub end_offset: i64,
}

impl EpochEnd {
    /// The answer when nothing is known.
    pub const UNDEFINED: Self = Self { leader_epoch: -1, end_offset: -1 };
}

impl LeaderEpochs {
    pub(crate) fn new(entries: Vec<(i32, i64)>) -> Self {
        Self(entries)
    }

    pub(crate) fn entries(&self) -> &[(i32, i64)] {
        &self.0
    }

    pub(crate) fn latest(&self) -> Option<i32> {
        self.0.last().map(|&(epoch, _)| epoch)
    }

    /// Notes that `epoch` begins at `offset`, unless it is known; says whether that is news.
    pub(crate) fn assign(&mut self, epoch: i32, offset: i64) -> bool {
        if self.latest().is_some_and(|latest| epoch <= latest) || epoch < 0 {
            return false;
        }
        // An epoch under which nothing was written has no records to end.
        self.0.retain(|&(_, start)| start < offset);
        self.0.push((epoch, offset));
        true
    }

    /// Forgets what began at or after `end_offset`.
    pub(crate) fn truncate_from(&mut self, end_offset: i64) -> bool {
        let before = self.0.len();
        self.0.retain(|&(_, start)| start < end_offset);
        self.0.len() != before
    }

    /// Lets the oldest epoch begin at the log's new start.
    pub(crate) fn advance_start(&mut self, log_start_offset: i64) {
        let first_kept = self.0.partition_point(|&(_, start)| start <= log_start_offset).saturating_sub(1);
        self.0.drain(..first_kept);
        if let Some((_, start)) = self.0.first_mut() {
            *start = (*start).max(log_start_offset);
        }
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_of(&self, offset: i64) -> Option<i32> {
        let after = self.0.partition_point(|&(_, start)| start <= offset);
        after.checked_sub(1).map(|index| self.0[index].0)
    }

    /// The end of the requested epoch, when the log ends at `log_end_offset`: Kafka's `endOffsetFor`.
    pub(crate) fn end_of(&self, requested: i32, log_end_offset: i64) -> EpochEnd {
        if requested < 0 {
            return EpochEnd::UNDEFINED;
        }
        if self.latest() == Some(requested) {
            return EpochEnd { leader_epoch: requested, end_offset: log_end_offset };
        }
        let above = self.0.partition_point(|&(epoch, _)| epoch <= requested);
        match (above.checked_sub(1), self.0.get(above)) {
            (_, None) => EpochEnd::UNDEFINED,
            // Older than everything known: it ended, at the latest, where the oldest known epoch began.
            (None, Some(&(_, start))) => EpochEnd { leader_epoch: requested, end_offset: start },
            (Some(floor), Some(&(_, start))) => EpochEnd { leader_epoch: self.0[floor].0, end_offset: start },
        }
    }
}

#[cfg(test)]
mod tests {
    //! Answers as Kafka's `LeaderEpochFileCache` gives them.
    use super::*;

    fn end(leader_epoch: i32, end_offset: i64) -> EpochEnd {
        EpochEnd { leader_epoch, end_offset }
    }

    #[test]
    fn ends_of_epochs() {
        let epochs = LeaderEpochs::new(vec![(2, 5), (4, 10)]);
        assert_eq!(epochs.end_of(-1, 20), EpochEnd::UNDEFINED);
        assert_eq!(epochs.end_of(1, 20), end(1, 5));
        assert_eq!(epochs.end_of(2, 20), end(2, 10));
        assert_eq!(epochs.end_of(3, 20), end(2, 10));
        assert_eq!(epochs.end_of(4, 20), end(4, 20));
        assert_eq!(epochs.end_of(5, 20), EpochEnd::UNDEFINED);
        assert_eq!(LeaderEpochs::default().end_of(0, 20), EpochEnd::UNDEFINED);
    }

    #[test]
    fn epochs_of_offsets() {
        let epochs = LeaderEpochs::new(vec![(2, 5), (4, 10)]);
        let of = |offset| epochs.epoch_of(offset);
        assert_eq!([of(4), of(5), of(9), of(10), of(99)], [None, Some(2), Some(2), Some(4), Some(4)]);
    }

    #[test]
    fn epochs_only_rise_and_empty_ones_vanish() {
        let mut epochs = LeaderEpochs::default();
        assert!(epochs.assign(0, 0) && epochs.assign(1, 0) && epochs.assign(3, 7));
        assert!(!epochs.assign(3, 9) && !epochs.assign(2, 9));
        assert_eq!(epochs.entries(), [(1, 0), (3, 7)]);
    }

    #[test]
    fn both_ends_are_cut() {
        let mut epochs = LeaderEpochs::new(vec![(0, 0), (1, 5), (2, 10)]);
        assert!(epochs.truncate_from(10) && !epochs.truncate_from(10));
        assert_eq!(epochs.entries(), [(0, 0), (1, 5)]);
        epochs.advance_start(7);
        assert_eq!(epochs.entries(), [(1, 7)]);
        epochs.advance_start(3);
        assert_eq!(epochs.entries(), [(1, 7)]);
    }
}
