//! What a pipeline tells about itself, while it runs and when it has ended.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::metrics::Metrics;
use crate::element::{Epoch, TimestampMs};

/// A look at a running pipeline.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Its sources, in the plan's order.
    pub sources: Vec<SourceProgress>,
    /// Its sinks, in the plan's order.
    pub sinks: Vec<SinkProgress>,
    /// Rows that came too late for their window.
    pub late_rows: u64,
    /// Records that could not be decoded and rows without a value.
    pub bad_rows: u64,
    /// The last committed epoch.
    pub epoch: Option<Epoch>,
}

/// A look at a source.
#[derive(Debug, Clone)]
pub struct SourceProgress {
    /// Its name in the plan.
    pub name: String,
    /// Rows read.
    pub rows: u64,
    /// Bytes taken from the outside.
    pub bytes: u64,
    /// An estimate of the records that remain; `None` when some split cannot tell.
    pub remaining: Option<u64>,
    /// The smallest watermark of those splits that have one: an empty partition has none and would hide all others.
    /// [`TimestampMs::MIN`] before any has.
    pub watermark: TimestampMs,
}

/// A look at a sink.
#[derive(Debug, Clone)]
pub struct SinkProgress {
    /// Its name in the plan.
    pub name: String,
    /// Rows written.
    pub rows: u64,
}

/// How a pipeline ended, if not by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All its sources ended and all its results are acknowledged.
    Finished,
    /// An earlier run had finished: nothing was done.
    FinishedBefore,
    /// It was asked to stop; open windows stay open, and with an epoch store the next run takes them up.
    Stopped,
    /// It was aborted: output since the last epoch may be missing.
    Aborted,
}

/// What a pipeline did.
#[derive(Debug, Clone)]
pub struct Summary {
    /// How it ended.
    pub outcome: Outcome,
    /// Its sinks, in the plan's order.
    pub sinks: Vec<SinkSummary>,
    /// From start to end.
    pub elapsed: Duration,
    /// The CPU time of the worker threads.
    pub worker_cpu: Duration,
    /// The epochs that this run committed.
    pub epochs: u64,
}

/// What happened on the way to one sink.
#[derive(Debug, Clone)]
pub struct SinkSummary {
    /// Its name in the plan.
    pub name: String,
    /// Rows read from its source.
    pub rows_in: u64,
    /// Rows written to it.
    pub rows_out: u64,
    /// Rows that came too late for a window on the way.
    pub late_rows: u64,
    /// Bad rows of its source.
    pub bad_rows: u64,
}

impl Metrics {
    pub(crate) fn progress(&self) -> Progress {
        let sources = self.sources.iter().map(|source| SourceProgress {
            name: source.name.clone(),
            rows: source.rows(),
            bytes: source.bytes(),
            remaining: source.remaining(),
            watermark: source.watermark(),
        });
        let sinks = self
            .sinks
            .iter()
            .map(|sink| SinkProgress { name: sink.metrics.name.clone(), rows: sink.metrics.rows() });
        let epoch = self.committed_epoch.load(Relaxed);
        Progress {
            sources: sources.collect(),
            sinks: sinks.collect(),
            late_rows: self.windows.iter().map(|window| window.late_rows()).sum(),
            bad_rows: self.sources.iter().map(|source| source.bad_rows()).sum(),
            epoch: (epoch > 0).then_some(Epoch(epoch)),
        }
    }

    pub(crate) fn summary(&self, outcome: Outcome, elapsed: Duration) -> Summary {
        let sinks = self.sinks.iter().map(|sink| {
            let source = &self.sources[sink.source];
            SinkSummary {
                name: sink.metrics.name.clone(),
                rows_in: source.rows(),
                rows_out: sink.metrics.rows(),
                late_rows: sink.windows.iter().map(|window| window.late_rows()).sum(),
                bad_rows: source.bad_rows(),
            }
        });
        Summary {
            outcome,
            sinks: sinks.collect(),
            elapsed,
            worker_cpu: Duration::from_nanos(self.worker_cpu_ns.load(Relaxed)),
            epochs: self.epochs.load(Relaxed),
        }
    }
}
