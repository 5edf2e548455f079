//! `+ - * / %` over numbers. Integers wrap around as Java's do; dividing one by zero has no result.

use std::sync::Arc;

use arrow_arith::numeric;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::DataType;
use millstream_engine::expression::EvaluationError;

use super::operand::Arguments;
use super::{Kernel, Notation, decimal};

pub(crate) static PLUS: Kernel = Kernel::total("+", add).shown(Notation::Infix);
pub(crate) static MINUS: Kernel = Kernel::total("-", subtract).shown(Notation::Infix);
pub(crate) static MULTIPLY: Kernel = Kernel::total("*", multiply).shown(Notation::Infix);
pub(crate) static DIVIDE: Kernel = Kernel::partial("/", divide).shown(Notation::Infix);
pub(crate) static MODULO: Kernel = Kernel::partial("%", modulo).shown(Notation::Infix);
pub(crate) static NEGATE: Kernel = Kernel::total("-", negate).shown(Notation::Prefix);

/// The error of `x / 0`.
pub(crate) fn division_by_zero(operator: &str) -> EvaluationError {
    EvaluationError::Undefined { operation: operator.to_owned(), reason: "division by zero".to_owned() }
}

fn is_decimal(arguments: &Arguments<'_>) -> bool {
    arguments.result.kind.is_decimal()
}

fn add(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    if is_decimal(arguments) {
        return decimal::sum(arguments, false);
    }
    Ok(numeric::add_wrapping(&arguments.operands[0], &arguments.operands[1])?)
}

fn subtract(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    if is_decimal(arguments) {
        return decimal::sum(arguments, true);
    }
    Ok(numeric::sub_wrapping(&arguments.operands[0], &arguments.operands[1])?)
}

fn multiply(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    if is_decimal(arguments) {
        return decimal::product(arguments);
    }
    Ok(numeric::mul_wrapping(&arguments.operands[0], &arguments.operands[1])?)
}

fn divide(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    if is_decimal(arguments) {
        return decimal::quotient(arguments);
    }
    match arguments.result_type() {
        DataType::Int8 => integers::<Int8Type>(arguments, "/", |a, b| (b != 0).then(|| a.wrapping_div(b))),
        DataType::Int16 => integers::<Int16Type>(arguments, "/", |a, b| (b != 0).then(|| a.wrapping_div(b))),
        DataType::Int32 => integers::<Int32Type>(arguments, "/", |a, b| (b != 0).then(|| a.wrapping_div(b))),
        DataType::Int64 => integers::<Int64Type>(arguments, "/", |a, b| (b != 0).then(|| a.wrapping_div(b))),
        _ => Ok(numeric::div(&arguments.operands[0], &arguments.operands[1])?),
    }
}

fn modulo(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    if is_decimal(arguments) {
        return decimal::remainder(arguments);
    }
    match arguments.result_type() {
        DataType::Int8 => integers::<Int8Type>(arguments, "%", |a, b| (b != 0).then(|| a.wrapping_rem(b))),
        DataType::Int16 => integers::<Int16Type>(arguments, "%", |a, b| (b != 0).then(|| a.wrapping_rem(b))),
        DataType::Int32 => integers::<Int32Type>(arguments, "%", |a, b| (b != 0).then(|| a.wrapping_rem(b))),
        DataType::Int64 => integers::<Int64Type>(arguments, "%", |a, b| (b != 0).then(|| a.wrapping_rem(b))),
        _ => Ok(numeric::rem(&arguments.operands[0], &arguments.operands[1])?),
    }
}

/// An operation that is not defined for some pairs; nulls are passed over.
fn integers<T: ArrowPrimitiveType>(
    arguments: &Arguments<'_>,
    operator: &str,
    operation: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> Result<ArrayRef, EvaluationError> {
    let left = arguments.values::<T>(0);
    let right = arguments.values::<T>(1);
    let values: PrimitiveArray<T> = (0..arguments.rows)
        .map(|row| match (left.get(row), right.get(row)) {
            (Some(left), Some(right)) => {
                operation(left, right).map(Some).ok_or_else(|| division_by_zero(operator))
            }
            _ => Ok(None),
        })
        .collect::<Result<_, _>>()?;
    Ok(Arc::new(values))
}

fn negate(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    if is_decimal(arguments) {
        return decimal::negation(arguments);
    }
    Ok(numeric::neg_wrapping(arguments.operands[0].array())?)
}

/// Applies a function to the values of a column of doubles or floats; the result has the argument's type.
pub(crate) fn map_float(
    arguments: &Arguments<'_>,
    function: impl Fn(f64) -> f64,
) -> Result<ArrayRef, EvaluationError> {
    let array = arguments.operands[0].array();
    match array.data_type() {
        #[expect(clippy::cast_possible_truncation, reason = "FLOAT in, FLOAT out")]
        DataType::Float32 => {
            let map = |value: f32| function(f64::from(value)) as f32;
            Ok(Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(map)))
        }
        _ => Ok(Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(function))),
    }
}
