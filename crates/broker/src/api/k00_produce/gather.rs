//! Collects what became of the partitions of one request, which different threads tell.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::Outcome;

/// The outcomes of one request's partitions.
pub(super) struct Gather {
    outcomes: Mutex<Vec<Option<Outcome>>>,
    missing: AtomicUsize,
    waker: AtomicWaker,
}

impl Gather {
    pub(super) fn new(places: usize) -> Arc<Self> {
        let outcomes = std::iter::repeat_with(|| None).take(places).collect();
        Arc::new(Self {
            outcomes: Mutex::new(outcomes),
            missing: AtomicUsize::new(places),
            waker: AtomicWaker::new(),
        })
    }

    /// Says what became of one partition; each place is set once.
    pub(super) fn set(&self, place: usize, outcome: Outcome) {
        if let Some(slot) = self.outcomes.lock().get_mut(place) {
            debug_assert!(slot.is_none(), "one outcome for each partition");
            *slot = Some(outcome);
        }
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waker.wake();
        }
    }

    /// All outcomes, by place, once the last has come.
    pub(super) async fn outcomes(&self) -> Vec<Outcome> {
        poll_fn(|context| {
            if self.missing.load(Ordering::Acquire) > 0 {
                self.waker.register(context.waker());
                if self.missing.load(Ordering::Acquire) > 0 {
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
        std::mem::take(&mut *self.outcomes.lock()).into_iter().flatten().collect()
    }
}
