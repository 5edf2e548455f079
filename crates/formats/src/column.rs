//! The columns that rows are decoded into: Arrow arrays under construction that can take back what was appended.
//!
//! Arrow's own builders cannot be cut back to an earlier length, which a decoder needs when the last field of a row
//! turns out to be bad. Values stand in plain vectors, so cutting back is cheap and finishing copies nothing.
//! The types are those of the crate's mapping; others are refused when the column is made.

mod nested;
mod nulls;
mod numbers;
mod strings;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType,
};
use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::{ArrowError, DataType, TimeUnit};

use crate::number::{self, NumberFault};

use nulls::Nulls;

pub(crate) use nested::{ArrayColumn, MapColumn, RowColumn};
pub(crate) use numbers::{Numbers, Timestamps};
pub(crate) use strings::{Arena, Place, Views};

/// One column under construction.
#[derive(Debug)]
pub(crate) enum Column {
    Boolean(Booleans),
    Int8(Numbers<Int8Type>),
    Int16(Numbers<Int16Type>),
    Int32(Numbers<Int32Type>),
    Int64(Numbers<Int64Type>),
    Float32(Numbers<Float32Type>),
    Float64(Numbers<Float64Type>),
    Decimal { numbers: Numbers<Decimal128Type>, precision: u8, scale: i8 },
    Date(Numbers<Date32Type>),
    Time(Numbers<Time32MillisecondType>),
    Timestamp(Timestamps),
    Text(Views),
    Bytes(Views),
    Row(RowColumn),
    Array(ArrayColumn),
    Map(MapColumn),
}

/// Runs one expression on whichever column it is.
macro_rules! each {
    ($column:expr, $c:ident => $body:expr) => {
        match $column {
            Column::Boolean($c) => $body,
            Column::Int8($c) => $body,
            Column::Int16($c) => $body,
            Column::Int32($c) => $body,
            Column::Int64($c) => $body,
            Column::Float32($c) => $body,
            Column::Float64($c) => $body,
            Column::Decimal { numbers: $c, .. } => $body,
            Column::Date($c) => $body,
            Column::Time($c) => $body,
            Column::Timestamp($c) => $body,
            Column::Text($c) => $body,
            Column::Bytes($c) => $body,
            Column::Row($c) => $body,
            Column::Array($c) => $body,
            Column::Map($c) => $body,
        }
    };
}

impl Column {
    /// An empty column of this type; `None` when the type is not in the mapping.
    pub(crate) fn new(data_type: &DataType) -> Option<Column> {
        Some(match data_type {
            DataType::Boolean => Column::Boolean(Booleans::new()),
            DataType::Int8 => Column::Int8(Numbers::new(data_type)),
            DataType::Int16 => Column::Int16(Numbers::new(data_type)),
            DataType::Int32 => Column::Int32(Numbers::new(data_type)),
            DataType::Int64 => Column::Int64(Numbers::new(data_type)),
            DataType::Float32 => Column::Float32(Numbers::new(data_type)),
            DataType::Float64 => Column::Float64(Numbers::new(data_type)),
            DataType::Decimal128(precision, scale) if *scale >= 0 => {
                Column::Decimal { numbers: Numbers::new(data_type), precision: *precision, scale: *scale }
            }
            DataType::Date32 => Column::Date(Numbers::new(data_type)),
            DataType::Time32(TimeUnit::Millisecond) => Column::Time(Numbers::new(data_type)),
            DataType::Timestamp(unit, zone) => Column::Timestamp(Timestamps::new(*unit, zone.clone())?),
            DataType::Utf8View => Column::Text(Views::new()),
            DataType::BinaryView => Column::Bytes(Views::new()),
            DataType::Struct(fields) => Column::Row(RowColumn::new(fields)?),
            DataType::List(item) => Column::Array(ArrayColumn::new(item)?),
            DataType::Map(entries, ordered) => Column::Map(MapColumn::new(entries, *ordered)?),
            _ => return None,
        })
    }

    /// Appends the number that `text` spells, as Flink converts text to numbers. With `float` a whole number is cut from
    /// a fraction or exponent, as Flink does with JSON numbers. `None` when this is no column of numbers.
    pub(crate) fn push_number(&mut self, text: &[u8], float: bool) -> Option<Result<(), NumberFault>> {
        let integer = |min: i64, max: i64| number::parse_integer(text, min, max);
        let whole = |min: i64, max: i64| match float {
            true => number::parse_truncated(text, min, max),
            false => number::parse_integer(text, min, max),
        };
        Some(match self {
            Column::Int8(c) => integer(i8::MIN.into(), i8::MAX.into()).map(|value| c.push(value as i8)),
            Column::Int16(c) => integer(i16::MIN.into(), i16::MAX.into()).map(|value| c.push(value as i16)),
            Column::Int32(c) => whole(i32::MIN.into(), i32::MAX.into()).map(|value| c.push(value as i32)),
            Column::Int64(c) => whole(i64::MIN, i64::MAX).map(|value| c.push(value)),
            Column::Float32(c) => number::parse_float(text).ok_or(NumberFault::Malformed).map(|v| c.push(v)),
            Column::Float64(c) => number::parse_double(text).ok_or(NumberFault::Malformed).map(|v| c.push(v)),
            Column::Decimal { numbers, precision, scale } => number::parse_decimal(text, *precision, *scale)
                .map(|value| match value {
                    Some(value) => numbers.push(value),
                    None => numbers.push_null(),
                }),
            _ => return None,
        })
    }

    /// How many values it holds.
    pub(crate) fn len(&self) -> usize {
        each!(self, column => column.len())
    }

    /// Appends a null; below a ROW also to its fields.
    pub(crate) fn push_null(&mut self) {
        each!(self, column => column.push_null());
    }

    /// Whether the last value was a number that became null because its type cannot hold it.
    pub(crate) fn ends_in_null(&self) -> bool {
        matches!(self, Column::Decimal { numbers, .. } if numbers.ends_in_null())
    }

    /// Takes back everything past the first `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        each!(self, column => column.truncate(len));
    }

    /// The values as an array; the column is empty afterwards.
    pub(crate) fn finish(&mut self, arena: &Arena) -> Result<ArrayRef, ArrowError> {
        match self {
            Column::Boolean(column) => Ok(column.finish()),
            Column::Int8(column) => column.finish(),
            Column::Int16(column) => column.finish(),
            Column::Int32(column) => column.finish(),
            Column::Int64(column) => column.finish(),
            Column::Float32(column) => column.finish(),
            Column::Float64(column) => column.finish(),
            Column::Decimal { numbers, .. } => numbers.finish(),
            Column::Date(column) => column.finish(),
            Column::Time(column) => column.finish(),
            Column::Timestamp(column) => column.finish(),
            Column::Text(column) => Ok(column.finish_text(arena)),
            Column::Bytes(column) => column.finish_bytes(arena),
            Column::Row(column) => column.finish(arena),
            Column::Array(column) => column.finish(arena),
            Column::Map(column) => column.finish(arena),
        }
    }

    /// The column's type as SQL names it, for errors.
    pub(crate) fn sql_type(&self) -> &'static str {
        match self {
            Column::Boolean(_) => "BOOLEAN",
            Column::Int8(_) => "TINYINT",
            Column::Int16(_) => "SMALLINT",
            Column::Int32(_) => "INT",
            Column::Int64(_) => "BIGINT",
            Column::Float32(_) => "FLOAT",
            Column::Float64(_) => "DOUBLE",
            Column::Decimal { .. } => "DECIMAL",
            Column::Date(_) => "DATE",
            Column::Time(_) => "TIME",
            Column::Timestamp(column) => column.sql_type(),
            Column::Text(_) => "STRING",
            Column::Bytes(_) => "BYTES",
            Column::Row(_) => "ROW",
            Column::Array(_) => "ARRAY",
            Column::Map(_) => "MAP",
        }
    }
}

/// A `BOOLEAN` column.
#[derive(Debug)]
pub(crate) struct Booleans {
    values: BooleanBufferBuilder,
    nulls: Nulls,
}

impl Booleans {
    fn new() -> Self {
        Booleans { values: BooleanBufferBuilder::new(0), nulls: Nulls::new() }
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn push(&mut self, value: bool) {
        self.values.append(value);
        self.nulls.push_valid();
    }

    fn push_null(&mut self) {
        self.values.append(false);
        self.nulls.push_null();
    }

    fn truncate(&mut self, len: usize) {
        self.values.truncate(len);
        self.nulls.truncate(len);
    }

    fn finish(&mut self) -> ArrayRef {
        std::sync::Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish()))
    }
}
