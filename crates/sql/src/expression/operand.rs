//! What kernels read: columns and constants, by row, without caring which is which.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, DurationMillisecondType, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, Datum, Int64Array, PrimitiveArray, StringViewArray, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, TimeUnit};
use millstream_engine::expression::{EvaluationContext, EvaluationError};

use crate::types::SqlType;

/// A column, or one value for all rows.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// A value per row.
    Column(ArrayRef),
    /// An array of one value.
    Constant(ArrayRef),
}

impl Operand {
    /// The values; one alone for a constant.
    pub(crate) fn array(&self) -> &ArrayRef {
        match self {
            Self::Column(array) | Self::Constant(array) => array,
        }
    }

    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// How far the next row's value is away.
    fn step(&self) -> usize {
        usize::from(!self.is_constant())
    }

    /// A value per row.
    pub(crate) fn into_column(self, rows: usize) -> Result<ArrayRef, EvaluationError> {
        match self {
            Self::Column(array) => Ok(array),
            Self::Constant(array) if rows == 1 => Ok(array),
            Self::Constant(array) => {
                let indices = UInt32Array::from(vec![0; rows]);
                Ok(arrow_select::take::take(array.as_ref(), &indices, None)?)
            }
        }
    }
}

impl Datum for Operand {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array().as_ref(), self.is_constant())
    }
}

/// What a kernel is called with.
pub(crate) struct Arguments<'a> {
    pub(crate) operands: Vec<Operand>,
    /// The number of rows of the result; 1 when every operand is constant.
    pub(crate) rows: usize,
    /// The type of the result.
    pub(crate) result: &'a SqlType,
    /// The types of the arguments.
    pub(crate) types: Vec<&'a SqlType>,
    pub(crate) context: &'a EvaluationContext,
}

impl Arguments<'_> {
    /// The Arrow type of the result.
    pub(crate) fn result_type(&self) -> DataType {
        self.result.kind.to_arrow()
    }

    pub(crate) fn strings(&self, index: usize) -> Strings<'_> {
        let operand = &self.operands[index];
        Strings { array: operand.array().as_string_view(), step: operand.step() }
    }

    pub(crate) fn values<T: ArrowPrimitiveType>(&self, index: usize) -> Values<'_, T> {
        let operand = &self.operands[index];
        Values { array: operand.array().as_primitive::<T>(), step: operand.step() }
    }

    /// Whether an operand is null in a row.
    pub(crate) fn is_null(&self, index: usize, row: usize) -> bool {
        let operand = &self.operands[index];
        operand.array().is_null(row * operand.step())
    }

    /// An array of the result's type from values of 64 bits.
    pub(crate) fn longs_result(&self, values: Int64Array) -> ArrayRef {
        longs_to(values, &self.result_type())
    }
}

/// A string operand by row.
pub(crate) struct Strings<'a> {
    array: &'a StringViewArray,
    step: usize,
}

impl<'a> Strings<'a> {
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        let index = row * self.step;
        self.array.is_valid(index).then(|| self.array.value(index))
    }

    /// The value, if it is the same for all rows.
    pub(crate) fn constant(&self) -> Option<Option<&'a str>> {
        (self.step == 0).then(|| self.get(0))
    }
}

/// A primitive operand by row.
pub(crate) struct Values<'a, T: ArrowPrimitiveType> {
    array: &'a PrimitiveArray<T>,
    step: usize,
}

impl<T: ArrowPrimitiveType> Values<'_, T> {
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        let index = row * self.step;
        self.array.is_valid(index).then(|| self.array.value(index))
    }
}

/// The values of a 64-bit array; empty for other arrays.
pub(crate) fn longs_of(array: &ArrayRef) -> &[i64] {
    match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().values(),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            array.as_primitive::<TimestampMillisecondType>().values()
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            array.as_primitive::<TimestampMicrosecondType>().values()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            array.as_primitive::<TimestampNanosecondType>().values()
        }
        DataType::Duration(TimeUnit::Millisecond) => array.as_primitive::<DurationMillisecondType>().values(),
        _ => &[],
    }
}

/// The same 64-bit values under another type; the buffers are shared.
pub(crate) fn longs_to(values: Int64Array, data_type: &DataType) -> ArrayRef {
    use std::sync::Arc;
    let (_, values, nulls): (_, ScalarBuffer<i64>, _) = values.into_parts();
    match data_type {
        DataType::Timestamp(TimeUnit::Millisecond, zone) => Arc::new(
            PrimitiveArray::<TimestampMillisecondType>::new(values, nulls).with_timezone_opt(zone.clone()),
        ),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => Arc::new(
            PrimitiveArray::<TimestampMicrosecondType>::new(values, nulls).with_timezone_opt(zone.clone()),
        ),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => Arc::new(
            PrimitiveArray::<TimestampNanosecondType>::new(values, nulls).with_timezone_opt(zone.clone()),
        ),
        DataType::Duration(_) => Arc::new(PrimitiveArray::<DurationMillisecondType>::new(values, nulls)),
        _ => Arc::new(Int64Array::new(values, nulls)),
    }
}

/// How many ticks of a timestamp's unit make a second.
pub(crate) fn ticks_per_second(data_type: &DataType) -> i64 {
    match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
        _ => 1_000,
    }
}
