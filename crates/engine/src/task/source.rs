//! Reads one split and feeds its chain.
//!
//! A task that resumes an epoch replays first: rows from the committed position up to where the split had been read
//! are for open windows only, and the watermark stands still (see [`crate::epoch`]). A read that straddles the border
//! is cut there if its positions are dense; otherwise it counts as replayed as a whole.

use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;

use super::{Step, Task};
use crate::chain::{Chain, Event, Origin, TaskContext};
use crate::clock::Clock;
use crate::connector::ConnectorError;
use crate::element::{Batch, Epoch};
use crate::error::EngineError;
use crate::pipeline::{Control, Report, SourceMetrics, SplitSnapshot};
use crate::source::{Position, Read, SourceBatch, SplitId, SplitReader};

/// What is left to replay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replay {
    pub(crate) until: Position,
    pub(crate) watermark_ms: i64,
    pub(crate) horizon_ms: i64,
}

/// What a source task is made of.
pub(crate) struct SourceTaskStart {
    /// The task's place among the source tasks.
    pub(crate) task: usize,
    pub(crate) split: SplitId,
    /// The split's place in its source.
    pub(crate) split_index: usize,
    /// `None` for a split that had ended and has nothing to replay.
    pub(crate) reader: Option<Box<dyn SplitReader>>,
    pub(crate) next: Option<Position>,
    pub(crate) replay: Option<Replay>,
    pub(crate) chain: Chain,
    pub(crate) cx: TaskContext,
    pub(crate) control: Arc<Control>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<SourceMetrics>,
    /// The last committed epoch.
    pub(crate) epoch: Epoch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first step tells the chain about the replay.
    New,
    Reading,
    Ended,
    /// The last barrier has passed.
    Stopped,
}

/// The task of one split.
pub(crate) struct SourceTask {
    start: SourceTaskStart,
    state: State,
    has_ended: bool,
    /// Whether the reader was asked: from then on it can have told where it stands.
    has_read: bool,
    was_blocked: bool,
}

impl SourceTask {
    pub(crate) fn new(start: SourceTaskStart) -> Self {
        Self { start, state: State::New, has_ended: false, has_read: false, was_blocked: false }
    }

    fn error(&self, error: ConnectorError) -> EngineError {
        EngineError::Source {
            source_name: self.start.metrics.name.clone(),
            split: Some(self.start.split.clone()),
            position: self.start.next,
            error: Box::new(error),
        }
    }

    fn begin(&mut self) -> Result<(), EngineError> {
        self.state = State::Reading;
        match (self.start.replay, self.start.next) {
            (Some(replay), Some(next)) if next < replay.until => {
                self.start.cx.replay_horizon_ms = Some(replay.horizon_ms);
                Ok(())
            }
            (Some(_), _) => self.end_replay(),
            (None, _) => Ok(()),
        }
    }

    fn end_replay(&mut self) -> Result<(), EngineError> {
        self.start.cx.replay_horizon_ms = None;
        match self.start.replay.take() {
            Some(replay) => self.start.chain.restore_watermark(replay.watermark_ms, &mut self.start.cx),
            None => Ok(()),
        }
    }

    /// Injects a barrier and reports where the split stands.
    fn barrier(&mut self, epoch: Epoch) -> Result<(), EngineError> {
        let start = &mut self.start;
        start.epoch = epoch;
        start.chain.feed(Event::Barrier(epoch), &mut start.cx)?;
        start.cx.bad_rows.seal(epoch)?;
        let snapshot = start.next.map(|next| {
            let (reached, watermark_ms) = match start.replay {
                Some(replay) => (replay.until.max(next), replay.watermark_ms),
                None => (next, start.chain.watermark_ms()),
            };
            let panes = start.cx.retention.as_mut().map(|retention| retention.snapshot()).unwrap_or_default();
            SplitSnapshot { task: start.task, next, reached, watermark_ms, panes, ended: self.has_ended }
        });
        start.control.report(Report::Source { epoch, snapshot });
        if start.control.is_last(epoch) {
            self.state = State::Stopped;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), EngineError> {
        if self.start.replay.is_some() {
            self.end_replay()?;
        }
        self.state = State::Ended;
        self.has_ended = true;
        self.start.reader = None;
        self.start.metrics.set_remaining(self.start.split_index, Some(0));
        self.start.chain.feed(Event::End, &mut self.start.cx)?;
        self.start.control.report(Report::Ended);
        Ok(())
    }

    fn take(&mut self, batch: SourceBatch) -> Result<(), EngineError> {
        let SourceBatch { rows, first, next, bad_rows, skipped_rows, bytes } = batch;
        let remaining = self.start.reader.as_ref().and_then(|reader| reader.remaining());
        self.start.metrics.add_read(self.start.split_index, rows.num_rows() as u64, bytes, remaining);
        let records = usize::try_from(next.0.saturating_sub(first.0)).ok();
        let is_dense = records == Some(rows.num_rows() + bad_rows.len());
        let bad: Arc<[Position]> = bad_rows.iter().map(|bad_row| bad_row.position).collect();
        let replay_until = self.start.replay.map(|replay| replay.until);
        if replay_until.is_some_and(|until| first >= until) {
            self.end_replay()?;
        }
        for bad_row in bad_rows {
            // A replayed bad record went to the policy before.
            if replay_until.is_none_or(|until| bad_row.position >= until) {
                self.start.cx.bad_rows.take(bad_row)?;
            }
        }
        if replay_until.is_none_or(|until| next > until) {
            self.start.metrics.add_skipped(skipped_rows);
        }
        let replayed_rows = match self.start.replay {
            Some(replay) if replay.until < next && is_dense => {
                let records = usize::try_from(replay.until.0.saturating_sub(first.0)).unwrap_or(0);
                records - bad.iter().filter(|position| **position < replay.until).count().min(records)
            }
            Some(_) => rows.num_rows(),
            None => 0,
        };
        self.start.next = Some(first);
        let rest = rows.num_rows() - replayed_rows;
        if replayed_rows > 0 {
            let dense = is_dense.then(|| (replayed_rows, Arc::clone(&bad)));
            self.start.cx.is_known = is_dense || self.start.replay.is_some_and(|replay| next <= replay.until);
            self.feed(rows.slice(0, replayed_rows), first, dense)?;
            self.start.cx.is_known = false;
        }
        let border = self.start.replay.map_or(first, |replay| if is_dense { replay.until } else { first });
        if self.start.replay.is_some_and(|replay| replay.until <= next) {
            self.end_replay()?;
        }
        if rest > 0 {
            let dense = is_dense.then_some((rest, bad));
            self.feed(rows.slice(replayed_rows, rest), border, dense)?;
        }
        self.start.next = Some(next);
        self.start.cx.bad_rows.flush()
    }

    fn feed(
        &mut self,
        rows: RecordBatch,
        first: Position,
        dense: Option<(usize, Arc<[Position]>)>,
    ) -> Result<(), EngineError> {
        self.start.cx.origin = Some(Origin { split: self.start.split.clone(), first, dense });
        self.start.chain.feed(Event::Batch(Batch::append_only(rows)), &mut self.start.cx)
    }
}

impl Task for SourceTask {
    fn step(&mut self, context: &mut Context<'_>) -> Result<Step, EngineError> {
        let start = &mut self.start;
        start.cx.now = start.clock.now();
        let control = Arc::clone(&start.control);
        start.chain.poll_prepared(context, |prepared| control.report(Report::Prepared(prepared)))?;
        if let Some(prepared) = start.cx.bad_rows.poll_prepared(context)? {
            control.report(Report::Prepared(prepared));
        }
        let ready = match start.chain.poll_ready(context) {
            Poll::Ready(Ok(())) => start.cx.bad_rows.poll_ready(context),
            other => other,
        };
        if !matches!(ready, Poll::Ready(Ok(()))) {
            self.was_blocked = true;
            return match ready {
                Poll::Ready(Err(error)) => Err(error),
                _ => Ok(Step::Pending { timer: None }),
            };
        }
        if std::mem::take(&mut self.was_blocked) {
            start.chain.on_unblocked(start.cx.now);
        }
        let requested = control.requested_epoch();
        if self.state == State::New {
            self.begin()?;
        }
        let may_pass = self.has_read || self.state != State::Reading || self.start.reader.is_none();
        if requested > self.start.epoch && self.state != State::Stopped && may_pass {
            self.barrier(requested)?;
            return Ok(Step::Progress);
        }
        if self.state != State::Reading {
            return Ok(Step::Pending { timer: None });
        }
        let Some(reader) = &mut self.start.reader else {
            self.end()?;
            return Ok(Step::Progress);
        };
        let is_first = !std::mem::replace(&mut self.has_read, true);
        match reader.poll_next(context) {
            Poll::Ready(Ok(Read::Batch(batch))) => self.take(batch)?,
            Poll::Ready(Ok(Read::End)) => self.end()?,
            Poll::Ready(Err(error)) => return Err(self.error(error)),
            Poll::Pending => {
                // The end may have become known, or have moved, without a row.
                let remaining = reader.remaining();
                let start = &mut self.start;
                start.metrics.set_remaining(start.split_index, remaining);
                start.chain.run_timers(&mut start.cx)?;
                if is_first {
                    // An epoch may have waited for this read.
                    return Ok(Step::Progress);
                }
                return Ok(Step::Pending { timer: start.chain.next_timer() });
            }
        }
        Ok(Step::Progress)
    }
}
