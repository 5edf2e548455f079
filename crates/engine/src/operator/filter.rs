//! Keeps the rows for which a condition is true.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_select::filter::prep_null_mask_filter;

use super::evaluate::evaluate;
use super::keep_rows;
use crate::chain::{ChainOperator, Event, TaskContext};
use crate::error::EngineError;
use crate::expression::Expression;

/// `WHERE`: null counts as false.
#[derive(Debug)]
pub(crate) struct Filter {
    predicate: [Arc<dyn Expression>; 1],
}

impl Filter {
    pub(crate) fn new(predicate: Arc<dyn Expression>) -> Self {
        Self { predicate: [predicate] }
    }
}

impl ChainOperator for Filter {
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
        let (batch, columns) = evaluate(&self.predicate, batch, cx)?;
        let mask = columns[0]
            .as_boolean_opt()
            .ok_or_else(|| EngineError::column_type("filter", "BOOLEAN", columns[0].data_type()))?;
        let mask = if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() };
        match mask.true_count() {
            0 => {}
            all if all == batch.row_count() => out.push(Event::Batch(batch)),
            _ => out.push(Event::Batch(keep_rows(&batch, &mask)?)),
        }
        Ok(())
    }
}
