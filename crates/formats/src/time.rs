//! Dates and times of day in text, read and written exactly as Flink's formatters do.
//!
//! Flink reads SQL timestamps leniently in Java's "smart" way: the 30th of February is its last day, and 24:00:00
//! is the next midnight. ISO-8601 `TIMESTAMP` and `DATE` are strict. A date is a number of days after 1970-01-01,
//! a time of day a number of nanoseconds.

use crate::options::TimestampStandard;

/// A moment on the calendar, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) days: i64,
    pub(crate) nanos: u64,
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_DAY: u64 = 86_400 * NANOS_PER_SECOND;

/// Days after 1970-01-01 of a date of the proleptic Gregorian calendar.
pub(crate) fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let years = if month <= 2 { year - 1 } else { year };
    let era = years.div_euclid(400);
    let year_of_era = years.rem_euclid(400);
    let shifted = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days after 1970-01-01.
pub(crate) fn date_of(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_index + 2) / 5 + 1) as u32;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What is left of a text being read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn literal(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == byte).then_some(())
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |value, byte| match byte {
            b'0'..=b'9' => Some(value * 10 + u32::from(byte - b'0')),
            _ => None,
        })
    }

    /// Four digits, or a sign and (after `+`) more than four.
    fn year(&mut self) -> Option<i64> {
        let sign = match self.0.first()? {
            sign @ (b'+' | b'-') => Some(*sign),
            _ => None,
        };
        let digits = &self.0[usize::from(sign.is_some())..];
        let count = digits.iter().take(11).take_while(|byte| byte.is_ascii_digit()).count();
        let fits = match sign {
            Some(b'+') => (5..=10).contains(&count),
            Some(_) => (4..=10).contains(&count),
            None => count == 4,
        };
        if !fits {
            return None;
        }
        let year = digits.iter().take(count).fold(0i64, |year, byte| year * 10 + i64::from(byte - b'0'));
        self.0 = &digits[count..];
        match sign {
            Some(b'-') if year == 0 => None,
            Some(b'-') => Some(-year),
            _ => (year <= 999_999_999).then_some(year),
        }
    }

    fn date(&mut self, strict: bool) -> Option<i64> {
        let year = self.year()?;
        self.literal(b'-')?;
        let month = self.digits(2)?;
        self.literal(b'-')?;
        let day = self.digits(2)?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let last = days_in_month(year, month);
        if strict && day > last {
            return None;
        }
        Some(days_of(year, month, day.min(last)))
    }

    /// Hours and minutes, seconds (which ISO lets be absent), up to nine digits of a fraction. 24:00 gives a full
    /// day when not strict.
    fn time(&mut self, seconds_optional: bool, strict: bool) -> Option<u64> {
        let hour = self.digits(2)?;
        self.literal(b':')?;
        let minute = self.digits(2)?;
        let (mut second, mut fraction) = (0, 0);
        if !(seconds_optional && self.0.first() != Some(&b':')) {
            self.literal(b':')?;
            second = self.digits(2)?;
            fraction = self.fraction();
        }
        let nanos = (u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second)) * NANOS_PER_SECOND
            + u64::from(fraction);
        let in_day = hour < 24 && minute < 60 && second < 60;
        (in_day || (!strict && nanos == NANOS_PER_DAY && hour == 24)).then_some(nanos)
    }

    fn fraction(&mut self) -> u32 {
        let Some((b'.', digits)) = self.0.split_first() else { return 0 };
        let count = digits.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
        let value = digits.iter().take(count).fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
        self.0 = &digits[count..];
        value * 10u32.pow(9 - count as u32)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// An ISO date, strictly.
pub(crate) fn parse_date(text: &[u8]) -> Option<i64> {
    let mut reader = Reader(text);
    let days = reader.date(true)?;
    reader.end()?;
    Some(days)
}

/// A date as `java.sql.Date.valueOf` reads it: months and days may have one digit, and days past a short month's
/// end run into the next.
pub(crate) fn parse_date_leniently(text: &[u8]) -> Option<i64> {
    let mut parts = text.split(|byte| *byte == b'-');
    let mut part = |lengths: std::ops::RangeInclusive<usize>| {
        let digits = parts.next()?;
        lengths.contains(&digits.len()).then_some(())?;
        Reader(digits).digits(digits.len())
    };
    let (year, month, day) = (part(4..=4)?, part(1..=2)?, part(1..=2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days_of(i64::from(year), month, day))
}

/// `HH:mm:ss` with an optional fraction, in nanoseconds; 24:00:00 is 0.
pub(crate) fn parse_sql_time(text: &[u8]) -> Option<u64> {
    let mut reader = Reader(text);
    let nanos = reader.time(false, false)?;
    reader.end()?;
    Some(nanos % NANOS_PER_DAY)
}

/// `HH:mm`, seconds and fraction optional, in nanoseconds.
pub(crate) fn parse_iso_time(text: &[u8]) -> Option<u64> {
    let mut reader = Reader(text);
    let nanos = reader.time(true, true)?;
    reader.end()?;
    Some(nanos)
}

/// A timestamp in the chosen standard; `TIMESTAMP_LTZ` ends in `Z`.
pub(crate) fn parse_timestamp(text: &[u8], standard: TimestampStandard, local_zone: bool) -> Option<Moment> {
    let mut reader = Reader(text);
    let iso = standard == TimestampStandard::Iso8601;
    let strict = iso && !local_zone;
    let days = reader.date(strict)?;
    match (iso, reader.0.first()?) {
        (false, b' ') | (true, b'T') => {}
        (true, b't') if !local_zone => {}
        _ => return None,
    }
    reader.0 = &reader.0[1..];
    let nanos = reader.time(iso, strict)?;
    if local_zone {
        reader.literal(b'Z')?;
    }
    reader.end()?;
    Some(Moment { days: days + (nanos / NANOS_PER_DAY) as i64, nanos: nanos % NANOS_PER_DAY })
}

/// Writes a date as ISO does: at least four digits of the year, a sign when it needs one.
pub(crate) fn write_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = date_of(days);
    if (0..=9999).contains(&year) {
        let year = year as u32;
        write_two(out, year / 100);
        write_two(out, year % 100);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(year.unsigned_abs());
        for _ in digits.len()..4 {
            out.push(b'0');
        }
        out.extend_from_slice(digits.as_bytes());
    }
    out.push(b'-');
    write_two(out, month);
    out.push(b'-');
    write_two(out, day);
}

/// Writes `HH:mm:ss` and as many digits of the fraction as it has.
pub(crate) fn write_time(out: &mut Vec<u8>, nanos: u64) {
    let seconds = (nanos / NANOS_PER_SECOND) as u32;
    write_two(out, seconds / 3600);
    out.push(b':');
    write_two(out, seconds / 60 % 60);
    out.push(b':');
    write_two(out, seconds % 60);
    let mut fraction = (nanos % NANOS_PER_SECOND) as u32;
    if fraction != 0 {
        out.push(b'.');
        let mut digit = 100_000_000;
        while fraction != 0 {
            out.push(b'0' + (fraction / digit) as u8);
            fraction %= digit;
            digit /= 10;
        }
    }
}

/// Writes a timestamp in the chosen standard.
pub(crate) fn write_timestamp(
    out: &mut Vec<u8>,
    moment: Moment,
    standard: TimestampStandard,
    local_zone: bool,
) {
    write_date(out, moment.days);
    out.push(if standard == TimestampStandard::Sql { b' ' } else { b'T' });
    write_time(out, moment.nanos);
    if local_zone {
        out.push(b'Z');
    }
}

fn write_two(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

#[cfg(test)]
mod tests;
