//! A sink in memory, for tests and for showing results.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use super::{ChangelogMode, Committable, Sink, SinkWriter, WriterIndex};
use crate::connector::ConnectorError;
use crate::element::{Batch, Epoch};

#[derive(Debug, Default)]
struct Rows {
    batches: Vec<Batch>,
    count: usize,
}

/// Keeps the rows written to it, in the order in which they come. Clones share the rows.
///
/// Rows are visible at once, whether their epoch commits or not.
#[derive(Debug, Clone)]
pub struct Collect {
    rows: Arc<Mutex<Rows>>,
    limit: Option<usize>,
}

impl Collect {
    /// Keeps the first `limit` rows and passes over the others; `None` keeps all, so that the caller bounds the
    /// input.
    pub fn new(limit: Option<usize>) -> Self {
        Self { rows: Arc::default(), limit }
    }

    /// What it holds so far.
    pub fn batches(&self) -> Vec<Batch> {
        self.rows.lock().batches.clone()
    }

    /// The number of rows that it holds.
    pub fn row_count(&self) -> usize {
        self.rows.lock().count
    }

    pub(super) fn take(&self, batch: &Batch) {
        let mut rows = self.rows.lock();
        let room = self.limit.map_or(usize::MAX, |limit| limit - rows.count);
        let taken = batch.row_count().min(room);
        if taken == 0 {
            return;
        }
        rows.count += taken;
        rows.batches.push(Batch {
            rows: batch.rows.slice(0, taken),
            weights: batch.weights.as_ref().map(|weights| weights.slice(0, taken)),
            watermarks: None,
        });
    }
}

impl Sink for Collect {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Retract
    }

    fn open(&self, _writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(CollectWriter { collect: self.clone(), sealed: VecDeque::new() }))
    }
}

struct CollectWriter {
    collect: Collect,
    sealed: VecDeque<Epoch>,
}

impl SinkWriter for CollectWriter {
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError> {
        self.collect.take(batch);
        Ok(())
    }

    fn seal(&mut self, epoch: Epoch) -> Result<(), ConnectorError> {
        self.sealed.push_back(epoch);
        Ok(())
    }

    fn poll_prepared(
        &mut self,
        _context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>> {
        self.sealed.pop_front();
        Poll::Ready(Ok(None))
    }
}
