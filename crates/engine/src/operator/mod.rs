//! The operators of a chain, one per file.

mod evaluate;
mod filter;
mod project;
mod sink;
mod watermark;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray};
use arrow_select::filter::{FilterBuilder, FilterPredicate};

pub(crate) use filter::Filter;
pub(crate) use project::Project;
pub(crate) use sink::{Prepared, SinkEnd};
pub(crate) use watermark::WatermarkAssigner;

use crate::element::Batch;
use crate::error::EngineError;

/// The rows of a batch for which `kept`, which has no nulls, is true.
pub(crate) fn keep_rows(batch: &Batch, kept: &BooleanArray) -> Result<Batch, EngineError> {
    let error = EngineError::computation("filter");
    let mut builder = FilterBuilder::new(kept);
    if batch.rows.num_columns() > 1 {
        builder = builder.optimize();
    }
    let predicate: FilterPredicate = builder.build();
    let column = |column: &dyn Array| predicate.filter(column).map_err(&error);
    Ok(Batch {
        rows: predicate.filter_record_batch(&batch.rows).map_err(&error)?,
        weights: match &batch.weights {
            Some(weights) => Some(column(weights)?.as_primitive().clone()),
            None => None,
        },
        watermarks: match &batch.watermarks {
            Some(watermarks) => Some(column(watermarks)?.as_primitive().clone()),
            None => None,
        },
    })
}
