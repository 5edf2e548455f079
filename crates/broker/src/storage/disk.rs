//! The threads that wait for disks so that no other has to.
//!
//! Writers: a partition belongs to one of them, so its appends keep their order and never compete for its lock. Each takes
//! all that is queued at once, so that many small appends cost one wake-up. Readers: any of them takes the next job; a cold
//! read holds up one thread and no append.
//!
//! Queues hold what connections may have in flight, which their budgets bound.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::error::{BrokerError, Result};

/// Something to do on a disk thread.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The queue of one thread, or of several that share it.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    stopped: bool,
    sleeping: usize,
}

impl Queue {
    fn push(&self, job: Job) {
        let mut state = self.state.lock();
        state.jobs.push_back(job);
        // A thread that is awake looks again before it sleeps.
        if state.sleeping > 0 {
            self.changed.notify_one();
        }
    }

    /// The next jobs: all of them, or one where others take from the same queue.
    fn take(&self, taken: &mut VecDeque<Job>, all: bool) -> bool {
        let mut state = self.state.lock();
        while state.jobs.is_empty() {
            if state.stopped {
                return false;
            }
            state.sleeping += 1;
            self.changed.wait(&mut state);
            state.sleeping -= 1;
        }
        if all {
            std::mem::swap(taken, &mut state.jobs);
        } else {
            taken.extend(state.jobs.pop_front());
        }
        true
    }

    fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    fn run(&self, all: bool) {
        let mut taken = VecDeque::new();
        while self.take(&mut taken, all) {
            for job in taken.drain(..) {
                // A defect in one job must not take the disk away from all others.
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    tracing::error!("a job on a disk thread panicked; whoever waits for it gets an error");
                }
            }
        }
    }
}

/// All disk threads of a broker.
pub(crate) struct DiskThreads {
    writers: Vec<Arc<Queue>>,
    readers: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl DiskThreads {
    /// Starts `count` writers and as many readers.
    pub(crate) fn start(count: usize) -> Result<Self> {
        let writers: Vec<_> = (0..count).map(|_| Arc::new(Queue::default())).collect();
        let threads = Self { writers, readers: Arc::default(), threads: Mutex::default() };
        for (index, queue) in threads.writers.iter().enumerate() {
            threads.spawn(format!("log-write-{index}"), queue, true)?;
        }
        for index in 0..count {
            threads.spawn(format!("log-read-{index}"), &threads.readers, false)?;
        }
        Ok(threads)
    }

    fn spawn(&self, name: String, queue: &Arc<Queue>, all: bool) -> Result<()> {
        let queue = Arc::clone(queue);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || queue.run(all))
            .map_err(|source| BrokerError::Thread { source })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Has the writer of a partition do something, after all that it was given before.
    pub(crate) fn write(&self, partition_hash: usize, job: Job) {
        self.writers[partition_hash % self.writers.len()].push(job);
    }

    /// Has any reader do something.
    pub(crate) fn read(&self, job: Job) {
        self.readers.push(job);
    }

    /// Has any reader do something, and gives its result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        self.read(Box::new(move || drop(done.send(work()))));
        result.await.map_err(|_| BrokerError::DiskThreadLost)
    }

    /// Lets the threads finish what is queued, and waits for them. Waits for the disk.
    pub(crate) fn stop(&self) {
        for queue in self.writers.iter().chain([&self.readers]) {
            queue.stop();
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // Jobs that panic are caught, so a thread ends in order.
            drop(thread.join());
        }
    }
}

impl Drop for DiskThreads {
    fn drop(&mut self) {
        for queue in self.writers.iter().chain([&self.readers]) {
            queue.stop();
        }
    }
}

#[cfg(test)]
mod tests;
