//! MIN and MAX over fixed-width values of an append-only input.
//!
//! Floating-point numbers are ordered totally, so that the result does not depend on the order of rows: −0 before +0, NaN
//! after everything.

use std::fmt;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_schema::DataType;

use super::{Accumulator, GroupId, argument, for_each_valid};
use crate::error::EngineError;

/// Which end of the order is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Min,
    Max,
}

/// A value with a total order.
pub(super) trait Ordered: Copy {
    fn before(self, other: Self) -> bool;
}

macro_rules! ordered {
    ($($native:ty),*) => {
        $(impl Ordered for $native {
            #[inline]
            fn before(self, other: Self) -> bool {
                self < other
            }
        })*
    };
}
ordered!(i8, i16, i32, i64, i128);

impl Ordered for f32 {
    #[inline]
    fn before(self, other: Self) -> bool {
        f64::from(self).before(f64::from(other))
    }
}

impl Ordered for f64 {
    #[inline]
    fn before(self, other: Self) -> bool {
        float_key(self) < float_key(other)
    }
}

/// An integer that sorts as the number does, NaN last.
#[inline]
pub(super) fn float_key(value: f64) -> i64 {
    if value.is_nan() {
        return i64::MAX;
    }
    let bits = value.to_bits().cast_signed();
    bits ^ (((bits >> 63).cast_unsigned()) >> 1).cast_signed()
}

/// State: one nullable value.
pub(super) struct Extreme<T: ArrowPrimitiveType> {
    values: Vec<Option<T::Native>>,
    direction: Direction,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType> Extreme<T>
where
    T::Native: Ordered,
{
    pub(super) fn new(direction: Direction, data_type: &DataType) -> Self {
        Self { values: Vec::new(), direction, data_type: data_type.clone() }
    }

    fn take(&mut self, column: &ArrayRef, groups: &[GroupId]) -> Result<(), EngineError> {
        let numbers = column
            .as_primitive_opt::<T>()
            .ok_or_else(|| EngineError::column_type("MIN/MAX", &self.data_type, column.data_type()))?
            .values();
        let slots = &mut self.values;
        match self.direction {
            Direction::Min => for_each_valid(column, groups.len(), |row| {
                let (slot, value) = (&mut slots[groups[row] as usize], numbers[row]);
                if slot.is_none_or(|least| value.before(least)) {
                    *slot = Some(value);
                }
            }),
            Direction::Max => for_each_valid(column, groups.len(), |row| {
                let (slot, value) = (&mut slots[groups[row] as usize], numbers[row]);
                if slot.is_none_or(|greatest| greatest.before(value)) {
                    *slot = Some(value);
                }
            }),
        }
        Ok(())
    }
}

impl<T: ArrowPrimitiveType> fmt::Debug for Extreme<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Extreme");
        debug.field("direction", &self.direction).field("data_type", &self.data_type);
        debug.finish_non_exhaustive()
    }
}

impl<T: ArrowPrimitiveType> Accumulator for Extreme<T>
where
    T::Native: Ordered,
{
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
        let column: PrimitiveArray<T> = groups.iter().map(|group| self.values[*group as usize]).collect();
        Ok(Arc::new(column.with_data_type(self.data_type.clone())))
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
