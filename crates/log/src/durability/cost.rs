//! Which way of syncing a round is cheaper, learned from the rounds before.
//!
//! Measured on ext4 with files of one new page each, medians in ms:
//!
//! | files | one by one | eight at a time | the whole file system |
//! |---|---|---|---|
//! | 4 | 12 | 0.5 | 3.9 |
//! | 32 | 120 | 2.6 | 3.4 |
//! | 320 | 1,100 | 24 | 6.4 |
//! | 1,000 | 3,700 | 76 | 8 |
//!
//! But a file system that others write to can make the last arbitrarily slow, so both are estimated as they happen.

use std::time::Duration;

/// Estimates until the first measurement.
const SINGLE_SECONDS: f64 = 80e-6;
const WHOLE_SECONDS: f64 = 4e-3;
/// A round of single files has to be so many times faster: it costs more of the processors, which the rest of the broker needs.
const SINGLE_FILES_COST: f64 = 2.0;
/// Weight of a new measurement.
const WEIGHT: f64 = 0.2;
/// How fast the estimate of the way not taken is forgotten, so that it gets another chance.
const FORGETTING: f64 = 0.02;

#[derive(Debug)]
pub(super) struct SyncCost {
    single_seconds: f64,
    whole_seconds: f64,
}

impl Default for SyncCost {
    fn default() -> Self {
        Self { single_seconds: SINGLE_SECONDS, whole_seconds: WHOLE_SECONDS }
    }
}

impl SyncCost {
    pub(super) fn whole_file_system_is_cheaper(&self, files: usize) -> bool {
        files > 1 && SINGLE_FILES_COST * self.single_seconds * files as f64 > self.whole_seconds
    }

    pub(super) fn single_took(&mut self, took: Duration, files: usize) {
        approach(&mut self.single_seconds, took.as_secs_f64() / files as f64, WEIGHT);
        approach(&mut self.whole_seconds, WHOLE_SECONDS, FORGETTING);
    }

    pub(super) fn whole_took(&mut self, took: Duration) {
        approach(&mut self.whole_seconds, took.as_secs_f64(), WEIGHT);
        approach(&mut self.single_seconds, SINGLE_SECONDS, FORGETTING);
    }
}

fn approach(estimate: &mut f64, measured: f64, weight: f64) {
    *estimate += (measured - *estimate) * weight;
}

#[cfg(test)]
mod tests {
    //! The cheaper way is taken, and the other gets a chance again.
    use super::*;

    #[test]
    fn few_files_go_one_by_one_and_many_together() {
        let cost = SyncCost::default();
        assert!(!cost.whole_file_system_is_cheaper(1));
        assert!(!cost.whole_file_system_is_cheaper(16));
        assert!(cost.whole_file_system_is_cheaper(100));
    }

    #[test]
    fn a_neighbour_that_writes_much_makes_single_syncs_cheaper_for_a_while() {
        let mut cost = SyncCost::default();
        for _ in 0..10 {
            cost.whole_took(Duration::from_secs(1));
        }
        assert!(!cost.whole_file_system_is_cheaper(100));
        let mut rounds = 0;
        while !cost.whole_file_system_is_cheaper(100) {
            cost.single_took(Duration::from_millis(20), 100);
            rounds += 1;
        }
        assert!((10..1000).contains(&rounds), "{rounds}");
    }
}
