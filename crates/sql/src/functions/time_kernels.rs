//! The kernels of the functions of times. TIMESTAMP_LTZ is taken apart in the session's zone, which is UTC.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float64Type, Int32Type, Int64Type, IntervalYearMonthType, Time32MillisecondType,
};
use arrow_array::{
    Array, ArrayRef, Date32Array, Int32Array, Int64Array, IntervalYearMonthArray, Time32MillisecondArray,
};
use arrow_schema::DataType;
use chrono::NaiveDateTime;
use millstream_engine::expression::EvaluationError;

use super::calendar;
use super::pattern::Pattern;
use crate::expression::cast::time::{
    add_months, datetime_of, days_of, parse_date, parse_timestamp, ticks_of,
};
use crate::expression::operand::{longs_of, longs_to, ticks_per_second};
use crate::expression::{Arguments, Kernel, Notation};
use crate::syntax::TimeUnit;
use crate::types::Kind;

pub(super) static EXTRACT: Kernel = Kernel::total("EXTRACT", extract);
pub(super) static FLOOR_TO: Kernel = Kernel::total("FLOOR", |arguments| cut(arguments, false));
pub(super) static CEIL_TO: Kernel = Kernel::total("CEIL", |arguments| cut(arguments, true));
pub(super) static ADD: Kernel = Kernel::total("+", |arguments| shift(arguments, 1)).shown(Notation::Infix);
pub(super) static SUBTRACT: Kernel =
    Kernel::total("-", |arguments| shift(arguments, -1)).shown(Notation::Infix);
pub(super) static ADD_INTERVALS: Kernel =
    Kernel::total("+", |arguments| intervals(arguments, i64::wrapping_add)).shown(Notation::Infix);
pub(super) static SUBTRACT_INTERVALS: Kernel =
    Kernel::total("-", |arguments| intervals(arguments, i64::wrapping_sub)).shown(Notation::Infix);
pub(super) static MULTIPLY_INTERVAL: Kernel =
    Kernel::total("*", |arguments| intervals(arguments, i64::wrapping_mul)).shown(Notation::Infix);
pub(crate) static NEGATE_INTERVAL: Kernel = Kernel::total("-", negate).shown(Notation::Prefix);
pub(super) static TIMESTAMPDIFF: Kernel = Kernel::total("TIMESTAMPDIFF", difference);
pub(super) static DATE_FORMAT: Kernel = Kernel::partial("DATE_FORMAT", date_format);
pub(super) static TO_TIMESTAMP: Kernel = Kernel::partial("TO_TIMESTAMP", to_timestamp);
pub(super) static TO_DATE: Kernel = Kernel::partial("TO_DATE", to_date);
pub(super) static TO_TIMESTAMP_LTZ: Kernel = Kernel::partial("TO_TIMESTAMP_LTZ", to_timestamp_ltz);
pub(super) static FROM_UNIXTIME: Kernel = Kernel::partial("FROM_UNIXTIME", from_unixtime);
pub(super) static UNIX_TIMESTAMP: Kernel = Kernel::partial("UNIX_TIMESTAMP", unix_timestamp);
pub(super) static UNIX_NOW: Kernel = volatile("UNIX_TIMESTAMP", |arguments| {
    let seconds = arguments.context.processing_time.0.div_euclid(1_000);
    Ok(Arc::new(Int64Array::from(vec![seconds])))
});
pub(super) static CURRENT_TIMESTAMP: Kernel = volatile("CURRENT_TIMESTAMP", wall_clock);
pub(super) static LOCALTIMESTAMP: Kernel = volatile("LOCALTIMESTAMP", wall_clock);
pub(super) static PROCTIME: Kernel = volatile(super::PROCTIME_NAME, wall_clock);
pub(super) static CURRENT_DATE: Kernel = volatile("CURRENT_DATE", |arguments| {
    let days = arguments.context.processing_time.0.div_euclid(86_400_000);
    Ok(Arc::new(Date32Array::from(vec![i32::try_from(days).unwrap_or(0)])))
});
pub(super) static CURRENT_TIME: Kernel = volatile("CURRENT_TIME", |arguments| {
    let millis = arguments.context.processing_time.0.rem_euclid(86_400_000);
    Ok(Arc::new(Time32MillisecondArray::from(vec![i32::try_from(millis - millis % 1_000).unwrap_or(0)])))
});

type Evaluated = Result<ArrayRef, EvaluationError>;

const fn volatile(name: &'static str, evaluate: fn(&Arguments<'_>) -> Evaluated) -> Kernel {
    Kernel { name, notation: Notation::Function, fallible: false, volatile: true, evaluate }
}

fn wall_clock(arguments: &Arguments<'_>) -> Evaluated {
    Ok(arguments.longs_result(Int64Array::from(vec![arguments.context.processing_time.0])))
}

/// An operand of times, as ticks since the epoch (or since midnight) by row.
struct Times<'a> {
    array: &'a ArrayRef,
    constant: bool,
    per_second: i64,
}

fn times<'a>(arguments: &'a Arguments<'_>, index: usize) -> Times<'a> {
    let operand = &arguments.operands[index];
    let array = operand.array();
    Times { array, constant: operand.is_constant(), per_second: ticks_per_second(array.data_type()) }
}

impl Times<'_> {
    fn ticks(&self, row: usize) -> Option<i64> {
        let index = if self.constant { 0 } else { row };
        if self.array.is_null(index) {
            return None;
        }
        match self.array.data_type() {
            DataType::Date32 => {
                Some(i64::from(self.array.as_primitive::<Date32Type>().value(index)) * 86_400_000)
            }
            DataType::Time32(_) => {
                Some(i64::from(self.array.as_primitive::<Time32MillisecondType>().value(index)))
            }
            DataType::Interval(_) => {
                Some(i64::from(self.array.as_primitive::<IntervalYearMonthType>().value(index)))
            }
            _ => longs_of(self.array).get(index).copied(),
        }
    }

    fn moment(&self, row: usize) -> Option<NaiveDateTime> {
        Some(datetime_of(self.ticks(row)?, self.per_second))
    }
}

/// A column of the result's type from ticks of its unit.
fn column(arguments: &Arguments<'_>, ticks: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let narrow = |value: i64| i32::try_from(value).ok();
    match &arguments.result.kind {
        Kind::Date => {
            Arc::new(ticks.map(|t| t.and_then(|t| narrow(t.div_euclid(86_400_000)))).collect::<Date32Array>())
        }
        Kind::Time(_) => Arc::new(
            ticks
                .map(|t| t.and_then(|t| narrow(t.rem_euclid(86_400_000))))
                .collect::<Time32MillisecondArray>(),
        ),
        Kind::YearMonthInterval => {
            Arc::new(ticks.map(|t| t.and_then(narrow)).collect::<IntervalYearMonthArray>())
        }
        _ => arguments.longs_result(ticks.collect()),
    }
}

fn unit(arguments: &Arguments<'_>, index: usize) -> Option<TimeUnit> {
    TimeUnit::from_name(arguments.strings(index).get(0)?)
}

fn extract(arguments: &Arguments<'_>) -> Evaluated {
    let values = times(arguments, 1);
    let unit = unit(arguments, 0).unwrap_or(TimeUnit::Epoch);
    let part = |row| {
        let ticks = values.ticks(row)?;
        Some(match &arguments.types[1].kind {
            Kind::YearMonthInterval if unit == TimeUnit::Year => ticks / 12,
            Kind::YearMonthInterval => ticks % 12,
            Kind::DayTimeInterval if unit == TimeUnit::Day => ticks / 86_400_000,
            _ => calendar::extract(unit, datetime_of(ticks, values.per_second)),
        })
    };
    Ok(Arc::new((0..arguments.rows).map(part).collect::<Int64Array>()))
}

/// `FLOOR(time TO unit)` and CEIL.
fn cut(arguments: &Arguments<'_>, up: bool) -> Evaluated {
    let values = times(arguments, 0);
    let unit = unit(arguments, 1).unwrap_or(TimeUnit::Second);
    let per_ms = values.per_second / 1_000;
    // Weeks are fixed in length but begin on Sunday; the epoch was a Thursday.
    let fixed = calendar::fixed_ms(unit).filter(|_| unit != TimeUnit::Week).map(|ms| ms * per_ms);
    let ticks = (0..arguments.rows).map(|row| {
        let ticks = values.ticks(row)?;
        if let Some(grain) = fixed {
            let floor = ticks - ticks.rem_euclid(grain);
            return if up && floor != ticks { floor.checked_add(grain) } else { Some(floor) };
        }
        let moment = values.moment(row)?;
        let cut = if up { calendar::ceil(unit, moment)? } else { calendar::floor(unit, moment)? };
        ticks_of(cut, values.per_second)
    });
    Ok(column(arguments, ticks))
}

/// A time moved by an interval.
fn shift(arguments: &Arguments<'_>, sign: i64) -> Evaluated {
    let values = times(arguments, 0);
    let per_ms = values.per_second / 1_000;
    let intervals = times(arguments, 1);
    if arguments.types[1].kind == Kind::YearMonthInterval {
        let moved = (0..arguments.rows).map(|row| {
            let moment = add_months(values.moment(row)?, sign * intervals.ticks(row)?)?;
            ticks_of(moment, values.per_second)
        });
        return Ok(column(arguments, moved));
    }
    // A timestamp moved by a constant is the common case (watermarks): one pass over the buffer.
    if intervals.constant && !values.constant && arguments.result.kind.is_timestamp() {
        let Some(millis) = intervals.ticks(0) else {
            return Ok(arrow_array::new_null_array(&arguments.result_type(), arguments.rows));
        };
        let delta = sign * millis * per_ms;
        let moved: Vec<i64> = longs_of(values.array).iter().map(|ticks| ticks.wrapping_add(delta)).collect();
        return Ok(longs_to(
            Int64Array::new(moved.into(), values.array.nulls().cloned()),
            &arguments.result_type(),
        ));
    }
    let moved = (0..arguments.rows)
        .map(|row| Some(values.ticks(row)?.wrapping_add(sign * intervals.ticks(row)? * per_ms)));
    Ok(column(arguments, moved))
}

fn intervals(arguments: &Arguments<'_>, operation: fn(i64, i64) -> i64) -> Evaluated {
    let (left, right) = (times(arguments, 0), times(arguments, 1));
    let values = (0..arguments.rows).map(|row| Some(operation(left.ticks(row)?, right.ticks(row)?)));
    Ok(column(arguments, values))
}

fn negate(arguments: &Arguments<'_>) -> Evaluated {
    let values = times(arguments, 0);
    Ok(column(arguments, (0..arguments.rows).map(|row| values.ticks(row).map(i64::wrapping_neg))))
}

fn difference(arguments: &Arguments<'_>) -> Evaluated {
    let (from, to) = (times(arguments, 1), times(arguments, 2));
    let unit = unit(arguments, 0).unwrap_or(TimeUnit::Second);
    let values: Int32Array = (0..arguments.rows)
        .map(|row| i32::try_from(calendar::difference(unit, from.moment(row)?, to.moment(row)?)).ok())
        .collect();
    Ok(Arc::new(values))
}

/// The patterns of an argument by row; a constant one is read once.
struct Patterns {
    constant: Option<Pattern>,
}

impl Patterns {
    fn new(arguments: &Arguments<'_>, index: usize, default: &str) -> Result<Self, EvaluationError> {
        let constant = if index >= arguments.operands.len() {
            Some(parse(default)?)
        } else {
            match arguments.strings(index).constant() {
                Some(Some(text)) => Some(parse(text)?),
                _ => None,
            }
        };
        Ok(Self { constant })
    }

    /// Calls `function` with the pattern of a row; `None` where there is none.
    fn with<T>(
        &self,
        arguments: &Arguments<'_>,
        index: usize,
        row: usize,
        function: impl FnOnce(&Pattern) -> Option<T>,
    ) -> Result<Option<T>, EvaluationError> {
        if let Some(pattern) = &self.constant {
            return Ok(function(pattern));
        }
        match arguments.strings(index).get(row) {
            Some(text) => Ok(function(&parse(text)?)),
            None => Ok(None),
        }
    }
}

fn parse(text: &str) -> Result<Pattern, EvaluationError> {
    Pattern::parse(text)
        .map_err(|reason| EvaluationError::Undefined { operation: "date pattern".to_owned(), reason })
}

const TIMESTAMP_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

fn formatted(arguments: &Arguments<'_>, moment: impl Fn(usize) -> Option<NaiveDateTime>) -> Evaluated {
    let patterns = Patterns::new(arguments, 1, TIMESTAMP_PATTERN)?;
    let mut builder = StringViewBuilder::with_capacity(arguments.rows);
    let mut text = String::new();
    for row in 0..arguments.rows {
        text.clear();
        let written = match moment(row) {
            Some(moment) => patterns.with(arguments, 1, row, |pattern| {
                pattern.format(moment, &mut text);
                Some(())
            })?,
            None => None,
        };
        match written {
            Some(()) => builder.append_value(&text),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn date_format(arguments: &Arguments<'_>) -> Evaluated {
    let values = times(arguments, 0);
    formatted(arguments, |row| values.moment(row))
}

fn from_unixtime(arguments: &Arguments<'_>) -> Evaluated {
    let seconds = arguments.values::<Int64Type>(0);
    formatted(arguments, |row| seconds.get(row).map(|seconds| datetime_of(seconds, 1)))
}

/// Texts read with a pattern, else (as Flink falls back) as `yyyy-M-d[ H:m:s[.S]]`.
fn read(
    arguments: &Arguments<'_>,
    default: Option<&str>,
) -> Result<Vec<Option<NaiveDateTime>>, EvaluationError> {
    let texts = arguments.strings(0);
    let patterns = match default {
        None if arguments.operands.len() < 2 => None,
        default => Some(Patterns::new(arguments, 1, default.unwrap_or_default())?),
    };
    (0..arguments.rows)
        .map(|row| {
            let Some(text) = texts.get(row) else { return Ok(None) };
            let Some(patterns) = &patterns else { return Ok(parse_timestamp(text.trim())) };
            patterns.with(arguments, 1, row, |pattern| {
                pattern.read(text).or_else(|| parse_timestamp(text.trim()))
            })
        })
        .collect()
}

fn to_timestamp(arguments: &Arguments<'_>) -> Evaluated {
    let moments = read(arguments, None)?;
    let ticks = moments.into_iter().map(|moment| ticks_of(moment?, 1_000));
    Ok(arguments.longs_result(ticks.collect()))
}

fn to_date(arguments: &Arguments<'_>) -> Evaluated {
    if arguments.operands.len() == 1 {
        let texts = arguments.strings(0);
        let days = (0..arguments.rows).map(|row| parse_date(texts.get(row)?).map(days_of));
        return Ok(Arc::new(days.collect::<Date32Array>()));
    }
    let moments = read(arguments, None)?;
    let days = moments.into_iter().map(|moment| Some(days_of(moment?.date())));
    Ok(Arc::new(days.collect::<Date32Array>()))
}

/// Seconds since the epoch; what does not read is the smallest BIGINT, as in Flink.
fn unix_timestamp(arguments: &Arguments<'_>) -> Evaluated {
    let texts = arguments.strings(0);
    let moments = read(arguments, Some(TIMESTAMP_PATTERN))?;
    let seconds = moments.into_iter().enumerate().map(|(row, moment)| {
        texts.get(row)?;
        Some(moment.map_or(i64::MIN, |moment| moment.and_utc().timestamp()))
    });
    Ok(Arc::new(seconds.collect::<Int64Array>()))
}

#[expect(clippy::cast_possible_truncation, reason = "fractions of a millisecond are dropped, as in Flink")]
fn to_timestamp_ltz(arguments: &Arguments<'_>) -> Evaluated {
    let precision = |row| {
        if arguments.operands.len() > 1 { arguments.values::<Int32Type>(1).get(row) } else { Some(3) }
    };
    let number = &arguments.operands[0];
    let millis = (0..arguments.rows)
        .map(|row| {
            let factor = match precision(row) {
                Some(0) => 1_000,
                Some(3) => 1,
                None => return Ok(None),
                Some(other) => {
                    return Err(EvaluationError::Undefined {
                        operation: "TO_TIMESTAMP_LTZ".to_owned(),
                        reason: format!("the precision is 0 or 3, not {other}"),
                    });
                }
            };
            Ok(match number.array().data_type() {
                DataType::Float64 => arguments
                    .values::<Float64Type>(0)
                    .get(row)
                    .map(|value| (value * f64::from(factor)) as i64),
                _ => arguments
                    .values::<Int64Type>(0)
                    .get(row)
                    .and_then(|value| value.checked_mul(i64::from(factor))),
            })
        })
        .collect::<Result<Int64Array, EvaluationError>>()?;
    Ok(arguments.longs_result(millis))
}
