//! The local phase: rows in, partial states out to the workers that own their keys.
//!
//! It groups rows until a pane is due, a barrier comes or [`GROUPS_MAX`] is reached, and then flushes everything. When
//! that does not shrink the input – more than [`BYPASS_RATIO`] groups per row over [`SAMPLE_ROWS`] – it passes rows on as
//! partials of one row each, and samples again after a while, twice as long each time it was in vain.
//!
//! Processing time: rows belong to the pane of the clock's reading for their batch. At the end of each pane every task
//! flushes and tells the global phase in order, so that the global phase needs no clock and no row comes too late.
//! The end of a bounded input closes the open pane.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, Int64Array};

use super::groups::Groups;
use super::panes::{after_horizon, assign, in_time};
use super::partials::{Panes, PartialBatch};
use super::spec::AggregateSpec;
use crate::chain::{ChainOperator, Event, TaskContext};
use crate::element::{Batch, TimestampMs};
use crate::error::EngineError;
use crate::exchange::{Message, Outbox};
use crate::key::shard_of;
use crate::operator::keep_rows;
use crate::pipeline::WindowMetrics;
use crate::window::{WatermarkBoard, WatermarkStatus, milliseconds};

/// Groups after which the local phase flushes.
const GROUPS_MAX: usize = 32_768;
/// Rows over which the local phase judges whether it is worth its while.
const SAMPLE_ROWS: usize = 16_384;
/// Groups per row above which a phase that groups turns to passing rows on.
const BYPASS_RATIO: f64 = 0.8;
/// Groups per row below which a phase that samples again stays with grouping.
const RESUME_RATIO: f64 = 0.6;
/// Rows passed on before the first new sample, and the most.
const BYPASS_ROWS: (u64, u64) = (1 << 20, 1 << 24);

/// The clock of a local phase.
#[derive(Debug)]
pub(crate) enum LocalTime {
    /// Event time, with the watermarks of the other splits and this split's place among them.
    Event(Option<(Arc<WatermarkBoard>, usize)>),
    /// Processing time: the pane that the clock stands in.
    Processing {
        /// Its first millisecond; `None` before the first look at the clock.
        pane_start_ms: Option<i64>,
    },
}

#[derive(Debug)]
enum Mode {
    Grouping,
    PassingOn { rows_left: u64 },
}

/// The end of a chain before an exchange.
#[derive(Debug)]
pub(crate) struct LocalAggregate {
    spec: Arc<AggregateSpec>,
    groups: Groups,
    outbox: Outbox,
    time: LocalTime,
    shards: u16,
    metrics: Arc<WindowMetrics>,
    mode: Mode,
    bypass_rows: u64,
    sample_rows: usize,
    sample_groups: usize,
    /// Groups that were there when the sample began.
    sample_base: usize,
    /// The start of the earliest pane with groups.
    earliest_ms: Option<i64>,
    hashes: Vec<u64>,
}

impl LocalAggregate {
    pub(crate) fn new(
        spec: Arc<AggregateSpec>,
        node: usize,
        outbox: Outbox,
        time: LocalTime,
        shards: u16,
        metrics: Arc<WindowMetrics>,
    ) -> Result<Self, EngineError> {
        let states = spec.states().map_err(|message| EngineError::Plan { node, message })?;
        Ok(Self {
            groups: Groups::new(&spec, states),
            spec,
            outbox,
            time,
            shards,
            metrics,
            mode: Mode::Grouping,
            bypass_rows: BYPASS_ROWS.0,
            sample_rows: 0,
            sample_groups: 0,
            sample_base: 0,
            earliest_ms: None,
            hashes: Vec::new(),
        })
    }

    fn process(&mut self, batch: Batch, cx: &mut TaskContext) -> Result<(), EngineError> {
        let Some((batch, panes, first_ms)) = self.place(batch, cx)? else { return Ok(()) };
        if batch.row_count() == 0 {
            return Ok(());
        }
        self.retain(&panes, cx);
        let rows = batch.row_count();
        let keys = self.spec.codec.encode(&self.spec.keys_of(&batch.rows), rows)?;
        keys.hashes(&mut self.hashes);
        let weights = batch.weights.as_ref().map(|weights| &weights.values()[..]);
        if let Mode::PassingOn { rows_left } = &mut self.mode {
            *rows_left = rows_left.saturating_sub(rows as u64);
            if *rows_left == 0 {
                self.mode = Mode::Grouping;
            }
            let states = self.groups.states_of_rows(&self.spec, &batch.rows, weights)?;
            let weights = weights.map(|weights| weights.iter().map(|weight| i64::from(*weight)).collect());
            let hashes = std::mem::take(&mut self.hashes);
            return self.scatter(PartialBatch { keys, hashes, panes, weights, states });
        }
        self.groups.update(&self.spec, &batch.rows, weights, &keys, &self.hashes, &panes)?;
        self.earliest_ms = Some(self.earliest_ms.map_or(first_ms, |earliest_ms| earliest_ms.min(first_ms)));
        self.sample_rows += rows;
        if self.groups.len() >= GROUPS_MAX || self.sample_rows >= SAMPLE_ROWS && self.shrinks_little() {
            self.flush()?;
        }
        Ok(())
    }

    /// Drops the rows that are late, replayed without need, or without a time; gives the others their panes and
    /// returns the first pane as well.
    fn place(
        &mut self,
        mut batch: Batch,
        cx: &mut TaskContext,
    ) -> Result<Option<(Batch, Panes, i64)>, EngineError> {
        let Some(column) = self.spec.time_column else {
            let start_ms = self.turn(cx.now)?;
            return Ok(Some((batch, Panes::One(start_ms), start_ms)));
        };
        let mut times = milliseconds(batch.rows.column(column), "window")?;
        if times.null_count() > 0 {
            let valid: Vec<bool> = (0..times.len()).map(|row| times.is_valid(row)).collect();
            cx.bad_rows_where(&batch, &valid, "the event time is null")?;
            batch = keep_rows(&batch, &BooleanArray::from(valid))?;
            times = milliseconds(batch.rows.column(column), "window")?;
        }
        let tumble = self.spec.tumble;
        let (panes, first_ms, _) = assign(tumble, times.values());
        let kept = match (cx.replay_horizon_ms, &batch.watermarks) {
            (Some(horizon_ms), _) => after_horizon(tumble, &panes, times.len(), horizon_ms),
            (None, Some(watermarks)) => {
                let kept = self.judge(&panes, watermarks, tumble.last_ms(first_ms));
                let late = kept.iter().flatten().filter(|kept| !**kept).count();
                self.metrics.add_late(late as u64);
                kept
            }
            (None, None) => None,
        };
        let Some(kept) = kept else { return Ok(Some((batch, panes, first_ms))) };
        batch = keep_rows(&batch, &BooleanArray::from(kept))?;
        if batch.row_count() == 0 {
            return Ok(None);
        }
        let times = milliseconds(batch.rows.column(column), "window")?;
        let (panes, first_ms, _) = assign(tumble, times.values());
        Ok(Some((batch, panes, first_ms)))
    }

    fn judge(&self, panes: &Panes, watermarks: &Int64Array, first_last_ms: i64) -> Option<Vec<bool>> {
        let others_ms = match &self.time {
            LocalTime::Event(Some((board, split))) => board.others(*split),
            _ => i64::MAX,
        };
        if others_ms < first_last_ms {
            return None;
        }
        in_time(self.spec.tumble, panes, watermarks, others_ms)
    }

    /// Notes the panes that the batch touched, which its split must keep until they are closed.
    fn retain(&self, panes: &Panes, cx: &mut TaskContext) {
        if !cx.retains() {
            return;
        }
        match panes {
            Panes::One(start_ms) => cx.retain(self.spec.tumble.last_ms(*start_ms)),
            Panes::Each(starts) => {
                let mut last = None;
                for start_ms in starts {
                    if last.replace(*start_ms) != Some(*start_ms) {
                        cx.retain(self.spec.tumble.last_ms(*start_ms));
                    }
                }
            }
        }
    }

    /// Processing time: moves on to the pane that holds `now`, and returns its start.
    fn turn(&mut self, now: TimestampMs) -> Result<i64, EngineError> {
        let start_ms = self.spec.tumble.start_of(now.0);
        let LocalTime::Processing { pane_start_ms } = &mut self.time else { return Ok(start_ms) };
        match pane_start_ms {
            // A clock that is set back does not open closed panes.
            Some(current_ms) if *current_ms >= start_ms => return Ok(*current_ms),
            _ => *pane_start_ms = Some(start_ms),
        }
        self.flush()?;
        self.outbox.broadcast(&Message::Watermark(WatermarkStatus::Active(start_ms.saturating_sub(1))));
        Ok(start_ms)
    }

    /// Whether the sample says that grouping is not worth it; if so, turns to passing rows on.
    fn shrinks_little(&mut self) -> bool {
        let sampled_groups = self.sample_groups + self.groups.len() - self.sample_base;
        #[expect(clippy::cast_precision_loss, reason = "a ratio of counts far below 2^53")]
        let ratio = sampled_groups as f64 / self.sample_rows as f64;
        let is_retry = self.bypass_rows > BYPASS_ROWS.0;
        (self.sample_rows, self.sample_groups, self.sample_base) = (0, 0, self.groups.len());
        if ratio > if is_retry { RESUME_RATIO } else { BYPASS_RATIO } {
            self.mode = Mode::PassingOn { rows_left: self.bypass_rows };
            self.bypass_rows = (self.bypass_rows * 2).min(BYPASS_ROWS.1);
            return true;
        }
        self.bypass_rows = BYPASS_ROWS.0;
        false
    }

    /// Sends all groups on and forgets them.
    fn flush(&mut self) -> Result<(), EngineError> {
        self.earliest_ms = None;
        if self.groups.len() == 0 {
            return Ok(());
        }
        self.sample_groups += self.groups.len() - self.sample_base;
        self.sample_base = 0;
        let partials = self.groups.encode()?;
        self.groups.clear();
        self.scatter(partials)
    }

    /// Divides partials by the worker that owns their shard, keeping their order.
    fn scatter(&mut self, partials: PartialBatch) -> Result<(), EngineError> {
        let workers = self.outbox.workers();
        if workers == 1 {
            self.outbox.send(0, Message::Partials(partials));
            return Ok(());
        }
        let mut rows_of = vec![Vec::new(); workers];
        for (row, hash) in (0_u32..).zip(&partials.hashes) {
            let shard = usize::from(shard_of(*hash, self.shards));
            rows_of[shard * workers / usize::from(self.shards)].push(row);
        }
        for (worker, rows) in rows_of.iter().enumerate() {
            if !rows.is_empty() {
                self.outbox.send(worker, Message::Partials(partials.take(rows)?));
            }
        }
        Ok(())
    }
}

impl ChainOperator for LocalAggregate {
    fn handle(
        &mut self,
        event: Event,
        cx: &mut TaskContext,
        _out: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        match event {
            Event::Batch(batch) => self.process(batch, cx)?,
            Event::Watermark(status) => {
                if matches!(self.time, LocalTime::Processing { .. }) {
                    return Ok(());
                }
                let due = match (status, self.earliest_ms) {
                    (WatermarkStatus::Active(watermark_ms), Some(earliest_ms)) => {
                        self.spec.tumble.last_ms(earliest_ms) <= watermark_ms
                    }
                    (WatermarkStatus::Idle, earliest_ms) => earliest_ms.is_some(),
                    _ => false,
                };
                if due {
                    self.flush()?;
                }
                self.outbox.broadcast(&Message::Watermark(status));
            }
            Event::Barrier(epoch) => {
                self.flush()?;
                self.outbox.broadcast(&Message::Barrier(epoch));
            }
            Event::End => {
                self.flush()?;
                self.outbox.broadcast(&Message::End);
            }
        }
        Ok(())
    }

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), EngineError>> {
        self.outbox.poll_ready(context).map(Ok)
    }

    fn next_timer(&self) -> Option<TimestampMs> {
        match self.time {
            LocalTime::Processing { pane_start_ms } => {
                let next_ms =
                    pane_start_ms.map(|start_ms| self.spec.tumble.last_ms(start_ms).saturating_add(1));
                Some(TimestampMs(next_ms.unwrap_or(i64::MIN)))
            }
            LocalTime::Event(_) => None,
        }
    }

    fn on_timer(&mut self, cx: &mut TaskContext, _out: &mut Vec<Event>) -> Result<(), EngineError> {
        if matches!(self.time, LocalTime::Processing { .. }) {
            self.turn(cx.now)?;
        }
        Ok(())
    }
}
