//! What a budget admits, and whom it wakes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn take(budget: &Arc<ByteBudget>, bytes: usize, counter: &Arc<Counter>) -> Option<Charge> {
    let waker = Waker::from(Arc::clone(counter));
    match budget.poll_take(bytes, &Context::from_waker(&waker)) {
        Poll::Ready(charge) => Some(charge),
        Poll::Pending => None,
    }
}

#[test]
fn what_does_not_fit_waits_and_is_woken() {
    let counter = Arc::new(Counter::default());
    let budget = ByteBudget::new(100);
    let first = take(&budget, 60, &counter).unwrap();
    let second = take(&budget, 40, &counter).unwrap();
    assert!(take(&budget, 1, &counter).is_none());
    assert!(take(&budget, 1, &counter).is_none());
    drop(first);
    assert_eq!(counter.0.load(Ordering::Relaxed), 1, "one task is woken once");
    assert_eq!(budget.used_bytes(), 40);
    drop(second);
    assert_eq!(budget.used_bytes(), 0);
}

#[test]
fn a_frame_larger_than_the_budget_goes_alone() {
    let counter = Arc::new(Counter::default());
    let budget = ByteBudget::new(100);
    let small = take(&budget, 1, &counter).unwrap();
    assert!(take(&budget, 1000, &counter).is_none());
    drop(small);
    let large = take(&budget, 1000, &counter).unwrap();
    assert!(take(&budget, 1, &counter).is_none());
    drop(large);
    assert!(take(&budget, 1, &counter).is_some());
}

fn grow(budget: &Arc<ByteBudget>, charge: &mut Option<Charge>, bytes: usize, counter: &Arc<Counter>) -> bool {
    let waker = Waker::from(Arc::clone(counter));
    budget.poll_grow(charge, bytes, &Context::from_waker(&waker)).is_ready()
}

#[test]
fn charges_grow_and_one_at_a_time_beyond_the_limit() {
    let counter = Arc::new(Counter::default());
    let budget = ByteBudget::new(100);
    let [mut first, mut second, mut third] = [None, None, None];
    assert!(grow(&budget, &mut first, 50, &counter));
    assert!(grow(&budget, &mut second, 50, &counter));
    assert!(grow(&budget, &mut first, 50, &counter), "no more than before");
    assert_eq!(budget.used_bytes(), 100);
    // Both want more than there is: one goes on until it is done, then the other.
    assert!(grow(&budget, &mut first, 80, &counter));
    assert!(!grow(&budget, &mut second, 60, &counter));
    assert!(!grow(&budget, &mut third, 1, &counter));
    assert!(grow(&budget, &mut first, 500, &counter));
    assert!(first.as_ref().unwrap().overdraws() && !second.as_ref().unwrap().overdraws());
    drop(first);
    assert_eq!((counter.0.load(Ordering::Relaxed), budget.used_bytes()), (1, 50));
    assert!(grow(&budget, &mut second, 60, &counter));
    assert!(grow(&budget, &mut third, 40, &counter));
    drop((second, third));
    assert_eq!(budget.used_bytes(), 0);
}
