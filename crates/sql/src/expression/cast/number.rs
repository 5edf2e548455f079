//! Casts among numbers, booleans and intervals.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalYearMonthType,
};
use arrow_array::{Array, ArrayRef, BooleanArray, Decimal128Array, Int64Array, PrimitiveArray};
use arrow_schema::DataType;
use millstream_engine::expression::EvaluationError;

use super::super::decimal;
use super::super::operand::{longs_of, longs_to};
use crate::types::Kind;

/// A number on its way from one type to another.
#[derive(Clone, Copy)]
enum Number {
    Integer(i64),
    Float(f64),
    /// Digits and scale.
    Decimal(i128, u8),
}

pub(super) fn cast(array: &ArrayRef, from: &Kind, to: &Kind) -> Result<ArrayRef, EvaluationError> {
    if let Some(quick) = widened(array, to) {
        return Ok(quick);
    }
    let scale = from.as_decimal().map_or(0, |(_, scale)| scale);
    let number: Box<dyn Fn(usize) -> Number> = match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean().clone();
            Box::new(move |row| Number::Integer(i64::from(values.value(row))))
        }
        DataType::Int8 => integers::<Int8Type>(array),
        DataType::Int16 => integers::<Int16Type>(array),
        DataType::Int32 => integers::<Int32Type>(array),
        DataType::Interval(_) => integers::<IntervalYearMonthType>(array),
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().clone();
            Box::new(move |row| Number::Float(f64::from(values.value(row))))
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().clone();
            Box::new(move |row| Number::Float(values.value(row)))
        }
        DataType::Decimal128(..) => {
            let values = array.as_primitive::<Decimal128Type>().clone();
            Box::new(move |row| Number::Decimal(values.value(row), scale))
        }
        _ => {
            let values = longs_of(array).to_vec();
            Box::new(move |row| Number::Integer(values[row]))
        }
    };
    let rows = (0..array.len()).map(|row| array.is_valid(row).then(|| number(row)));
    collect(rows, from, to)
}

fn integers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Box<dyn Fn(usize) -> Number>
where
    T::Native: Into<i64>,
{
    let values = array.as_primitive::<T>().clone();
    Box::new(move |row| Number::Integer(values.value(row).into()))
}

/// The common widenings, without a detour per value.
fn widened(array: &ArrayRef, to: &Kind) -> Option<ArrayRef> {
    fn map<F: ArrowPrimitiveType, T: ArrowPrimitiveType>(
        array: &ArrayRef,
        convert: impl Fn(F::Native) -> T::Native,
    ) -> ArrayRef {
        Arc::new(array.as_primitive::<F>().unary::<_, T>(convert))
    }
    Some(match (array.data_type(), to) {
        (DataType::Int32, Kind::BigInt) => map::<Int32Type, Int64Type>(array, i64::from),
        (DataType::Int32, Kind::Double) => map::<Int32Type, Float64Type>(array, f64::from),
        // Wide enough for every value of the integer's type: nothing to check.
        (data_type, Kind::Decimal { precision, scale }) => {
            let digits = precision - scale;
            let factor = decimal::small_power_of_ten(u32::from(*scale));
            let exact = match data_type {
                DataType::Int32 if digits >= 10 => {
                    map::<Int32Type, Decimal128Type>(array, |value| i128::from(value) * factor)
                }
                DataType::Int64 if digits >= 19 => {
                    map::<Int64Type, Decimal128Type>(array, |value| i128::from(value) * factor)
                }
                _ => return None,
            };
            let exact = exact.as_primitive::<Decimal128Type>().clone();
            Arc::new(exact.with_precision_and_scale(*precision, i8::try_from(*scale).ok()?).ok()?)
        }
        (DataType::Float32, Kind::Double) => map::<Float32Type, Float64Type>(array, f64::from),
        _ => return None,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "Java's narrowing: it wraps, floats saturate"
)]
fn collect(
    rows: impl Iterator<Item = Option<Number>>,
    from: &Kind,
    to: &Kind,
) -> Result<ArrayRef, EvaluationError> {
    fn primitive<T: ArrowPrimitiveType>(
        rows: impl Iterator<Item = Option<Number>>,
        convert: impl Fn(Number) -> T::Native,
    ) -> ArrayRef {
        Arc::new(rows.map(|row| row.map(&convert)).collect::<PrimitiveArray<T>>())
    }
    Ok(match to {
        Kind::Boolean => Arc::new(
            rows.map(|row| {
                row.map(|number| match number {
                    Number::Integer(value) => value != 0,
                    Number::Float(value) => value != 0.0,
                    Number::Decimal(value, _) => value != 0,
                })
            })
            .collect::<BooleanArray>(),
        ),
        Kind::TinyInt => primitive::<Int8Type>(rows, |number| narrow_int(number) as i8),
        Kind::SmallInt => primitive::<Int16Type>(rows, |number| narrow_int(number) as i16),
        Kind::Int => primitive::<Int32Type>(rows, narrow_int),
        Kind::YearMonthInterval => primitive::<IntervalYearMonthType>(rows, narrow_int),
        Kind::Float => primitive::<Float32Type>(rows, |number| match number {
            Number::Integer(value) => value as f32,
            other => double(other) as f32,
        }),
        Kind::Double => primitive::<Float64Type>(rows, double),
        Kind::Decimal { precision, scale } => {
            let values: Decimal128Array =
                rows.map(|row| row.and_then(|number| exact(number, from, *precision, *scale))).collect();
            Arc::new(values.with_precision_and_scale(*precision, i8::try_from(*scale).unwrap_or(0))?)
        }
        other => {
            let values: Int64Array = rows.map(|row| row.map(long)).collect();
            longs_to(values, &other.to_arrow())
        }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "Java's narrowing: it wraps, floats saturate")]
fn narrow_int(number: Number) -> i32 {
    match number {
        Number::Float(value) => value as i32,
        other => long(other) as i32,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "Java's narrowing: it wraps, floats saturate")]
fn long(number: Number) -> i64 {
    match number {
        Number::Integer(value) => value,
        Number::Float(value) => value as i64,
        Number::Decimal(value, scale) => (value / decimal::small_power_of_ten(u32::from(scale))) as i64,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a DOUBLE has 53 bits")]
fn double(number: Number) -> f64 {
    match number {
        Number::Integer(value) => value as f64,
        Number::Float(value) => value,
        // Reading the digits rounds once; dividing would round twice.
        Number::Decimal(value, scale) => decimal::to_text(value, scale).parse().unwrap_or(f64::NAN),
    }
}

/// A DECIMAL's digits; `None` when the number does not fit.
fn exact(number: Number, from: &Kind, precision: u8, scale: u8) -> Option<i128> {
    let value = match number {
        Number::Integer(value) => decimal::rescale(i128::from(value), 0, scale)?,
        Number::Decimal(value, from) => decimal::rescale(value, from, scale)?,
        Number::Float(value) => {
            // As Java's BigDecimal.valueOf: the shortest digits that mean the number.
            #[expect(clippy::cast_possible_truncation, reason = "it came from a FLOAT")]
            let text =
                if *from == Kind::Float { format!("{:e}", value as f32) } else { format!("{value:e}") };
            decimal::from_text(&text, precision, scale).ok()??
        }
    };
    decimal::fitting(value, precision)
}
