//! Order, survival of a panic, and an end in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn jobs_of_one_partition_run_in_order_and_all_of_them_before_the_end() {
    let threads = DiskThreads::start(2).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for number in 0..1000 {
        let seen = Arc::clone(&seen);
        threads.write(1, Box::new(move || seen.lock().push(number)));
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

#[test]
fn neither_a_slow_request_nor_what_the_broker_does_by_itself_holds_up_a_request() {
    let threads = DiskThreads::start(1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let gate = Arc::new(Mutex::new(()));
    let shut = gate.lock();
    let wait = |gate: &Arc<Mutex<()>>| {
        let gate = Arc::clone(gate);
        move || drop(gate.lock())
    };
    let slow = [wait(&gate), wait(&gate), wait(&gate)];
    runtime.block_on(async {
        let [request, scrub, checkpoint] = slow;
        let mut slow = std::pin::pin!(async {
            tokio::join!(threads.run(request), threads.keep(scrub), threads.keep(checkpoint))
        });
        let answered = tokio::select! {
            biased;
            _ = &mut slow => None,
            answered = threads.run(|| 1) => answered.ok(),
        };
        assert_eq!(answered, Some(1));
        drop(shut);
        let (request, scrub, checkpoint) = slow.await;
        assert!(request.is_ok() && scrub.is_ok() && checkpoint.is_ok());
    });
    threads.stop();
}

/// A thread that may wait for disks, with a part of `count` numbers to write to each of two writers.
fn write_as_producer(threads: &Arc<DiskThreads>, seen: &[Arc<Mutex<Vec<usize>>>; 2], producer: usize) {
    MAY_WAIT.set(true);
    for number in (0..1000).step_by(4) {
        let _held = threads.hold();
        for number in number..number + 4 {
            let writer = number % 2;
            let seen = Arc::clone(&seen[writer]);
            threads.write(writer, Box::new(move || seen.try_lock().unwrap().push(producer * 1000 + number)));
        }
    }
}

#[test]
fn work_on_borrowed_queues_keeps_each_threads_order_and_runs_one_at_a_time() {
    let threads = Arc::new(DiskThreads::start(2).unwrap());
    let seen: [Arc<Mutex<Vec<usize>>>; 2] = Default::default();
    std::thread::scope(|scope| {
        for producer in 0..3 {
            let (threads, seen) = (&threads, &seen);
            scope.spawn(move || write_as_producer(threads, seen, producer));
        }
        // A thread that may not wait writes as well.
        for number in 3000..4000 {
            let seen = Arc::clone(&seen[number % 2]);
            threads.write(
                number % 2,
                Box::new(move || {
                    let mut seen = seen.try_lock().unwrap();
                    seen.push(number);
                }),
            );
        }
    });
    threads.stop();
    for (writer, seen) in seen.iter().enumerate() {
        let seen = seen.lock();
        for writing in 0..4 {
            let own = seen.iter().copied().filter(|number| number / 1000 == writing);
            let expected = (writing * 1000..(writing + 1) * 1000).filter(|number| number % 2 == writer);
            assert!(own.eq(expected), "writer {writer}, thread {writing}");
        }
    }
}

#[test]
fn what_is_held_back_runs_in_order_when_the_guard_is_dropped() {
    let threads = DiskThreads::start(1).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let held = threads.hold();
    for number in 0..10 {
        let sender = sender.clone();
        threads.write(0, Box::new(move || sender.send(number).unwrap()));
    }
    assert!(HELD.with_borrow(|held| held.as_ref().is_some_and(|held| held.len() == 10)));
    drop(held);
    assert!((0..10).all(|number| receiver.recv().unwrap() == number));
    threads.stop();
}

#[test]
fn what_is_held_back_can_be_released_before_the_guard_is_dropped() {
    let threads = DiskThreads::start(2).unwrap();
    let (done, ran) = std::sync::mpsc::channel();
    let held = threads.hold();
    for number in 0..10 {
        let done = done.clone();
        threads.write(number % 2, Box::new(move || done.send(number).unwrap()));
    }
    threads.release();
    let mut seen: Vec<_> = ran.iter().take(10).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
    threads.write(0, Box::new(move || done.send(10).unwrap()));
    assert!(ran.try_recv().is_err(), "it goes on holding back");
    drop(held);
    assert_eq!(ran.recv(), Ok(10));
    threads.stop();
}
