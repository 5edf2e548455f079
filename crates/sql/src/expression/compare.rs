//! Comparisons. Both operands have the same type when a kernel is called; comparing with a constant makes no column
//! of it. Floats compare as Java's do: NaN equals nothing, and −0 equals 0.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_ord::cmp;
use arrow_ord::ord::make_comparator;
use arrow_schema::{ArrowError, DataType, SortOptions};
use millstream_engine::expression::EvaluationError;
use std::cmp::Ordering;

use super::operand::{Arguments, Operand};
use super::{Kernel, Notation};

macro_rules! comparisons {
    ($($constant:ident $function:ident $name:literal $kernel:path, $test:expr, $float:expr;)*) => {
        $(
            pub(crate) static $constant: Kernel = Kernel::total($name, $function).shown(Notation::Infix);

            fn $function(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
                compare(arguments, $kernel, $test, $float)
            }
        )*
    };
}

comparisons! {
    EQUAL equal "=" cmp::eq, |o| o == Ordering::Equal, |a, b| a == b;
    NOT_EQUAL not_equal "<>" cmp::neq, |o| o != Ordering::Equal, |a, b| a != b;
    LESS less "<" cmp::lt, |o| o == Ordering::Less, |a, b| a < b;
    LESS_EQUAL less_equal "<=" cmp::lt_eq, |o| o != Ordering::Greater, |a, b| a <= b;
    GREATER greater ">" cmp::gt, |o| o == Ordering::Greater, |a, b| a > b;
    GREATER_EQUAL greater_equal ">=" cmp::gt_eq, |o| o != Ordering::Less, |a, b| a >= b;
}

pub(crate) static DISTINCT: Kernel = Kernel::total("IS DISTINCT FROM", distinct).shown(Notation::Infix);
pub(crate) static NOT_DISTINCT: Kernel =
    Kernel::total("IS NOT DISTINCT FROM", not_distinct).shown(Notation::Infix);
pub(crate) static IS_NULL: Kernel = Kernel::total("IS NULL", is_null).shown(Notation::Postfix);
pub(crate) static IS_NOT_NULL: Kernel = Kernel::total("IS NOT NULL", is_not_null).shown(Notation::Postfix);
pub(crate) static IS_TRUE: Kernel = Kernel::total("IS TRUE", is_true).shown(Notation::Postfix);
pub(crate) static IS_NOT_TRUE: Kernel = Kernel::total("IS NOT TRUE", is_not_true).shown(Notation::Postfix);
pub(crate) static IS_FALSE: Kernel = Kernel::total("IS FALSE", is_false).shown(Notation::Postfix);
pub(crate) static IS_NOT_FALSE: Kernel = Kernel::total("IS NOT FALSE", is_not_false).shown(Notation::Postfix);
pub(crate) static NOT: Kernel = Kernel::total("NOT", not).shown(Notation::Prefix);

fn compare(
    arguments: &Arguments<'_>,
    kernel: fn(&dyn arrow_array::Datum, &dyn arrow_array::Datum) -> Result<BooleanArray, ArrowError>,
    test: fn(Ordering) -> bool,
    float: fn(f64, f64) -> bool,
) -> Result<ArrayRef, EvaluationError> {
    let (left, right) = (&arguments.operands[0], &arguments.operands[1]);
    let result = match left.array().data_type() {
        DataType::Float32 => {
            let (left, right) = (arguments.values::<Float32Type>(0), arguments.values::<Float32Type>(1));
            rows(arguments.rows, |row| Some(float(f64::from(left.get(row)?), f64::from(right.get(row)?))))
        }
        DataType::Float64 => {
            let (left, right) = (arguments.values::<Float64Type>(0), arguments.values::<Float64Type>(1));
            rows(arguments.rows, |row| Some(float(left.get(row)?, right.get(row)?)))
        }
        data_type if data_type.is_nested() => {
            let order = ordering(left, right, arguments.rows)?;
            rows(arguments.rows, |row| {
                (!arguments.is_null(0, row) && !arguments.is_null(1, row)).then(|| test(order(row)))
            })
        }
        _ => kernel(left, right)?,
    };
    Ok(Arc::new(result))
}

fn rows(count: usize, value: impl Fn(usize) -> Option<bool>) -> BooleanArray {
    (0..count).map(value).collect()
}

/// Compares two columns of ROWs, ARRAYs or MAPs row by row.
fn ordering(
    left: &Operand,
    right: &Operand,
    rows: usize,
) -> Result<impl Fn(usize) -> Ordering + use<>, EvaluationError> {
    let (left, right) = (left.clone().into_column(rows)?, right.clone().into_column(rows)?);
    let comparator = make_comparator(&left, &right, SortOptions::default())?;
    Ok(move |row| comparator(row, row))
}

fn distinct(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (left, right) = (&arguments.operands[0], &arguments.operands[1]);
    if left.array().data_type().is_nested() {
        let order = ordering(left, right, arguments.rows)?;
        return Ok(Arc::new(rows(arguments.rows, |row| Some(order(row) != Ordering::Equal))));
    }
    Ok(Arc::new(cmp::distinct(left, right)?))
}

fn not_distinct(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let result = distinct(arguments)?;
    Ok(Arc::new(arrow_arith::boolean::not(result.as_boolean())?))
}

fn is_null(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    Ok(Arc::new(arrow_arith::boolean::is_null(arguments.operands[0].array())?))
}

fn is_not_null(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    Ok(Arc::new(arrow_arith::boolean::is_not_null(arguments.operands[0].array())?))
}

/// The rows that are not null and have the wanted value.
fn decided(arguments: &Arguments<'_>, wanted: bool, negated: bool) -> ArrayRef {
    let values = arguments.operands[0].array().as_boolean();
    let equal = if wanted { values.values().clone() } else { !values.values() };
    let all = match values.nulls() {
        Some(nulls) => &equal & nulls.inner(),
        None => equal,
    };
    Arc::new(BooleanArray::new(if negated { !&all } else { all }, None))
}

fn is_true(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    Ok(decided(arguments, true, false))
}

fn is_not_true(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    Ok(decided(arguments, true, true))
}

fn is_false(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    Ok(decided(arguments, false, false))
}

fn is_not_false(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    Ok(decided(arguments, false, true))
}

fn not(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    Ok(Arc::new(arrow_arith::boolean::not(arguments.operands[0].array().as_boolean())?))
}

pub(crate) static GREATEST: Kernel = Kernel::total("GREATEST", greatest);
pub(crate) static LEAST: Kernel = Kernel::total("LEAST", least);

fn greatest(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    extreme(arguments, Ordering::Greater)
}

fn least(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    extreme(arguments, Ordering::Less)
}

/// The operand that compares as wanted to all others; null if any is null.
fn extreme(arguments: &Arguments<'_>, wanted: Ordering) -> Result<ArrayRef, EvaluationError> {
    let mut best = arguments.operands[0].clone().into_column(arguments.rows)?;
    for operand in &arguments.operands[1..] {
        let other = operand.clone().into_column(arguments.rows)?;
        let comparator = make_comparator(&other, &best, SortOptions::default())?;
        let better: BooleanArray =
            (0..arguments.rows).map(|row| Some(comparator(row, row) == wanted)).collect();
        let nulls = NullBuffer::union(best.logical_nulls().as_ref(), other.logical_nulls().as_ref());
        best = arrow_select::zip::zip(&better, &other, &best)?;
        if let Some(nulls) = nulls {
            let absent = BooleanArray::new(!nulls.inner(), None);
            best = arrow_select::nullif::nullif(&best, &absent)?;
        }
    }
    Ok(best)
}

pub(crate) static IN: Kernel = Kernel::total("IN", is_in);

/// `a IN (b, c, …)`: true if one is equal, else null if one is null, else false.
fn is_in(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let needle = &arguments.operands[0];
    let mut result = BooleanArray::new(BooleanBuffer::new_unset(arguments.rows), None);
    for candidate in &arguments.operands[1..] {
        let pair = Arguments {
            operands: vec![needle.clone(), candidate.clone()],
            rows: arguments.rows,
            result: arguments.result,
            types: Vec::new(),
            context: arguments.context,
        };
        let mut equal = equal(&pair)?;
        if equal.len() == 1 && arguments.rows != 1 {
            equal = arrow_select::take::take(&equal, &UInt32Array::from(vec![0; arguments.rows]), None)?;
        }
        result = arrow_arith::boolean::or_kleene(&result, equal.as_boolean())?;
    }
    Ok(Arc::new(result))
}
