//! Which bytes of a segment had their checksums compared since the process began.
//!
//! What this process appended needs no check. What it found on the disk is checked when it is first read, so that damage is never
//! served; the ranges are remembered, so that it is done once.

/// Ranges that are remembered; readers that jump about make the oldest forgotten.
const RANGES_MAX: usize = 64;

/// Sorted, disjoint ranges of positions.
#[derive(Debug, Default)]
pub(crate) struct VerifiedRanges(Vec<(u64, u64)>);

impl VerifiedRanges {
    /// The first part of a range that was not checked.
    pub(crate) fn first_gap(&self, from: u64, end: u64) -> Option<(u64, u64)> {
        let behind = self.0.partition_point(|range| range.0 <= from);
        let start = behind.checked_sub(1).map_or(from, |index| self.0[index].1.max(from));
        let stop = self.0.get(behind).map_or(end, |next| next.0.min(end));
        if start >= end {
            None
        } else if start < stop {
            Some((start, stop))
        } else {
            self.first_gap(stop, end)
        }
    }

    pub(crate) fn add(&mut self, from: u64, end: u64) {
        let first = self.0.partition_point(|range| range.1 < from);
        let last = self.0.partition_point(|range| range.0 <= end);
        let joined = self.0[first..last]
            .iter()
            .fold((from, end), |sum, range| (sum.0.min(range.0), sum.1.max(range.1)));
        self.0.splice(first..last, [joined]);
        if self.0.len() > RANGES_MAX {
            let smallest = (0..self.0.len()).min_by_key(|&index| self.0[index].1 - self.0[index].0);
            smallest.map(|index| self.0.remove(index));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Against a set of positions.
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gaps_are_what_was_not_added(
            added in prop::collection::vec((0_u64..200, 1_u64..20), 0..30),
            from in 0_u64..200,
            length in 1_u64..100,
        ) {
            let (mut ranges, mut model) = (VerifiedRanges::default(), BTreeSet::new());
            for (from, length) in added {
                ranges.add(from, from + length);
                model.extend(from..from + length);
            }
            let end = from + length;
            let start = (from..end).find(|position| !model.contains(position));
            let expected = start.map(|start| (start, (start..end).find(|at| model.contains(at)).unwrap_or(end)));
            prop_assert_eq!(ranges.first_gap(from, end), expected);
        }

        #[test]
        fn ranges_stay_few(added in prop::collection::vec((0_u64..100_000, 1_u64..20), 0..300)) {
            let mut ranges = VerifiedRanges::default();
            added.iter().for_each(|&(from, length)| ranges.add(from, from + length));
            prop_assert!(ranges.0.len() <= RANGES_MAX);
            prop_assert!(ranges.0.is_sorted_by(|left, right| left.1 < right.0));
        }
    }
}
