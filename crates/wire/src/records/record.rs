//! The walk over the records of an uncompressed batch body.
//!
//! A [`Record`] borrows its key, value and headers from the body: nothing is copied or allocated. Each record must
//! fill exactly the length that it states and the records must fill the body, so a walk to the end has checked every
//! byte that it gave out. Callers that keep positions instead of slices (Arrow views, index entries) get them from
//! [`range_in`].
//!
//! As in Java, any negative key or value length means null.

use std::iter::FusedIterator;
use std::ops::Range;

use super::header::BatchHeader;
use crate::varint::read_i32;
use crate::{Result, WireError, varint};

/// Least bytes that a record takes: seven one-byte fields.
pub const RECORD_LEN_MIN: usize = 7;

/// One record, borrowed from its batch's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Offset minus the batch's base offset.
    pub offset_delta: i32,
    /// Timestamp in ms minus the batch's base timestamp; see [`BatchHeader::record_timestamp`].
    pub timestamp_delta: i64,
    /// The key, `None` for null.
    pub key: Option<&'a [u8]>,
    /// The value, `None` for null (a tombstone on compacted topics).
    pub value: Option<&'a [u8]>,
    /// The headers, checked.
    pub headers: Headers<'a>,
}

/// Iterator over the records of one body. After an error it ends.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Records<'a> {
    /// Walks `body`, the uncompressed records of the batch with this header.
    pub fn new(body: &'a [u8], header: &BatchHeader) -> Self {
        Self { rest: body, left: u32::try_from(header.record_count).unwrap_or(0) }
    }

    /// Ends the walk with an error if bytes are left.
    #[cold]
    fn end(&mut self) -> Option<Result<Record<'a>>> {
        let length = self.rest.len() as i64;
        self.rest = &[];
        (length > 0).then_some(Err(WireError::InvalidLength { what: "what follows the last record", length }))
    }

    #[cold]
    fn fail(&mut self, error: WireError) -> Option<Result<Record<'a>>> {
        (self.rest, self.left) = (&[], 0);
        Some(Err(error))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return self.end();
        }
        self.left -= 1;
        match take_record(&mut self.rest) {
            Ok(record) => Some(Ok(record)),
            Err(error) => self.fail(error),
        }
    }

    /// A count that lies about the body does not make anybody allocate for it.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some((self.left as usize).min(self.rest.len() / RECORD_LEN_MIN) + 1))
    }
}

impl FusedIterator for Records<'_> {}

#[inline(always)]
fn take_record<'a>(rest: &mut &'a [u8]) -> Result<Record<'a>> {
    let length = read_i32(rest, "record length")?;
    let mut record = take(rest, length, "record")?;
    let fields = &mut record;
    let Some((_attributes, after)) = fields.split_first() else {
        return Err(WireError::Truncated { what: "record attributes", needed: 1, available: 0 });
    };
    *fields = after;
    let timestamp_delta = varint::read_i64(fields, "timestamp delta")?;
    let offset_delta = read_i32(fields, "offset delta")?;
    let key = take_nullable(fields, "record key")?;
    let value = take_nullable(fields, "record value")?;
    let headers = if let [0] = **fields { Headers::EMPTY } else { Headers::parse(fields)? };
    Ok(Record { offset_delta, timestamp_delta, key, value, headers })
}

#[inline(always)]
fn take<'a>(rest: &mut &'a [u8], length: i32, what: &'static str) -> Result<&'a [u8]> {
    let Ok(needed) = usize::try_from(length) else {
        return Err(WireError::InvalidLength { what, length: i64::from(length) });
    };
    match rest.split_at_checked(needed) {
        Some((taken, after)) => {
            *rest = after;
            Ok(taken)
        }
        None => Err(WireError::Truncated { what, needed, available: rest.len() }),
    }
}

#[inline(always)]
fn take_nullable<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<Option<&'a [u8]>> {
    match read_i32(rest, what)? {
        length if length < 0 => Ok(None),
        length => take(rest, length, what).map(Some),
    }
}

/// One header of a record; to be written or as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key, UTF-8 by the protocol but not checked.
    pub key: &'a [u8],
    /// The value, `None` for null.
    pub value: Option<&'a [u8]>,
}

/// The headers of one record, already checked to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    count: u32,
}

impl<'a> Headers<'a> {
    /// No headers.
    pub const EMPTY: Self = Self { bytes: &[], count: 0 };

    /// Checks the bytes from the count to the end of a record.
    #[inline(never)]
    fn parse(fields: &mut &'a [u8]) -> Result<Self> {
        let count = read_i32(fields, "header count")?;
        let Ok(count) = u32::try_from(count) else {
            return Err(WireError::InvalidLength { what: "header count", length: i64::from(count) });
        };
        let headers = Self { bytes: fields, count };
        // Each turn takes at least two bytes or fails, so the bytes bound the loop, not the count.
        for _ in 0..count {
            take_header(fields)?;
        }
        if !fields.is_empty() {
            let length = fields.len() as i64;
            return Err(WireError::InvalidLength { what: "what follows a record's headers", length });
        }
        Ok(headers)
    }

    /// Number of headers.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers, in the order in which they were written.
    pub fn iter(&self) -> HeaderIter<'a> {
        HeaderIter { rest: self.bytes, left: self.count }
    }

    /// The last header with this key, which is the one that Java's `lastHeader` gives.
    pub fn last(&self, key: &str) -> Option<Header<'a>> {
        self.iter().filter(|header| header.key == key.as_bytes()).last()
    }

    /// The encoded headers, without their count.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// Iterator over the headers of one record.
#[derive(Debug, Clone)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        take_header(&mut self.rest).ok()
    }
}

fn take_header<'a>(rest: &mut &'a [u8]) -> Result<Header<'a>> {
    let key_len = read_i32(rest, "header key")?;
    let key = take(rest, key_len, "header key")?;
    let value = take_nullable(rest, "header value")?;
    Ok(Header { key, value })
}

/// Where `part` lies in `whole`, in bytes, if it is a slice of it.
///
/// Turns the slices of a [`Record`] into positions in the body that they were read from, for callers that share the
/// body's buffer. An empty `part` is found at its own position.
#[inline]
pub fn range_in(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

/// What a broker demands of the records of a produced batch beyond their being readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordRules {
    /// Each record must have a key: the topic is compacted.
    pub require_keys: bool,
}

/// What [`check_records`] found out about the timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSummary {
    /// Smallest timestamp in ms; −1 in a batch without records.
    pub min_timestamp: i64,
    /// Largest timestamp in ms; −1 in a batch without records. A broker that finds another in the header corrects it
    /// with [`super::set_max_timestamp`], as Kafka does.
    pub max_timestamp: i64,
    /// Offset delta of the first record that has the largest timestamp.
    pub max_timestamp_offset_delta: i32,
}

/// Walks the uncompressed `body` of a produced batch and checks each record: exact lengths, offset deltas that count from 0,
/// keys where they are required, and nothing behind the last.
///
/// # Errors
/// Those of the walk; [`WireError::InvalidValue`] for an offset delta out of turn; [`WireError::MissingKey`].
pub fn check_records(body: &[u8], header: &BatchHeader, rules: RecordRules) -> Result<RecordSummary> {
    let (mut min_delta, mut max_delta, mut max_at) = (i64::MAX, i64::MIN, -1);
    let mut expected = 0i32;
    for record in Records::new(body, header) {
        let record = record?;
        if record.offset_delta != expected {
            return Err(WireError::InvalidValue {
                what: "offset delta of a record",
                found: i64::from(record.offset_delta),
                expected: i64::from(expected),
            });
        }
        if rules.require_keys && record.key.is_none() {
            return Err(WireError::MissingKey { index: expected as u32 });
        }
        if record.timestamp_delta > max_delta {
            (max_delta, max_at) = (record.timestamp_delta, expected);
        }
        min_delta = min_delta.min(record.timestamp_delta);
        expected += 1;
    }
    if expected == 0 {
        return Ok(RecordSummary { min_timestamp: -1, max_timestamp: -1, max_timestamp_offset_delta: -1 });
    }
    Ok(RecordSummary {
        min_timestamp: header.record_timestamp(min_delta),
        max_timestamp: header.record_timestamp(max_delta),
        max_timestamp_offset_delta: max_at,
    })
}
