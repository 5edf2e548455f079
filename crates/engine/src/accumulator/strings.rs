//! MIN and MAX over strings of an append-only input, ordered by their UTF-8 bytes as Flink orders them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, LargeStringArray, StringArray, StringViewArray};
use arrow_schema::DataType;

use super::extreme::Direction;
use super::{Accumulator, GroupId, argument};
use crate::error::EngineError;

pub(super) fn is_string(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The values of a string column of any layout, in the order of rows.
pub(super) fn for_each_string<'a>(
    column: &'a ArrayRef,
    mut take: impl FnMut(usize, &'a str),
) -> Result<(), EngineError> {
    macro_rules! each {
        ($array:expr) => {
            $array.iter().enumerate().for_each(|(row, value)| {
                if let Some(value) = value {
                    take(row, value);
                }
            })
        };
    }
    match column.data_type() {
        DataType::Utf8 => each!(column.as_string::<i32>()),
        DataType::LargeUtf8 => each!(column.as_string::<i64>()),
        DataType::Utf8View => each!(column.as_string_view()),
        other => return Err(EngineError::column_type("MIN/MAX", "STRING", other)),
    }
    Ok(())
}

/// A string column of the layout `data_type`.
pub(super) fn string_column<'a>(
    values: impl Iterator<Item = Option<&'a str>>,
    data_type: &DataType,
) -> ArrayRef {
    match data_type {
        DataType::Utf8 => Arc::new(values.collect::<StringArray>()),
        DataType::LargeUtf8 => Arc::new(values.collect::<LargeStringArray>()),
        _ => Arc::new(values.collect::<StringViewArray>()),
    }
}

/// State: one nullable string.
#[derive(Debug)]
pub(super) struct StringExtreme {
    values: Vec<Option<Box<str>>>,
    direction: Direction,
    data_type: DataType,
}

impl StringExtreme {
    pub(super) fn new(direction: Direction, data_type: &DataType) -> Self {
        Self { values: Vec::new(), direction, data_type: data_type.clone() }
    }

    fn take(&mut self, column: &ArrayRef, groups: &[GroupId]) -> Result<(), EngineError> {
        let (slots, direction) = (&mut self.values, self.direction);
        for_each_string(column, |row, value| {
            let slot = &mut slots[groups[row] as usize];
            let better = slot.as_deref().is_none_or(|extreme| match direction {
                Direction::Min => value < extreme,
                Direction::Max => value > extreme,
            });
            if better {
                *slot = Some(value.into());
            }
        })
    }
}

impl Accumulator for StringExtreme {
    fn resize(&mut self, groups: usize) {
        if groups > self.values.len() {
            self.values.resize(groups, None);
        }
    }

    fn update(
        &mut self,
        values: Option<&ArrayRef>,
        groups: &[GroupId],
        weights: Option<&[i8]>,
    ) -> Result<(), EngineError> {
        debug_assert!(weights.is_none(), "a retracting input needs the retracting accumulator");
        self.take(argument(values, "MIN/MAX")?, groups)
    }

    fn states_of_rows(
        &self,
        values: Option<&ArrayRef>,
        _rows: usize,
        _weights: Option<&[i8]>,
    ) -> Result<Vec<ArrayRef>, EngineError> {
        Ok(vec![Arc::clone(argument(values, "MIN/MAX")?)])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[GroupId]) -> Result<(), EngineError> {
        self.take(argument(states.first(), "MIN/MAX")?, groups)
    }

    fn read(&self, groups: &[GroupId]) -> Result<ArrayRef, EngineError> {
        let values = groups.iter().map(|group| self.values[*group as usize].as_deref());
        Ok(string_column(values, &self.data_type))
    }

    fn free(&mut self, groups: &[GroupId]) {
        groups.iter().for_each(|group| self.values[*group as usize] = None);
    }

    fn clear(&mut self) {
        self.values.clear();
    }

    fn encode(&self, groups: &[GroupId]) -> Result<Vec<ArrayRef>, EngineError> {
        Ok(vec![self.read(groups)?])
    }

    fn state_columns(&self) -> usize {
        1
    }
}
