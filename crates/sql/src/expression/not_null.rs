//! The check that a NOT NULL column of a sink gets its value.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use millstream_engine::expression::EvaluationError;

use super::operand::Arguments;
use super::{Expr, Kernel};
use crate::diagnostics::Span;
use crate::types::Kind;

static NOT_NULL: Kernel = Kernel::partial("NOT_NULL", check);

/// The value; a null has none, and the error names the column.
pub(crate) fn enforced(value: Expr, column: &str, span: Span) -> Expr {
    use arrow_array::StringViewArray;
    let name = Expr::literal(
        std::sync::Arc::new(StringViewArray::from(vec![column])),
        Kind::STRING.not_null(),
        span,
    );
    let data_type = value.data_type.with_nullability(false);
    Expr::call(&NOT_NULL, vec![value, name], data_type, span)
}

fn check(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let values = arguments.operands[0].clone().into_column(arguments.rows)?;
    if values.logical_null_count() == 0 {
        return Ok(values);
    }
    let column = arguments.operands[1].array().as_string_view().value(0).to_owned();
    Err(EvaluationError::Undefined {
        operation: "INSERT".to_owned(),
        reason: format!("a null for the column '{column}', which is NOT NULL"),
    })
}
