//! From a record to bytes.

use std::io::Write;

use chrono::DateTime;

use super::{Format, NumberEncoding, NumberField, Piece, Record, TextEncoding, TextField};

impl Format {
    /// Appends the record in this format; `sequence` is its number, from 1.
    pub(crate) fn render(&self, record: &Record, sequence: u64, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.extend_from_slice(bytes),
                Piece::Text(field, encoding) => text(field.of(record), *encoding, out),
                Piece::Number(field, encoding) => number(field.of(record, sequence), *encoding, out),
                Piece::Time(layout) => time(record.timestamp_ms, layout, out),
                Piece::Headers(format) => {
                    for (name, value) in &record.headers {
                        let header =
                            Record { key: Some(name.clone()), value: value.clone(), ..Record::default() };
                        format.render(&header, sequence, out);
                    }
                }
            }
        }
    }
}

impl TextField {
    fn of(self, record: &Record) -> &[u8] {
        match self {
            Self::Topic => record.topic.as_bytes(),
            Self::Key => record.key.as_deref().unwrap_or_default(),
            Self::Value => record.value.as_deref().unwrap_or_default(),
        }
    }
}

impl NumberField {
    fn of(self, record: &Record, sequence: u64) -> i64 {
        let length = |field: TextField| i64::try_from(field.of(record).len()).unwrap_or(i64::MAX);
        match self {
            Self::TopicLength => length(TextField::Topic),
            Self::KeyLength => length(TextField::Key),
            Self::ValueLength => length(TextField::Value),
            Self::HeaderCount => i64::try_from(record.headers.len()).unwrap_or(i64::MAX),
            Self::Partition => record.partition.into(),
            Self::Offset => record.offset,
            Self::LeaderEpoch => record.leader_epoch.into(),
            Self::Timestamp => record.timestamp_ms,
            Self::Sequence => i64::try_from(sequence).unwrap_or(i64::MAX),
        }
    }
}

fn text(bytes: &[u8], encoding: TextEncoding, out: &mut Vec<u8>) {
    match encoding {
        TextEncoding::Plain => out.extend_from_slice(bytes),
        TextEncoding::Hex => bytes.iter().for_each(|byte| append(out, format_args!("{byte:02x}"))),
        TextEncoding::Base64 { padded } => base64(bytes, padded, out),
    }
}

fn number(value: i64, encoding: NumberEncoding, out: &mut Vec<u8>) {
    match encoding {
        NumberEncoding::Decimal => append(out, format_args!("{value}")),
        NumberEncoding::Hex { bytes } => {
            value.to_be_bytes()[8 - bytes..].iter().for_each(|byte| append(out, format_args!("{byte:02x}")));
        }
        NumberEncoding::Big { bytes } => out.extend_from_slice(&value.to_be_bytes()[8 - bytes..]),
        NumberEncoding::Little { bytes } => out.extend_from_slice(&value.to_le_bytes()[..bytes]),
    }
}

fn time(timestamp_ms: i64, layout: &str, out: &mut Vec<u8>) {
    match DateTime::from_timestamp_millis(timestamp_ms) {
        Some(time) => append(out, format_args!("{}", time.format(layout))),
        None => append(out, format_args!("{timestamp_ms}")),
    }
}

pub(super) fn base64(bytes: &[u8], padded: bool, out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for position in 0..4 {
            if position <= chunk.len() {
                out.push(LETTERS[(bits >> (18 - 6 * position) & 63) as usize]);
            } else if padded {
                out.push(b'=');
            }
        }
    }
}

fn append(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail; a layout that chrono refuses leaves its text out.
    drop(out.write_fmt(arguments));
}
