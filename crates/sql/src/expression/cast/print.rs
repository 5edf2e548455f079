//! Values as text, as Flink's CAST to STRING writes them.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalYearMonthType, Time32MillisecondType,
};
use arrow_array::{Array, ArrayRef};
use chrono::{Datelike as _, Timelike as _};
use millstream_engine::expression::EvaluationError;

use super::super::decimal;
use super::super::operand::{longs_of, ticks_per_second};
use super::time;
use crate::types::{Kind, LENGTH_MAX, SqlType};

/// A column of strings: CHAR(n) filled up with blanks, VARCHAR(n) cut at n.
pub(super) fn to_strings(array: &ArrayRef, from: &Kind, to: &Kind) -> Result<ArrayRef, EvaluationError> {
    let (length, fill) = match to {
        Kind::Char(length) => (*length, true),
        Kind::VarChar(length) => (*length, false),
        _ => (LENGTH_MAX, false),
    };
    if from.is_string() && length == LENGTH_MAX {
        return Ok(ArrayRef::clone(array));
    }
    let limit = usize::try_from(length).unwrap_or(usize::MAX);
    let mut builder = StringViewBuilder::with_capacity(array.len());
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        print(array, from, row, &mut text);
        if length != LENGTH_MAX {
            let count = text.chars().count();
            if let Some((end, _)) = text.char_indices().nth(limit) {
                text.truncate(end);
            }
            if fill {
                text.extend(std::iter::repeat_n(' ', limit.saturating_sub(count)));
            }
        }
        builder.append_value(&text);
    }
    Ok(Arc::new(builder.finish()))
}

/// Writes the value of a row; nulls are written `NULL`.
pub(crate) fn print(array: &ArrayRef, kind: &Kind, row: usize, text: &mut String) {
    if array.is_null(row) || *kind == Kind::Null {
        text.push_str("NULL");
        return;
    }
    // Writing to a String cannot fail.
    let _ = match kind {
        Kind::Boolean => write!(text, "{}", if array.as_boolean().value(row) { "TRUE" } else { "FALSE" }),
        Kind::TinyInt => write!(text, "{}", array.as_primitive::<Int8Type>().value(row)),
        Kind::SmallInt => write!(text, "{}", array.as_primitive::<Int16Type>().value(row)),
        Kind::Int => write!(text, "{}", array.as_primitive::<Int32Type>().value(row)),
        Kind::BigInt => write!(text, "{}", array.as_primitive::<Int64Type>().value(row)),
        Kind::Float => {
            let value = array.as_primitive::<Float32Type>().value(row);
            write!(text, "{}", java_float(f64::from(value), &format!("{value:e}")))
        }
        Kind::Double => {
            let value = array.as_primitive::<Float64Type>().value(row);
            write!(text, "{}", java_float(value, &format!("{value:e}")))
        }
        Kind::Decimal { scale, .. } => {
            write!(text, "{}", decimal::to_text(array.as_primitive::<Decimal128Type>().value(row), *scale))
        }
        Kind::Char(_) | Kind::VarChar(_) => write!(text, "{}", array.as_string_view().value(row)),
        Kind::Binary(_) | Kind::VarBinary(_) => {
            write!(text, "{}", String::from_utf8_lossy(array.as_binary_view().value(row)))
        }
        Kind::Date => {
            let date = time::date_of(array.as_primitive::<Date32Type>().value(row));
            write!(text, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
        }
        Kind::Time(precision) => {
            let millis = i64::from(array.as_primitive::<Time32MillisecondType>().value(row));
            print_time(text, time::datetime_of(millis, 1_000), *precision)
        }
        Kind::Timestamp(precision) | Kind::TimestampLtz(precision) => {
            let ticks = longs_of(array).get(row).copied().unwrap_or(0);
            let moment = time::datetime_of(ticks, ticks_per_second(array.data_type()));
            let _ = write!(text, "{:04}-{:02}-{:02} ", moment.year(), moment.month(), moment.day());
            print_time(text, moment, *precision)
        }
        Kind::DayTimeInterval => print_day_time(text, longs_of(array).get(row).copied().unwrap_or(0)),
        Kind::YearMonthInterval => {
            let months = i64::from(array.as_primitive::<IntervalYearMonthType>().value(row));
            let sign = if months < 0 { '-' } else { '+' };
            write!(text, "{sign}{}-{:02}", months.abs() / 12, months.abs() % 12)
        }
        Kind::Row(_) | Kind::Array(_) | Kind::Map(..) => {
            print_nested(array, kind, row, text);
            Ok(())
        }
        Kind::Null => Ok(()),
    };
}

fn print_time(text: &mut String, moment: chrono::NaiveDateTime, precision: u8) -> std::fmt::Result {
    write!(text, "{:02}:{:02}:{:02}", moment.hour(), moment.minute(), moment.second())?;
    if precision == 0 {
        return Ok(());
    }
    let digits = usize::from(precision.min(9));
    let nanos = format!("{:09}", moment.nanosecond() % 1_000_000_000);
    write!(text, ".{}", &nanos[..digits])
}

/// `+1 02:03:04.500`
fn print_day_time(text: &mut String, millis: i64) -> std::fmt::Result {
    let sign = if millis < 0 { '-' } else { '+' };
    let millis = millis.unsigned_abs();
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    let (hours, minutes, seconds) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    write!(text, "{sign}{days} {hours:02}:{minutes:02}:{seconds:02}.{:03}", rest % 1_000)
}

fn print_nested(array: &ArrayRef, kind: &Kind, row: usize, text: &mut String) {
    let mut list = |open: char, close: char, count: usize, item: &mut dyn FnMut(usize, &mut String)| {
        text.push(open);
        for index in 0..count {
            if index > 0 {
                text.push_str(", ");
            }
            item(index, text);
        }
        text.push(close);
    };
    match kind {
        Kind::Row(fields) => {
            let rows = array.as_struct();
            list('(', ')', fields.len(), &mut |index, text| {
                print(rows.column(index), &fields[index].data_type.kind, row, text);
            });
        }
        Kind::Array(element) => {
            let values = array.as_list::<i32>().value(row);
            list('[', ']', values.len(), &mut |index, text| print(&values, &element.kind, index, text));
        }
        Kind::Map(key, value) => {
            let entries = array.as_map().value(row);
            list('{', '}', entries.len(), &mut |index, text| {
                print(entries.column(0), &key.kind, index, text);
                text.push('=');
                print(entries.column(1), &value.kind, index, text);
            });
        }
        _ => {}
    }
}

/// A float as Java's `Double.toString` writes it, from Rust's shortest digits (`1.5e-5`).
fn java_float(value: f64, shortest: &str) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-Infinity" } else { "Infinity" }.to_owned();
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(|&c| c != '.').collect();
    if !(-3..7).contains(&exponent) {
        let fraction = if digits.len() > 1 { &digits[1..] } else { "0" };
        return format!("{sign}{}.{fraction}E{exponent}", &digits[..1]);
    }
    let Ok(leading) = usize::try_from(exponent + 1) else {
        return format!("{sign}0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1));
    };
    if leading == 0 {
        return format!("{sign}0.{digits}");
    }
    if digits.len() <= leading {
        return format!("{sign}{digits:0<leading$}.0");
    }
    format!("{sign}{}.{}", &digits[..leading], &digits[leading..])
}

/// One value of an array as text, for plans, tables and tests.
pub(crate) fn value_text(array: &ArrayRef, data_type: &SqlType, row: usize) -> String {
    let mut text = String::new();
    print(array, &data_type.kind, row, &mut text);
    text
}
