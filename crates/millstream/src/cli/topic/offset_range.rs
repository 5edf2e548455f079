//! Where `consume` starts and stops, in `rpk`'s notation.
//!
//! | text | meaning |
//! |---|---|
//! | `start`, `end` | from the first record; from now on |
//! | `N`, `+N`, `-N` | from offset N; N after the first; N before the end |
//! | `FROM:N`, `FROM:end` | up to offset N (not included); up to the present end; FROM may be left out |
//! | `@T`, `@T:U`, `@:U` | from time T on; up to time U |
//!
//! A time is in milliseconds (13 digits) or seconds (9 or 10 digits) since 1970, a day, RFC 3339, or a duration before now
//! such as `-1h30m`; U also `end`, or a duration behind T. Relative times are made absolute here, against the clock that
//! the caller read.

mod time;

pub(crate) use time::instant as instant_ms;

/// A range of every partition that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetRange {
    /// Where to start.
    pub(crate) from: RangeStart,
    /// Where to stop, if anywhere.
    pub(crate) until: Option<RangeEnd>,
}

/// The first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeStart {
    /// The first there is.
    Start,
    /// The next to come.
    End,
    /// The one with this offset.
    Offset(i64),
    /// The one this far behind the first.
    AfterStart(i64),
    /// The one this far before the end.
    BeforeEnd(i64),
    /// The first of this time in ms since 1970 or later.
    Time(i64),
}

/// Behind the last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeEnd {
    /// The end when the command starts.
    End,
    /// This offset.
    Offset(i64),
    /// The first of this time in ms since 1970 or later; the present end if there is none.
    Time(i64),
}

impl OffsetRange {
    /// Reads a range; `now_ms` is the time that relative times count from.
    ///
    /// # Errors
    /// What is not understood.
    pub(crate) fn parse(text: &str, now_ms: i64) -> Result<Self, String> {
        let range = match text.strip_prefix('@') {
            Some(times) => Self::of_times(times, now_ms)?,
            None => Self::of_offsets(text)?,
        };
        match (range.from, range.until) {
            (RangeStart::Offset(from), Some(RangeEnd::Offset(until)))
            | (RangeStart::Time(from), Some(RangeEnd::Time(until)))
                if until <= from =>
            {
                Err(format!("`{text}` ends before it starts"))
            }
            _ => Ok(range),
        }
    }

    fn of_offsets(text: &str) -> Result<Self, String> {
        let (from, until) = text.split_once(':').map_or((text, None), |(from, until)| (from, Some(until)));
        let unknown = || {
            format!(
                "`{text}` is not a range of offsets: write start, end, 47, 47:50, :end, +2, -3, @2013-01-01, or @-1h:end"
            )
        };
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { digits.parse::<i64>().map_err(|_| unknown()) } else { Err(unknown()) }
        };
        let until = match until {
            None | Some("") => None,
            Some("end") => Some(RangeEnd::End),
            Some(digits) => Some(RangeEnd::Offset(number(digits)?)),
        };
        let from = match from {
            "start" | "oldest" => RangeStart::Start,
            "" if until.is_some() => RangeStart::Start,
            "end" | "newest" => RangeStart::End,
            _ => match from.split_at_checked(1) {
                Some(("+", digits)) => RangeStart::AfterStart(number(digits)?),
                Some(("-", digits)) => RangeStart::BeforeEnd(number(digits)?),
                _ => RangeStart::Offset(number(from)?),
            },
        };
        Ok(Self { from, until })
    }

    fn of_times(text: &str, now_ms: i64) -> Result<Self, String> {
        if let Some(from) = time::instant(text, now_ms) {
            return Ok(Self { from: RangeStart::Time(from), until: None });
        }
        // Times have colons themselves: the one between two times is the first that leaves a time on both sides.
        for (colon, _) in text.match_indices(':') {
            let (before, after) = (&text[..colon], &text[colon + 1..]);
            let from = time::instant(before, now_ms);
            let until = match after {
                "end" => Some(RangeEnd::End),
                _ => time::instant(after, now_ms)
                    .or_else(|| from?.checked_add(time::duration_ms(after)?))
                    .map(RangeEnd::Time),
            };
            match (from, until) {
                (Some(from), until) if until.is_some() || after.is_empty() => {
                    return Ok(Self { from: RangeStart::Time(from), until });
                }
                (None, Some(until)) if before.is_empty() => {
                    return Ok(Self { from: RangeStart::Start, until: Some(until) });
                }
                _ => {}
            }
        }
        Err(format!(
            "`@{text}` is not a time: write milliseconds, a day such as @2013-01-31, @2013-01-31T06:00:00Z, or @-1h; two \
             of them with a colon between are a range"
        ))
    }
}

#[cfg(test)]
mod tests;
