//! Makes the watermark of a split from every row.
//!
//! The watermark is the largest value that the expression had so far. Rows of a batch that lie at or before the
//! watermark which the batch reaches could be late, and where they are late must not depend on where the batch ends: only
//! then the batch carries the watermark before each row ([`Batch::watermarks`]).
//!
//! A split that had no row for the idle timeout, while its reader had nothing and its output was not blocked, is
//! idle: it holds nobody back until its next row.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Array, Int64Array};

use super::evaluate::evaluate;
use crate::chain::{ChainOperator, Event, TaskContext};
use crate::element::{Batch, TimestampMs};
use crate::error::EngineError;
use crate::expression::Expression;
use crate::pipeline::SourceMetrics;
use crate::window::{WatermarkBoard, WatermarkStatus, milliseconds};

/// The assigner of one split.
#[derive(Debug)]
pub(crate) struct WatermarkAssigner {
    expression: [Arc<dyn Expression>; 1],
    time_column: usize,
    idle_timeout_ms: Option<i64>,
    board: Arc<WatermarkBoard>,
    split: usize,
    metrics: Arc<SourceMetrics>,
    watermark_ms: i64,
    last_row_at: TimestampMs,
    is_idle: bool,
    has_ended: bool,
}

impl WatermarkAssigner {
    pub(crate) fn new(
        expression: Arc<dyn Expression>,
        time_column: usize,
        idle_timeout: Option<Duration>,
        board: Arc<WatermarkBoard>,
        split: usize,
        metrics: Arc<SourceMetrics>,
        now: TimestampMs,
    ) -> Self {
        let idle_timeout_ms = idle_timeout
            .filter(|timeout| !timeout.is_zero())
            .map(|timeout| i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX));
        Self {
            expression: [expression],
            time_column,
            idle_timeout_ms,
            board,
            split,
            metrics,
            watermark_ms: i64::MIN,
            last_row_at: now,
            is_idle: false,
            has_ended: false,
        }
    }

    fn publish(&self) {
        self.board.publish(self.split, self.watermark_ms);
        self.metrics.set_watermark(self.split, self.watermark_ms);
    }

    fn take(&mut self, batch: Batch, cx: &mut TaskContext, out: &mut Vec<Event>) -> Result<(), EngineError> {
        if batch.row_count() == 0 {
            return Ok(());
        }
        self.last_row_at = cx.now;
        if cx.replay_horizon_ms.is_some() {
            out.push(Event::Batch(batch));
            return Ok(());
        }
        let (mut batch, columns) = evaluate(&self.expression, batch, cx)?;
        let allowed = milliseconds(&columns[0], "watermark")?;
        let times = milliseconds(batch.rows.column(self.time_column), "watermark")?;
        let before_ms = self.watermark_ms;
        let reached_ms = maximum(&allowed).map_or(before_ms, |maximum_ms| maximum_ms.max(before_ms));
        if minimum(&times).is_some_and(|minimum_ms| minimum_ms <= reached_ms) {
            batch.watermarks = Some(running(&allowed, before_ms));
        }
        self.watermark_ms = reached_ms;
        out.push(Event::Batch(batch));
        if self.is_idle || reached_ms > before_ms {
            self.is_idle = false;
            self.publish();
            out.push(Event::Watermark(WatermarkStatus::Active(reached_ms)));
        }
        Ok(())
    }
}

fn maximum(values: &Int64Array) -> Option<i64> {
    if values.null_count() == 0 {
        values.values().iter().copied().max()
    } else {
        values.iter().flatten().max()
    }
}

fn minimum(values: &Int64Array) -> Option<i64> {
    if values.null_count() == 0 {
        values.values().iter().copied().min()
    } else {
        values.iter().flatten().min()
    }
}

/// The watermark just before each row.
fn running(allowed: &Int64Array, before_ms: i64) -> Int64Array {
    let mut watermark_ms = before_ms;
    let before_each = allowed.iter().map(|allowed_ms| {
        let before = watermark_ms;
        watermark_ms = allowed_ms.map_or(watermark_ms, |allowed_ms| watermark_ms.max(allowed_ms));
        before
    });
    before_each.collect::<Vec<i64>>().into()
}

impl ChainOperator for WatermarkAssigner {
    fn handle(
        &mut self,
        event: Event,
        cx: &mut TaskContext,
        out: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        match event {
            Event::Batch(batch) => return self.take(batch, cx, out),
            Event::End => {
                self.has_ended = true;
                self.board.publish(self.split, i64::MAX);
                self.metrics.set_watermark(self.split, i64::MAX);
                out.push(Event::End);
            }
            // Watermarks of below are replaced by this operator's own.
            Event::Watermark(_) => {}
            Event::Barrier(_) => out.push(event),
        }
        Ok(())
    }

    fn next_timer(&self) -> Option<TimestampMs> {
        let timeout_ms = self.idle_timeout_ms.filter(|_| !self.is_idle && !self.has_ended)?;
        Some(TimestampMs(self.last_row_at.0.saturating_add(timeout_ms)))
    }

    fn on_timer(&mut self, cx: &mut TaskContext, out: &mut Vec<Event>) -> Result<(), EngineError> {
        if cx.replay_horizon_ms.is_some() {
            // Rows that open windows need are still to come.
            self.last_row_at = cx.now;
            return Ok(());
        }
        self.is_idle = true;
        self.board.publish(self.split, i64::MAX);
        out.push(Event::Watermark(WatermarkStatus::Idle));
        Ok(())
    }

    fn on_unblocked(&mut self, now: TimestampMs) {
        self.last_row_at = now;
    }

    fn watermark_ms(&self) -> Option<i64> {
        Some(self.watermark_ms)
    }

    fn restore_watermark(&mut self, watermark_ms: i64, out: &mut Vec<Event>) {
        if watermark_ms > self.watermark_ms {
            self.watermark_ms = watermark_ms;
            self.publish();
            out.push(Event::Watermark(WatermarkStatus::Active(watermark_ms)));
        }
    }
}
