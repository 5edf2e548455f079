//! Values into columns that hold no other columns, by Flink's rules of conversion.
//!
//! The common spellings (a whole number, a short fraction, a timestamp of fixed width, a string without escapes) are
//! read straight from the row. Everything else goes through the token's text and the readers of `number` and `time`.

use super::object::Walk;
use super::scan::StringToken;
use crate::base64;
use crate::column::{Column, Place, Timestamps, Views};
use crate::error::{BadRowReason, Fault, ValueKind};
use crate::number::{self, NumberFault};
use crate::options::TimestampStandard;
use crate::time;

/// A scalar's text.
#[derive(Debug, Clone, Copy)]
enum Text {
    /// It stands in the row.
    Row(usize, usize),
    /// It is a string that had escapes.
    Unescaped,
}

/// A scalar that has been passed.
#[derive(Debug, Clone, Copy)]
struct Scalar {
    kind: ValueKind,
    /// A number with a fraction or an exponent.
    float: bool,
    text: Text,
}

impl Walk<'_, '_> {
    /// Decodes a value into a column that is neither ROW, ARRAY nor MAP.
    #[inline(always)]
    pub(super) fn leaf(&mut self, column: &mut Column, depth: usize) -> Result<(), Fault> {
        match column {
            Column::Int64(numbers) => {
                if let Some(value) = self.plain_integer() {
                    numbers.push(value);
                    return Ok(());
                }
            }
            Column::Int32(numbers) => {
                let start = self.scan.at;
                if let Some(value) = self.plain_integer() {
                    if let Ok(value) = i32::try_from(value) {
                        numbers.push(value);
                        return Ok(());
                    }
                    self.scan.at = start;
                }
            }
            Column::Float64(numbers) => {
                if let Some(value) = self.plain_double() {
                    numbers.push(value);
                    return Ok(());
                }
            }
            Column::Text(views) if self.scan.peek() == Some(b'"') => {
                let token = self.scan.string()?;
                return self.push_string(token, views);
            }
            Column::Timestamp(timestamps) => return self.timestamp(timestamps),
            _ => {}
        }
        self.any_leaf(column, depth)
    }

    #[inline(always)]
    fn push_string(&mut self, token: StringToken, views: &mut Views) -> Result<(), Fault> {
        let length = token.end - token.start;
        if !token.escaped && length <= 12 {
            let window = self.scan.bytes.get(token.start..).and_then(|rest| rest.first_chunk::<16>());
            if let Some(window) = window {
                views.push_short(window, length);
                return Ok(());
            }
        }
        let pushed = if token.escaped {
            self.unescape(token);
            views.push(&self.context.unescaped, Place::Elsewhere, &mut self.context.arena)
        } else {
            let place = self.place(token.start);
            views.push(self.scan.slice(token.start, token.end), place, &mut self.context.arena)
        };
        self.full_unless(pushed)
    }

    /// Up to 19 digits of a whole number with an optional minus; passes it. `None`, and nothing passed, for every other
    /// spelling.
    #[inline(always)]
    fn plain_integer(&mut self) -> Option<i64> {
        let negative = self.scan.peek() == Some(b'-');
        let start = self.scan.at + usize::from(negative);
        let (value, count) = self.plain_digits(start)?;
        if let Some(b'.' | b'e' | b'E' | b'0'..=b'9') = self.scan.bytes.get(start + count) {
            return None;
        }
        self.scan.at = start + count;
        Some(if negative { -(value as i64) } else { value as i64 })
    }

    /// A number of up to 15 digits with a fraction, which a double holds after one division; passes it. `None`, and
    /// nothing passed, for every other spelling.
    #[inline(always)]
    fn plain_double(&mut self) -> Option<f64> {
        let negative = self.scan.peek() == Some(b'-');
        let start = self.scan.at + usize::from(negative);
        let (whole, count) = self.plain_digits(start)?;
        let mut end = start + count;
        let (mut mantissa, mut places) = (whole, 0);
        if self.scan.bytes.get(end) == Some(&b'.') {
            let (fraction, count) = self.digits_at(end + 1);
            if count == 0 || count > 8 {
                return None;
            }
            // At most 8 digits before and 8 after: no overflow, and the comparison with 2^53 decides the rest.
            mantissa = whole.checked_mul(number::POWERS[count])?.checked_add(fraction)?;
            places = count;
            end += 1 + count;
        }
        if let Some(b'.' | b'e' | b'E' | b'0'..=b'9') = self.scan.bytes.get(end) {
            return None;
        }
        let value = number::exact_quotient(mantissa, places)?;
        self.scan.at = end;
        Some(if negative { -value } else { value })
    }

    /// One to 16 digits without a leading zero, and how many they are.
    #[inline(always)]
    fn plain_digits(&self, start: usize) -> Option<(u64, usize)> {
        let (mut value, mut count) = self.digits_at(start);
        if count == 0 || (count > 1 && self.scan.bytes.get(start) == Some(&b'0')) {
            return None;
        }
        if count == 8 {
            let (low, more) = self.digits_at(start + 8);
            value = value * number::POWERS[more] + low;
            count += more;
        }
        Some((value, count))
    }

    /// Up to eight digits, and how many they are.
    #[inline(always)]
    fn digits_at(&self, start: usize) -> (u64, usize) {
        let rest = self.scan.bytes.get(start..).unwrap_or_default();
        match rest.first_chunk::<8>() {
            Some(chunk) => number::leading_digits(*chunk),
            None => {
                let mut chunk = [0u8; 8];
                chunk[..rest.len()].copy_from_slice(rest);
                number::leading_digits(chunk)
            }
        }
    }

    /// `"yyyy-MM-dd HH:mm:ss.SSS"` and the like, with the row's standard and zone; passes it. `false`, and nothing
    /// passed, for every other spelling.
    #[inline(always)]
    fn plain_timestamp(&mut self, timestamps: &mut Timestamps) -> bool {
        let local = timestamps.is_local_zone();
        let Some(text) = self.scan.bytes.get(self.scan.at..) else { return false };
        let Some(([b'"'], text)) = text.split_first_chunk::<1>() else { return false };
        let Some((date, text)) = text.split_first_chunk::<10>() else { return false };
        let separator = match self.context.timestamp_standard {
            TimestampStandard::Sql => b' ',
            TimestampStandard::Iso8601 => b'T',
        };
        let Some((clock, rest)) = text.split_first_chunk::<9>() else { return false };
        if clock[0] != separator {
            return false;
        }
        let [_, h1, h0, b':', m1, m0, b':', s1, s0] = *clock else { return false };
        let Some((fraction_nanos, fraction_bytes)) = plain_fraction(rest) else { return false };
        let rest = rest.get(fraction_bytes..).unwrap_or_default();
        let closed = if local { rest.starts_with(b"Z\"") } else { rest.first() == Some(&b'"') };
        let (Some(hour), Some(minute), Some(second)) = (two(h1, h0), two(m1, m0), two(s1, s0)) else {
            return false;
        };
        if !closed || hour > 23 || minute > 59 || second > 59 {
            return false;
        }
        if *date != self.context.last_date.0 {
            let Some(days) = time::parse_date(date) else { return false };
            self.context.last_date = (*date, days);
        }
        let nanos = (hour * 3600 + minute * 60 + second) * 1_000_000_000 + fraction_nanos;
        if !timestamps.push(self.context.last_date.1, nanos) {
            return false;
        }
        self.scan.at += 1 + 10 + 9 + fraction_bytes + usize::from(local) + 1;
        true
    }

    #[inline(always)]
    fn timestamp(&mut self, timestamps: &mut Timestamps) -> Result<(), Fault> {
        if self.plain_timestamp(timestamps) { Ok(()) } else { self.any_timestamp(timestamps) }
    }

    #[inline(never)]
    fn any_timestamp(&mut self, timestamps: &mut Timestamps) -> Result<(), Fault> {
        let start = self.scan.at;
        let sql_type = timestamps.sql_type();
        let kind = self.scan.kind()?;
        if kind != ValueKind::String {
            return Err(Fault::new(BadRowReason::WrongKind { found: kind, expected: sql_type }, start));
        }
        let token = self.scan.string()?;
        let (standard, local) = (self.context.timestamp_standard, timestamps.is_local_zone());
        let Some(moment) = time::parse_timestamp(self.text_of(token), standard, local) else {
            return Err(Fault::new(BadRowReason::MalformedText(sql_type), start));
        };
        if timestamps.push(moment.days, moment.nanos) {
            Ok(())
        } else {
            Err(Fault::new(BadRowReason::OutOfRange(sql_type), start))
        }
    }

    /// Decodes by the scalar's text, whatever its spelling.
    #[inline(never)]
    fn any_leaf(&mut self, column: &mut Column, depth: usize) -> Result<(), Fault> {
        let start = self.scan.at;
        let kind = self.scan.kind()?;
        if matches!(kind, ValueKind::Object | ValueKind::Array) {
            return match column {
                Column::Text(views) => {
                    self.nested_text(depth)?;
                    let pushed =
                        views.push(&self.context.unescaped, Place::Elsewhere, &mut self.context.arena);
                    self.full_unless(pushed)
                }
                _ => Err(self.wrong_kind(kind, column, start)),
            };
        }
        let scalar = self.scalar(kind)?;
        self.convert(scalar, column, start)
    }

    fn scalar(&mut self, kind: ValueKind) -> Result<Scalar, Fault> {
        let start = self.scan.at;
        let (text, float) = match kind {
            ValueKind::String => {
                let token = self.scan.string()?;
                if token.escaped {
                    self.unescape(token);
                    (Text::Unescaped, false)
                } else {
                    (Text::Row(token.start, token.end), false)
                }
            }
            ValueKind::Number => {
                let token = self.scan.number()?;
                (Text::Row(token.start, token.end), token.float)
            }
            _ => {
                self.scan.skip_value(0)?;
                (Text::Row(start, self.scan.at), false)
            }
        };
        Ok(Scalar { kind, float, text })
    }

    fn text(&self, text: Text) -> &[u8] {
        match text {
            Text::Row(start, end) => self.scan.slice(start, end),
            Text::Unescaped => &self.context.unescaped,
        }
    }

    fn convert(&mut self, scalar: Scalar, column: &mut Column, start: usize) -> Result<(), Fault> {
        let sql_type = column.sql_type();
        let malformed = |()| match scalar.kind {
            ValueKind::String => Fault::new(BadRowReason::MalformedText(sql_type), start),
            found => Fault::new(BadRowReason::WrongKind { found, expected: sql_type }, start),
        };
        let number_fault = |fault| match fault {
            NumberFault::OutOfRange => Fault::new(BadRowReason::OutOfRange(sql_type), start),
            NumberFault::Malformed => malformed(()),
        };
        let text = self.text(scalar.text);
        let trimmed = number::trim(text);
        if let Some(result) = column.push_number(trimmed, scalar.float) {
            return result.map_err(number_fault);
        }
        match column {
            Column::Boolean(values) => values.push(trimmed.eq_ignore_ascii_case(b"true")),
            Column::Date(numbers) => {
                let days = time::parse_date(text).ok_or(()).map_err(malformed)?;
                let days = i32::try_from(days).map_err(|_| number_fault(NumberFault::OutOfRange))?;
                numbers.push(days);
            }
            Column::Time(numbers) => {
                let nanos = time::parse_sql_time(text).ok_or(()).map_err(malformed)?;
                // Flink's JSON drops the fraction.
                numbers.push((nanos / 1_000_000_000 * 1_000) as i32);
            }
            Column::Text(views) => {
                let pushed = match scalar.text {
                    Text::Row(from, end) => {
                        let place = self.place(from);
                        views.push(self.scan.slice(from, end), place, &mut self.context.arena)
                    }
                    Text::Unescaped => {
                        views.push(&self.context.unescaped, Place::Elsewhere, &mut self.context.arena)
                    }
                };
                self.full_unless(pushed)?;
            }
            Column::Bytes(views) if scalar.kind == ValueKind::String => {
                let mut bytes = Vec::new();
                base64::decode(text, &mut bytes).ok_or(()).map_err(malformed)?;
                let pushed = views.push(&bytes, Place::Elsewhere, &mut self.context.arena);
                self.full_unless(pushed)?;
            }
            _ => return Err(malformed(())),
        }
        Ok(())
    }
}

/// The number that two digits spell.
#[inline(always)]
fn two(tens: u8, ones: u8) -> Option<u64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then_some(u64::from(tens) * 10 + u64::from(ones))
}

/// The nanoseconds of a fraction of three digits, or of none, at the front of `rest`, and its length.
#[inline(always)]
fn plain_fraction(rest: &[u8]) -> Option<(u64, usize)> {
    match rest {
        [b'.', a, b, c, next, ..] if !next.is_ascii_digit() => {
            let (high, low) = (two(b'0', *a)?, two(*b, *c)?);
            Some(((high * 100 + low) * 1_000_000, 4))
        }
        [b'.', ..] => None,
        _ => Some((0, 0)),
    }
}
