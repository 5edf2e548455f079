//! Evaluates expressions over a batch and finds the rows that have no value.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::ArrowError;

use super::keep_rows;
use crate::chain::TaskContext;
use crate::element::Batch;
use crate::error::EngineError;
use crate::expression::{EvaluationContext, EvaluationError, Expression};

/// The columns of `expressions`, and the rows that they belong to: rows without a value went to the policy.
pub(super) fn evaluate(
    expressions: &[Arc<dyn Expression>],
    batch: Batch,
    cx: &mut TaskContext,
) -> Result<(Batch, Vec<ArrayRef>), EngineError> {
    let context = EvaluationContext { processing_time: cx.now };
    if let Ok(columns) = evaluate_all(expressions, &batch.rows, &context) {
        return Ok((batch, columns));
    }
    let mut good = vec![true; batch.row_count()];
    bisect(expressions, &batch.rows, 0..batch.row_count(), &context, &mut good, cx)?;
    let batch = keep_rows(&batch, &BooleanArray::from(good))?;
    let columns =
        evaluate_all(expressions, &batch.rows, &context).map_err(|error| EngineError::Computation {
            operation: "expression",
            error: ArrowError::ExternalError(Box::new(error)),
        })?;
    Ok((batch, columns))
}

fn evaluate_all(
    expressions: &[Arc<dyn Expression>],
    rows: &RecordBatch,
    context: &EvaluationContext,
) -> Result<Vec<ArrayRef>, EvaluationError> {
    expressions.iter().map(|expression| expression.evaluate(rows, context)).collect()
}

/// Halves `range` until each row without a value is known. Rows come to the policy in their order.
fn bisect(
    expressions: &[Arc<dyn Expression>],
    rows: &RecordBatch,
    range: std::ops::Range<usize>,
    context: &EvaluationContext,
    good: &mut [bool],
    cx: &mut TaskContext,
) -> Result<(), EngineError> {
    let Err(error) = evaluate_all(expressions, &rows.slice(range.start, range.len()), context) else {
        return Ok(());
    };
    if range.len() <= 1 {
        if let Some(good) = good.get_mut(range.start) {
            *good = false;
            cx.bad_row(rows, range.start, &error)?;
        }
        return Ok(());
    }
    let middle = range.start + range.len() / 2;
    bisect(expressions, rows, range.start..middle, context, good, cx)?;
    bisect(expressions, rows, middle..range.end, context, good, cx)
}
