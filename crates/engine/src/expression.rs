//! Scalar expressions over batches.

use std::fmt;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use crate::element::TimestampMs;

/// What an expression may know besides its row.
#[derive(Debug, Clone, Copy)]
pub struct EvaluationContext {
    /// The wall clock, read once per batch.
    pub processing_time: TimestampMs,
}

/// A value for each row of a batch. Implementations are vectorised and free of side effects.
pub trait Expression: fmt::Debug + Send + Sync {
    /// Computes a column of `rows.num_rows()` values.
    ///
    /// # Errors
    /// When some row has no value (a failed cast, a division by zero, an overflow). The engine halves the batch until
    /// it knows the row, so an expression need not say which.
    fn evaluate(&self, rows: &RecordBatch, context: &EvaluationContext) -> Result<ArrayRef, EvaluationError>;
}

/// Why a row has no value.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// A value cannot be cast.
    #[error("cannot cast {value} to {target}")]
    Cast {
        /// The value as text.
        value: String,
        /// The type wanted, in SQL's spelling.
        target: String,
    },
    /// An operation has no result for its operands.
    #[error("{operation}: {reason}")]
    Undefined {
        /// The operation, in SQL's spelling.
        operation: String,
        /// What is wrong with the operands.
        reason: String,
    },
    /// A kernel failed.
    #[error(transparent)]
    Kernel(#[from] ArrowError),
}
