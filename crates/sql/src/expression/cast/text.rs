//! Casts from text.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Time32MillisecondType,
};
use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, Int64Array, PrimitiveArray, StringViewArray};
use millstream_engine::expression::EvaluationError;

use super::super::decimal;
use super::super::operand::{longs_to, ticks_per_second};
use super::time;
use crate::types::Kind;

/// Reads every text as a value of `to`; what does not read is an error, or null when `safe`.
pub(super) fn read(strings: &StringViewArray, to: &Kind, safe: bool) -> Result<ArrayRef, EvaluationError> {
    let reader = Reader { strings, to, safe };
    match to {
        Kind::Boolean => {
            let values = reader.values(boolean)?;
            Ok(Arc::new(BooleanArray::from(values)))
        }
        Kind::TinyInt => {
            reader.primitive::<Int8Type>(|text| integer(text).and_then(|v| i8::try_from(v).ok()))
        }
        Kind::SmallInt => {
            reader.primitive::<Int16Type>(|text| integer(text).and_then(|v| i16::try_from(v).ok()))
        }
        Kind::Int => reader.primitive::<Int32Type>(|text| integer(text).and_then(|v| i32::try_from(v).ok())),
        Kind::Float => reader.primitive::<Float32Type>(|text| float(text).and_then(|text| text.parse().ok())),
        Kind::Double => {
            reader.primitive::<Float64Type>(|text| float(text).and_then(|text| text.parse().ok()))
        }
        Kind::Decimal { precision, scale } => {
            let (precision, scale) = (*precision, *scale);
            let values = reader.values(|text| decimal::from_text(text.trim(), precision, scale).ok()?)?;
            let array = Decimal128Array::from(values);
            Ok(Arc::new(array.with_precision_and_scale(precision, i8::try_from(scale).unwrap_or(0))?))
        }
        Kind::Date => reader.primitive::<Date32Type>(|text| time::parse_date(text).map(time::days_of)),
        Kind::Time(precision) => {
            let whole = *precision == 0;
            reader.primitive::<Time32MillisecondType>(move |text| {
                let millis = time::parse_time(text.trim())?;
                Some(if whole { millis - millis % 1_000 } else { millis })
            })
        }
        Kind::Timestamp(precision) | Kind::TimestampLtz(precision) => {
            let data_type = to.to_arrow();
            let per_second = ticks_per_second(&data_type);
            let precision = *precision;
            let values = reader.values(|text| {
                let ticks = time::ticks_of(time::parse_timestamp(text.trim())?, per_second)?;
                Some(time::truncate_to_precision(ticks, per_second, precision))
            })?;
            Ok(longs_to(Int64Array::from(values), &data_type))
        }
        _ => {
            let values = reader.values(integer)?;
            Ok(longs_to(Int64Array::from(values), &to.to_arrow()))
        }
    }
}

struct Reader<'a> {
    strings: &'a StringViewArray,
    to: &'a Kind,
    safe: bool,
}

impl Reader<'_> {
    fn values<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Vec<Option<T>>, EvaluationError> {
        self.strings
            .iter()
            .map(|text| match text {
                None => Ok(None),
                Some(text) => match read(text) {
                    None if !self.safe => {
                        Err(EvaluationError::Cast { value: quoted(text), target: self.to.to_string() })
                    }
                    value => Ok(value),
                },
            })
            .collect()
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        read: impl Fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef, EvaluationError> {
        Ok(Arc::new(self.values(read)?.into_iter().collect::<PrimitiveArray<T>>()))
    }
}

/// The text in quotes, cut short.
fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("'{shown}'")
}

/// An integer; digits behind a point are checked and dropped, as in Flink.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    integer.parse().ok()
}

/// A number as Java reads it: trimmed, with `NaN`, `Infinity` and a type suffix.
fn float(text: &str) -> Option<&str> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return Some(text);
    }
    let number = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.').then_some(number)
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "0" => Some(false),
        _ => None,
    }
}
