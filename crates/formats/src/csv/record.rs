//! One CSV record's values, cut out of its bytes.

use crate::error::{BadRowReason, Fault};
use crate::options::CsvOptions;

/// The characters that structure a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
}

impl Dialect {
    pub(super) fn new(options: &CsvOptions) -> Self {
        Dialect { delimiter: options.field_delimiter, quote: options.quote, escape: options.escape }
    }
}

/// A value in a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    /// It stands so in the row, from here to there.
    Row(usize, usize),
    /// It had quotes or escapes inside and stands in the caller's buffer without them.
    Rewritten,
}

/// Walks over the values of a record.
#[derive(Debug)]
pub(super) struct Record<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// Whether a value is still to come: there is one after every delimiter and at the start.
    more: bool,
    dialect: Dialect,
}

impl<'a> Record<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, dialect: Dialect) -> Self {
        Record { bytes, at, more: true, dialect }
    }

    /// The next value; `None` after the last. `buffer` is overwritten when the value does not stand as it is.
    #[inline]
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Value>, Fault> {
        if !self.more {
            return Ok(None);
        }
        if self.dialect.quote.is_some() && self.dialect.quote == self.bytes.get(self.at).copied() {
            return self.quoted(buffer).map(Some);
        }
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        if let Some(escape) = self.dialect.escape {
            return self.escaped(escape, buffer).map(Some);
        }
        let length = memchr::memchr3(self.dialect.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
        self.at = start + length;
        self.more = self.pass_delimiter();
        Ok(Some(Value::Row(start, start + length)))
    }

    /// Passes a delimiter, if one is here.
    fn pass_delimiter(&mut self) -> bool {
        let delimiter = self.bytes.get(self.at) == Some(&self.dialect.delimiter);
        self.at += usize::from(delimiter);
        delimiter
    }

    /// A value whose first character is the quote.
    fn quoted(&mut self, buffer: &mut Vec<u8>) -> Result<Value, Fault> {
        let opening = self.at;
        let quote = self.dialect.quote;
        let mut rewritten = false;
        let mut from = opening + 1;
        let mut at = from;
        let end = loop {
            let Some(byte) = self.bytes.get(at).copied() else {
                return Err(Fault::new(BadRowReason::UnclosedQuote, opening));
            };
            let doubled = Some(byte) == quote && self.bytes.get(at + 1).copied() == quote;
            let escaped = Some(byte) == self.dialect.escape && Some(byte) != quote;
            if doubled || escaped {
                if !rewritten {
                    buffer.clear();
                    rewritten = true;
                }
                buffer.extend_from_slice(self.bytes.get(from..at).unwrap_or_default());
                let Some(next) = self.bytes.get(at + 1).copied() else {
                    return Err(Fault::new(BadRowReason::UnclosedQuote, opening));
                };
                buffer.push(if doubled { byte } else { unescaped(next) });
                at += 2;
                from = at;
            } else if Some(byte) == quote {
                break at;
            } else {
                at += 1;
            }
        };
        self.at = end + 1;
        // Spaces may stand between the closing quote and what ends the value.
        while let Some(b' ' | b'\t') = self.bytes.get(self.at) {
            if self.bytes.get(self.at) == Some(&self.dialect.delimiter) {
                break;
            }
            self.at += 1;
        }
        self.more = self.pass_delimiter();
        match self.bytes.get(self.at).copied() {
            Some(byte) if !self.more && byte != b'\n' && byte != b'\r' => {
                return Err(Fault::new(BadRowReason::UnexpectedByte(byte), self.at));
            }
            _ => {}
        }
        if !rewritten {
            return Ok(Value::Row(from, end));
        }
        buffer.extend_from_slice(self.bytes.get(from..end).unwrap_or_default());
        Ok(Value::Rewritten)
    }

    /// A value that is not quoted, in a dialect with an escape character.
    fn escaped(&mut self, escape: u8, buffer: &mut Vec<u8>) -> Result<Value, Fault> {
        let start = self.at;
        let mut rewritten = false;
        let mut from = start;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if byte == self.dialect.delimiter || byte == b'\n' || byte == b'\r' {
                break;
            }
            self.at += 1;
            if byte != escape {
                continue;
            }
            let Some(next) = self.bytes.get(self.at).copied() else {
                return Err(Fault::new(BadRowReason::MalformedEscape, self.at - 1));
            };
            if !rewritten {
                buffer.clear();
                rewritten = true;
            }
            buffer.extend_from_slice(self.bytes.get(from..self.at - 1).unwrap_or_default());
            buffer.push(unescaped(next));
            self.at += 1;
            from = self.at;
        }
        let end = self.at;
        self.more = self.pass_delimiter();
        if !rewritten {
            return Ok(Value::Row(start, end));
        }
        buffer.extend_from_slice(self.bytes.get(from..end).unwrap_or_default());
        Ok(Value::Rewritten)
    }
}

/// What a character after the escape character stands for.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}
