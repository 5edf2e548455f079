//! Order, survival of a panic, and an end in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn jobs_of_one_partition_run_in_order_and_all_of_them_before_the_end() {
    let threads = DiskThreads::start(2).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for number in 0..1000 {
        let seen = Arc::clone(&seen);
        threads.write(7, Box::new(move || seen.lock().push(number)));
    }
    threads.stop();
    assert_eq!(*seen.lock(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_panicking_job_harms_no_other() {
    let threads = DiskThreads::start(1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let lost = runtime.block_on(threads.run(|| panic!("a defect")));
    assert!(matches!(lost, Err(BrokerError::DiskThreadLost)));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    runtime.block_on(threads.run(move || counted.fetch_add(1, Ordering::Relaxed))).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
    threads.stop();
}
