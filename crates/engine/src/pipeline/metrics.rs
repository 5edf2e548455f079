//! What a pipeline counts while it runs: relaxed atomics, updated once per batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::element::TimestampMs;
use crate::source::BadRow;

/// The number of remaining records when a split cannot tell.
const UNKNOWN: u64 = u64::MAX;

#[derive(Debug)]
struct SplitMetrics {
    remaining: AtomicU64,
    watermark_ms: AtomicI64,
}

/// The counters of one source.
#[derive(Debug)]
pub(crate) struct SourceMetrics {
    pub(crate) name: String,
    rows: AtomicU64,
    bytes: AtomicU64,
    bad_rows: AtomicU64,
    splits: Vec<SplitMetrics>,
    /// The kinds of reason that have been logged.
    logged: Mutex<Vec<&'static str>>,
}

impl SourceMetrics {
    pub(crate) fn new(name: String, splits: usize) -> Self {
        let split =
            || SplitMetrics { remaining: AtomicU64::new(UNKNOWN), watermark_ms: AtomicI64::new(i64::MIN) };
        Self {
            name,
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            bad_rows: AtomicU64::new(0),
            splits: (0..splits).map(|_| split()).collect(),
            logged: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn add_read(&self, split: usize, rows: u64, bytes: u64, remaining: Option<u64>) {
        self.rows.fetch_add(rows, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.set_remaining(split, remaining);
    }

    pub(crate) fn set_remaining(&self, split: usize, remaining: Option<u64>) {
        if let Some(split) = self.splits.get(split) {
            split.remaining.store(remaining.unwrap_or(UNKNOWN), Relaxed);
        }
    }

    pub(crate) fn set_watermark(&self, split: usize, watermark_ms: i64) {
        if let Some(split) = self.splits.get(split) {
            split.watermark_ms.store(watermark_ms, Relaxed);
        }
    }

    /// Counts records that the table's own options pass over.
    pub(crate) fn add_skipped(&self, rows: u64) {
        self.bad_rows.fetch_add(rows, Relaxed);
    }

    /// Counts a bad row and logs the first one of its kind: one that could not be decoded, or one without a value.
    pub(crate) fn add_bad(&self, row: &BadRow) {
        self.bad_rows.fetch_add(1, Relaxed);
        let kind = if row.raw.is_some() { "decode" } else { "evaluate" };
        let mut logged = self.logged.lock();
        if !logged.contains(&kind) {
            logged.push(kind);
            tracing::warn!(
                source = %self.name,
                split = %row.split,
                position = row.position.0,
                reason = %row.reason,
                "bad row; more of this kind are counted, not logged"
            );
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn bad_rows(&self) -> u64 {
        self.bad_rows.load(Relaxed)
    }

    /// The records that remain in all splits, if all of them can tell.
    pub(crate) fn remaining(&self) -> Option<u64> {
        let splits = self.splits.iter().map(|split| split.remaining.load(Relaxed));
        splits.map(|remaining| (remaining != UNKNOWN).then_some(remaining)).sum()
    }

    pub(crate) fn watermark(&self) -> TimestampMs {
        let splits = self.splits.iter().map(|split| split.watermark_ms.load(Relaxed));
        let known = splits.filter(|watermark_ms| *watermark_ms != i64::MIN);
        TimestampMs(known.min().unwrap_or(i64::MIN))
    }
}

/// The counters of one sink.
#[derive(Debug)]
pub(crate) struct SinkMetrics {
    pub(crate) name: String,
    rows: AtomicU64,
}

impl SinkMetrics {
    pub(crate) fn new(name: String) -> Self {
        Self { name, rows: AtomicU64::new(0) }
    }

    pub(crate) fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Relaxed);
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Relaxed)
    }
}

/// The counters of one window operator.
#[derive(Debug)]
pub(crate) struct WindowMetrics {
    late_rows: AtomicU64,
    /// Whether the pipeline has logged a late row; shared by its window operators.
    logged: Arc<AtomicBool>,
    pipeline: Arc<str>,
}

impl WindowMetrics {
    pub(crate) fn new(pipeline: Arc<str>, logged: Arc<AtomicBool>) -> Self {
        Self { late_rows: AtomicU64::new(0), logged, pipeline }
    }

    /// Counts late rows and logs the pipeline's first.
    pub(crate) fn add_late(&self, rows: u64) {
        if rows == 0 {
            return;
        }
        self.late_rows.fetch_add(rows, Relaxed);
        if !self.logged.swap(true, Relaxed) {
            tracing::warn!(pipeline = %self.pipeline, rows, "late rows dropped; more are counted, not logged");
        }
    }

    pub(crate) fn late_rows(&self) -> u64 {
        self.late_rows.load(Relaxed)
    }
}

/// A sink and what feeds it.
#[derive(Debug)]
pub(crate) struct SinkLine {
    pub(crate) metrics: Arc<SinkMetrics>,
    /// The place of its source in the list of sources.
    pub(crate) source: usize,
    /// The window operators on the way.
    pub(crate) windows: Vec<Arc<WindowMetrics>>,
}

/// All counters of a pipeline.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) sources: Vec<Arc<SourceMetrics>>,
    /// The sinks of the plan, in its order.
    pub(crate) sinks: Vec<SinkLine>,
    pub(crate) windows: Vec<Arc<WindowMetrics>>,
    /// The number of the last committed epoch.
    pub(crate) committed_epoch: AtomicU64,
    /// Epochs committed by this run.
    pub(crate) epochs: AtomicU64,
    pub(crate) worker_cpu_ns: AtomicU64,
}
