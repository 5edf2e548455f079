//! Draws epochs through a pipeline and commits them.
//!
//! One epoch is in flight at a time: it is requested, every source injects its barrier, every window task and every
//! writer reports, and then – on this thread, while the workers go on – it is committed and the sinks' committables are
//! applied. The next one begins after that. When all tasks have ended, a last epoch makes everything acknowledged and
//! is committed as finished.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::committable;
use super::control::{Control, Report, SplitSnapshot};
use super::metrics::Metrics;
use super::progress::Outcome;
use crate::clock::Clock;
use crate::connector::ConnectorError;
use crate::element::{Epoch, TimestampMs};
use crate::epoch::{EpochRecord, EpochStore, SplitProgress};
use crate::error::EngineError;
use crate::retention::resume_position;
use crate::sink::{Committable, Sink};
use crate::source::SplitId;

/// How often a sink's commit is tried, and the wait before the second try; it doubles.
const COMMIT_ATTEMPTS: u32 = 6;
const COMMIT_BACKOFF: Duration = Duration::from_millis(50);

/// A source task, as the coordinator knows it.
#[derive(Debug)]
pub(crate) struct SourceEntry {
    pub(crate) source: String,
    pub(crate) split: SplitId,
    /// The window operators that its source feeds.
    pub(crate) windows: Vec<usize>,
    /// Where it was resumed, for epochs before its first read.
    pub(crate) restored: Option<SplitProgress>,
}

/// A sink, as the coordinator knows it.
#[derive(Debug)]
pub(crate) struct SinkEntry {
    pub(crate) name: String,
    pub(crate) sink: Arc<dyn Sink>,
}

/// What must report before an epoch is complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) sources: usize,
    pub(crate) window_tasks: usize,
    pub(crate) writers: usize,
}

#[derive(Debug)]
struct InFlight {
    epoch: Epoch,
    outcome: Option<Outcome>,
    sources: usize,
    window_tasks: usize,
    writers: usize,
    snapshots: Vec<SplitSnapshot>,
    /// Per window operator the smallest time up to which a task of it has closed.
    closed_ms: BTreeMap<usize, i64>,
    committables: Vec<(usize, Committable)>,
}

/// What a coordinator is made of.
pub(crate) struct CoordinatorStart {
    pub(crate) control: Arc<Control>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) store: Option<Box<dyn EpochStore>>,
    pub(crate) sources: Vec<SourceEntry>,
    pub(crate) sinks: Vec<SinkEntry>,
    pub(crate) expected: Expected,
    pub(crate) interval: Option<Duration>,
    /// The last committed epoch.
    pub(crate) epoch: Epoch,
}

/// The coordinator of one pipeline.
pub(crate) struct Coordinator {
    start: CoordinatorStart,
    in_flight: Option<InFlight>,
    ended_tasks: usize,
    wants_stop: bool,
    wants_epoch: bool,
    next_epoch_at: Option<TimestampMs>,
}

impl Coordinator {
    pub(crate) fn new(start: CoordinatorStart) -> Self {
        let mut coordinator = Self {
            start,
            in_flight: None,
            ended_tasks: 0,
            wants_stop: false,
            wants_epoch: false,
            next_epoch_at: None,
        };
        coordinator.schedule();
        coordinator
    }

    fn schedule(&mut self) {
        self.next_epoch_at = self.start.interval.map(|interval| {
            let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
            TimestampMs(self.start.clock.now().0.saturating_add(interval_ms))
        });
    }

    /// When to call [`Coordinator::on_report`] with [`Report::Wake`] at the latest.
    pub(crate) fn sleep(&self) -> Option<Duration> {
        let next = self.next_epoch_at.filter(|_| self.in_flight.is_none())?;
        self.start.clock.sleep_until(next)
    }

    /// Takes a report; returns how the pipeline ended once it has.
    pub(crate) fn on_report(&mut self, report: Report) -> Result<Option<Outcome>, EngineError> {
        if self.start.control.is_aborted() {
            return Ok(Some(Outcome::Aborted));
        }
        match report {
            Report::Failed(error) => return Err(error),
            Report::Ended => self.ended_tasks += 1,
            Report::Stop => self.wants_stop = true,
            Report::Checkpoint => self.wants_epoch = true,
            Report::Wake => {}
            Report::Source { epoch, snapshot } => {
                if let Some(in_flight) = self.in_flight.as_mut().filter(|flight| flight.epoch == epoch) {
                    in_flight.sources += 1;
                    in_flight.snapshots.extend(snapshot);
                }
            }
            Report::Window { epoch, window, closed_ms } => {
                if let Some(in_flight) = self.in_flight.as_mut().filter(|flight| flight.epoch == epoch) {
                    in_flight.window_tasks += 1;
                    let smallest = in_flight.closed_ms.entry(window).or_insert(closed_ms);
                    *smallest = closed_ms.min(*smallest);
                }
            }
            Report::Prepared(prepared) => {
                let in_flight = self.in_flight.as_mut().filter(|flight| flight.epoch == prepared.epoch);
                if let Some(in_flight) = in_flight {
                    in_flight.writers += 1;
                    let committable = prepared.committable.map(|committable| (prepared.sink, committable));
                    in_flight.committables.extend(committable);
                }
            }
        }
        match self.complete() {
            Ok(None) => {}
            // Its commit was interrupted.
            Err(_) if self.start.control.is_aborted() => return Ok(Some(Outcome::Aborted)),
            ended => return ended,
        }
        self.request();
        Ok(None)
    }

    /// Requests the next epoch if it is time for one.
    fn request(&mut self) {
        if self.in_flight.is_some() {
            return;
        }
        let Expected { sources, window_tasks, .. } = self.start.expected;
        let is_due = self.next_epoch_at.is_some_and(|at| at <= self.start.clock.now());
        let outcome = if self.ended_tasks == sources + window_tasks {
            Some(Outcome::Finished)
        } else if self.wants_stop {
            Some(Outcome::Stopped)
        } else if is_due || self.wants_epoch {
            None
        } else {
            return;
        };
        self.wants_epoch = false;
        let epoch = Epoch(self.start.epoch.0 + 1);
        self.in_flight = Some(InFlight {
            epoch,
            outcome,
            sources: 0,
            window_tasks: 0,
            writers: 0,
            snapshots: Vec::new(),
            closed_ms: BTreeMap::new(),
            committables: Vec::new(),
        });
        self.start.control.request_epoch(epoch, outcome.is_some());
    }

    /// Commits the epoch in flight if everybody has reported.
    fn complete(&mut self) -> Result<Option<Outcome>, EngineError> {
        let expected = self.start.expected;
        let is_complete = |flight: &mut InFlight| {
            flight.sources == expected.sources
                && flight.window_tasks == expected.window_tasks
                && flight.writers == expected.writers
        };
        let Some(in_flight) = self.in_flight.take_if(is_complete) else { return Ok(None) };
        let finished = in_flight.outcome == Some(Outcome::Finished);
        let splits = in_flight.snapshots.iter().map(|snapshot| self.progress_of(snapshot, &in_flight));
        let splits = splits.collect::<Vec<_>>();
        let splits = self.with_unread(splits);
        let committables = in_flight
            .committables
            .iter()
            .map(|(sink, own)| committable::wrap(&self.start.sinks[*sink].name, own));
        let record =
            EpochRecord { epoch: in_flight.epoch, splits, committables: committables.collect(), finished };
        if let Some(store) = &mut self.start.store {
            let commit = store.commit(&record);
            commit.map_err(|error| EngineError::EpochStore { action: "committed", error })?;
        }
        self.apply(&in_flight.committables)?;
        self.start.epoch = in_flight.epoch;
        self.start.metrics.committed_epoch.store(in_flight.epoch.0, Relaxed);
        self.start.metrics.epochs.fetch_add(1, Relaxed);
        tracing::debug!(epoch = in_flight.epoch.0, finished, "epoch committed");
        self.schedule();
        Ok(in_flight.outcome)
    }

    /// What a split commits. Its horizon is the smallest of the window operators that it feeds.
    fn progress_of(&self, snapshot: &SplitSnapshot, in_flight: &InFlight) -> SplitProgress {
        let entry = &self.start.sources[snapshot.task];
        let closed = entry.windows.iter().filter_map(|window| in_flight.closed_ms.get(window));
        let horizon_ms = closed.min().copied().unwrap_or(i64::MIN);
        SplitProgress {
            source: entry.source.clone(),
            split: entry.split.clone(),
            position: resume_position(&snapshot.panes, horizon_ms, snapshot.next),
            reached: snapshot.reached,
            watermark: TimestampMs(snapshot.watermark_ms),
            horizon: TimestampMs(horizon_ms),
            ended: snapshot.ended,
        }
    }

    /// Adds what was restored for splits that have not said where they stand.
    fn with_unread(&self, mut splits: Vec<SplitProgress>) -> Vec<SplitProgress> {
        for entry in &self.start.sources {
            let is_known =
                splits.iter().any(|split| split.source == entry.source && split.split == entry.split);
            if !is_known {
                splits.extend(entry.restored.clone());
            }
        }
        splits.sort_by(|one, other| (&one.source, &one.split).cmp(&(&other.source, &other.split)));
        splits
    }

    fn apply(&self, committables: &[(usize, Committable)]) -> Result<(), EngineError> {
        for (index, entry) in self.start.sinks.iter().enumerate() {
            let own = committables.iter().filter(|(sink, _)| *sink == index);
            let own: Vec<Committable> = own.map(|(_, committable)| committable.clone()).collect();
            if !own.is_empty() {
                commit_sink(entry, &own, &self.start.control)?;
            }
        }
        Ok(())
    }
}

/// Applies a sink's committables, again and again for a while if the outside does not answer.
pub(crate) fn commit_sink(
    entry: &SinkEntry,
    committables: &[Committable],
    control: &Control,
) -> Result<(), EngineError> {
    let mut backoff = COMMIT_BACKOFF;
    let mut attempt = 1;
    loop {
        let error = match entry.sink.commit(committables) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let may_pass = matches!(error, ConnectorError::Unreachable { .. } | ConnectorError::Refused { .. });
        if !may_pass || attempt == COMMIT_ATTEMPTS || control.is_halted() {
            return Err(EngineError::Sink { sink: entry.name.clone(), error });
        }
        tracing::warn!(sink = %entry.name, attempt, %error, "commit failed; trying again");
        std::thread::sleep(backoff);
        backoff *= 2;
        attempt += 1;
    }
}
