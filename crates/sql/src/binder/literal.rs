//! Literals to values, with the types that Flink gives them.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, DurationMillisecondArray,
    Float64Array, Int32Array, Int64Array, IntervalYearMonthArray, NullArray, StringViewArray,
    Time32MillisecondArray,
};

use super::Bound;
use crate::diagnostics::{Span, SqlError};
use crate::expression::cast::time;
use crate::expression::operand::{longs_to, ticks_per_second};
use crate::expression::{Expr, decimal};
use crate::syntax::{self, Literal, TimeUnit, UnaryOperator};
use crate::types::{DECIMAL_PRECISION_MAX, Kind};

pub(super) fn bind(literal: &Literal, span: Span) -> Bound<Expr> {
    let (value, kind): (ArrayRef, Kind) = match literal {
        Literal::Null => return Ok(null(span)),
        Literal::Boolean(value) => (Arc::new(BooleanArray::from(vec![*value])), Kind::Boolean),
        Literal::Integer(digits) => return integer(digits, false, span),
        Literal::Decimal(digits) => return exact(digits, false, span),
        Literal::Approximate(text) => {
            let value: f64 = text.parse().map_err(|_| SqlError::syntax(span, "not a number"))?;
            (Arc::new(Float64Array::from(vec![value])), Kind::Double)
        }
        Literal::String(text) | Literal::Symbol(text) => {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX).max(1);
            (Arc::new(StringViewArray::from(vec![text.as_str()])), Kind::Char(length))
        }
        Literal::Binary(bytes) => {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).max(1);
            (Arc::new(BinaryViewArray::from(vec![bytes.as_slice()])), Kind::Binary(length))
        }
        Literal::Date(text) => {
            let date = time::parse_date(text)
                .filter(|_| text.matches('-').count() == 2)
                .ok_or_else(|| wrong(span, "DATE", "DATE '2013-01-31'"))?;
            (Arc::new(Date32Array::from(vec![time::days_of(date)])), Kind::Date)
        }
        Literal::Time(text) => {
            let millis = time::parse_time(text).ok_or_else(|| wrong(span, "TIME", "TIME '12:34:56'"))?;
            (Arc::new(Time32MillisecondArray::from(vec![millis])), Kind::Time(0))
        }
        Literal::Timestamp(text) => return timestamp(text, span),
        Literal::Interval { text, from, to, negative } => return interval(text, *from, *to, *negative, span),
    };
    Ok(Expr::literal(value, kind.not_null(), span))
}

/// NULL, of no type yet.
pub(super) fn null(span: Span) -> Expr {
    Expr::literal(Arc::new(NullArray::new(1)), Kind::Null.nullable(), span)
}

/// A sign in front of digits belongs to the number: −9223372036854775808 is a BIGINT.
pub(super) fn negative(operator: UnaryOperator, operand: &syntax::Expr, span: Span) -> Bound<Option<Expr>> {
    match (&operator, &operand.kind) {
        (UnaryOperator::Minus, syntax::ExprKind::Literal(Literal::Integer(digits))) => {
            integer(digits, true, span).map(Some)
        }
        (UnaryOperator::Minus, syntax::ExprKind::Literal(Literal::Decimal(digits))) => {
            exact(digits, true, span).map(Some)
        }
        _ => Ok(None),
    }
}

fn integer(digits: &str, negative: bool, span: Span) -> Bound<Expr> {
    let signed = if negative { format!("-{digits}") } else { digits.to_owned() };
    if let Ok(value) = signed.parse::<i32>() {
        return Ok(Expr::literal(Arc::new(Int32Array::from(vec![value])), Kind::Int.not_null(), span));
    }
    if let Ok(value) = signed.parse::<i64>() {
        return Ok(Expr::literal(Arc::new(Int64Array::from(vec![value])), Kind::BigInt.not_null(), span));
    }
    exact(digits, negative, span)
}

fn exact(digits: &str, negative: bool, span: Span) -> Bound<Expr> {
    let too_long = || {
        SqlError::types(span, format!("a DECIMAL has at most {DECIMAL_PRECISION_MAX} digits"))
            .hint("write an approximate number: 1E0")
    };
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let precision = u8::try_from(integer.len() + fraction.len()).map_err(|_| too_long())?;
    let scale = u8::try_from(fraction.len()).map_err(|_| too_long())?;
    if precision > DECIMAL_PRECISION_MAX {
        return Err(too_long());
    }
    let value = decimal::from_text(digits, precision, scale).ok().flatten().ok_or_else(too_long)?;
    let value = if negative { -value } else { value };
    let array = Decimal128Array::from(vec![value])
        .with_precision_and_scale(precision, i8::try_from(scale).unwrap_or(0))
        .map_err(|_| too_long())?;
    Ok(Expr::literal(Arc::new(array), Kind::Decimal { precision, scale }.not_null(), span))
}

fn wrong(span: Span, what: &str, example: &str) -> SqlError {
    SqlError::types(span, format!("not a {what}")).hint(format!("write {example}"))
}

fn timestamp(text: &str, span: Span) -> Bound<Expr> {
    let wrong = || wrong(span, "TIMESTAMP", "TIMESTAMP '2013-01-31 12:34:56.789'");
    let moment = time::parse_timestamp(text.trim()).ok_or_else(wrong)?;
    let fraction = text.trim().split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let kind = Kind::Timestamp(u8::try_from(fraction).map_err(|_| wrong())?);
    let data_type = kind.to_arrow();
    let ticks = time::ticks_of(moment, ticks_per_second(&data_type)).ok_or_else(wrong)?;
    Ok(Expr::literal(longs_to(Int64Array::from(vec![ticks]), &data_type), kind.not_null(), span))
}

/// The parts of an interval, in order, with the milliseconds of one.
const PARTS: [(TimeUnit, i64); 4] = [
    (TimeUnit::Day, 86_400_000),
    (TimeUnit::Hour, 3_600_000),
    (TimeUnit::Minute, 60_000),
    (TimeUnit::Second, 1_000),
];

fn interval(text: &str, from: TimeUnit, to: Option<TimeUnit>, negative: bool, span: Span) -> Bound<Expr> {
    let text = text.trim();
    let (minus, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let sign = if minus != negative { -1 } else { 1 };
    let to = to.unwrap_or(from);
    let wrong = || {
        SqlError::types(span, format!("'{text}' is not an interval of {}", from.name()))
            .hint("INTERVAL '10' SECOND, INTERVAL '1 02:30' DAY TO MINUTE, INTERVAL '1-6' YEAR TO MONTH")
    };
    if matches!(from, TimeUnit::Year | TimeUnit::Quarter | TimeUnit::Month) {
        let months = months(unsigned, from, to).ok_or_else(wrong)?;
        let months = i32::try_from(sign * months).map_err(|_| wrong())?;
        let array = Arc::new(IntervalYearMonthArray::from(vec![months]));
        return Ok(Expr::literal(array, Kind::YearMonthInterval.not_null(), span));
    }
    let millis = if from == TimeUnit::Week && to == from {
        unsigned.parse::<i64>().ok().and_then(|weeks| weeks.checked_mul(7 * PARTS[0].1))
    } else {
        milliseconds(unsigned, from, to)
    };
    let millis = sign * millis.ok_or_else(wrong)?;
    let array = Arc::new(DurationMillisecondArray::from(vec![millis]));
    Ok(Expr::literal(array, Kind::DayTimeInterval.not_null(), span))
}

fn months(text: &str, from: TimeUnit, to: TimeUnit) -> Option<i64> {
    let number = |text: &str| text.parse::<u32>().ok().map(i64::from);
    match (from, to) {
        (TimeUnit::Year, TimeUnit::Month) => {
            let (years, months) = text.split_once('-')?;
            Some(number(years)? * 12 + number(months)?)
        }
        (TimeUnit::Year, TimeUnit::Year) => Some(number(text)? * 12),
        (TimeUnit::Quarter, TimeUnit::Quarter) => Some(number(text)? * 3),
        (TimeUnit::Month, TimeUnit::Month) => number(text),
        _ => None,
    }
}

/// `1 02:03:04.5` from DAY to SECOND, and any shorter stretch of it.
fn milliseconds(text: &str, from: TimeUnit, to: TimeUnit) -> Option<i64> {
    let first = PARTS.iter().position(|(unit, _)| *unit == from)?;
    let last = PARTS.iter().position(|(unit, _)| *unit == to)?;
    let mut pieces: Vec<&str> = Vec::new();
    let mut rest = text;
    if from == TimeUnit::Day && last > first {
        let (days, time) = rest.split_once(' ')?;
        pieces.push(days);
        rest = time.trim_start();
    }
    pieces.extend(rest.split(':'));
    if last < first || pieces.len() != last - first + 1 {
        return None;
    }
    let mut millis = 0_i64;
    for (piece, (unit, unit_ms)) in pieces.iter().zip(&PARTS[first..]) {
        let (whole, fraction) = if *unit == TimeUnit::Second {
            piece.split_once('.').unwrap_or((piece, ""))
        } else {
            (*piece, "")
        };
        let count: i64 = whole.parse::<u32>().ok()?.into();
        millis = millis.checked_add(count.checked_mul(*unit_ms)?)?;
        if !fraction.is_empty() {
            if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            millis += format!("{fraction:0<9}").parse::<i64>().ok()? / 1_000_000;
        }
    }
    Some(millis)
}
