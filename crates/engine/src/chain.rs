//! The operators of one task, fused into one synchronous call chain.
//!
//! A chain is a tree in an arena: an operator takes an event and yields events, which go to each of its outputs at once.
//! Nothing waits in between, so a task that makes sure of room at the leaves ([`Chain::poll_ready`]) before it feeds
//! the roots holds no more than what one step yields.

use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;

use crate::bad_rows::{BadRows, row_text};
use crate::element::{Batch, Epoch, TimestampMs};
use crate::error::EngineError;
use crate::operator::Prepared;
use crate::retention::Retention;
use crate::source::{BadRow, Position, SplitId};
use crate::window::WatermarkStatus;

/// What flows through a chain.
#[expect(clippy::large_enum_variant, reason = "moved once per batch of thousands of rows")]
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Batch(Batch),
    Watermark(WatermarkStatus),
    Barrier(Epoch),
    /// No row follows; barriers still may.
    End,
}

/// Where the rows at hand come from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) split: SplitId,
    pub(crate) first: Position,
    /// If each record of the read became a row or a bad row: how many rows there are, and the positions of the bad
    /// ones in order. Then a row's place tells its position.
    pub(crate) dense: Option<(usize, Arc<[Position]>)>,
}

impl Origin {
    /// The position of a row, exact if the read was dense and no row has been dropped since; otherwise that of the
    /// read.
    fn position_of(&self, row: usize, rows: usize) -> Position {
        let Some((_, bad)) = self.dense.as_ref().filter(|(count, _)| *count == rows) else {
            return self.first;
        };
        let offset = i64::try_from(row).unwrap_or(0);
        let place = self.first.0.saturating_add(offset);
        let skipped = bad.iter().filter(|position| **position >= self.first);
        Position(skipped.fold(place, |place, position| if position.0 <= place { place + 1 } else { place }))
    }
}

/// What operators may know and do besides their rows.
#[derive(Debug)]
pub(crate) struct TaskContext {
    /// The wall clock, read once per step.
    pub(crate) now: TimestampMs,
    /// While a split replays: windows that end at or before this time are closed and their rows dropped in silence.
    pub(crate) replay_horizon_ms: Option<i64>,
    /// Whether every row at hand was read before the last epoch, so that its bad rows are known.
    pub(crate) is_known: bool,
    pub(crate) origin: Option<Origin>,
    /// `None` when nothing is kept across restarts.
    pub(crate) retention: Option<Retention>,
    pub(crate) bad_rows: BadRows,
}

impl TaskContext {
    pub(crate) fn retains(&self) -> bool {
        self.retention.is_some()
    }

    /// Notes that the read at hand touched the pane that ends with `last_ms`.
    pub(crate) fn retain(&mut self, last_ms: i64) {
        if let (Some(retention), Some(origin)) = (&mut self.retention, &self.origin) {
            retention.touch(last_ms, origin.first);
        }
    }

    /// Gives a row of `rows` to the policy for bad rows. The policy had those of a replay before.
    pub(crate) fn bad_row(
        &mut self,
        rows: &RecordBatch,
        row: usize,
        reason: &dyn std::fmt::Display,
    ) -> Result<(), EngineError> {
        if self.is_known {
            return Ok(());
        }
        let reason = format!("{reason}; the row is {}", row_text(rows, row));
        let Some(origin) = &self.origin else { return self.bad_rows.take_anonymous(reason) };
        let position = origin.position_of(row, rows.num_rows());
        self.bad_rows.take(BadRow { split: origin.split.clone(), position, key: None, raw: None, reason })
    }

    /// Gives all rows that are not `valid` to the policy for bad rows.
    pub(crate) fn bad_rows_where(
        &mut self,
        batch: &Batch,
        valid: &[bool],
        reason: &'static str,
    ) -> Result<(), EngineError> {
        let bad = valid.iter().enumerate().filter(|(_, valid)| !**valid);
        bad.map(|(row, _)| row).try_for_each(|row| self.bad_row(&batch.rows, row, &reason))
    }
}

/// One operator of a chain.
pub(crate) trait ChainOperator: Send {
    /// Takes an event; what it yields goes to `out` in order.
    fn handle(&mut self, event: Event, cx: &mut TaskContext, out: &mut Vec<Event>)
    -> Result<(), EngineError>;

    /// Ready when another batch may come. Only leaves are ever not ready.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        let _ = context;
        Poll::Ready(Ok(()))
    }

    /// What a sink has prepared since it was asked last.
    fn poll_prepared(&mut self, context: &mut Context<'_>) -> Result<Option<Prepared>, EngineError> {
        let _ = context;
        Ok(None)
    }

    /// When [`ChainOperator::on_timer`] wants to be called, at the latest.
    fn next_timer(&self) -> Option<TimestampMs> {
        None
    }

    /// Called when the task has nothing to do and the time of the last [`ChainOperator::next_timer`] has come.
    fn on_timer(&mut self, cx: &mut TaskContext, out: &mut Vec<Event>) -> Result<(), EngineError> {
        let _ = (cx, out);
        Ok(())
    }

    /// Called when the input was held back by the output until now, so that its silence means nothing.
    fn on_unblocked(&mut self, now: TimestampMs) {
        let _ = now;
    }

    /// The watermark of the split, if this operator makes it.
    fn watermark_ms(&self) -> Option<i64> {
        None
    }

    /// Goes on after a replay with the watermark that the split had.
    fn restore_watermark(&mut self, watermark_ms: i64, out: &mut Vec<Event>) {
        let _ = (watermark_ms, out);
    }
}

struct ChainNode {
    operator: Box<dyn ChainOperator>,
    outputs: Arc<[usize]>,
}

/// The operators of one task.
#[derive(Default)]
pub(crate) struct Chain {
    nodes: Vec<ChainNode>,
    roots: Arc<[usize]>,
}

impl Chain {
    /// Adds an operator whose outputs are there already, and returns its number.
    pub(crate) fn add(&mut self, operator: Box<dyn ChainOperator>, outputs: Vec<usize>) -> usize {
        self.nodes.push(ChainNode { operator, outputs: outputs.into() });
        self.nodes.len() - 1
    }

    pub(crate) fn set_roots(&mut self, roots: Vec<usize>) {
        self.roots = roots.into();
    }

    /// Feeds an event to all roots.
    pub(crate) fn feed(&mut self, event: Event, cx: &mut TaskContext) -> Result<(), EngineError> {
        let roots = Arc::clone(&self.roots);
        self.deliver(vec![event], &roots, cx)
    }

    fn deliver(
        &mut self,
        events: Vec<Event>,
        targets: &[usize],
        cx: &mut TaskContext,
    ) -> Result<(), EngineError> {
        let Some((last, others)) = targets.split_last() else { return Ok(()) };
        for event in events {
            for target in others {
                self.handle(*target, event.clone(), cx)?;
            }
            self.handle(*last, event, cx)?;
        }
        Ok(())
    }

    fn handle(&mut self, node: usize, event: Event, cx: &mut TaskContext) -> Result<(), EngineError> {
        let mut out = Vec::new();
        let ChainNode { operator, outputs } = &mut self.nodes[node];
        operator.handle(event, cx, &mut out)?;
        let outputs = Arc::clone(outputs);
        self.deliver(out, &outputs, cx)
    }

    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        for node in &mut self.nodes {
            match node.operator.poll_ready(context) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
        mut report: impl FnMut(Prepared),
    ) -> Result<(), EngineError> {
        for node in &mut self.nodes {
            if let Some(prepared) = node.operator.poll_prepared(context)? {
                report(prepared);
            }
        }
        Ok(())
    }

    pub(crate) fn next_timer(&self) -> Option<TimestampMs> {
        self.nodes.iter().filter_map(|node| node.operator.next_timer()).min()
    }

    /// Runs the timers that are due. Returns whether there were any.
    pub(crate) fn run_timers(&mut self, cx: &mut TaskContext) -> Result<bool, EngineError> {
        let mut ran = false;
        for node in 0..self.nodes.len() {
            if self.nodes[node].operator.next_timer().is_some_and(|timer| timer <= cx.now) {
                let mut out = Vec::new();
                self.nodes[node].operator.on_timer(cx, &mut out)?;
                let outputs = Arc::clone(&self.nodes[node].outputs);
                self.deliver(out, &outputs, cx)?;
                ran = true;
            }
        }
        Ok(ran)
    }

    pub(crate) fn on_unblocked(&mut self, now: TimestampMs) {
        self.nodes.iter_mut().for_each(|node| node.operator.on_unblocked(now));
    }

    /// The watermark of the split: the smallest that an operator made of its rows.
    pub(crate) fn watermark_ms(&self) -> i64 {
        self.nodes.iter().filter_map(|node| node.operator.watermark_ms()).min().unwrap_or(i64::MIN)
    }

    pub(crate) fn restore_watermark(
        &mut self,
        watermark_ms: i64,
        cx: &mut TaskContext,
    ) -> Result<(), EngineError> {
        for node in 0..self.nodes.len() {
            let mut out = Vec::new();
            self.nodes[node].operator.restore_watermark(watermark_ms, &mut out);
            let outputs = Arc::clone(&self.nodes[node].outputs);
            self.deliver(out, &outputs, cx)?;
        }
        Ok(())
    }
}
