//! A source in memory, for tests and small tables.

use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::{Position, Read, Source, SourceBatch, SplitId, SplitReader};
use crate::connector::ConnectorError;

/// Splits of batches. A position is the number of rows before it.
#[derive(Debug, Clone)]
pub struct Memory {
    schema: SchemaRef,
    splits: Vec<Arc<[RecordBatch]>>,
}

impl Memory {
    /// One split per element, read batch by batch. All batches have `schema`.
    pub fn new(schema: SchemaRef, splits: Vec<Vec<RecordBatch>>) -> Self {
        Self { schema, splits: splits.into_iter().map(Into::into).collect() }
    }
}

impl Source for Memory {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError> {
        Ok((0..self.splits.len()).map(|index| SplitId(index.to_string().into())).collect())
    }

    fn open(
        &self,
        split: &SplitId,
        resume: Option<Position>,
    ) -> Result<Box<dyn SplitReader>, ConnectorError> {
        let index = split.0.parse::<usize>().ok();
        let batches = index.and_then(|index| self.splits.get(index)).cloned();
        let batches = batches
            .ok_or_else(|| ConnectorError::NotFound { message: format!("there is no split {split}") })?;
        let remaining = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let mut reader = MemoryReader { batches, batch: 0, row: 0, position: 0, remaining };
        reader.skip(resume.map_or(0, |resume| usize::try_from(resume.0).unwrap_or(0)));
        Ok(Box::new(reader))
    }
}

struct MemoryReader {
    batches: Arc<[RecordBatch]>,
    /// The next batch and the row in it.
    batch: usize,
    row: usize,
    position: i64,
    remaining: usize,
}

impl MemoryReader {
    fn advance(&mut self, rows: usize) {
        self.row += rows;
        self.position += i64::try_from(rows).unwrap_or(i64::MAX);
        self.remaining -= rows;
        while self.batches.get(self.batch).is_some_and(|batch| batch.num_rows() <= self.row) {
            self.row = 0;
            self.batch += 1;
        }
    }

    fn skip(&mut self, mut rows: usize) {
        while let Some(batch) = self.batches.get(self.batch).filter(|_| rows > 0) {
            let step = rows.min(batch.num_rows() - self.row);
            self.advance(step);
            rows -= step;
        }
    }
}

impl SplitReader for MemoryReader {
    fn poll_next(&mut self, _context: &mut Context<'_>) -> Poll<Result<Read, ConnectorError>> {
        self.advance(0);
        let Some(batch) = self.batches.get(self.batch) else { return Poll::Ready(Ok(Read::End)) };
        let rows = batch.slice(self.row, batch.num_rows() - self.row);
        let first = Position(self.position);
        let bytes = rows.get_array_memory_size() as u64;
        self.advance(rows.num_rows());
        let next = Position(self.position);
        Poll::Ready(Ok(Read::Batch(SourceBatch {
            rows,
            first,
            next,
            bad_rows: Vec::new(),
            skipped_rows: 0,
            bytes,
        })))
    }

    fn remaining(&self) -> Option<u64> {
        Some(self.remaining as u64)
    }
}
