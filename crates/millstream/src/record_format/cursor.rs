//! A place in bytes of which more may come, and what can be taken from there.

use bytes::Bytes;
use memchr::memmem::Finder;

use super::NumberEncoding;

/// The digits of the longest number.
const DIGITS_MAX: usize = 19;

/// Why nothing was taken.
#[derive(Debug)]
pub(super) enum Stop {
    /// More bytes are needed.
    More,
    /// More would not help.
    Problem(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What is wrong with the bytes of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// The input ends within a record.
    #[error("the input ends within it")]
    Ends,
    /// Other bytes than the format has.
    #[error("expected \"{}\", found \"{}\"", expected.escape_ascii(), found.escape_ascii())]
    Literal {
        /// What the format has.
        expected: Vec<u8>,
        /// What is there instead.
        found: Vec<u8>,
    },
    /// No number where the format has one.
    #[error("expected a number, found \"{}\"", found.escape_ascii())]
    NotNumber {
        /// What is there instead.
        found: Vec<u8>,
    },
    /// A number that its field cannot hold.
    #[error("{number} is out of range")]
    Range {
        /// The number.
        number: i64,
    },
    /// A length below zero or beyond all memory.
    #[error("{length} is not a length")]
    Length {
        /// The length.
        length: i64,
    },
    /// Text that is not in the form that the format says.
    #[error("{token} is not {form}")]
    Encoding {
        /// The field.
        token: &'static str,
        /// The form.
        form: &'static str,
    },
    /// More bytes than a record may have.
    #[error("it is longer than {limit_bytes} bytes: check the format, or raise --max-message-bytes")]
    TooLong {
        /// The limit.
        limit_bytes: usize,
    },
}

/// The place.
#[derive(Debug)]
pub(super) struct Cursor {
    bytes: Bytes,
    at: usize,
    /// Whether nothing comes after `bytes`.
    is_end: bool,
}

impl Cursor {
    pub(super) fn new(bytes: Bytes, is_end: bool) -> Self {
        Self { bytes, at: 0, is_end }
    }

    /// How much was taken.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Whether nothing is left of what is here.
    pub(super) fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    fn left(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn lacks(&self) -> Stop {
        if self.is_end { Problem::Ends.into() } else { Stop::More }
    }

    fn shown(&self) -> Vec<u8> {
        const SHOWN_BYTES_MAX: usize = 16;
        self.left().iter().take(SHOWN_BYTES_MAX).copied().collect()
    }

    /// Takes this many bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<Bytes, Stop> {
        if self.left().len() < count {
            return Err(self.lacks());
        }
        let taken = self.bytes.slice(self.at..self.at + count);
        self.at += count;
        Ok(taken)
    }

    /// Takes what stands before a literal; with `may_end` everything, if the input ends without it.
    pub(super) fn until(&mut self, literal: &Finder<'_>, may_end: bool) -> Result<Bytes, Stop> {
        match literal.find(self.left()) {
            Some(count) => self.take(count),
            None if self.is_end && may_end => self.rest(),
            None => Err(self.lacks()),
        }
    }

    /// Takes everything to the end of the input.
    pub(super) fn rest(&mut self) -> Result<Bytes, Stop> {
        if self.is_end { self.take(self.left().len()) } else { Err(Stop::More) }
    }

    /// Takes a literal; with `may_end` the end of the input instead.
    pub(super) fn literal(&mut self, literal: &[u8], may_end: bool) -> Result<(), Stop> {
        let left = self.left();
        if left.starts_with(literal) {
            self.at += literal.len();
            return Ok(());
        }
        match literal.starts_with(left) {
            true if may_end && left.is_empty() && self.is_end => Ok(()),
            true => Err(self.lacks()),
            false => Err(Problem::Literal { expected: literal.to_vec(), found: self.shown() }.into()),
        }
    }

    /// Takes a number.
    pub(super) fn number(&mut self, encoding: NumberEncoding) -> Result<i64, Stop> {
        let digits = match encoding {
            NumberEncoding::Decimal => return self.decimal(),
            NumberEncoding::Hex { bytes } => {
                let found = self.shown();
                let digits = self.take(bytes * 2)?;
                let text = std::str::from_utf8(&digits).ok();
                let number = text.and_then(|text| u64::from_str_radix(text, 16).ok());
                let number = number.ok_or(Problem::NotNumber { found })?;
                return Ok(sign_extended(number, bytes));
            }
            NumberEncoding::Big { bytes } => self.take(bytes)?.to_vec(),
            NumberEncoding::Little { bytes } => self.take(bytes)?.iter().rev().copied().collect(),
        };
        let number = digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit));
        Ok(sign_extended(number, digits.len()))
    }

    fn decimal(&mut self) -> Result<i64, Stop> {
        let left = self.left();
        let sign = usize::from(left.starts_with(b"-"));
        let digits =
            left[sign..].iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let count = sign + digits;
        if count == left.len() && !self.is_end {
            return Err(Stop::More);
        }
        let number = std::str::from_utf8(&left[..count]).ok().and_then(|text| text.parse().ok());
        let number = number.ok_or_else(|| Problem::NotNumber { found: self.shown() })?;
        self.at += count;
        Ok(number)
    }
}

/// The number as a signed one of this width.
fn sign_extended(number: u64, bytes: usize) -> i64 {
    let unused_bits = 64 - 8 * bytes as u32;
    (number << unused_bits).cast_signed() >> unused_bits
}
