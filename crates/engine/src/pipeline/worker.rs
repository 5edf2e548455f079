//! A worker: one thread that runs its tasks in turns.
//!
//! A task is run when its waker was called or its timer is due, for one step – a batch – at a time. With nothing to do
//! the thread is parked. The flag of a task is taken down before its step, so that a wake-up during the step is not
//! lost; the one between the last look and parking is kept by the thread's park token.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Wake, Waker};
use std::thread::Thread;

use super::control::Control;
use crate::clock::Clock;
use crate::element::TimestampMs;
use crate::error::EngineError;
use crate::task::{Step, Task};

/// Says that a task has something to do.
#[derive(Debug)]
pub(crate) struct TaskSlot {
    is_ready: AtomicBool,
    thread: Arc<OnceLock<Thread>>,
}

impl TaskSlot {
    pub(crate) fn wake_up(&self) {
        self.is_ready.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Wake for TaskSlot {
    fn wake(self: Arc<Self>) {
        self.wake_up();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_up();
    }
}

struct Scheduled {
    task: Box<dyn Task>,
    slot: Arc<TaskSlot>,
    waker: Waker,
    timer: Option<TimestampMs>,
}

/// The tasks of one thread.
pub(crate) struct Worker {
    tasks: Vec<Scheduled>,
    thread: Arc<OnceLock<Thread>>,
    clock: Arc<dyn Clock>,
    control: Arc<Control>,
}

impl Worker {
    pub(crate) fn new(clock: Arc<dyn Clock>, control: Arc<Control>) -> Self {
        Self { tasks: Vec::new(), thread: Arc::new(OnceLock::new()), clock, control }
    }

    pub(crate) fn add(&mut self, task: Box<dyn Task>) -> Arc<TaskSlot> {
        let slot = Arc::new(TaskSlot { is_ready: AtomicBool::new(true), thread: Arc::clone(&self.thread) });
        let waker = Waker::from(Arc::clone(&slot));
        self.tasks.push(Scheduled { task, slot: Arc::clone(&slot), waker, timer: None });
        slot
    }

    pub(crate) fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// Runs a step of one task if it has something to do. Returns whether it had.
    pub(crate) fn run_task(&mut self, index: usize) -> Result<bool, EngineError> {
        let Some(scheduled) = self.tasks.get_mut(index) else { return Ok(false) };
        let is_due = scheduled.timer.is_some_and(|timer| timer <= self.clock.now());
        if !scheduled.slot.is_ready.swap(false, Ordering::AcqRel) && !is_due {
            return Ok(false);
        }
        let mut context = Context::from_waker(&scheduled.waker);
        match scheduled.task.step(&mut context)? {
            Step::Progress => {
                scheduled.timer = None;
                scheduled.slot.is_ready.store(true, Ordering::Release);
            }
            Step::Pending { timer } => scheduled.timer = timer,
        }
        Ok(true)
    }

    /// Runs until the pipeline is halted.
    pub(crate) fn run(&mut self) -> Result<(), EngineError> {
        let _ = self.thread.set(std::thread::current());
        // Wakers belong to tasks: a worker without any would never be woken.
        while !self.tasks.is_empty() && !self.control.is_halted() {
            let mut worked = false;
            for index in 0..self.tasks.len() {
                worked |= self.run_task(index)?;
            }
            if worked {
                continue;
            }
            let timer = self.tasks.iter().filter_map(|scheduled| scheduled.timer).min();
            match timer.and_then(|timer| self.clock.sleep_until(timer)) {
                Some(duration) => std::thread::park_timeout(duration),
                None => std::thread::park(),
            }
        }
        Ok(())
    }
}
