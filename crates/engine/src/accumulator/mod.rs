//! Aggregate functions as columns of state, one slot per group.
//!
//! Arrow's ecosystem has accumulators too, but they consume on read, free all groups or a prefix, and cannot retract
//! per group. Windows need the opposite: a closing pane frees arbitrary groups, a changelog reads without consuming.
//!
//! Groups are numbers that the operator hands out and takes back. Partial states travel as Arrow columns
//! ([`Accumulator::encode`], [`Accumulator::merge`]), through the exchange as well as to and from stored state.
//! Which groups changed in an epoch is kept once per operator in a [`DirtySet`], since all its accumulators change
//! together.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{ArrayRef, Int64Array};
//! use arrow_schema::DataType;
//! use millstream_engine::accumulator;
//! use millstream_engine::plan::AggregateFunction;
//!
//! let mut sum = accumulator::create(AggregateFunction::Sum, Some(&DataType::Int64), &DataType::Int64, false)
//!     .expect("BIGINT can be summed");
//! let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 40]));
//! sum.resize(2);
//! sum.update(Some(&values), &[0, 1, 1], None)?;
//! assert_eq!(sum.read(&[1])?.as_ref(), &Int64Array::from(vec![42]));
//! # Ok::<(), millstream_engine::error::EngineError>(())
//! ```

mod count;
mod dirty;
mod extreme;
mod retracting;
mod strings;
mod sum;
#[cfg(test)]
mod tests;

use std::fmt;

use arrow_array::ArrayRef;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_schema::{DataType, TimeUnit};

pub use dirty::DirtySet;

use crate::error::EngineError;
use crate::plan::AggregateFunction;
use extreme::{Direction, Extreme};

/// The number of a group of an operator; small, and used again after it was freed.
pub type GroupId = u32;

/// The states of one aggregate, a slot per group.
pub trait Accumulator: fmt::Debug + Send {
    /// Makes room for groups below `groups`. New slots are empty.
    fn resize(&mut self, groups: usize);

    /// Takes a row per element of `groups`: its argument (`None` for `COUNT(*)`) and its weight (`None`: all +1).
    ///
    /// # Errors
    /// When the column has another type than the accumulator was created for.
    fn update(
        &mut self,
        values: Option<&ArrayRef>,
        groups: &[GroupId],
        weights: Option<&[i8]>,
    ) -> Result<(), EngineError>;

    /// The states that `rows` rows would have as groups of their own, in the columns of [`Accumulator::encode`]. For
    /// a local phase that passes its input on.
    ///
    /// # Errors
    /// As [`Accumulator::update`].
    fn states_of_rows(
        &self,
        values: Option<&ArrayRef>,
        rows: usize,
        weights: Option<&[i8]>,
    ) -> Result<Vec<ArrayRef>, EngineError>;

    /// Adds encoded states to groups.
    ///
    /// # Errors
    /// When the columns are not those of [`Accumulator::encode`].
    fn merge(&mut self, states: &[ArrayRef], groups: &[GroupId]) -> Result<(), EngineError>;

    /// The results of groups, which keep their states.
    ///
    /// # Errors
    /// When a kernel fails.
    fn read(&self, groups: &[GroupId]) -> Result<ArrayRef, EngineError>;

    /// Empties the slots of groups.
    fn free(&mut self, groups: &[GroupId]);

    /// Drops all slots.
    fn clear(&mut self);

    /// The states of groups as columns.
    ///
    /// # Errors
    /// When a kernel fails.
    fn encode(&self, groups: &[GroupId]) -> Result<Vec<ArrayRef>, EngineError>;

    /// Replaces the states of groups by encoded ones.
    ///
    /// # Errors
    /// As [`Accumulator::merge`].
    fn decode(&mut self, states: &[ArrayRef], groups: &[GroupId]) -> Result<(), EngineError> {
        self.free(groups);
        self.merge(states, groups)
    }

    /// The number of columns of an encoded state.
    fn state_columns(&self) -> usize;
}

/// Creates the accumulator of a function over arguments of type `input` with results of type `result`; `None` when
/// the function is not defined for them. `retracting` says whether rows of weight −1 may come: only then MIN and MAX
/// keep every value.
pub fn create(
    function: AggregateFunction,
    input: Option<&DataType>,
    result: &DataType,
    retracting: bool,
) -> Option<Box<dyn Accumulator>> {
    match (function, input) {
        (AggregateFunction::Count, _) => {
            (*result == DataType::Int64).then(|| Box::<count::Count>::default() as Box<dyn Accumulator>)
        }
        (AggregateFunction::Sum, Some(input)) => sum::create(input, result, sum::Finish::Sum),
        (AggregateFunction::Avg, Some(input)) => sum::create(input, result, sum::Finish::Avg),
        (AggregateFunction::Min, Some(input)) => create_extreme(Direction::Min, input, result, retracting),
        (AggregateFunction::Max, Some(input)) => create_extreme(Direction::Max, input, result, retracting),
        (_, None) => None,
    }
}

fn create_extreme(
    direction: Direction,
    input: &DataType,
    result: &DataType,
    retracting: bool,
) -> Option<Box<dyn Accumulator>> {
    if strings::is_string(input) && strings::is_string(result) {
        return Some(if retracting {
            Box::new(retracting::RetractingExtreme::new(direction, result))
        } else {
            Box::new(strings::StringExtreme::new(direction, result))
        });
    }
    if input != result {
        return None;
    }
    if retracting {
        return retracting::holds(input)
            .then(|| Box::new(retracting::RetractingExtreme::new(direction, result)) as _);
    }
    macro_rules! extreme {
        ($kind:ty) => {
            Some(Box::new(Extreme::<$kind>::new(direction, result)))
        };
    }
    match input {
        DataType::Int8 => extreme!(Int8Type),
        DataType::Int16 => extreme!(Int16Type),
        DataType::Int32 => extreme!(Int32Type),
        DataType::Int64 => extreme!(Int64Type),
        DataType::Float32 => extreme!(Float32Type),
        DataType::Float64 => extreme!(Float64Type),
        DataType::Decimal128(_, _) => extreme!(Decimal128Type),
        DataType::Date32 => extreme!(Date32Type),
        DataType::Date64 => extreme!(Date64Type),
        DataType::Time32(TimeUnit::Second) => extreme!(Time32SecondType),
        DataType::Time32(TimeUnit::Millisecond) => extreme!(Time32MillisecondType),
        DataType::Time64(TimeUnit::Microsecond) => extreme!(Time64MicrosecondType),
        DataType::Time64(TimeUnit::Nanosecond) => extreme!(Time64NanosecondType),
        DataType::Timestamp(TimeUnit::Second, _) => extreme!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => extreme!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => extreme!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => extreme!(TimestampNanosecondType),
        _ => None,
    }
}

/// Calls `take` with the index of each row whose value is not null.
#[inline]
fn for_each_valid(values: &dyn arrow_array::Array, rows: usize, mut take: impl FnMut(usize)) {
    match values.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => (0..rows).for_each(take),
        Some(nulls) => nulls.valid_indices().for_each(&mut take),
    }
}

/// The argument of a function that cannot do without.
fn argument<'a>(values: Option<&'a ArrayRef>, operation: &'static str) -> Result<&'a ArrayRef, EngineError> {
    values.ok_or_else(|| EngineError::column_type(operation, "an argument", &DataType::Null))
}

/// A column of an encoded state.
fn state<'a, A: arrow_array::Array + 'static>(
    states: &'a [ArrayRef],
    index: usize,
    operation: &'static str,
) -> Result<&'a A, EngineError> {
    let column =
        states.get(index).ok_or_else(|| EngineError::column_type(operation, "a state", &DataType::Null))?;
    column
        .as_any()
        .downcast_ref::<A>()
        .ok_or_else(|| EngineError::column_type(operation, std::any::type_name::<A>(), column.data_type()))
}
