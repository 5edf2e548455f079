//! ROW, ARRAY and MAP: constructors and access.

use std::sync::Arc;

use arrow_array::builder::UInt32Builder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, ListArray, MapArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType};
use arrow_select::interleave::interleave;
use millstream_engine::expression::EvaluationError;

use super::operand::Arguments;
use super::{Kernel, Operand};

pub(crate) static ROW: Kernel = Kernel::total("ROW", row);
pub(crate) static ARRAY: Kernel = Kernel::total("ARRAY", array);
pub(crate) static MAP: Kernel = Kernel::total("MAP", map);
pub(crate) static ITEM: Kernel = Kernel::total("ITEM", item);
pub(crate) static CARDINALITY: Kernel = Kernel::total("CARDINALITY", cardinality);

/// A field of a ROW: the child itself where no ROW is null, else the child with the ROW's nulls added.
pub(super) fn field(operand: Operand, index: usize) -> Result<Operand, EvaluationError> {
    let values = match operand.array().as_struct_opt() {
        Some(rows) => {
            let child = rows.column(index);
            match rows.nulls() {
                Some(nulls) if nulls.null_count() > 0 && !covers(child, nulls) => {
                    arrow_select::nullif::nullif(child, &BooleanArray::new(!nulls.inner(), None))?
                }
                _ => ArrayRef::clone(child),
            }
        }
        None => return Err(mismatch("a ROW")),
    };
    Ok(if operand.is_constant() { Operand::Constant(values) } else { Operand::Column(values) })
}

/// Whether a child is null wherever its ROW is: decoders of formats make it so.
fn covers(child: &ArrayRef, nulls: &arrow_buffer::NullBuffer) -> bool {
    child.nulls().is_some_and(|own| own.null_count() >= nulls.null_count() && nulls.contains(own))
}

fn mismatch(expected: &str) -> EvaluationError {
    EvaluationError::Kernel(ArrowError::InvalidArgumentError(format!("expected {expected}")))
}

fn row(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let DataType::Struct(fields) = arguments.result_type() else { return Err(mismatch("a ROW")) };
    let columns = arguments
        .operands
        .iter()
        .map(|operand| operand.clone().into_column(arguments.rows))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(fields, columns, None, arguments.rows)?))
}

/// The values of some operands, row after row: the elements of a list per row.
fn rows_of(
    arguments: &Arguments<'_>,
    operands: &[&Operand],
    data_type: &DataType,
) -> Result<ArrayRef, EvaluationError> {
    if operands.is_empty() || arguments.rows == 0 {
        return Ok(arrow_array::new_empty_array(data_type));
    }
    let arrays: Vec<&dyn Array> = operands.iter().map(|operand| operand.array().as_ref()).collect();
    let mut places = Vec::with_capacity(arguments.rows * operands.len());
    for row in 0..arguments.rows {
        for (index, operand) in operands.iter().enumerate() {
            places.push((index, if operand.is_constant() { 0 } else { row }));
        }
    }
    Ok(interleave(&arrays, &places)?)
}

fn array(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let DataType::List(element) = arguments.result_type() else { return Err(mismatch("an ARRAY")) };
    let operands: Vec<&Operand> = arguments.operands.iter().collect();
    let values = rows_of(arguments, &operands, element.data_type())?;
    let offsets = OffsetBuffer::from_repeated_length(operands.len(), arguments.rows);
    Ok(Arc::new(ListArray::try_new(element, offsets, values, None)?))
}

fn map(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let DataType::Map(entries, sorted) = arguments.result_type() else { return Err(mismatch("a MAP")) };
    let DataType::Struct(fields) = entries.data_type() else { return Err(mismatch("a MAP")) };
    let keys: Vec<&Operand> = arguments.operands.iter().step_by(2).collect();
    let values: Vec<&Operand> = arguments.operands.iter().skip(1).step_by(2).collect();
    let columns = vec![
        rows_of(arguments, &keys, fields[0].data_type())?,
        rows_of(arguments, &values, fields[1].data_type())?,
    ];
    let structs = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_repeated_length(keys.len(), arguments.rows);
    Ok(Arc::new(MapArray::try_new(Arc::clone(&entries), offsets, structs, None, sorted)?))
}

/// `array[1]`, counted from 1, and `map['key']`; null where there is no such element.
fn item(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let container = arguments.operands[0].clone().into_column(arguments.rows)?;
    let mut indices = UInt32Builder::with_capacity(arguments.rows);
    let place = |value: usize| u32::try_from(value).ok();
    if let Some(lists) = container.as_list_opt::<i32>() {
        let positions = arguments.values::<Int32Type>(1);
        for row in 0..arguments.rows {
            let length = lists.value_length(row);
            let position = positions.get(row).filter(|&at| lists.is_valid(row) && at >= 1 && at <= length);
            indices.append_option(
                position.and_then(|at| u32::try_from(lists.value_offsets()[row] + at - 1).ok()),
            );
        }
        return Ok(arrow_select::take::take(lists.values(), &indices.finish(), None)?);
    }
    let Some(maps) = container.as_map_opt() else { return Err(mismatch("an ARRAY or a MAP")) };
    let wanted = arguments.operands[1].clone().into_column(arguments.rows)?;
    let comparator =
        arrow_ord::ord::make_comparator(maps.keys(), &wanted, arrow_schema::SortOptions::default())?;
    for row in 0..arguments.rows {
        let offsets = maps.value_offsets();
        let (start, end) = (offsets[row], offsets[row + 1]);
        let entries = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
        let mut found = None;
        if maps.is_valid(row) && wanted.is_valid(row) {
            found = entries.into_iter().find(|&entry| comparator(entry, row).is_eq());
        }
        indices.append_option(found.and_then(place));
    }
    Ok(arrow_select::take::take(maps.values(), &indices.finish(), None)?)
}

fn cardinality(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let container = arguments.operands[0].array();
    let offsets: &[i32] = match (container.as_list_opt::<i32>(), container.as_map_opt()) {
        (Some(lists), _) => lists.value_offsets(),
        (_, Some(maps)) => maps.value_offsets(),
        _ => return Err(mismatch("an ARRAY or a MAP")),
    };
    let lengths: Vec<i32> = offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    Ok(Arc::new(Int32Array::new(lengths.into(), container.nulls().cloned())))
}
