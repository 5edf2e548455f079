//! The little language that `produce` and `consume` write and read records in, with `rpk`'s letters.
//!
//! | token | meaning | modifiers |
//! |---|---|---|
//! | `%t %k %v` | topic, key, value | `{hex}`, `{base64}`, `{base64raw}` |
//! | `%T %K %V %H` | their lengths in bytes, and the number of headers | numbers |
//! | `%p %o %e` | partition, offset, leader epoch | numbers |
//! | `%d` | timestamp in milliseconds | numbers, `{strftime[%F %T]}` |
//! | `%h{…}` | each header by the format within: `%k`, `%v` | |
//! | `%i` | the number of the record, from 1 | numbers |
//! | `%%  %{  %}` | the sign itself | |
//! | `\n \t \r \\ \xHH` | bytes | |
//!
//! Numbers take `{hex8}` to `{hex64}` and `{big8}` to `{big64}`, `{little8}` to `{little64}`.
//! `unpack` and Go's time layouts are not known.

mod cursor;
mod layout;
mod parse;
mod read;
mod render;

use bytes::Bytes;

pub(crate) use layout::Layout;
pub(crate) use read::{ReadError, RecordReader};

/// A record with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The topic's name.
    pub(crate) topic: String,
    /// The partition's number.
    pub(crate) partition: i32,
    /// The offset; −1 when it was not given.
    pub(crate) offset: i64,
    /// The epoch of the leader that took it.
    pub(crate) leader_epoch: i32,
    /// Milliseconds since 1970.
    pub(crate) timestamp_ms: i64,
    /// The key.
    pub(crate) key: Option<Bytes>,
    /// The value.
    pub(crate) value: Option<Bytes>,
    /// Names and values in order.
    pub(crate) headers: Vec<(Bytes, Option<Bytes>)>,
}

/// A parsed format.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

/// Bytes as padded base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    render::base64(bytes, true, &mut text);
    text.into_iter().map(char::from).collect()
}

impl Format {
    /// Whether it shows more of a record than its place and time.
    pub(crate) fn has_content(&self) -> bool {
        use NumberField::{HeaderCount, KeyLength, ValueLength};
        self.pieces.iter().any(|piece| match piece {
            Piece::Text(field, _) => *field != TextField::Topic,
            Piece::Number(field, _) => matches!(field, KeyLength | ValueLength | HeaderCount),
            Piece::Headers(_) => true,
            Piece::Literal(_) | Piece::Time(_) => false,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(Vec<u8>),
    Text(TextField, TextEncoding),
    Number(NumberField, NumberEncoding),
    Time(String),
    Headers(Format),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextField {
    Topic,
    Key,
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextEncoding {
    Plain,
    Hex,
    Base64 { padded: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberField {
    TopicLength,
    KeyLength,
    ValueLength,
    HeaderCount,
    Partition,
    Offset,
    LeaderEpoch,
    Timestamp,
    Sequence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberEncoding {
    Decimal,
    /// Digits without a prefix, filled with zeros to the width of this many bytes.
    Hex {
        bytes: usize,
    },
    Big {
        bytes: usize,
    },
    Little {
        bytes: usize,
    },
}

#[cfg(test)]
mod tests;
