//! Runs a pipeline step by step on the caller's thread: for tests that decide what happens when.
//!
//! A driver has the tasks of a [`Pipeline`](crate::pipeline::Pipeline) but no threads: each [`Driver::step`] runs one
//! task, or the coordinator, for one step. With a [`HeldClock`](crate::clock::HeldClock) a run is a function of the
//! steps. Dropping a driver between two steps is what kill -9 is to a pipeline.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;

use crate::clock::Clock;
use crate::epoch::EpochStore;
use crate::error::EngineError;
use crate::lowering::{Assembly, assemble};
use crate::pipeline::{Control, Coordinator, Metrics, Outcome, Progress, Report, Summary, Worker};
use crate::plan::{PipelineOptions, Plan};

/// A pipeline whose steps the caller takes.
pub struct Driver {
    workers: Vec<Worker>,
    coordinator: Coordinator,
    reports: Receiver<Report>,
    control: Arc<Control>,
    metrics: Arc<Metrics>,
    outcome: Option<Outcome>,
    started: Instant,
}

impl Driver {
    /// Opens everything, as [`Pipeline::start`](crate::pipeline::Pipeline::start) does.
    ///
    /// # Errors
    /// When the plan cannot be run or resumed.
    pub fn start(
        plan: &Plan,
        options: &PipelineOptions,
        epoch_store: Option<Box<dyn EpochStore>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EngineError> {
        let started = Instant::now();
        let Assembly { workers, coordinator, reports, control, metrics, finished_before } =
            assemble(plan, options, epoch_store, clock)?;
        let outcome = finished_before.then_some(Outcome::FinishedBefore);
        Ok(Self { workers, coordinator, reports, control, metrics, outcome, started })
    }

    /// The number of places that [`Driver::step`] can run: the coordinator is 0, tasks follow.
    pub fn places(&self) -> usize {
        1 + self.workers.iter().map(Worker::task_count).sum::<usize>()
    }

    /// Runs one step at a place. Returns whether there was anything to do.
    ///
    /// # Errors
    /// What ended the pipeline.
    pub fn step(&mut self, place: usize) -> Result<bool, EngineError> {
        if self.outcome.is_some() {
            return Ok(false);
        }
        let Some(mut task) = place.checked_sub(1) else { return self.step_coordinator() };
        for worker in &mut self.workers {
            if task < worker.task_count() {
                return worker.run_task(task);
            }
            task -= worker.task_count();
        }
        Ok(false)
    }

    fn step_coordinator(&mut self) -> Result<bool, EngineError> {
        let (report, had_report) = match self.reports.try_recv() {
            Ok(report) => (report, true),
            Err(_) => (Report::Wake, false),
        };
        let before = self.control.requested_epoch();
        self.outcome = self.coordinator.on_report(report)?;
        Ok(had_report || self.outcome.is_some() || self.control.requested_epoch() != before)
    }

    /// Takes turns until nothing has anything to do: the pipeline has ended, or waits for its sources, its sinks or
    /// the clock.
    ///
    /// # Errors
    /// What ended the pipeline.
    pub fn run_until_quiet(&mut self) -> Result<Option<Outcome>, EngineError> {
        loop {
            let mut worked = false;
            for place in 0..self.places() {
                worked |= self.step(place)?;
            }
            if !worked {
                return Ok(self.outcome);
            }
        }
    }

    /// Asks for an epoch.
    pub fn checkpoint(&self) {
        self.control.report(Report::Checkpoint);
    }

    /// Asks the pipeline to stop gracefully.
    pub fn stop(&self) {
        self.control.report(Report::Stop);
    }

    /// How the pipeline ended, once it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.metrics.progress()
    }

    /// What it did, once it has ended.
    pub fn summary(&self) -> Option<Summary> {
        self.outcome.map(|outcome| self.metrics.summary(outcome, self.started.elapsed()))
    }
}
