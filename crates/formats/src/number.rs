//! Numbers in text, read as Java's `parseInt`, `parseDouble` and `BigDecimal` read them, and doubles written as
//! Java writes them.
//!
//! Differences: only ASCII digits are digits, and hexadecimal floating point is not read.

/// Why a text is no number of the type asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFault {
    Malformed,
    OutOfRange,
}

/// Without the spaces and control characters at both ends, as Java's `trim`.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| *byte > b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|byte| *byte > b' ').map_or(start, |last| last + 1);
    &text[start..end]
}

/// A whole number between `min` and `max`: digits with an optional sign.
pub(crate) fn parse_integer(text: &[u8], min: i64, max: i64) -> Result<i64, NumberFault> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::Malformed);
    }
    // Counted downwards, because i64 reaches further there.
    let value = digits
        .iter()
        .try_fold(0i64, |value, byte| value.checked_mul(10)?.checked_sub(i64::from(byte - b'0')));
    let value = if negative { value } else { value.and_then(i64::checked_neg) };
    match value {
        Some(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(NumberFault::OutOfRange),
    }
}

/// A number with a fraction or an exponent, cut to a whole one between `min` and `max`.
pub(crate) fn parse_truncated(text: &[u8], min: i64, max: i64) -> Result<i64, NumberFault> {
    let value = parse_double(text).ok_or(NumberFault::Malformed)?;
    // As in Jackson, i64::MAX counts as the double 2^63 here, and the cast saturates.
    if value < min as f64 || value > max as f64 {
        return Err(NumberFault::OutOfRange);
    }
    Ok(value as i64)
}

/// The digits of a number that Java and Rust both read, or the value of a word that only Java knows so.
enum Spelling<'a> {
    Digits(&'a str),
    Nan,
    Infinity { negative: bool },
}

fn spelling(text: &[u8]) -> Option<Spelling<'_>> {
    match text {
        b"NaN" | b"+NaN" | b"-NaN" => return Some(Spelling::Nan),
        b"Infinity" | b"+Infinity" => return Some(Spelling::Infinity { negative: false }),
        b"-Infinity" => return Some(Spelling::Infinity { negative: true }),
        _ => {}
    }
    let digits = match text.split_last() {
        Some((b'f' | b'F' | b'd' | b'D', rest)) => rest,
        _ => text,
    };
    if digits.iter().any(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    std::str::from_utf8(digits).ok().map(Spelling::Digits)
}

/// A number of up to eight digits on each side of the point, which one division gives exactly; `None` for every other
/// spelling.
fn parse_plain_double(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let (whole, count) = leading_digits_of(unsigned);
    let rest = unsigned.get(count..).filter(|_| count > 0)?;
    let (mantissa, places) = match rest.split_first() {
        None => (whole, 0),
        Some((b'.', fraction)) => {
            let (value, places) = leading_digits_of(fraction);
            if places != fraction.len() {
                return None;
            }
            (whole * POWERS[places] + value, places)
        }
        Some(_) => return None,
    };
    let value = exact_quotient(mantissa, places)?;
    Some(if negative { -value } else { value })
}

/// As [`leading_digits`], of a text of any length.
fn leading_digits_of(text: &[u8]) -> (u64, usize) {
    let mut bytes = [0; 8];
    let length = text.len().min(8);
    bytes[..length].copy_from_slice(&text[..length]);
    leading_digits(bytes)
}

/// A `DOUBLE`; too large is infinite, as in Java.
pub(crate) fn parse_double(text: &[u8]) -> Option<f64> {
    if let Some(value) = parse_plain_double(text) {
        return Some(value);
    }
    match spelling(text)? {
        Spelling::Digits(digits) => digits.parse().ok(),
        Spelling::Nan => Some(f64::NAN),
        Spelling::Infinity { negative: false } => Some(f64::INFINITY),
        Spelling::Infinity { negative: true } => Some(f64::NEG_INFINITY),
    }
}

/// A `FLOAT`; too large is infinite, as in Java.
pub(crate) fn parse_float(text: &[u8]) -> Option<f32> {
    match spelling(text)? {
        Spelling::Digits(digits) => digits.parse().ok(),
        Spelling::Nan => Some(f32::NAN),
        Spelling::Infinity { negative: false } => Some(f32::INFINITY),
        Spelling::Infinity { negative: true } => Some(f32::NEG_INFINITY),
    }
}

/// The powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The powers of ten up to eight digits.
pub(crate) const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The number that the digits at the front of eight bytes spell, and how many they are. Works on all eight at once:
/// the digits are moved to the end of the word, then summed by twos, fours and eights.
#[inline(always)]
pub(crate) fn leading_digits(bytes: [u8; 8]) -> (u64, usize) {
    let word = u64::from_le_bytes(bytes);
    let offsets = word ^ 0x3030_3030_3030_3030;
    // A byte above 9 carries into its highest bit, which such a byte may also have of its own.
    let others = (offsets.wrapping_add(0x7676_7676_7676_7676) | offsets) & 0x8080_8080_8080_8080;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    let digits = offsets << (64 - 8 * count);
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let value = (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff;
    (value, count)
}

/// `mantissa / 10^places`, when one correctly rounded division gives it (Clinger's fast path).
#[inline(always)]
pub(crate) fn exact_quotient(mantissa: u64, places: usize) -> Option<f64> {
    match EXACT_POWERS.get(places) {
        Some(power) if mantissa < 1 << 53 => Some(mantissa as f64 / power),
        _ => None,
    }
}

/// Parses a `DECIMAL(precision, scale)`, rounding half up. `Ok(None)` is Flink's answer to a number that the
/// precision does not hold: null.
pub(crate) fn parse_decimal(text: &[u8], precision: u8, scale: i8) -> Result<Option<i128>, NumberFault> {
    let (negative, unsigned) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => {
            (&unsigned[..at], parse_integer(&unsigned[at + 1..], i64::from(i32::MIN), i64::from(i32::MAX))?)
        }
        None => (unsigned, 0),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
    let digits = || whole.iter().chain(fraction);
    if digits().next().is_none() || digits().any(|byte| !byte.is_ascii_digit()) {
        return Err(NumberFault::Malformed);
    }
    let zeros = digits().take_while(|byte| **byte == b'0').count();
    let significant = || digits().skip(zeros).map(|byte| i128::from(byte - b'0'));
    let count = (whole.len() + fraction.len() - zeros) as i64;
    // How many of the significant digits stand before the last place that the scale keeps.
    let kept = count + exponent + i64::from(scale) - fraction.len() as i64;
    if count == 0 || kept < 0 {
        return Ok(Some(0));
    }
    if kept > 38 {
        return Ok(None);
    }
    let mut value = significant().take(kept as usize).fold(0i128, |value, digit| value * 10 + digit);
    if kept > count {
        value *= 10i128.pow((kept - count) as u32);
    }
    if significant().nth(kept as usize).is_some_and(|digit| digit >= 5) {
        value += 1;
    }
    if value >= 10i128.pow(u32::from(precision.min(38))) {
        return Ok(None);
    }
    Ok(Some(if negative { -value } else { value }))
}

/// Writes a double as Java's `Double.toString` (the shortest digits that read back the same, as since JDK 19), the
/// non-finite ones by their Java names. Where one digit would do Java writes the nearest number of two digits, which
/// is another one only among the smallest numbers (`4.9E-324`).
pub(crate) fn write_double(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        out.extend_from_slice(non_finite(value.is_nan(), value > 0.0));
        return;
    }
    if value.abs() < 1e-300 && value != 0.0 {
        let two_digits = format!("{value:.1e}");
        if two_digits.parse() == Ok(value) {
            write_shortest(out, &two_digits);
            return;
        }
    }
    let mut buffer = ryu::Buffer::new();
    write_shortest(out, buffer.format_finite(value));
}

/// Writes a float as Java's `Float.toString`.
pub(crate) fn write_float(out: &mut Vec<u8>, value: f32) {
    if !value.is_finite() {
        out.extend_from_slice(non_finite(value.is_nan(), value > 0.0));
        return;
    }
    if value.abs() < 1e-35 && value != 0.0 {
        let two_digits = format!("{value:.1e}");
        if two_digits.parse() == Ok(value) {
            write_shortest(out, &two_digits);
            return;
        }
    }
    let mut buffer = ryu::Buffer::new();
    write_shortest(out, buffer.format_finite(value));
}

fn non_finite(nan: bool, positive: bool) -> &'static [u8] {
    match (nan, positive) {
        (true, _) => b"NaN",
        (false, true) => b"Infinity",
        (false, false) => b"-Infinity",
    }
}

/// Rewrites ryu's spelling (`1e16`, `1.5e-7`, `0.00001`, `123.0`) into Java's: plain between 10^-3 and 10^7, else
/// one digit, a point, at least one digit, `E` and the exponent.
fn write_shortest(out: &mut Vec<u8>, text: &str) {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    out.extend_from_slice(sign.as_bytes());
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or_default()),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // The significant digits, and how many of them stand before the point.
    let mut digits = [0u8; 40];
    let mut count = 0;
    for byte in whole.bytes().chain(fraction.bytes()).take(digits.len()) {
        digits[count] = byte;
        count += 1;
    }
    let zeros = digits[..count].iter().take_while(|byte| **byte == b'0').count();
    let point = whole.len() as i32 + exponent - zeros as i32;
    let digits = &digits[zeros..count];
    let end = digits.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
    let digits = &digits[..end];
    if digits.is_empty() {
        out.extend_from_slice(b"0.0");
    } else if (-2..=7).contains(&point) {
        write_plain(out, digits, point);
    } else {
        out.push(digits[0]);
        out.push(b'.');
        out.extend_from_slice(if digits.len() > 1 { &digits[1..] } else { b"0" });
        out.push(b'E');
        out.extend_from_slice(itoa::Buffer::new().format(point - 1).as_bytes());
    }
}

/// Writes the digits with the point before digit number `point`, and at least one digit on both sides.
fn write_plain(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let before = point.max(0) as usize;
    if before == 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', point.unsigned_abs() as usize));
        out.extend_from_slice(digits);
    } else if before >= digits.len() {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', before - digits.len()));
        out.extend_from_slice(b".0");
    } else {
        out.extend_from_slice(&digits[..before]);
        out.push(b'.');
        out.extend_from_slice(&digits[before..]);
    }
}

/// How a decimal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalStyle {
    /// `BigDecimal.toPlainString`: all places of the scale, no exponent.
    Plain,
    /// `BigDecimal.stripTrailingZeros().toString()`: with an exponent where Java uses one.
    Stripped,
}

/// Writes an unscaled decimal.
pub(crate) fn write_decimal(out: &mut Vec<u8>, value: i128, scale: i8, style: DecimalStyle) {
    if value < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value.unsigned_abs()).as_bytes();
    if style == DecimalStyle::Stripped {
        let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
        match digits.get(..digits.len() - zeros) {
            Some(kept) if !kept.is_empty() => {
                write_big_decimal(out, kept, i64::from(scale) - zeros as i64);
            }
            _ => out.push(b'0'),
        }
        return;
    }
    write_with_point(out, digits, scale.max(0) as usize);
}

/// Writes unscaled digits with the point before the last `scale` of them.
fn write_with_point(out: &mut Vec<u8>, digits: &[u8], scale: usize) {
    if scale == 0 {
        out.extend_from_slice(digits);
    } else if digits.len() > scale {
        out.extend_from_slice(&digits[..digits.len() - scale]);
        out.push(b'.');
        out.extend_from_slice(&digits[digits.len() - scale..]);
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
        out.extend_from_slice(digits);
    }
}

/// Writes a number's text as `BigDecimal.stripTrailingZeros().toString()`.
pub(crate) fn write_stripped_decimal(out: &mut Vec<u8>, text: &[u8]) {
    let (negative, unsigned) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let at = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(unsigned.len());
    let exponent = unsigned.get(at + 1..).unwrap_or_default();
    let exponent = parse_integer(exponent, -1_000_000_000, 1_000_000_000).unwrap_or_default();
    let mantissa = &unsigned[..at];
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let places = mantissa.len().saturating_sub(point + 1) as i64;
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    let Some(kept) = digits.get(zeros..end).filter(|kept| !kept.is_empty()) else {
        out.push(b'0');
        return;
    };
    let scale = places - exponent - (digits.len() - end) as i64;
    if negative {
        out.push(b'-');
    }
    write_big_decimal(out, kept, scale);
}

/// Writes unscaled digits and a scale as `BigDecimal.toString` does.
fn write_big_decimal(out: &mut Vec<u8>, digits: &[u8], scale: i64) {
    let adjusted = digits.len() as i64 - 1 - scale;
    if scale < 0 || adjusted < -6 {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        if adjusted != 0 {
            out.extend_from_slice(if adjusted < 0 { b"E" } else { b"E+" });
            out.extend_from_slice(itoa::Buffer::new().format(adjusted).as_bytes());
        }
        return;
    }
    write_with_point(out, digits, scale as usize);
}

#[cfg(test)]
mod tests;
