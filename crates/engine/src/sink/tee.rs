//! A sink with a look at what goes into it.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::{ChangelogMode, Collect, Committable, Sink, SinkWriter, WriterIndex};
use crate::connector::ConnectorError;
use crate::element::{Batch, Epoch};

/// Writes to a sink and shows the rows to a [`Collect`] as well, once the sink has taken them.
#[derive(Debug, Clone)]
pub struct Tee {
    sink: Arc<dyn Sink>,
    tap: Collect,
}

impl Tee {
    /// Puts `tap` beside `sink`.
    pub fn new(sink: Arc<dyn Sink>, tap: Collect) -> Self {
        Self { sink, tap }
    }
}

impl Sink for Tee {
    fn accepts(&self) -> ChangelogMode {
        self.sink.accepts()
    }

    fn open(&self, writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(TeeWriter { writer: self.sink.open(writer)?, tap: self.tap.clone() }))
    }

    fn commit(&self, committables: &[Committable]) -> Result<(), ConnectorError> {
        self.sink.commit(committables)
    }
}

struct TeeWriter {
    writer: Box<dyn SinkWriter>,
    tap: Collect,
}

impl SinkWriter for TeeWriter {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        self.writer.poll_ready(context)
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError> {
        self.writer.write(batch)?;
        self.tap.take(batch);
        Ok(())
    }

    fn seal(&mut self, epoch: Epoch) -> Result<(), ConnectorError> {
        self.writer.seal(epoch)
    }

    fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>> {
        self.writer.poll_prepared(context)
    }
}
