//! Computes columns.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::evaluate::evaluate;
use crate::chain::{ChainOperator, Event, TaskContext};
use crate::element::Batch;
use crate::error::EngineError;
use crate::expression::Expression;

/// `SELECT` of expressions.
#[derive(Debug)]
pub(crate) struct Project {
    expressions: Arc<[Arc<dyn Expression>]>,
    schema: SchemaRef,
}

impl Project {
    pub(crate) fn new(expressions: Arc<[Arc<dyn Expression>]>, schema: SchemaRef) -> Self {
        Self { expressions, schema }
    }
}

impl ChainOperator for Project {
    fn handle(
        &mut self,
        event: Event,
        cx: &mut TaskContext,
        out: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        let Event::Batch(batch) = event else {
            out.push(event);
            return Ok(());
        };
        let (batch, columns) = evaluate(&self.expressions, batch, cx)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.row_count()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(EngineError::computation("project"))?;
        out.push(Event::Batch(Batch { rows, weights: batch.weights, watermarks: batch.watermarks }));
        Ok(())
    }
}
