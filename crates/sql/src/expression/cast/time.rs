//! Casts among dates, times and timestamps, and their texts. The session's time zone is UTC, so that TIMESTAMP and
//! TIMESTAMP_LTZ share their numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Time32MillisecondType};
use arrow_array::{Array, ArrayRef, Int64Array, PrimitiveArray};
use arrow_schema::DataType;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime};
use millstream_engine::expression::EvaluationError;

use super::super::operand::{longs_of, longs_to, ticks_per_second};
use super::{from_name, impossible};
use crate::types::Kind;

const MILLIS_PER_DAY: i64 = 86_400_000;

pub(super) fn cast(array: &ArrayRef, from: &Kind, to: &Kind) -> Result<ArrayRef, EvaluationError> {
    let data_type = to.to_arrow();
    let nulls = array.logical_nulls();
    // All values as ticks of the source's unit since the epoch.
    let (ticks, per_second): (Vec<i64>, i64) = match array.data_type() {
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().values();
            (days.iter().map(|&days| i64::from(days) * MILLIS_PER_DAY).collect(), 1_000)
        }
        DataType::Time32(_) => {
            let millis = array.as_primitive::<Time32MillisecondType>().values();
            (millis.iter().map(|&millis| i64::from(millis)).collect(), 1_000)
        }
        other => (longs_of(array).to_vec(), ticks_per_second(other)),
    };
    let per_day = 86_400 * per_second;
    match to {
        Kind::Date => {
            let days = ticks.iter().map(|ticks| i32::try_from(ticks.div_euclid(per_day)).unwrap_or(0));
            Ok(Arc::new(PrimitiveArray::<Date32Type>::new(days.collect(), nulls)))
        }
        Kind::Time(precision) => {
            let millis = ticks.iter().map(|ticks| {
                let millis = ticks.rem_euclid(per_day) / (per_second / 1_000);
                let millis = if *precision == 0 { millis - millis % 1_000 } else { millis };
                i32::try_from(millis).unwrap_or(0)
            });
            Ok(Arc::new(PrimitiveArray::<Time32MillisecondType>::new(millis.collect(), nulls)))
        }
        Kind::Timestamp(precision) | Kind::TimestampLtz(precision) => {
            let target = ticks_per_second(&data_type);
            let convert = |ticks: &i64| {
                let converted = if target >= per_second {
                    ticks.saturating_mul(target / per_second)
                } else {
                    ticks.div_euclid(per_second / target)
                };
                truncate_to_precision(converted, target, *precision)
            };
            let same = target == per_second
                && matches!(from, Kind::Timestamp(p) | Kind::TimestampLtz(p) if p <= precision);
            let values = if same { ticks } else { ticks.iter().map(convert).collect() };
            Ok(longs_to(Int64Array::new(values.into(), nulls), &data_type))
        }
        _ => Err(impossible(from_name(array))),
    }
}

/// Cuts off what lies behind `precision` digits of a second.
pub(crate) fn truncate_to_precision(ticks: i64, per_second: i64, precision: u8) -> i64 {
    let kept = 10_i64.pow(u32::from(precision.min(9)));
    if kept >= per_second {
        return ticks;
    }
    let grain = per_second / kept;
    ticks.div_euclid(grain) * grain
}

/// The date of days since the epoch.
pub(crate) fn date_of(days: i32) -> NaiveDate {
    NaiveDate::from_epoch_days(days).unwrap_or_default()
}

/// The days since the epoch.
pub(crate) fn days_of(date: NaiveDate) -> i32 {
    date.to_epoch_days()
}

/// The date and time of ticks since the epoch.
pub(crate) fn datetime_of(ticks: i64, per_second: i64) -> NaiveDateTime {
    let nanos = ticks.rem_euclid(per_second) * (1_000_000_000 / per_second);
    let moment = DateTime::from_timestamp(ticks.div_euclid(per_second), u32::try_from(nanos).unwrap_or(0));
    moment.unwrap_or_default().naive_utc()
}

/// The ticks since the epoch; `None` when they do not fit 64 bits.
pub(crate) fn ticks_of(moment: NaiveDateTime, per_second: i64) -> Option<i64> {
    let moment = moment.and_utc();
    let fraction = i64::from(moment.timestamp_subsec_nanos()) / (1_000_000_000 / per_second);
    moment.timestamp().checked_mul(per_second)?.checked_add(fraction)
}

/// Reads `2013-01-31`, `2013-1-3`, `2013` and, behind a blank, anything.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let date = text.split_once(' ').map_or(text, |(date, _)| date);
    let mut parts = date.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Up to `length` digits.
fn digits(text: &str, length: usize) -> Option<u32> {
    let valid = !text.is_empty() && text.len() <= length && text.bytes().all(|b| b.is_ascii_digit());
    if valid { text.parse().ok() } else { None }
}

/// Reads `12:34`, `12:34:56` and `12:34:56.789` as milliseconds of the day.
pub(crate) fn parse_time(text: &str) -> Option<i32> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    let time = clock(hour, minute, parts.next().unwrap_or("0"))?;
    let since = time.signed_duration_since(NaiveTime::MIN);
    i32::try_from(since.num_milliseconds()).ok()
}

/// Reads `2013-01-31`, `2013-1-3 1:2:3` and `2013-01-31 12:34:56.123456789`.
pub(crate) fn parse_timestamp(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (date, Some(time.trim_start())),
        None => (text, None),
    };
    if date.matches('-').count() != 2 {
        return None;
    }
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = lenient_date(i32::try_from(digits(year, 4)?).ok()?, digits(month, 2)?, digits(day, 2)?)?;
    let Some(time) = time else { return Some(date.and_time(NaiveTime::MIN)) };
    let mut parts = time.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    Some(date.and_time(clock(hour, minute, second)?))
}

/// The date; a day past the end of its month, up to the 31st, is the month's last (Java's "smart" resolution).
pub(crate) fn lenient_date(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    if day > 31 {
        return None;
    }
    (28.min(day)..=day).rev().find_map(|day| NaiveDate::from_ymd_opt(year, month, day))
}

fn clock(hour: &str, minute: &str, second: &str) -> Option<NaiveTime> {
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    NaiveTime::from_hms_nano_opt(digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?, nanos)
}

/// The moment some months on; a day past the end of its month is the month's last.
pub(crate) fn add_months(moment: NaiveDateTime, months: i64) -> Option<NaiveDateTime> {
    let total = i64::from(moment.year()) * 12 + i64::from(moment.month0()) + months;
    let year = i32::try_from(total.div_euclid(12)).ok()?;
    let month = u32::try_from(total.rem_euclid(12)).ok()? + 1;
    Some(lenient_date(year, month, moment.day())?.and_time(moment.time()))
}
