//! Evaluation of a tree over a batch.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_select::filter::{FilterBuilder, FilterPredicate};
use millstream_engine::expression::{EvaluationContext, EvaluationError, Expression};

use super::{Arguments, Expr, ExprKind, Operand, logic, nested, window};

/// The rows that an expression reads: columns without a schema, so that a part of the rows is cheap to cut out.
pub(crate) struct Rows<'a> {
    pub(crate) columns: Cow<'a, [ArrayRef]>,
    pub(crate) count: usize,
    pub(crate) context: &'a EvaluationContext,
}

impl<'a> Rows<'a> {
    /// The rows where `mask` is true, with the columns that `expr` reads; the others are left empty.
    pub(crate) fn select(&self, mask: &BooleanArray, expr: &Expr) -> Result<Rows<'a>, EvaluationError> {
        let mut counts = vec![0; self.columns.len()];
        expr.count_columns(&mut counts);
        let used = counts.iter().filter(|&&count| count > 0).count();
        let builder = FilterBuilder::new(mask);
        let filter: FilterPredicate = if used > 1 { builder.optimize().build() } else { builder.build() };
        let columns = self
            .columns
            .iter()
            .zip(counts)
            .map(|(column, count)| if count > 0 { filter.filter(column) } else { Ok(column.slice(0, 0)) })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Rows { columns: Cow::Owned(columns), count: filter.count(), context: self.context })
    }
}

impl Expression for Expr {
    fn evaluate(&self, rows: &RecordBatch, context: &EvaluationContext) -> Result<ArrayRef, EvaluationError> {
        let rows = Rows { columns: Cow::Borrowed(rows.columns()), count: rows.num_rows(), context };
        self.operand(&rows)?.into_column(rows.count)
    }
}

impl Expr {
    /// The value for each row, or one for all.
    pub(crate) fn operand(&self, rows: &Rows<'_>) -> Result<Operand, EvaluationError> {
        match &self.kind {
            ExprKind::Column { index, .. } => Ok(Operand::Column(ArrayRef::clone(&rows.columns[*index]))),
            ExprKind::Literal(value) => Ok(Operand::Constant(ArrayRef::clone(value))),
            ExprKind::Field { operand, index } => nested::field(operand.operand(rows)?, *index),
            ExprKind::And(operands) => logic::conjunction(operands, rows, false),
            ExprKind::Or(operands) => logic::conjunction(operands, rows, true),
            ExprKind::Case { branches, otherwise } => logic::case(branches, otherwise, rows),
            ExprKind::Call { kernel, arguments } => {
                let operands =
                    arguments.iter().map(|argument| argument.operand(rows)).collect::<Result<Vec<_>, _>>()?;
                let constant = operands.iter().all(Operand::is_constant);
                let arguments = Arguments {
                    operands,
                    rows: if constant { 1 } else { rows.count },
                    result: &self.data_type,
                    types: arguments.iter().map(|argument| &argument.data_type).collect(),
                    context: rows.context,
                };
                let value = (kernel.evaluate)(&arguments)?;
                Ok(if constant { Operand::Constant(value) } else { Operand::Column(value) })
            }
            ExprKind::Window(bound) => window::evaluate(bound, rows),
        }
    }

    /// A boolean for each row.
    pub(crate) fn booleans(&self, rows: &Rows<'_>) -> Result<BooleanArray, EvaluationError> {
        Ok(self.operand(rows)?.into_column(rows.count)?.as_boolean().clone())
    }

    /// The value of a constant expression, as an array of one.
    ///
    /// # Errors
    /// When it has no value; the error then belongs to the rows, not to the plan.
    pub(crate) fn fold(&self) -> Result<ArrayRef, EvaluationError> {
        use millstream_engine::element::TimestampMs;
        let context = EvaluationContext { processing_time: TimestampMs(0) };
        let rows = Rows { columns: Cow::Borrowed(&[]), count: 1, context: &context };
        self.operand(&rows)?.into_column(1)
    }
}
