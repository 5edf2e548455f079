//! The threads that wait for disks so that no other has to.
//!
//! Writers: a partition belongs to one of them, so its appends keep their order and never compete for its lock. Each takes
//! all that is queued at once, so that many small appends cost one wake-up. Readers: any of them takes the next job; a cold
//! read holds up one thread and no append. There are two at least, so that one client's slow request does not hold up all others.
//! Keepers do what the broker does by itself (retention, checkpoints, the scrub): no request waits behind that, however slow the
//! disk is.
//!
//! Waking a thread costs more than a small append, so whoever has several things to do holds the wake-ups back meanwhile
//! ([`DiskThreads::hold`]): a connection does for all requests that one read of its socket has brought.
//!
//! Handing an append over and its answer back costs several times what a small append does. So connections that only produce are
//! served by threads of their own ([`producers`]), which may wait for disks and do appends themselves wherever
//! the partition's writer has nothing to do; otherwise the writer's queue keeps the order.
//!
//! Queues hold what connections may have in flight, which their budgets bound.

mod producers;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{BrokerError, Result};
use producers::Producers;

/// Something to do on a disk thread.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    /// What this thread holds back for writers, by their index; none while it holds nothing back.
    static HELD: RefCell<Option<Vec<(usize, Job)>>> = const { RefCell::new(None) };
    /// Whether this thread may wait for disks.
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

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
    /// Whether another thread does a writer's work now.
    borrowed: bool,
}

impl Queue {
    fn push(&self, jobs: impl Iterator<Item = Job>) {
        let mut state = self.state.lock();
        state.jobs.extend(jobs);
        // A thread that is awake looks again before it sleeps, and so does who does a writer's work.
        let sleeps = state.sleeping > 0 && !state.borrowed;
        drop(state);
        if sleeps {
            self.changed.notify_one();
        }
    }

    /// Does jobs on this thread when the writer has nothing to do, else gives them to it.
    fn run_here(&self, jobs: impl Iterator<Item = Job>) {
        {
            let mut state = self.state.lock();
            let is_free = state.sleeping > 0 && state.jobs.is_empty() && !state.borrowed;
            if !is_free {
                drop(state);
                return self.push(jobs);
            }
            state.borrowed = true;
        }
        jobs.for_each(run);
        let mut state = self.state.lock();
        state.borrowed = false;
        let has_more = !state.jobs.is_empty() || state.stopped;
        drop(state);
        if has_more {
            self.changed.notify_one();
        }
    }

    /// The next jobs: all of them, or one where others take from the same queue.
    fn take(&self, taken: &mut VecDeque<Job>, all: bool) -> bool {
        let mut state = self.state.lock();
        while state.jobs.is_empty() || state.borrowed {
            if state.stopped && !state.borrowed {
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
            taken.drain(..).for_each(run);
        }
    }
}

/// Fewest threads that do what clients ask of the disk.
const READERS_MIN: usize = 2;
/// Threads that keep the house: two, so that what is due soon does not wait behind what takes long.
const KEEPERS: usize = 2;

/// A defect in one job must not take the disk away from all others.
fn run(job: Job) {
    if catch_unwind(AssertUnwindSafe(job)).is_err() {
        tracing::error!("a job on a disk thread panicked; whoever waits for it gets an error");
    }
}

async fn run_on<T: Send + 'static>(queue: &Queue, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (done, result) = oneshot::channel();
    queue.push(std::iter::once::<Job>(Box::new(move || drop(done.send(work())))));
    result.await.map_err(|_| BrokerError::DiskThreadLost)
}

/// All disk threads of a broker.
pub(crate) struct DiskThreads {
    writers: Vec<Arc<Queue>>,
    readers: Arc<Queue>,
    keepers: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    producers: Producers,
}

impl DiskThreads {
    /// Starts `count` writers, as many readers but two at least, and the keepers.
    pub(crate) fn start(count: usize) -> Result<Self> {
        let writers: Vec<_> = (0..count).map(|_| Arc::new(Queue::default())).collect();
        let threads = Self {
            writers,
            readers: Arc::default(),
            keepers: Arc::default(),
            threads: Mutex::default(),
            producers: Producers::default(),
        };
        for (index, queue) in threads.writers.iter().enumerate() {
            threads.spawn(format!("log-write-{index}"), queue, true)?;
        }
        for index in 0..count.max(READERS_MIN) {
            threads.spawn(format!("log-read-{index}"), &threads.readers, false)?;
        }
        for index in 0..KEEPERS {
            threads.spawn(format!("log-keep-{index}"), &threads.keepers, false)?;
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

    /// The writer of a partition.
    pub(crate) fn writer(&self, partition_hash: usize) -> usize {
        partition_hash % self.writers.len()
    }

    /// Has a writer do something, after all that it was given before.
    pub(crate) fn write(&self, writer: usize, job: Job) {
        let job = HELD.with_borrow_mut(|held| match held {
            Some(held) => {
                held.push((writer, job));
                None
            }
            None => Some(job),
        });
        if let Some(job) = job {
            self.writers[writer].push(std::iter::once(job));
        }
    }

    /// Holds back what this thread gives to writers until the guard is dropped, which must be before it waits for anything.
    pub(crate) fn hold(&self) -> Held<'_> {
        HELD.with_borrow_mut(|held| _ = held.get_or_insert_default());
        Held { disks: self, _this_thread: PhantomData }
    }

    /// Gives writers what this thread holds back, before something that others may go on from when it is done.
    pub(crate) fn release(&self) {
        let held = HELD.with_borrow_mut(|held| held.as_mut().map(std::mem::take));
        for (writer, job) in held.into_iter().flatten() {
            self.writers[writer].push(std::iter::once(job));
        }
    }

    /// A thread for a connection that only produces; none when the system has no more threads.
    pub(crate) fn producers(&self) -> Option<&Handle> {
        self.producers.least_busy(self.writers.len() + 1)
    }

    /// Has any reader do something.
    pub(crate) fn read(&self, job: Job) {
        self.readers.push(std::iter::once(job));
    }

    /// Has any reader do something, and gives its result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        run_on(&self.readers, work).await
    }

    /// Has a keeper do something that no client waits for, and gives its result.
    pub(crate) async fn keep<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        run_on(&self.keepers, work).await
    }

    fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.writers.iter().chain([&self.readers, &self.keepers])
    }

    /// Lets the threads finish what is queued, and waits for them. Waits for the disk.
    pub(crate) fn stop(&self) {
        self.queues().for_each(|queue| queue.stop());
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // Jobs that panic are caught, so a thread ends in order.
            drop(thread.join());
        }
    }
}

/// Holds jobs back; see [`DiskThreads::hold`].
pub(crate) struct Held<'a> {
    disks: &'a DiskThreads,
    /// What is held back is this thread's.
    _this_thread: PhantomData<*const ()>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = HELD.take().unwrap_or_default();
        // Stable: what one writer gets stays in order.
        held.sort_by_key(|(writer, _)| *writer);
        let mut held = held.into_iter().peekable();
        while let Some((writer, first)) = held.next() {
            let others =
                std::iter::from_fn(|| held.next_if(|(other, _)| *other == writer).map(|(_, job)| job));
            let (queue, jobs) = (&self.disks.writers[writer], std::iter::once(first).chain(others));
            if MAY_WAIT.get() { queue.run_here(jobs) } else { queue.push(jobs) }
        }
    }
}

impl Drop for DiskThreads {
    fn drop(&mut self) {
        self.queues().for_each(|queue| queue.stop());
    }
}

#[cfg(test)]
mod by_hand;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use by_hand::DisksByHand;
