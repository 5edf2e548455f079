//! How records in a [`Format`] are taken apart again: what ends each of its pieces.
//!
//! A text ends where the literal behind it begins, or after as many bytes as a length in front of it says (`%K`, `%V`),
//! or where the input ends if nothing is behind it. Headers end after their number (`%H`), or as a text does. A format that
//! says none of these is refused, because what it writes could not be read.

use bytes::Bytes;
use memchr::memmem::Finder;

use super::cursor::{Cursor, Problem, Stop};
use super::{Format, NumberEncoding, NumberField, Piece, Record, TextEncoding, TextField};

/// A format to read by.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Literal(Box<Finder<'static>>),
    Text(TextField, TextEncoding, Extent),
    Number(NumberField, NumberEncoding),
    Headers(Layout, Extent),
}

/// Where a text or the headers end.
#[derive(Debug, Clone)]
enum Extent {
    /// At these bytes, which are the next step.
    Until(Box<Finder<'static>>),
    /// After the length or number that was read before.
    Counted,
    /// With the input.
    Rest,
}

/// What was read of lengths and numbers.
#[derive(Debug, Default)]
struct Counts {
    topic: Option<i64>,
    key: Option<i64>,
    value: Option<i64>,
    headers: Option<i64>,
}

impl Counts {
    fn of(&mut self, field: NumberField) -> Option<&mut Option<i64>> {
        match field {
            NumberField::TopicLength => Some(&mut self.topic),
            NumberField::KeyLength => Some(&mut self.key),
            NumberField::ValueLength => Some(&mut self.value),
            NumberField::HeaderCount => Some(&mut self.headers),
            _ => None,
        }
    }
}

impl TextField {
    fn length(self) -> NumberField {
        match self {
            Self::Topic => NumberField::TopicLength,
            Self::Key => NumberField::KeyLength,
            Self::Value => NumberField::ValueLength,
        }
    }

    fn token(self) -> &'static str {
        match self {
            Self::Topic => "`%t`",
            Self::Key => "`%k`",
            Self::Value => "`%v`",
        }
    }
}

impl Format {
    /// The format as one to read by.
    ///
    /// # Errors
    /// Which piece has no end that can be seen.
    pub(crate) fn layout(&self) -> Result<Layout, String> {
        let layout = Layout::new(&self.pieces)?;
        let has_content =
            layout.steps.iter().any(|step| matches!(step, Step::Text(TextField::Key | TextField::Value, ..)));
        if has_content { Ok(layout) } else { Err("a format to read by has `%v` or `%k`".to_owned()) }
    }
}

impl Layout {
    fn new(pieces: &[Piece]) -> Result<Self, String> {
        let mut steps = Vec::with_capacity(pieces.len());
        for (place, piece) in pieces.iter().enumerate() {
            let before = &pieces[..place];
            let extent = |counted: NumberField, token: &str, length: &str| {
                let is_counted =
                    before.iter().any(|piece| matches!(piece, Piece::Number(field, _) if *field == counted));
                match pieces.get(place + 1) {
                    _ if is_counted => Ok(Extent::Counted),
                    Some(Piece::Literal(bytes)) => Ok(Extent::Until(finder(bytes))),
                    Some(_) => Err(format!("{token} has no end: put text behind it, or {length} before it")),
                    None => Ok(Extent::Rest),
                }
            };
            steps.push(match piece {
                Piece::Literal(bytes) => Step::Literal(finder(bytes)),
                Piece::Text(field, encoding) => {
                    Step::Text(*field, *encoding, extent(field.length(), field.token(), "its length")?)
                }
                Piece::Number(field, encoding) => Step::Number(*field, *encoding),
                Piece::Time(_) => return Err("times are read in milliseconds: write `%d`".to_owned()),
                Piece::Headers(format) => {
                    let each = Self::new(&format.pieces)?;
                    if !each.steps.iter().any(|step| matches!(step, Step::Text(TextField::Key, ..))) {
                        return Err(
                            "headers to be read have a name: write for example `%h{%k=%v;}`".to_owned()
                        );
                    }
                    let extent = extent(NumberField::HeaderCount, "`%h`", "their number (`%H`)")?;
                    if matches!(
                        (&extent, each.steps.last()),
                        (Extent::Counted, Some(Step::Text(_, _, Extent::Rest)))
                    ) {
                        return Err("a header within `%h` has no end: put text behind it".to_owned());
                    }
                    Step::Headers(each, extent)
                }
            });
        }
        Ok(Self { steps })
    }

    /// Whether topics are read.
    pub(crate) fn has_topic(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Text(TextField::Topic, ..)))
    }

    /// Whether partitions are read.
    pub(crate) fn has_partition(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Number(NumberField::Partition, _)))
    }

    /// Whether timestamps are read.
    pub(crate) fn has_timestamp(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Number(NumberField::Timestamp, _)))
    }

    /// Reads one record; the cursor stands behind it then. With `may_end` the end of the input may stand for the last
    /// literal.
    pub(super) fn read(&self, cursor: &mut Cursor, may_end: bool) -> Result<Record, Stop> {
        let mut record = Record { offset: -1, leader_epoch: -1, ..Record::default() };
        let mut counts = Counts::default();
        for (place, step) in self.steps.iter().enumerate() {
            let is_last = may_end && place + 1 == self.steps.len();
            let is_next_last = may_end && place + 2 == self.steps.len();
            match step {
                Step::Literal(literal) => cursor.literal(literal.needle(), is_last)?,
                Step::Text(field, encoding, extent) => {
                    let count = counts.of(field.length()).and_then(|count| *count);
                    let text = match extent {
                        Extent::Until(literal) => cursor.until(literal, is_next_last)?,
                        Extent::Rest => cursor.rest()?,
                        Extent::Counted => cursor.take(encoded_len(count, *encoding)?)?,
                    };
                    store(&mut record, *field, decode(text, *encoding, field.token())?)?;
                }
                Step::Number(field, encoding) => {
                    let number = cursor.number(*encoding)?;
                    match counts.of(*field) {
                        Some(count) => *count = Some(number),
                        None => store_number(&mut record, *field, number)?,
                    }
                }
                Step::Headers(each, Extent::Counted) => {
                    for _ in 0..counts.headers.unwrap_or_default() {
                        record.headers.push(each.header(cursor, false)?);
                    }
                }
                Step::Headers(each, Extent::Until(literal)) => {
                    each.headers(cursor.until(literal, is_next_last)?, &mut record)?;
                }
                Step::Headers(each, Extent::Rest) => each.headers(cursor.rest()?, &mut record)?,
            }
        }
        Ok(record)
    }

    fn headers(&self, text: Bytes, record: &mut Record) -> Result<(), Stop> {
        let mut cursor = Cursor::new(text, true);
        while !cursor.is_empty() {
            record.headers.push(self.header(&mut cursor, true)?);
        }
        Ok(())
    }

    fn header(&self, cursor: &mut Cursor, may_end: bool) -> Result<(Bytes, Option<Bytes>), Stop> {
        let header = self.read(cursor, may_end)?;
        Ok((header.key.unwrap_or_default(), header.value))
    }
}

fn finder(literal: &[u8]) -> Box<Finder<'static>> {
    Box::new(Finder::new(literal).into_owned())
}

/// Lengths are those of the decoded bytes, as [`Format::render`] writes them.
fn encoded_len(count: Option<i64>, encoding: TextEncoding) -> Result<usize, Stop> {
    let length = count.unwrap_or_default();
    let bytes = usize::try_from(length).map_err(|_| Problem::Length { length })?;
    let encoded = match encoding {
        TextEncoding::Plain => Some(bytes),
        TextEncoding::Hex => bytes.checked_mul(2),
        TextEncoding::Base64 { padded: true } => bytes.div_ceil(3).checked_mul(4),
        TextEncoding::Base64 { padded: false } => bytes.checked_mul(4).map(|quads| quads.div_ceil(3)),
    };
    encoded.ok_or(Stop::Problem(Problem::Length { length }))
}

fn decode(text: Bytes, encoding: TextEncoding, token: &'static str) -> Result<Bytes, Stop> {
    let (decoded, form) = match encoding {
        TextEncoding::Plain => return Ok(text),
        TextEncoding::Hex => (unhex(&text), "hexadecimal"),
        TextEncoding::Base64 { .. } => (unbase64(&text), "base64"),
    };
    Ok(decoded.ok_or(Problem::Encoding { token, form })?.into())
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4 | digit(*low)?) as u8);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let unpadded = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(unpadded.len() / 4 * 3 + 2);
    for quad in unpadded.chunks(4) {
        let mut bits = 0;
        for place in 0..4 {
            bits = bits << 6 | quad.get(place).map_or(Some(0), |letter| sextet(*letter))?;
        }
        let whole = bits.to_be_bytes();
        bytes.extend_from_slice(match quad.len() {
            4 => &whole[1..4],
            3 => &whole[1..3],
            2 => &whole[1..2],
            _ => return None,
        });
    }
    Some(bytes)
}

fn sextet(letter: u8) -> Option<u32> {
    Some(
        match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }
        .into(),
    )
}

fn store(record: &mut Record, field: TextField, bytes: Bytes) -> Result<(), Stop> {
    match field {
        TextField::Key => record.key = Some(bytes),
        TextField::Value => record.value = Some(bytes),
        TextField::Topic => {
            let topic = String::from_utf8(bytes.into());
            record.topic = topic.map_err(|_| Problem::Encoding { token: field.token(), form: "UTF-8" })?;
        }
    }
    Ok(())
}

fn store_number(record: &mut Record, field: NumberField, number: i64) -> Result<(), Stop> {
    let narrow = |number: i64| i32::try_from(number).map_err(|_| Problem::Range { number });
    match field {
        NumberField::Partition => record.partition = narrow(number)?,
        NumberField::LeaderEpoch => record.leader_epoch = narrow(number)?,
        NumberField::Offset => record.offset = number,
        NumberField::Timestamp => record.timestamp_ms = number,
        _ => {}
    }
    Ok(())
}
