//! DECIMAL: exact arithmetic with Flink's result types and HALF_UP rounding. A result that does not fit its precision
//! is null, as in Flink.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array as _, ArrayRef, Decimal128Array};
use arrow_buffer::i256;
use millstream_engine::expression::EvaluationError;

use super::operand::{Arguments, Operand};
use crate::types::{DECIMAL_PRECISION_MAX, Kind};

/// The smallest scale that an adjusted type keeps (Flink's `MIN_ADJUSTED_SCALE`).
const SCALE_KEPT: i32 = 6;

/// The type that fits into 38 digits, fraction given up before the integer part.
fn adjusted(precision: i32, scale: i32) -> Kind {
    let max = i32::from(DECIMAL_PRECISION_MAX);
    let (precision, scale) = if precision <= max {
        (precision, scale)
    } else {
        let integer = precision - scale;
        (max, (max - integer).max(scale.min(SCALE_KEPT)))
    };
    let narrow = |value: i32| u8::try_from(value.clamp(0, max)).unwrap_or(DECIMAL_PRECISION_MAX);
    Kind::Decimal { precision: narrow(precision), scale: narrow(scale) }
}

/// The result type of an operator over two exact numbers, at least one a DECIMAL.
pub(crate) fn result_kind(operator: char, left: (u8, u8), right: (u8, u8)) -> Kind {
    let (p1, s1) = (i32::from(left.0), i32::from(left.1));
    let (p2, s2) = (i32::from(right.0), i32::from(right.1));
    match operator {
        '*' => adjusted(p1 + p2 + 1, s1 + s2),
        '/' => {
            let scale = SCALE_KEPT.max(s1 + p2 + 1);
            adjusted(p1 - s1 + s2 + scale, scale)
        }
        '%' => {
            let scale = s1.max(s2);
            adjusted((p1 - s1).min(p2 - s2) + scale, scale)
        }
        _ => {
            let scale = s1.max(s2);
            adjusted((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
    }
}

/// The narrowest DECIMAL that holds both.
pub(crate) fn common_kind(left: (u8, u8), right: (u8, u8)) -> Kind {
    let scale = left.1.max(right.1);
    let integer = (left.0 - left.1).max(right.0 - right.1);
    adjusted(i32::from(integer) + i32::from(scale), i32::from(scale))
}

/// 10 to the power of `exponent`, which must be at most 76.
pub(crate) fn power_of_ten(exponent: u32) -> i256 {
    i256::from_i128(10).wrapping_pow(exponent.min(76))
}

/// 10 to the power of `exponent`, at most 38.
pub(crate) fn small_power_of_ten(exponent: u32) -> i128 {
    10_i128.pow(exponent.min(38))
}

/// The value with another scale, HALF_UP; `None` past 38 digits.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        value.checked_mul(small_power_of_ten(u32::from(to - from)))
    } else {
        Some(divide_half_up(value, small_power_of_ten(u32::from(from - to))))
    }
}

/// The quotient, ties away from zero.
pub(crate) fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    if remainder.unsigned_abs() >= divisor.unsigned_abs() - remainder.unsigned_abs() {
        quotient + if (value < 0) == (divisor < 0) { 1 } else { -1 }
    } else {
        quotient
    }
}

fn divide_half_up_wide(value: i256, divisor: i256) -> Option<i256> {
    let quotient = value.checked_div(divisor)?;
    let remainder = value.checked_rem(divisor)?.wrapping_abs();
    let away = if value.is_negative() == divisor.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    let ties_or_more = remainder >= divisor.wrapping_abs().wrapping_sub(remainder);
    Some(if ties_or_more { quotient.wrapping_add(away) } else { quotient })
}

/// Whether a value fits the digits of a precision.
pub(crate) fn fits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < small_power_of_ten(u32::from(precision)).unsigned_abs()
}

/// The value if it fits.
pub(crate) fn fitting(value: i128, precision: u8) -> Option<i128> {
    fits(value, precision).then_some(value)
}

fn wide_rescale(value: i256, from: u8, to: u8) -> Option<i256> {
    if to >= from {
        value.checked_mul(power_of_ten(u32::from(to - from)))
    } else {
        divide_half_up_wide(value, power_of_ten(u32::from(from - to)))
    }
}

/// A column of DECIMALs of the result's type.
pub(crate) fn column(
    arguments: &Arguments<'_>,
    values: impl Iterator<Item = Option<i128>>,
) -> Result<ArrayRef, EvaluationError> {
    let (precision, scale) = arguments.result.kind.as_decimal().unwrap_or((DECIMAL_PRECISION_MAX, 0));
    let array: Decimal128Array =
        values.map(|value| value.and_then(|value| fitting(value, precision))).collect();
    let scale = i8::try_from(scale).unwrap_or(0);
    Ok(Arc::new(array.with_precision_and_scale(precision, scale)?))
}

/// The scales of the two operands and of the result.
fn scales(arguments: &Arguments<'_>) -> (u8, u8, u8) {
    let scale = |kind: &Kind| kind.as_decimal().map_or(0, |(_, scale)| scale);
    (scale(&arguments.types[0].kind), scale(&arguments.types[1].kind), scale(&arguments.result.kind))
}

fn binary(
    arguments: &Arguments<'_>,
    operation: impl Fn(i128, i128) -> Result<Option<i128>, EvaluationError>,
) -> Result<ArrayRef, EvaluationError> {
    let left = arguments.values::<Decimal128Type>(0);
    let right = arguments.values::<Decimal128Type>(1);
    let values = (0..arguments.rows)
        .map(|row| match (left.get(row), right.get(row)) {
            (Some(left), Some(right)) => operation(left, right),
            _ => Ok(None),
        })
        .collect::<Result<Vec<_>, _>>()?;
    column(arguments, values.into_iter())
}

/// `+` and `-`
pub(crate) fn sum(arguments: &Arguments<'_>, negate: bool) -> Result<ArrayRef, EvaluationError> {
    let (s1, s2, scale) = scales(arguments);
    let exact = s1.max(s2);
    binary(arguments, |left, right| {
        let right = if negate { -right } else { right };
        let quick =
            rescale(left, s1, exact).zip(rescale(right, s2, exact)).and_then(|(l, r)| l.checked_add(r));
        if let Some(sum) = quick {
            return Ok(rescale(sum, exact, scale));
        }
        let wide = wide_rescale(i256::from_i128(left), s1, exact)
            .zip(wide_rescale(i256::from_i128(right), s2, exact))
            .and_then(|(l, r)| l.checked_add(r))
            .and_then(|sum| wide_rescale(sum, exact, scale));
        Ok(wide.and_then(i256::to_i128))
    })
}

/// `*`
pub(crate) fn product(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (s1, s2, scale) = scales(arguments);
    let digits =
        |index: usize| arguments.types[index].kind.as_decimal().map_or(DECIMAL_PRECISION_MAX, |(p, _)| p);
    if digits(0) + digits(1) <= DECIMAL_PRECISION_MAX && scale == s1 + s2 {
        return exact_product(arguments);
    }
    binary(arguments, |left, right| {
        if let (Some(product), true) = (left.checked_mul(right), scale == s1 + s2) {
            return Ok(Some(product));
        }
        let product = i256::from_i128(left).checked_mul(i256::from_i128(right));
        Ok(product.and_then(|product| wide_rescale(product, s1 + s2, scale)).and_then(i256::to_i128))
    })
}

/// `*` where every product fits: one pass over the buffers.
fn exact_product(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (precision, scale) = arguments.result.kind.as_decimal().unwrap_or((DECIMAL_PRECISION_MAX, 0));
    let array = |index: usize| arguments.operands[index].array().as_primitive::<Decimal128Type>();
    let (left, right) = (array(0), array(1));
    let product: Decimal128Array = match (&arguments.operands[0], &arguments.operands[1]) {
        (Operand::Constant(constant), Operand::Column(_)) if constant.is_valid(0) => {
            let factor = left.value(0);
            right.unary(|value| value.wrapping_mul(factor))
        }
        (Operand::Column(_), Operand::Constant(constant)) if constant.is_valid(0) => {
            let factor = right.value(0);
            left.unary(|value| value.wrapping_mul(factor))
        }
        (Operand::Constant(_), Operand::Column(_)) | (Operand::Column(_), Operand::Constant(_)) => {
            Decimal128Array::new_null(arguments.rows)
        }
        _ => arrow_arith::arity::binary(left, right, i128::wrapping_mul)?,
    };
    Ok(Arc::new(product.with_precision_and_scale(precision, i8::try_from(scale).unwrap_or(0))?))
}

/// `/`
pub(crate) fn quotient(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (s1, s2, scale) = scales(arguments);
    binary(arguments, |left, right| {
        if right == 0 {
            return Err(super::arithmetic::division_by_zero("/"));
        }
        // left/10^s1 ÷ right/10^s2 at scale = left · 10^(scale + s2 − s1) ÷ right
        let shift = u32::from(scale + s2).saturating_sub(u32::from(s1));
        let dividend = i256::from_i128(left).checked_mul(power_of_ten(shift));
        let divisor =
            i256::from_i128(right).checked_mul(power_of_ten(u32::from(s1.saturating_sub(scale + s2))));
        let quotient =
            dividend.zip(divisor).and_then(|(dividend, divisor)| divide_half_up_wide(dividend, divisor));
        Ok(quotient.and_then(i256::to_i128))
    })
}

/// `%`, with the sign of the dividend.
pub(crate) fn remainder(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let (s1, s2, scale) = scales(arguments);
    let exact = s1.max(s2);
    binary(arguments, |left, right| {
        if right == 0 {
            return Err(super::arithmetic::division_by_zero("%"));
        }
        let wide = wide_rescale(i256::from_i128(left), s1, exact)
            .zip(wide_rescale(i256::from_i128(right), s2, exact))
            .and_then(|(left, right)| left.checked_rem(right))
            .and_then(|rest| wide_rescale(rest, exact, scale));
        Ok(wide.and_then(i256::to_i128))
    })
}

/// `-x`
pub(crate) fn negation(arguments: &Arguments<'_>) -> Result<ArrayRef, EvaluationError> {
    let values = arguments.values::<Decimal128Type>(0);
    column(arguments, (0..arguments.rows).map(|row| values.get(row).map(|value| -value)))
}

/// The digits of a DECIMAL as text, the fraction in full.
pub(crate) fn to_text(value: i128, scale: u8) -> String {
    let digits = value.unsigned_abs().to_string();
    let sign = if value < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (integer, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{integer}.{fraction}")
}

/// Reads `12.345` or `1.2e3` at a scale, HALF_UP; `Err` when the text is no number, `Ok(None)` when it is too large.
pub(crate) fn from_text(text: &str, precision: u8, scale: u8) -> Result<Option<i128>, NotANumber> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().map_err(|_| NotANumber)?),
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.strip_prefix(['+', '-']) {
        Some(rest) => (mantissa.starts_with('-'), rest),
        None => (false, mantissa),
    };
    let (integer, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if integer.len() + fraction.len() == 0 || !is_number(integer) || !is_number(fraction) {
        return Err(NotANumber);
    }
    // The value is `digits` · 10^(exponent − fraction); what is wanted is value · 10^scale.
    let digits: String = format!("{integer}{fraction}").trim_start_matches('0').to_owned();
    let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let shift = exponent.saturating_sub(length(fraction.len())).saturating_add(i64::from(scale));
    let kept = length(digits.len()).saturating_add(shift);
    if digits.is_empty() || kept < 0 {
        return Ok(Some(0));
    }
    if kept > i64::from(DECIMAL_PRECISION_MAX) {
        return Ok(None);
    }
    let kept = usize::try_from(kept).unwrap_or(0);
    let taken = &digits[..kept.min(digits.len())];
    let mut value: i128 = if taken.is_empty() { 0 } else { taken.parse().map_err(|_| NotANumber)? };
    value *= small_power_of_ten(u32::try_from(kept.saturating_sub(digits.len())).unwrap_or(0));
    if digits.as_bytes().get(kept).is_some_and(|&next| next >= b'5') {
        value += 1;
    }
    Ok(fitting(if negative { -value } else { value }, precision))
}

/// The text is not a number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotANumber;
