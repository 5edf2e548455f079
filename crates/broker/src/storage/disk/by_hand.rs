//! Disk threads that are none: a test does their jobs one at a time, in the order that it wants, so that a run can be repeated.
//!
//! Any order that the threads could have had is possible: jobs of one partition stay in theirs.

use std::sync::Arc;

use millstream_log::fs::sim::SplitMix;

use super::{DiskThreads, Producers, Queue, run};

/// The queues of a broker without disk threads.
pub(crate) struct DisksByHand(Vec<Arc<Queue>>);

impl DiskThreads {
    /// As [`DiskThreads::start`], but nothing is done until somebody does it by hand.
    pub(crate) fn by_hand(count: usize) -> (Self, DisksByHand) {
        let writers: Vec<Arc<Queue>> = (0..count).map(|_| Arc::default()).collect();
        let threads = Self {
            writers,
            readers: Arc::default(),
            keepers: Arc::default(),
            threads: Default::default(),
            producers: Producers::default(),
        };
        let queues = threads.queues().map(Arc::clone).collect();
        (threads, DisksByHand(queues))
    }
}

impl DisksByHand {
    /// Does one job of a queue chosen by `random`; false if there is nothing to do.
    pub(crate) fn step(&self, random: &mut SplitMix) -> bool {
        let waiting: Vec<_> = self.0.iter().filter(|queue| !queue.state.lock().jobs.is_empty()).collect();
        if waiting.is_empty() {
            return false;
        }
        let queue = waiting[random.below(waiting.len() as u64) as usize];
        let job = queue.state.lock().jobs.pop_front();
        job.into_iter().for_each(run);
        true
    }
}
