//! Runs a plan: on threads of its own ([`Pipeline`]), or step by step on the caller's ([`crate::driver::Driver`]).

mod committable;
mod control;
mod coordinator;
mod metrics;
mod progress;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rustix::time::{ClockId, clock_gettime};

pub(crate) use committable::unwrap as unwrap_committable;
pub(crate) use control::{Control, Report, SplitSnapshot};
pub(crate) use coordinator::{Coordinator, CoordinatorStart, Expected, SinkEntry, SourceEntry, commit_sink};
pub(crate) use metrics::{Metrics, SinkLine, SinkMetrics, SourceMetrics, WindowMetrics};
pub use progress::{Outcome, Progress, SinkProgress, SinkSummary, SourceProgress, Summary};
pub(crate) use worker::Worker;

use crate::clock::Clock;
use crate::epoch::EpochStore;
use crate::error::EngineError;
use crate::lowering::{Assembly, assemble};
use crate::plan::{PipelineOptions, Plan};

/// A running pipeline. Dropping it aborts it.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow_array::{Int64Array, RecordBatch};
/// use arrow_schema::{DataType, Field, Schema};
/// use millstream_engine::clock::SystemClock;
/// use millstream_engine::pipeline::{Outcome, Pipeline};
/// use millstream_engine::plan::{Node, NodeId, Operator, PipelineOptions, Plan};
/// use millstream_engine::sink::Collect;
/// use millstream_engine::source::Memory;
///
/// let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
/// let rows = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(vec![1, 2, 3]))])?;
/// let collect = Collect::new(None);
/// let source = Operator::Source { name: "numbers".into(), source: Arc::new(Memory::new(schema.clone(), vec![vec![rows]])) };
/// let sink = Operator::Sink { input: NodeId(0), name: "out".into(), sink: Arc::new(collect.clone()) };
/// let plan = Plan { nodes: vec![Node { operator: source, schema: schema.clone() }, Node { operator: sink, schema }] };
///
/// let pipeline = Pipeline::start(&plan, PipelineOptions::named("example"), None, Arc::new(SystemClock))?;
/// let summary = pipeline.wait()?;
/// assert_eq!(summary.outcome, Outcome::Finished);
/// assert_eq!(collect.row_count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pipeline {
    name: String,
    handle: PipelineHandle,
    coordinator: Option<JoinHandle<Result<Summary, EngineError>>>,
}

/// Watches and steers a pipeline from any thread.
#[derive(Debug, Clone)]
pub struct PipelineHandle {
    control: Arc<Control>,
    metrics: Arc<Metrics>,
}

impl PipelineHandle {
    /// Ends the pipeline gracefully: everything read so far is written, acknowledged and committed; open windows stay
    /// open.
    pub fn stop(&self) {
        self.control.report(Report::Stop);
    }

    /// Ends the pipeline at once, without a last epoch.
    pub fn abort(&self) {
        self.control.abort();
    }

    /// Commits an epoch as soon as possible, without waiting for the interval.
    pub fn checkpoint(&self) {
        self.control.report(Report::Checkpoint);
    }

    /// How far the pipeline is.
    pub fn progress(&self) -> Progress {
        self.metrics.progress()
    }
}

impl Pipeline {
    /// Opens sources and sinks – resuming the last epoch of `epoch_store`, if there is one – and starts the threads.
    /// May block on the network.
    ///
    /// # Errors
    /// When the plan cannot be run or resumed, or the outside does not answer.
    pub fn start(
        plan: &Plan,
        options: PipelineOptions,
        epoch_store: Option<Box<dyn EpochStore>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EngineError> {
        let started = Instant::now();
        let assembly = assemble(plan, &options, epoch_store, Arc::clone(&clock))?;
        let Assembly { workers, coordinator, reports, control, metrics, finished_before } = assembly;
        let handle = PipelineHandle { control: Arc::clone(&control), metrics: Arc::clone(&metrics) };
        let wake = Arc::clone(&control);
        clock.on_change(Box::new(move || {
            wake.wake_all();
            wake.report(Report::Wake);
        }));
        let workers = if finished_before { Vec::new() } else { workers };
        let name = options.name;
        let mut threads = Vec::with_capacity(workers.len());
        for (index, worker) in workers.into_iter().enumerate() {
            let run =
                Running { control: Arc::clone(&control), metrics: Arc::clone(&metrics), name: name.clone() };
            let spawned = std::thread::Builder::new()
                .name(format!("{name}-worker-{index}"))
                .spawn(move || run.worker(worker));
            match spawned {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    control.halt();
                    return Err(EngineError::Thread { pipeline: name, error });
                }
            }
        }
        let run = Running { control, metrics, name: name.clone() };
        let spawned = std::thread::Builder::new().name(format!("{name}-coordinator")).spawn(move || {
            let ended = if finished_before {
                Ok(Outcome::FinishedBefore)
            } else {
                run.coordinator(coordinator, &reports, threads)
            };
            ended.map(|outcome| run.metrics.summary(outcome, started.elapsed()))
        });
        match spawned {
            Ok(coordinator) => Ok(Self { name, handle, coordinator: Some(coordinator) }),
            Err(error) => {
                handle.control.halt();
                Err(EngineError::Thread { pipeline: name, error })
            }
        }
    }

    /// A handle for other threads.
    pub fn handle(&self) -> PipelineHandle {
        self.handle.clone()
    }

    /// Waits until the pipeline ends.
    ///
    /// # Errors
    /// The first error that a source, a sink, a row or the epoch store caused; it ended the pipeline.
    pub fn wait(mut self) -> Result<Summary, EngineError> {
        let panicked = || EngineError::Panicked { pipeline: self.name.clone() };
        let coordinator = self.coordinator.take();
        match coordinator {
            Some(coordinator) => coordinator.join().unwrap_or_else(|_| Err(panicked())),
            None => Err(panicked()),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if let Some(coordinator) = self.coordinator.take() {
            self.handle.abort();
            // The outcome of a pipeline that nobody waits for has no reader.
            let _ = coordinator.join();
        }
    }
}

/// What a thread of a pipeline needs.
struct Running {
    control: Arc<Control>,
    metrics: Arc<Metrics>,
    name: String,
}

/// Reports a worker that unwinds, so that the pipeline ends.
struct PanicGuard<'a>(&'a Running);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let pipeline = self.0.name.clone();
            self.0.control.report(Report::Failed(EngineError::Panicked { pipeline }));
        }
    }
}

impl Running {
    fn worker(&self, mut worker: Worker) {
        let _guard = PanicGuard(self);
        if let Err(error) = worker.run() {
            self.control.report(Report::Failed(error));
        }
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = u64::try_from(cpu.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(cpu.tv_nsec).unwrap_or(0);
        self.metrics.worker_cpu_ns.fetch_add(seconds * 1_000_000_000 + nanos, Relaxed);
    }

    fn coordinator(
        &self,
        mut coordinator: Coordinator,
        reports: &Receiver<Report>,
        workers: Vec<JoinHandle<()>>,
    ) -> Result<Outcome, EngineError> {
        let outcome = Self::coordinate(&mut coordinator, reports);
        self.control.halt();
        for worker in workers {
            // A panic has been reported by its guard.
            let _ = worker.join();
        }
        outcome
    }

    fn coordinate(coordinator: &mut Coordinator, reports: &Receiver<Report>) -> Result<Outcome, EngineError> {
        let mut report = Report::Wake;
        loop {
            if let Some(outcome) = coordinator.on_report(report)? {
                return Ok(outcome);
            }
            let next = match coordinator.sleep() {
                Some(duration) => reports.recv_timeout(duration),
                None => reports.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            report = match next {
                Ok(report) => report,
                Err(RecvTimeoutError::Timeout) => Report::Wake,
                Err(RecvTimeoutError::Disconnected) => return Ok(Outcome::Aborted),
            };
        }
    }
}
