//! MIN and MAX over an input that takes rows back: every value is kept with its count.
//!
//! The encoded state of a group is a BINARY of version 1, all numbers little-endian:
//!
//! ```text
//!   1  u8   the version, 1
//!      then per value, in ascending order:
//!   8  i64  its count, never 0; negative while retractions are ahead of insertions
//!   4  u32  the length of its bytes
//!   n       its bytes: 16 of a signed integer, or UTF-8
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type,
};
use arrow_array::{Array, ArrayRef, BinaryArray, PrimitiveArray, make_array};
use arrow_schema::DataType;

use super::extreme::{Direction, float_key};
use super::strings::{for_each_string, is_string, string_column};
use super::{Accumulator, GroupId, argument, for_each_valid, state};
use crate::error::EngineError;

const STATE_VERSION: u8 = 1;

/// A value whose order is that of its type: floating-point numbers by [`float_key`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Integer(i128),
    Text(Box<str>),
}

/// Whether values of this type can be kept.
pub(super) fn holds(data_type: &DataType) -> bool {
    is_string(data_type)
        || matches!(data_type, DataType::Decimal128(_, _) | DataType::Float32 | DataType::Float64)
        || width(data_type).is_some()
}

/// The width of an integer-like type.
fn width(data_type: &DataType) -> Option<usize> {
    data_type.primitive_width().filter(|_| {
        data_type.is_signed_integer()
            || matches!(
                data_type,
                DataType::Date32
                    | DataType::Date64
                    | DataType::Time32(_)
                    | DataType::Time64(_)
                    | DataType::Timestamp(_, _)
            )
    })
}

/// State: value → count per group.
#[derive(Debug)]
pub(super) struct RetractingExtreme {
    groups: Vec<BTreeMap<Value, i64>>,
    direction: Direction,
    data_type: DataType,
}

impl RetractingExtreme {
    pub(super) fn new(direction: Direction, data_type: &DataType) -> Self {
        Self { groups: Vec::new(), direction, data_type: data_type.clone() }
    }

    fn extreme(&self, group: GroupId) -> Option<&Value> {
        let present = self.groups[group as usize].iter().filter(|(_, count)| **count > 0);
        let mut present = present.map(|(value, _)| value);
        match self.direction {
            Direction::Min => present.next(),
            Direction::Max => present.next_back(),
        }
    }
}

fn add(map: &mut BTreeMap<Value, i64>, value: Value, weight: i64) {
    let count = map.entry(value.clone()).or_insert(0);
    *count += weight;
    if *count == 0 {
        map.remove(&value);
    }
}

fn for_each_value(column: &ArrayRef, mut take: impl FnMut(usize, Value)) -> Result<(), EngineError> {
    fn integers<T: ArrowPrimitiveType>(
        column: &ArrayRef,
        mut take: impl FnMut(usize, Value),
        key: impl Fn(T::Native) -> i128,
    ) {
        let array = column.as_primitive::<T>();
        for_each_valid(array, array.len(), |row| take(row, Value::Integer(key(array.value(row)))));
    }
    match column.data_type() {
        data_type if is_string(data_type) => {
            return for_each_string(column, |row, text| take(row, Value::Text(text.into())));
        }
        DataType::Int8 => integers::<Int8Type>(column, take, i128::from),
        DataType::Int16 => integers::<Int16Type>(column, take, i128::from),
        DataType::Float32 => {
            integers::<Float32Type>(column, take, |value| i128::from(float_key(f64::from(value))));
        }
        DataType::Float64 => integers::<Float64Type>(column, take, |value| i128::from(float_key(value))),
        DataType::Decimal128(_, _) => integers::<Decimal128Type>(column, take, |value| value),
        data_type => match width(data_type) {
            Some(4) => integers::<Int32Type>(&retyped(column, DataType::Int32)?, take, i128::from),
            Some(8) => integers::<Int64Type>(&retyped(column, DataType::Int64)?, take, i128::from),
            _ => return Err(EngineError::column_type("MIN/MAX", "a comparable type", data_type)),
        },
    }
    Ok(())
}

/// The same bytes under another type of the same width.
fn retyped(column: &ArrayRef, data_type: DataType) -> Result<ArrayRef, EngineError> {
    let data = column.to_data().into_builder().data_type(data_type);
    Ok(make_array(data.build().map_err(EngineError::computation("MIN/MAX"))?))
}

/// Undoes [`float_key`]; its NaN comes back as the canonical one.
fn float_of(key: i128) -> f64 {
    let key = i64::try_from(key).unwrap_or(i64::MAX);
    if key == i64::MAX {
        return f64::NAN;
    }
    f64::from_bits((key ^ (((key >> 63).cast_unsigned()) >> 1).cast_signed()).cast_unsigned())
}

#[expect(clippy::cast_possible_truncation, reason = "a value came from the type that it goes back to")]
fn column(values: &[Option<&Value>], data_type: &DataType) -> Result<ArrayRef, EngineError> {
    let integers = values.iter().map(|value| match value {
        Some(Value::Integer(integer)) => Some(*integer),
        _ => None,
    });
    Ok(match data_type {
        data_type if is_string(data_type) => {
            let texts = values.iter().map(|value| match value {
                Some(Value::Text(text)) => Some(text.as_ref()),
                _ => None,
            });
            string_column(texts, data_type)
        }
        DataType::Int8 => {
            Arc::new(integers.map(|v| v.map(|v| v as i8)).collect::<PrimitiveArray<Int8Type>>())
        }
        DataType::Int16 => {
            Arc::new(integers.map(|v| v.map(|v| v as i16)).collect::<PrimitiveArray<Int16Type>>())
        }
        DataType::Float32 => {
            Arc::new(integers.map(|v| v.map(|v| float_of(v) as f32)).collect::<PrimitiveArray<Float32Type>>())
        }
        DataType::Float64 => {
            Arc::new(integers.map(|v| v.map(float_of)).collect::<PrimitiveArray<Float64Type>>())
        }
        DataType::Decimal128(_, _) => {
            let column = integers.collect::<PrimitiveArray<Decimal128Type>>();
            Arc::new(column.with_data_type(data_type.clone()))
        }
        _ if width(data_type) == Some(4) => {
            let column = integers.map(|v| v.map(|v| v as i32)).collect::<PrimitiveArray<Date32Type>>();
            retyped(&(Arc::new(column) as ArrayRef), data_type.clone())?
        }
        _ => {
            let column = integers.map(|v| v.map(|v| v as i64)).collect::<PrimitiveArray<Date64Type>>();
            retyped(&(Arc::new(column) as ArrayRef), data_type.clone())?
        }
    })
}

fn encode_map<'a>(values: impl Iterator<Item = (&'a Value, i64)>) -> Vec<u8> {
    let mut bytes = vec![STATE_VERSION];
    for (value, count) in values {
        bytes.extend_from_slice(&count.to_le_bytes());
        let integer_bytes;
        let value_bytes: &[u8] = match value {
            Value::Integer(integer) => {
                integer_bytes = integer.to_le_bytes();
                &integer_bytes
            }
            Value::Text(text) => text.as_bytes(),
        };
        bytes.extend_from_slice(&u32::try_from(value_bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(value_bytes);
    }
    bytes
}

fn decode_map(bytes: &[u8], text: bool, mut take: impl FnMut(Value, i64)) -> Option<()> {
    let mut rest = bytes.strip_prefix(&[STATE_VERSION])?;
    while !rest.is_empty() {
        let (count, tail) = rest.split_first_chunk::<8>()?;
        let (length, tail) = tail.split_first_chunk::<4>()?;
        let (value, tail) = tail.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        let value = if text {
            Value::Text(std::str::from_utf8(value).ok()?.into())
        } else {
            Value::Integer(i128::from_le_bytes(value.try_into().ok()?))
        };
        take(value, i64::from_le_bytes(*count));
        rest = tail;
    }
    Some(())
}

impl Accumulator for RetractingExtreme {
    fn resize(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize(groups, BTreeMap::new());
        }
    }

    fn update(
        &mut self,
        values: Option<&ArrayRef>,
        groups: &[GroupId],
        weights: Option<&[i8]>,
    ) -> Result<(), EngineError> {
        let maps = &mut self.groups;
        for_each_value(argument(values, "MIN/MAX")?, |row, value| {
            let weight = weights.map_or(1, |weights| i64::from(weights[row]));
            add(&mut maps[groups[row] as usize], value, weight);
        })
    }

    fn states_of_rows(
        &self,
        values: Option<&ArrayRef>,
        rows: usize,
        weights: Option<&[i8]>,
    ) -> Result<Vec<ArrayRef>, EngineError> {
        let mut states = vec![vec![STATE_VERSION]; rows];
        for_each_value(argument(values, "MIN/MAX")?, |row, value| {
            let weight = weights.map_or(1, |weights| i64::from(weights[row]));
            states[row] = encode_map(std::iter::once((&value, weight)));
        })?;
        Ok(vec![Arc::new(BinaryArray::from_iter_values(states))])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[GroupId]) -> Result<(), EngineError> {
        let column = state::<BinaryArray>(states, 0, "MIN/MAX")?;
        let text = is_string(&self.data_type);
        for (row, group) in groups.iter().enumerate() {
            let map = &mut self.groups[*group as usize];
            decode_map(column.value(row), text, |value, count| add(map, value, count))
                .ok_or_else(|| EngineError::column_type("MIN/MAX", "an encoded state", column.data_type()))?;
        }
        Ok(())
    }

    fn read(&self, groups: &[GroupId]) -> Result<ArrayRef, EngineError> {
        let extremes: Vec<Option<&Value>> = groups.iter().map(|group| self.extreme(*group)).collect();
        column(&extremes, &self.data_type)
    }

    fn free(&mut self, groups: &[GroupId]) {
        groups.iter().for_each(|group| self.groups[*group as usize].clear());
    }

    fn clear(&mut self) {
        self.groups.clear();
    }

    fn encode(&self, groups: &[GroupId]) -> Result<Vec<ArrayRef>, EngineError> {
        let states = groups.iter().map(|group| {
            let map = &self.groups[*group as usize];
            encode_map(map.iter().map(|(value, count)| (value, *count)))
        });
        Ok(vec![Arc::new(BinaryArray::from_iter_values(states))])
    }

    fn state_columns(&self) -> usize {
        1
    }
}
