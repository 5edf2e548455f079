//! `blackhole`: takes every row and keeps none, for measurements and for trying things out.

use std::sync::Arc;
use std::task::{Context, Poll};

use millstream_engine::connector::{Connector, ConnectorError, Scan, Settings, TableSpec};
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::sink::{ChangelogMode, Committable, Sink, SinkWriter, WriterIndex};
use millstream_engine::source::Source;

use crate::only_a_sink;
use crate::options::Options;

/// The connector.
#[derive(Debug)]
pub struct Blackhole;

impl Connector for Blackhole {
    fn name(&self) -> &'static str {
        "blackhole"
    }

    fn source(&self, _: &TableSpec, _: &Scan, _: &Settings) -> Result<Arc<dyn Source>, ConnectorError> {
        Err(only_a_sink(self.name()))
    }

    fn sink(&self, table: &TableSpec, _: &Settings) -> Result<Arc<dyn Sink>, ConnectorError> {
        Options::new(&table.options, &[])?;
        Ok(Arc::new(Nothing))
    }
}

#[derive(Debug)]
struct Nothing;

impl Sink for Nothing {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Retract
    }

    fn open(&self, _: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(Self))
    }
}

impl SinkWriter for Nothing {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, _: &Batch) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn seal(&mut self, _: Epoch) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn poll_prepared(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Committable>, ConnectorError>> {
        Poll::Ready(Ok(None))
    }
}
