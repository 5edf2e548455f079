//! Times and durations as they are typed.

use chrono::{DateTime, NaiveDate, NaiveTime};

/// A time in ms since 1970.
pub(crate) fn instant(text: &str, now_ms: i64) -> Option<i64> {
    if let Some(duration) = text.strip_prefix('-') {
        return now_ms.checked_sub(duration_ms(duration)?);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return Some(if matches!(text.len(), 9 | 10) { number * 1000 } else { number });
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(day.and_time(NaiveTime::MIN).and_utc().timestamp_millis());
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

/// A duration such as `90s`, `1h30m`, `1.5h` or `2d` in ms.
pub(super) fn duration_ms(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    let (mut rest, mut total_ms) = (text, 0.0);
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(number_len);
        let unit_len = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_len);
        let unit_ms = match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3600e3,
            "d" => 86_400e3,
            _ => return None,
        };
        total_ms += number.parse::<f64>().ok()? * unit_ms;
        rest = behind;
    }
    // Beyond 2^53 ms (285,000 years) the number would not be exact.
    (total_ms < 9e15).then_some(total_ms.round() as i64)
}
