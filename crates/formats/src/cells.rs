//! The columns of a batch, with their types found out once, so that writing a cell is one `match`.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, BinaryViewArray, BooleanArray, RecordBatch, StringViewArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef, TimeUnit};

use crate::error::FormatError;
use crate::time::Moment;

/// One column of a batch.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    nulls: Option<&'a NullBuffer>,
    pub(crate) values: Values<'a>,
}

/// A column's values by type.
#[derive(Debug)]
pub(crate) enum Values<'a> {
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal(&'a [i128], i8),
    Date(&'a [i32]),
    Time(&'a [i32]),
    Timestamp { values: &'a [i64], units_per_second: i64, local_zone: bool },
    Text(&'a StringViewArray),
    Bytes(&'a BinaryViewArray),
    Row(Vec<Cells<'a>>),
    Array { offsets: &'a [i32], items: Box<Cells<'a>> },
    Map { offsets: &'a [i32], keys: Box<Cells<'a>>, values: Box<Cells<'a>> },
}

impl<'a> Cells<'a> {
    /// The batch's columns, which must have the types of `schema`.
    pub(crate) fn of_batch(batch: &'a RecordBatch, schema: &SchemaRef) -> Result<Vec<Self>, FormatError> {
        schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let column = batch.columns().get(index).filter(|c| c.data_type() == field.data_type());
                column
                    .and_then(Cells::new)
                    .ok_or_else(|| FormatError::BatchMismatch { column: field.name().clone() })
            })
            .collect()
    }

    /// `None` when the type is not in the mapping.
    fn new(array: &'a ArrayRef) -> Option<Self> {
        let values = match array.data_type() {
            DataType::Boolean => Values::Boolean(array.as_boolean_opt()?),
            DataType::Int8 => Values::Int8(array.as_primitive_opt::<Int8Type>()?.values()),
            DataType::Int16 => Values::Int16(array.as_primitive_opt::<Int16Type>()?.values()),
            DataType::Int32 => Values::Int32(array.as_primitive_opt::<Int32Type>()?.values()),
            DataType::Int64 => Values::Int64(array.as_primitive_opt::<Int64Type>()?.values()),
            DataType::Float32 => Values::Float32(array.as_primitive_opt::<Float32Type>()?.values()),
            DataType::Float64 => Values::Float64(array.as_primitive_opt::<Float64Type>()?.values()),
            DataType::Decimal128(_, scale) if *scale >= 0 => {
                Values::Decimal(array.as_primitive_opt::<Decimal128Type>()?.values(), *scale)
            }
            DataType::Date32 => Values::Date(array.as_primitive_opt::<Date32Type>()?.values()),
            DataType::Time32(TimeUnit::Millisecond) => {
                Values::Time(array.as_primitive_opt::<Time32MillisecondType>()?.values())
            }
            DataType::Timestamp(unit, zone) => {
                let (values, units_per_second) = timestamps(array, *unit)?;
                Values::Timestamp { values, units_per_second, local_zone: zone.is_some() }
            }
            DataType::Utf8View => Values::Text(array.as_string_view_opt()?),
            DataType::BinaryView => Values::Bytes(array.as_binary_view_opt()?),
            DataType::Struct(_) => {
                let row = array.as_struct_opt()?;
                Values::Row(row.columns().iter().map(Cells::new).collect::<Option<_>>()?)
            }
            DataType::List(_) => {
                let list = array.as_list_opt::<i32>()?;
                Values::Array { offsets: list.value_offsets(), items: Box::new(Cells::new(list.values())?) }
            }
            DataType::Map(..) => {
                let map = array.as_map_opt()?;
                Values::Map {
                    offsets: map.value_offsets(),
                    keys: Box::new(Cells::new(map.keys())?),
                    values: Box::new(Cells::new(map.values())?),
                }
            }
            _ => return None,
        };
        Some(Cells { nulls: array.nulls(), values })
    }

    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.is_null(row))
    }
}

fn timestamps(array: &ArrayRef, unit: TimeUnit) -> Option<(&[i64], i64)> {
    Some(match unit {
        TimeUnit::Second => return None,
        TimeUnit::Millisecond => (array.as_primitive_opt::<TimestampMillisecondType>()?.values(), 1_000),
        TimeUnit::Microsecond => (array.as_primitive_opt::<TimestampMicrosecondType>()?.values(), 1_000_000),
        TimeUnit::Nanosecond => {
            (array.as_primitive_opt::<TimestampNanosecondType>()?.values(), 1_000_000_000)
        }
    })
}

/// The calendar's view of a timestamp.
pub(crate) fn moment(value: i64, units_per_second: i64) -> Moment {
    let units_per_day = 86_400 * units_per_second;
    let nanos_per_unit = 1_000_000_000 / units_per_second;
    Moment {
        days: value.div_euclid(units_per_day),
        nanos: (value.rem_euclid(units_per_day) * nanos_per_unit) as u64,
    }
}

/// The items of entry `row`.
pub(crate) fn entry(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    match offsets.get(row..row + 2) {
        Some([start, end]) => *start as usize..*end as usize,
        _ => 0..0,
    }
}
