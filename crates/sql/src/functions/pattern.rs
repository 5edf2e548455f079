//! Java's patterns of dates and times (`yyyy-MM-dd'T'HH:mm:ss.SSS`): formatting and reading, in English, in UTC.
//!
//! Letters: `y`/`u` year, `M`/`L` month, `d` day, `D` day of the year, `E` day of the week, `a` AM/PM, `H` hour,
//! `h` hour of the half day, `k` hour from 1, `K` half day's from 0, `m`, `s`, `S` fraction, `n` nanosecond, `Q` quarter. Quotes
//! enclose text.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

use crate::expression::cast::time::lenient_date;

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A letter and how often it stands.
    Field(char, usize),
}

const FIELDS: &str = "yuMLdDEaHhkKmsSnQ";
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Longer runs of a letter mean nothing.
const WIDTH_MAX: usize = 19;

impl Pattern {
    /// Reads a pattern; `Err` says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            if c == '\'' {
                let mut quoted = String::new();
                if characters.next_if_eq(&'\'').is_some() {
                    quoted.push('\'');
                } else {
                    loop {
                        match characters.next() {
                            Some('\'') if characters.next_if_eq(&'\'').is_some() => quoted.push('\''),
                            Some('\'') => break,
                            Some(other) => quoted.push(other),
                            None => return Err(format!("a quote is not closed in the pattern '{text}'")),
                        }
                    }
                }
                push_text(&mut parts, &quoted);
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while characters.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if !FIELDS.contains(c) || count > WIDTH_MAX {
                    return Err(format!("'{c}' is not supported in the pattern '{text}'"));
                }
                parts.push(Part::Field(c, count));
            } else {
                push_text(&mut parts, c.encode_utf8(&mut [0; 4]));
            }
        }
        Ok(Self { parts })
    }

    /// Writes a moment.
    pub(crate) fn format(&self, moment: NaiveDateTime, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                // Writing to a String cannot fail.
                Part::Field(letter, count) => drop(write_field(*letter, *count, moment, out)),
            }
        }
    }

    /// Reads a moment; `None` when the text is not of this pattern. What the pattern leaves out is the first of its
    /// kind; a day past the month's end, up to the 31st, is its last.
    pub(crate) fn read(&self, text: &str) -> Option<NaiveDateTime> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (index, part) in self.parts.iter().enumerate() {
            rest = match part {
                Part::Text(text) => rest.strip_prefix(text.as_str())?,
                Part::Field(letter, count) => {
                    // A number in front of another number has a fixed width.
                    let adjacent =
                        matches!(self.parts.get(index + 1), Some(Part::Field(next, _)) if is_number(*next));
                    fields.read(*letter, *count, adjacent, rest)?
                }
            };
        }
        if rest.is_empty() { fields.resolve() } else { None }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

fn is_number(letter: char) -> bool {
    !matches!(letter, 'E' | 'a')
}

fn half_day_hour(hour: u32) -> u32 {
    if hour.is_multiple_of(12) { 12 } else { hour % 12 }
}

fn write_field(letter: char, count: usize, moment: NaiveDateTime, out: &mut String) -> std::fmt::Result {
    let number = |out: &mut String, value: u32| write!(out, "{value:0count$}");
    let name = |out: &mut String, name: &str| {
        out.push_str(if count == 4 { name } else { &name[..3] });
        Ok(())
    };
    match letter {
        'y' | 'u' if count == 2 => write!(out, "{:02}", moment.year().rem_euclid(100)),
        'y' | 'u' => write!(out, "{:0count$}", moment.year()),
        'M' | 'L' if count > 2 => name(out, MONTHS[moment.month0() as usize]),
        'M' | 'L' => number(out, moment.month()),
        'Q' => number(out, moment.month0() / 3 + 1),
        'd' => number(out, moment.day()),
        'D' => number(out, moment.ordinal()),
        'E' => name(out, DAYS[moment.weekday().num_days_from_monday() as usize]),
        'a' => {
            out.push_str(if moment.hour() < 12 { "AM" } else { "PM" });
            Ok(())
        }
        'H' => number(out, moment.hour()),
        'k' => number(out, if moment.hour() == 0 { 24 } else { moment.hour() }),
        'h' => number(out, half_day_hour(moment.hour())),
        'K' => number(out, moment.hour() % 12),
        'm' => number(out, moment.minute()),
        's' => number(out, moment.second()),
        'n' => number(out, moment.nanosecond()),
        _ => {
            let nanos = format!("{:09}", moment.nanosecond() % 1_000_000_000);
            write!(out, "{nanos:0<count$.count$}")
        }
    }
}

/// What was read of a moment.
#[derive(Debug, Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: Option<u32>,
    half_hour: Option<u32>,
    afternoon: Option<bool>,
    minute: Option<u32>,
    second: Option<u32>,
    nanos: Option<u32>,
}

impl Fields {
    /// Reads a field at the beginning of a text and gives the rest.
    fn read<'a>(&mut self, letter: char, count: usize, adjacent: bool, text: &'a str) -> Option<&'a str> {
        match letter {
            'M' | 'L' if count > 2 => {
                let (index, rest) = read_name(text, &MONTHS, count == 4)?;
                self.month = Some(index + 1);
                return Some(rest);
            }
            'E' => return read_name(text, &DAYS, count == 4).map(|(_, rest)| rest),
            'a' => {
                let marker = text.get(..2)?;
                self.afternoon = Some(match marker.to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                return text.get(2..);
            }
            _ => {}
        }
        let (minimum, maximum) = match letter {
            'S' => (count, count),
            'y' | 'u' if count == 2 => (2, 2),
            'y' | 'u' => (count, if adjacent { count } else { WIDTH_MAX.min(9) }),
            _ if count == 1 => (1, if adjacent { 1 } else { 9 }),
            _ => (count, count),
        };
        let digits = text.bytes().take(maximum).take_while(u8::is_ascii_digit).count();
        if digits < minimum {
            return None;
        }
        let (number, rest) = text.split_at(digits);
        if letter == 'S' {
            self.nanos = format!("{number:0<9}").get(..9)?.parse().ok();
            return Some(rest);
        }
        let value: u32 = number.parse().ok()?;
        match letter {
            'y' | 'u' if count == 2 => self.year = Some(2000 + i32::try_from(value).ok()?),
            'y' | 'u' => self.year = i32::try_from(value).ok(),
            'M' | 'L' => self.month = Some(value),
            'd' => self.day = Some(value),
            'D' => self.day_of_year = Some(value),
            'H' => self.hour = Some(value),
            'k' => self.hour = Some(value % 24),
            'h' | 'K' => self.half_hour = Some(value % 12),
            'm' => self.minute = Some(value),
            's' => self.second = Some(value),
            'n' => self.nanos = Some(value),
            _ => {}
        }
        Some(rest)
    }

    fn resolve(&self) -> Option<NaiveDateTime> {
        let year = self.year.unwrap_or(1970);
        let date = match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(year, day)?,
            None => lenient_date(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        let half = self.half_hour.map(|hour| hour + if self.afternoon == Some(true) { 12 } else { 0 });
        let hour = self.hour.or(half).unwrap_or(0);
        let time = NaiveTime::from_hms_nano_opt(
            hour,
            self.minute.unwrap_or(0),
            self.second.unwrap_or(0),
            self.nanos.unwrap_or(0),
        )?;
        Some(date.and_time(time))
    }
}

/// The index of the name at the beginning of a text, in full or in three letters.
fn read_name<'a>(text: &'a str, names: &[&str], full: bool) -> Option<(u32, &'a str)> {
    let index = names.iter().position(|name| text.starts_with(if full { name } else { &name[..3] }))?;
    let length = if full { names[index].len() } else { 3 };
    Some((u32::try_from(index).ok()?, &text[length..]))
}
