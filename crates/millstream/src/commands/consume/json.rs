//! A record as `rpk` writes it in JSON.
//!
//! Keys and values are strings. What is not UTF-8 is base64, with `"…_encoding": "base64"` beside it. A key or header value
//! that is null is left out; a value that is null stays visible, as it deletes its key on compacted topics.

use bytes::Bytes;
use serde::Serialize;

use crate::record_format::{Record, base64};

#[derive(Serialize)]
struct Object<'a> {
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_encoding: Option<&'static str>,
    /// Absent, null, or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<Text<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_size: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<Header<'a>>,
    timestamp: i64,
    partition: i32,
    offset: i64,
}

#[derive(Serialize)]
struct Header<'a> {
    key: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_encoding: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Utf8(&'a str),
    Base64(String),
}

fn text(bytes: &[u8]) -> (Text<'_>, Option<&'static str>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Text::Utf8(text), None),
        Err(_) => (Text::Base64(base64(bytes)), Some("base64")),
    }
}

fn optional(bytes: Option<&Bytes>) -> (Option<Text<'_>>, Option<&'static str>) {
    bytes.map_or((None, None), |bytes| {
        let (text, encoding) = text(bytes);
        (Some(text), encoding)
    })
}

/// Appends the record and a line's end; with `meta_only` the value's size in place of the value.
pub(super) fn render(record: &Record, meta_only: bool, is_pretty: bool, out: &mut Vec<u8>) {
    let (key, key_encoding) = optional(record.key.as_ref());
    let shown = record.value.as_ref().filter(|_| !meta_only);
    let (value, value_encoding) = optional(shown);
    let object = Object {
        topic: &record.topic,
        key,
        key_encoding,
        value: (!meta_only).then_some(value),
        value_encoding,
        value_size: record.value.as_ref().filter(|_| meta_only).map(Bytes::len),
        headers: record.headers.iter().map(Header::new).collect(),
        timestamp: record.timestamp_ms,
        partition: record.partition,
        offset: record.offset,
    };
    // Neither strings nor numbers can fail, nor can writing to memory.
    drop(if is_pretty {
        serde_json::to_writer_pretty(&mut *out, &object)
    } else {
        serde_json::to_writer(&mut *out, &object)
    });
    out.push(b'\n');
}

impl<'a> Header<'a> {
    fn new((name, value): &'a (Bytes, Option<Bytes>)) -> Self {
        let (key, key_encoding) = text(name);
        let (value, value_encoding) = optional(value.as_ref());
        Self { key, key_encoding, value, value_encoding }
    }
}

#[cfg(test)]
mod tests;
