//! The end of a chain in one of a sink's writers.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::chain::{ChainOperator, Event, TaskContext};
use crate::connector::ConnectorError;
use crate::element::{Batch, Epoch};
use crate::error::EngineError;
use crate::pipeline::SinkMetrics;
use crate::sink::{Committable, SinkWriter};

/// A writer's answer that all output of an epoch is safe or staged.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) epoch: Epoch,
    /// The sink's place in the pipeline's list.
    pub(crate) sink: usize,
    pub(crate) committable: Option<Committable>,
}

/// Writes to one of a sink's writers.
pub(crate) struct SinkEnd {
    writer: Box<dyn SinkWriter>,
    sink: usize,
    metrics: Arc<SinkMetrics>,
    /// The epoch whose line was drawn and that is not prepared yet.
    sealed: Option<Epoch>,
}

impl fmt::Debug for SinkEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SinkEnd").field("sink", &self.metrics.name).finish_non_exhaustive()
    }
}

impl SinkEnd {
    pub(crate) fn new(writer: Box<dyn SinkWriter>, sink: usize, metrics: Arc<SinkMetrics>) -> Self {
        Self { writer, sink, metrics, sealed: None }
    }

    fn error(&self) -> impl Fn(ConnectorError) -> EngineError {
        let sink = self.metrics.name.clone();
        move |error| EngineError::Sink { sink: sink.clone(), error }
    }

    pub(crate) fn write(&mut self, batch: &Batch) -> Result<(), EngineError> {
        let rows = batch.row_count();
        self.writer.write(batch).map_err(self.error())?;
        self.metrics.add_rows(rows as u64);
        Ok(())
    }

    pub(crate) fn seal(&mut self, epoch: Epoch) -> Result<(), EngineError> {
        debug_assert!(self.sealed.is_none(), "one epoch is in flight at a time");
        self.writer.seal(epoch).map_err(self.error())?;
        self.sealed = Some(epoch);
        Ok(())
    }

    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        self.writer.poll_ready(context).map_err(self.error())
    }

    pub(crate) fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
    ) -> Result<Option<Prepared>, EngineError> {
        let Some(epoch) = self.sealed else { return Ok(None) };
        let Poll::Ready(committable) = self.writer.poll_prepared(context) else { return Ok(None) };
        let committable = committable.map_err(self.error())?;
        self.sealed = None;
        Ok(Some(Prepared { epoch, sink: self.sink, committable }))
    }
}

impl ChainOperator for SinkEnd {
    fn handle(
        &mut self,
        event: Event,
        cx: &mut TaskContext,
        _out: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        match event {
            // What a replay brings again for open windows was written here before.
            Event::Batch(_) if cx.replay_horizon_ms.is_some() => Ok(()),
            Event::Batch(batch) if batch.row_count() > 0 => self.write(&batch),
            Event::Barrier(epoch) => self.seal(epoch),
            Event::Batch(_) | Event::Watermark(_) | Event::End => Ok(()),
        }
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        Self::poll_ready(self, context)
    }

    fn poll_prepared(&mut self, context: &mut Context<'_>) -> Result<Option<Prepared>, EngineError> {
        Self::poll_prepared(self, context)
    }
}
