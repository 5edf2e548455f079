//! What the threads of a pipeline share: requests in one direction, reports in the other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::Sender;

use super::worker::TaskSlot;
use crate::element::Epoch;
use crate::epoch::Interrupter;
use crate::error::EngineError;
use crate::operator::Prepared;
use crate::source::Position;

/// The state of a split at a barrier.
#[derive(Debug)]
pub(crate) struct SplitSnapshot {
    /// The place of its source task.
    pub(crate) task: usize,
    pub(crate) next: Position,
    pub(crate) reached: Position,
    pub(crate) watermark_ms: i64,
    /// Open panes: last millisecond → first position that touched it.
    pub(crate) panes: BTreeMap<i64, Position>,
    pub(crate) ended: bool,
}

/// What tasks and callers tell the coordinator.
#[derive(Debug)]
pub(crate) enum Report {
    /// A source task passed the barrier; no snapshot when its split has no position yet.
    Source { epoch: Epoch, snapshot: Option<SplitSnapshot> },
    /// A window task passed the barrier, with everything up to `closed_ms` closed.
    Window { epoch: Epoch, window: usize, closed_ms: i64 },
    /// A writer is prepared.
    Prepared(Prepared),
    /// A task has no more input.
    Ended,
    /// A worker failed.
    Failed(EngineError),
    /// Somebody wants an epoch now.
    Checkpoint,
    /// Somebody wants the pipeline to stop.
    Stop,
    /// The clock or a flag changed.
    Wake,
}

/// Requests to the tasks of a pipeline.
pub(crate) struct Control {
    requested_epoch: AtomicU64,
    /// Sources read nothing after this epoch's barrier.
    last_epoch: AtomicU64,
    halted: AtomicBool,
    aborted: AtomicBool,
    tasks: OnceLock<Vec<Arc<TaskSlot>>>,
    /// Ends a commit that blocks.
    interrupter: OnceLock<Interrupter>,
    reports: Sender<Report>,
}

impl Control {
    pub(crate) fn new(reports: Sender<Report>) -> Self {
        Self {
            requested_epoch: AtomicU64::new(0),
            last_epoch: AtomicU64::new(u64::MAX),
            halted: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            tasks: OnceLock::new(),
            interrupter: OnceLock::new(),
            reports,
        }
    }

    /// Says which tasks there are, once.
    pub(crate) fn set_tasks(&self, tasks: Vec<Arc<TaskSlot>>) {
        let _ = self.tasks.set(tasks);
    }

    /// Says what ends a commit that blocks, once.
    pub(crate) fn set_interrupter(&self, interrupter: Interrupter) {
        let _ = self.interrupter.set(interrupter);
    }

    pub(crate) fn report(&self, report: Report) {
        // Without a coordinator there is nobody left to tell: the pipeline is being dropped.
        let _ = self.reports.send(report);
    }

    /// The epoch whose barrier sources have to inject, if they have not yet.
    pub(crate) fn requested_epoch(&self) -> Epoch {
        Epoch(self.requested_epoch.load(Ordering::Acquire))
    }

    pub(crate) fn request_epoch(&self, epoch: Epoch, is_last: bool) {
        if is_last {
            self.last_epoch.store(epoch.0, Ordering::Release);
        }
        self.requested_epoch.store(epoch.0, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn is_last(&self, epoch: Epoch) -> bool {
        epoch.0 >= self.last_epoch.load(Ordering::Acquire)
    }

    /// Makes all workers return.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.halt();
        if let Some(interrupt) = self.interrupter.get() {
            interrupt();
        }
        self.report(Report::Wake);
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    pub(crate) fn wake_all(&self) {
        self.tasks.get().into_iter().flatten().for_each(|task| task.wake_up());
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Control")
            .field("requested_epoch", &self.requested_epoch)
            .field("last_epoch", &self.last_epoch)
            .field("halted", &self.halted)
            .field("aborted", &self.aborted)
            .finish_non_exhaustive()
    }
}
