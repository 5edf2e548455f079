//! SUM and AVG, which share their state: a sum and the number of non-null arguments.
//!
//! Integers are summed in 64 bits and wrap around as Flink's BIGINT does; a narrower result is the sum's low bits,
//! which is what summing in that type gives. AVG of integers divides towards zero. Floating-point numbers are summed in
//! DOUBLE together with what rounding took away ([`Compensated`]), so that a sum does not depend on how its rows were cut
//! into batches: a window that is computed again after a restart has the same bytes. A DECIMAL sum that leaves 38 digits has no value: its result is null, as in Flink.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use arrow_array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, PrimitiveArray};
use arrow_buffer::i256;
use arrow_schema::DataType;

use super::{Accumulator, GroupId, argument, for_each_valid, state};
use crate::error::EngineError;

/// What is read from the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// The sum.
    Sum,
    /// The sum by the count.
    Avg,
}

pub(super) fn create(input: &DataType, result: &DataType, finish: Finish) -> Option<Box<dyn Accumulator>> {
    let floats = matches!(result, DataType::Float32 | DataType::Float64);
    let integers = matches!(result, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64);
    macro_rules! sum {
        ($kind:ty, $wide:ty, $allowed:expr) => {
            $allowed
                .then(|| Box::new(Sum::<$kind, $wide>::new(input, result, finish)) as Box<dyn Accumulator>)
        };
    }
    match input {
        DataType::Int8 => sum!(Int8Type, i64, integers || floats),
        DataType::Int16 => sum!(Int16Type, i64, integers || floats),
        DataType::Int32 => sum!(Int32Type, i64, integers || floats),
        DataType::Int64 => sum!(Int64Type, i64, integers || floats),
        DataType::Float32 => sum!(Float32Type, Compensated, floats),
        DataType::Float64 => sum!(Float64Type, Compensated, floats),
        DataType::Decimal128(_, _) => {
            sum!(Decimal128Type, i128, matches!(result, DataType::Decimal128(_, _)))
        }
        _ => None,
    }
}

/// The type that sums are kept in.
trait Wide: Copy + Default + Send + 'static {
    /// The columns that hold it in a state.
    const COLUMNS: usize;
    fn encode(sums: Vec<Self>, input: &DataType) -> Vec<ArrayRef>;
    fn decode(states: &[ArrayRef]) -> Result<impl Iterator<Item = Self>, EngineError>;
    fn plus(self, other: Self) -> Self;
    fn times(self, weight: i8) -> Self;
    /// The result column; `None` is null.
    fn finish(
        states: impl Iterator<Item = State<Self>>,
        finish: Finish,
        input: &DataType,
        result: &DataType,
    ) -> Result<ArrayRef, EngineError>;
}

/// A number that widens to the type of its sum.
trait Widen<A> {
    fn widen(self) -> A;
}

macro_rules! widen {
    ($($from:ty => $to:ty),*) => {
        $(impl Widen<$to> for $from {
            #[inline]
            fn widen(self) -> $to {
                <$to>::from(self)
            }
        })*
    };
}
widen!(i8 => i64, i16 => i64, i32 => i64, i64 => i64, f32 => Compensated, f64 => Compensated, i128 => i128);

/// A sum of DOUBLE and what rounding took from it (Neumaier's summation). Where 105 bits span the numbers, from the
/// largest partial sum to the last bit of the smallest number, both together are exact, whatever the order.
#[derive(Debug, Clone, Copy, Default)]
struct Compensated {
    sum: f64,
    rest: f64,
}

impl From<f64> for Compensated {
    #[inline]
    fn from(sum: f64) -> Self {
        Self { sum, rest: 0.0 }
    }
}

impl From<f32> for Compensated {
    #[inline]
    fn from(sum: f32) -> Self {
        Self::from(f64::from(sum))
    }
}

impl Compensated {
    /// The nearest DOUBLE. An infinite sum has no rest.
    fn value(self) -> f64 {
        if self.sum.is_finite() && self.rest.is_finite() { self.sum + self.rest } else { self.sum }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct State<A> {
    sum: A,
    count: i64,
}

/// State: the sum as BIGINT, as DOUBLE and the DOUBLE of its rest, or as DECIMAL(38, scale), and the count as BIGINT.
struct Sum<T, A> {
    states: Vec<State<A>>,
    finish: Finish,
    input: DataType,
    result: DataType,
    kind: PhantomData<fn() -> T>,
}

impl<T, A: Wide> Sum<T, A> {
    fn new(input: &DataType, result: &DataType, finish: Finish) -> Self {
        Self { states: Vec::new(), finish, input: input.clone(), result: result.clone(), kind: PhantomData }
    }

    fn columns(&self, sums: Vec<A>, counts: Vec<i64>) -> Vec<ArrayRef> {
        let mut columns = A::encode(sums, &self.input);
        columns.push(Arc::new(Int64Array::from(counts)));
        columns
    }
}

impl<T, A: Wide> fmt::Debug for Sum<T, A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Sum");
        debug.field("finish", &self.finish).field("input", &self.input).field("groups", &self.states.len());
        debug.finish_non_exhaustive()
    }
}

impl<T, A> Accumulator for Sum<T, A>
where
    T: ArrowPrimitiveType,
    T::Native: Widen<A>,
    A: Wide,
{
    fn resize(&mut self, groups: usize) {
        if groups > self.states.len() {
            self.states.resize(groups, State::default());
        }
    }

    fn update(
        &mut self,
        values: Option<&ArrayRef>,
        groups: &[GroupId],
        weights: Option<&[i8]>,
    ) -> Result<(), EngineError> {
        let values = argument(values, "SUM")?;
        let numbers = values
            .as_primitive_opt::<T>()
            .ok_or_else(|| EngineError::column_type("SUM", &self.input, values.data_type()))?
            .values();
        let states = &mut self.states;
        match weights {
            None => for_each_valid(values, groups.len(), |row| {
                let state = &mut states[groups[row] as usize];
                state.sum = state.sum.plus(numbers[row].widen());
                state.count += 1;
            }),
            Some(weights) => for_each_valid(values, groups.len(), |row| {
                let state = &mut states[groups[row] as usize];
                state.sum = state.sum.plus(numbers[row].widen().times(weights[row]));
                state.count += i64::from(weights[row]);
            }),
        }
        Ok(())
    }

    fn states_of_rows(
        &self,
        values: Option<&ArrayRef>,
        rows: usize,
        weights: Option<&[i8]>,
    ) -> Result<Vec<ArrayRef>, EngineError> {
        let values = argument(values, "SUM")?;
        let numbers = values
            .as_primitive_opt::<T>()
            .ok_or_else(|| EngineError::column_type("SUM", &self.input, values.data_type()))?
            .values();
        let (mut sums, mut counts) = (vec![A::default(); rows], vec![0; rows]);
        for_each_valid(values, rows, |row| {
            let weight = weights.map_or(1, |weights| weights[row]);
            sums[row] = if weight == 1 { numbers[row].widen() } else { numbers[row].widen().times(weight) };
            counts[row] = i64::from(weight);
        });
        Ok(self.columns(sums, counts))
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[GroupId]) -> Result<(), EngineError> {
        let sums = A::decode(states)?;
        let counts = state::<Int64Array>(states, A::COLUMNS, "SUM")?.values();
        for ((group, sum), count) in groups.iter().zip(sums).zip(counts) {
            let state = &mut self.states[*group as usize];
            state.sum = state.sum.plus(sum);
            state.count += count;
        }
        Ok(())
    }

    fn read(&self, groups: &[GroupId]) -> Result<ArrayRef, EngineError> {
        let states = groups.iter().map(|group| self.states[*group as usize]);
        A::finish(states, self.finish, &self.input, &self.result)
    }

    fn free(&mut self, groups: &[GroupId]) {
        groups.iter().for_each(|group| self.states[*group as usize] = State::default());
    }

    fn clear(&mut self) {
        self.states.clear();
    }

    fn encode(&self, groups: &[GroupId]) -> Result<Vec<ArrayRef>, EngineError> {
        let states = groups.iter().map(|group| self.states[*group as usize]);
        let (sums, counts) = states.map(|state| (state.sum, state.count)).unzip();
        Ok(self.columns(sums, counts))
    }

    fn state_columns(&self) -> usize {
        A::COLUMNS + 1
    }
}

fn finish_error(result: &DataType) -> EngineError {
    EngineError::column_type("SUM", "a number", result)
}

impl Wide for i64 {
    const COLUMNS: usize = 1;

    fn encode(sums: Vec<Self>, _input: &DataType) -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(sums))]
    }

    fn decode(states: &[ArrayRef]) -> Result<impl Iterator<Item = Self>, EngineError> {
        Ok(state::<Int64Array>(states, 0, "SUM")?.values().iter().copied())
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline]
    fn times(self, weight: i8) -> Self {
        self.wrapping_mul(Self::from(weight))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are the sum in the narrower type")]
    #[expect(clippy::cast_precision_loss, reason = "a floating-point mean is what the plan asks for")]
    fn finish(
        states: impl Iterator<Item = State<Self>>,
        finish: Finish,
        _input: &DataType,
        result: &DataType,
    ) -> Result<ArrayRef, EngineError> {
        let average = finish == Finish::Avg;
        let floats = states.map(|state| (state.count != 0).then_some(state));
        let whole =
            |state: State<Self>| if average { state.sum.wrapping_div(state.count) } else { state.sum };
        let float = |state: State<Self>| {
            if average { state.sum as f64 / state.count as f64 } else { state.sum as f64 }
        };
        macro_rules! column {
            ($kind:ty, $native:ty, $finish:expr) => {
                Arc::new(
                    floats
                        .map(|state| state.map(|state| $finish(state) as $native))
                        .collect::<PrimitiveArray<$kind>>(),
                )
            };
        }
        Ok(match result {
            DataType::Int8 => column!(Int8Type, i8, whole),
            DataType::Int16 => column!(Int16Type, i16, whole),
            DataType::Int32 => column!(Int32Type, i32, whole),
            DataType::Int64 => column!(Int64Type, i64, whole),
            DataType::Float32 => column!(Float32Type, f32, float),
            DataType::Float64 => column!(Float64Type, f64, float),
            other => return Err(finish_error(other)),
        })
    }
}

impl Wide for Compensated {
    const COLUMNS: usize = 2;

    fn encode(sums: Vec<Self>, _input: &DataType) -> Vec<ArrayRef> {
        let rests = Float64Array::from_iter_values(sums.iter().map(|sum| sum.rest));
        let sums = Float64Array::from_iter_values(sums.iter().map(|sum| sum.sum));
        vec![Arc::new(sums), Arc::new(rests)]
    }

    fn decode(states: &[ArrayRef]) -> Result<impl Iterator<Item = Self>, EngineError> {
        let sums = state::<Float64Array>(states, 0, "SUM")?.values();
        let rests = state::<Float64Array>(states, 1, "SUM")?.values();
        Ok(sums.iter().zip(rests).map(|(sum, rest)| Self { sum: *sum, rest: *rest }))
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        let sum = self.sum + other.sum;
        // What the addition rounded away, exactly (Knuth's TwoSum).
        let taken = sum - self.sum;
        let lost = (self.sum - (sum - taken)) + (other.sum - taken);
        Self { sum, rest: self.rest + other.rest + lost }
    }

    #[inline]
    fn times(self, weight: i8) -> Self {
        let weight = f64::from(weight);
        Self { sum: self.sum * weight, rest: self.rest * weight }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a REAL result is rounded from the DOUBLE sum")]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn finish(
        states: impl Iterator<Item = State<Self>>,
        finish: Finish,
        _input: &DataType,
        result: &DataType,
    ) -> Result<ArrayRef, EngineError> {
        let values = states.map(|state| {
            let divisor = if finish == Finish::Avg { state.count as f64 } else { 1.0 };
            (state.count != 0).then_some(state.sum.value() / divisor)
        });
        Ok(match result {
            DataType::Float32 => {
                Arc::new(values.map(|v| v.map(|v| v as f32)).collect::<PrimitiveArray<Float32Type>>())
            }
            DataType::Float64 => Arc::new(values.collect::<PrimitiveArray<Float64Type>>()),
            other => return Err(finish_error(other)),
        })
    }
}

/// The largest number of 38 digits.
const DECIMAL_MAX: i128 = 10_i128.pow(38) - 1;
/// The sum that has left 38 digits and stays so.
const OVERFLOWED: i128 = i128::MAX;

impl Wide for i128 {
    const COLUMNS: usize = 1;

    fn encode(sums: Vec<Self>, input: &DataType) -> Vec<ArrayRef> {
        let sums = Decimal128Array::from_iter_values(sums);
        vec![match input {
            DataType::Decimal128(_, scale) => Arc::new(sums.with_data_type(DataType::Decimal128(38, *scale))),
            _ => Arc::new(sums),
        }]
    }

    fn decode(states: &[ArrayRef]) -> Result<impl Iterator<Item = Self>, EngineError> {
        Ok(state::<Decimal128Array>(states, 0, "SUM")?.values().iter().copied())
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        if self == OVERFLOWED || other == OVERFLOWED {
            return OVERFLOWED;
        }
        let sum = self.checked_add(other).filter(|sum| (-DECIMAL_MAX..=DECIMAL_MAX).contains(sum));
        sum.unwrap_or(OVERFLOWED)
    }

    #[inline]
    fn times(self, weight: i8) -> Self {
        self.saturating_mul(Self::from(weight))
    }

    fn finish(
        states: impl Iterator<Item = State<Self>>,
        finish: Finish,
        input: &DataType,
        result: &DataType,
    ) -> Result<ArrayRef, EngineError> {
        let (DataType::Decimal128(_, input_scale), DataType::Decimal128(precision, scale)) = (input, result)
        else {
            return Err(finish_error(result));
        };
        let (up, down) = (scale.saturating_sub(*input_scale), input_scale.saturating_sub(*scale));
        let (factor, shrink) = (power_of_ten(up), power_of_ten(down));
        let limit = i256::from_i128(10_i128.checked_pow(u32::from(*precision)).unwrap_or(DECIMAL_MAX));
        let values = states.map(|state| {
            if state.count == 0 || state.sum == OVERFLOWED {
                return None;
            }
            let count = if finish == Finish::Avg { state.count } else { 1 };
            let numerator = i256::from_i128(state.sum).wrapping_mul(factor);
            let divisor = i256::from_i128(Self::from(count)).wrapping_mul(shrink);
            let value = divide_half_up(numerator, divisor);
            let fits = value < limit && value > limit.wrapping_neg();
            if fits { value.to_i128() } else { None }
        });
        let column = values.collect::<Decimal128Array>();
        let column =
            column.with_precision_and_scale(*precision, *scale).map_err(EngineError::computation("SUM"))?;
        Ok(Arc::new(column))
    }
}

fn power_of_ten(exponent: i8) -> i256 {
    let exponent = u32::try_from(exponent).unwrap_or(0);
    i256::from_i128(10).wrapping_pow(exponent)
}

/// Rounds half away from zero, as Java's `HALF_UP`.
fn divide_half_up(numerator: i256, divisor: i256) -> i256 {
    let two = i256::from_i128(2);
    let negative = numerator.is_negative() != divisor.is_negative();
    let (numerator, divisor) = (numerator.wrapping_abs(), divisor.wrapping_abs());
    let quotient = numerator.wrapping_mul(two).wrapping_add(divisor).wrapping_div(divisor.wrapping_mul(two));
    if negative { quotient.wrapping_neg() } else { quotient }
}
