//! Where rows end in a stream of bytes that arrives in chunks: at line ends, for CSV outside of quotes.
//!
//! A quote opens a quoted value only as a value's first character, exactly as the decoder reads it, so splitter and
//! decoder never disagree about where a record ends. A line ends with `\n`, `\r\n` or (CSV) `\r`.

use crate::options::{CsvOptions, Format};

/// Finds the ends of rows in the bytes of a file.
///
/// ```
/// use millstream_formats::{Format, RecordSplitter};
///
/// let mut splitter = RecordSplitter::new(&Format::from_options("csv", [])?);
/// let mut ends = Vec::new();
/// splitter.split(b"a,\"x\ny\"\nb,", &mut ends);
/// assert_eq!(ends, [8]);
/// # Ok::<(), millstream_formats::FormatError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordSplitter {
    csv: Option<Csv>,
}

#[derive(Debug, Clone)]
struct Csv {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a value's first character.
    Start,
    /// In a value that is not quoted.
    Plain,
    /// After the escape character in a value that is not quoted.
    PlainEscape,
    /// Between quotes.
    Quoted,
    /// After the escape character between quotes.
    QuotedEscape,
    /// After a quote between quotes: it closes them, or is the first of two.
    Quote,
    /// After `\r`: a `\n` belongs to the same line end.
    CarriageReturn,
}

impl RecordSplitter {
    /// A splitter for files of this format.
    pub fn new(format: &Format) -> Self {
        match format {
            Format::Csv(options) => RecordSplitter { csv: Some(Csv::new(options)) },
            Format::Json(_) | Format::Raw(_) => RecordSplitter { csv: None },
        }
    }

    /// Appends to `ends` the position in `chunk` after each line end that ends a row. A row may have begun in an
    /// earlier chunk, and the bytes after the last end belong to the row that the next chunk continues. When the
    /// stream is over, what is left is the last row, if it is not empty.
    pub fn split(&mut self, chunk: &[u8], ends: &mut Vec<usize>) {
        match &mut self.csv {
            Some(csv) => csv.split(chunk, ends),
            None => ends.extend(memchr::memchr_iter(b'\n', chunk).map(|at| at + 1)),
        }
    }

    /// A row without its line end.
    pub fn trim_line_end(row: &[u8]) -> &[u8] {
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        row.strip_suffix(b"\r").unwrap_or(row)
    }
}

impl Csv {
    fn new(options: &CsvOptions) -> Self {
        Csv {
            delimiter: options.field_delimiter,
            quote: options.quote,
            escape: options.escape,
            state: State::Start,
        }
    }

    fn split(&mut self, chunk: &[u8], ends: &mut Vec<usize>) {
        let mut at = 0;
        while let Some(byte) = chunk.get(at).copied() {
            if self.state == State::CarriageReturn {
                self.state = State::Start;
                let length = usize::from(byte == b'\n');
                ends.push(at + length);
                at += length;
                continue;
            }
            let (state, passed) = self.step(byte, chunk.get(at..).unwrap_or_default());
            self.state = state;
            at += passed;
            if byte == b'\n' && state == State::Start {
                ends.push(at);
            }
        }
    }

    /// The state after `byte`, the first of `rest`, and how many bytes that took.
    fn step(&self, byte: u8, rest: &[u8]) -> (State, usize) {
        let quote = Some(byte) == self.quote;
        let escape = Some(byte) == self.escape;
        match self.state {
            State::Start if quote => (State::Quoted, 1),
            State::Quoted if quote => (State::Quote, 1),
            State::Quoted if escape => (State::QuotedEscape, 1),
            State::Quoted => {
                let (quote, escape) =
                    (self.quote.unwrap_or(b'"'), self.escape.or(self.quote).unwrap_or(b'"'));
                (State::Quoted, memchr::memchr2(quote, escape, rest).unwrap_or(rest.len()).max(1))
            }
            State::QuotedEscape => (State::Quoted, 1),
            State::Quote if quote => (State::Quoted, 1),
            State::PlainEscape => (State::Plain, 1),
            State::Start | State::Plain | State::Quote | State::CarriageReturn => match byte {
                b'\n' => (State::Start, 1),
                b'\r' => (State::CarriageReturn, 1),
                _ if byte == self.delimiter => (State::Start, 1),
                _ if escape => (State::PlainEscape, 1),
                _ if self.escape.is_some() => (State::Plain, 1),
                _ => {
                    let next = memchr::memchr3(self.delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
                    (State::Plain, next.max(1))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
