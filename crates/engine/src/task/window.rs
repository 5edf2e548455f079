//! The global phase of a window aggregation on one worker, with the chain behind it.
//!
//! Messages are taken one at a time and only when there is room for output; while due panes leave, chunk by chunk,
//! nothing is taken. At a barrier a lane is held back until all lanes have brought theirs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::{Step, Task};
use crate::aggregate::GlobalAggregate;
use crate::chain::{Chain, Event, TaskContext};
use crate::clock::Clock;
use crate::element::Epoch;
use crate::error::EngineError;
use crate::exchange::{Inbox, Message};
use crate::pipeline::{Control, Report};
use crate::retention::ClosedCell;
use crate::window::WatermarkStatus;

/// The task of one window operator on one worker.
pub(crate) struct WindowTask {
    /// The operator's place among the window operators.
    window: usize,
    aggregate: GlobalAggregate,
    inbox: Arc<Inbox>,
    chain: Chain,
    cx: TaskContext,
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    closed: ClosedCell,
    /// Lanes whose barrier has come.
    held: Vec<bool>,
    forwarded: Option<WatermarkStatus>,
    has_ended: bool,
    was_blocked: bool,
    /// The last epoch whose barrier passed; only looked at without upstream tasks, which would bring barriers.
    epoch: Epoch,
}

impl WindowTask {
    #[expect(clippy::too_many_arguments, reason = "called once, from the lowering")]
    pub(crate) fn new(
        window: usize,
        aggregate: GlobalAggregate,
        inbox: Arc<Inbox>,
        lanes: usize,
        chain: Chain,
        cx: TaskContext,
        control: Arc<Control>,
        clock: Arc<dyn Clock>,
        closed: ClosedCell,
    ) -> Self {
        let epoch = control.requested_epoch();
        Self {
            window,
            aggregate,
            inbox,
            chain,
            cx,
            control,
            clock,
            closed,
            held: vec![false; lanes],
            forwarded: None,
            has_ended: false,
            was_blocked: false,
            epoch,
        }
    }

    /// Nothing is due: tells the chain how far time has come. Returns whether that was news.
    fn forward(&mut self) -> Result<bool, EngineError> {
        let status = self.aggregate.status();
        let is_news = self.forwarded != Some(status);
        if is_news {
            self.forwarded = Some(status);
            self.closed.store(self.aggregate.closed_ms(), Ordering::Release);
            self.chain.feed(Event::Watermark(status), &mut self.cx)?;
        }
        if self.aggregate.has_ended() && !self.has_ended {
            self.has_ended = true;
            self.chain.feed(Event::End, &mut self.cx)?;
            self.control.report(Report::Ended);
            return Ok(true);
        }
        Ok(is_news)
    }

    fn take(&mut self, lane: usize, message: Message) -> Result<(), EngineError> {
        match message {
            Message::Partials(partials) => self.aggregate.merge(partials),
            Message::Watermark(status) => {
                self.aggregate.watermark(lane, status);
                Ok(())
            }
            Message::End => {
                self.aggregate.end(lane);
                Ok(())
            }
            Message::Barrier(epoch) => self.barrier(lane, epoch),
        }
    }

    fn barrier(&mut self, lane: usize, epoch: Epoch) -> Result<(), EngineError> {
        if let Some(held) = self.held.get_mut(lane) {
            *held = true;
        }
        if self.held.contains(&false) {
            return Ok(());
        }
        self.held.fill(false);
        self.pass_barrier(epoch)
    }

    fn pass_barrier(&mut self, epoch: Epoch) -> Result<(), EngineError> {
        self.chain.feed(Event::Barrier(epoch), &mut self.cx)?;
        self.cx.bad_rows.seal(epoch)?;
        let closed_ms = self.aggregate.closed_ms();
        self.control.report(Report::Window { epoch, window: self.window, closed_ms });
        Ok(())
    }

    fn poll_outputs(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, EngineError> {
        let control = &self.control;
        self.chain.poll_prepared(context, |prepared| control.report(Report::Prepared(prepared)))?;
        if let Some(prepared) = self.cx.bad_rows.poll_prepared(context)? {
            self.control.report(Report::Prepared(prepared));
        }
        let ready = match self.chain.poll_ready(context) {
            Poll::Ready(Ok(())) => self.cx.bad_rows.poll_ready(context),
            other => other,
        };
        match ready {
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(Poll::Pending),
        }
    }
}

impl Task for WindowTask {
    fn step(&mut self, context: &mut Context<'_>) -> Result<Step, EngineError> {
        self.cx.now = self.clock.now();
        if self.poll_outputs(context)?.is_pending() {
            self.was_blocked = true;
            return Ok(Step::Pending { timer: None });
        }
        if std::mem::take(&mut self.was_blocked) {
            self.chain.on_unblocked(self.cx.now);
        }
        if let Some(batch) = self.aggregate.emit()? {
            self.chain.feed(Event::Batch(batch), &mut self.cx)?;
            self.cx.bad_rows.flush()?;
            return Ok(Step::Progress);
        }
        if self.forward()? {
            return Ok(Step::Progress);
        }
        let requested = self.control.requested_epoch();
        if self.held.is_empty() && requested > self.epoch {
            self.epoch = requested;
            self.pass_barrier(requested)?;
            return Ok(Step::Progress);
        }
        match self.inbox.poll_next(&self.held, context) {
            Poll::Ready((lane, message)) => {
                self.take(lane, message)?;
                Ok(Step::Progress)
            }
            Poll::Pending => {
                self.chain.run_timers(&mut self.cx)?;
                Ok(Step::Pending { timer: self.chain.next_timer() })
            }
        }
    }
}
