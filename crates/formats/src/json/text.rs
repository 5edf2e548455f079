//! Text out of JSON: strings without their escapes, and whole values as the compact JSON that Flink stores when an
//! object or an array is read into a `STRING`.

use std::collections::HashMap;

use super::object::Walk;
use super::scan::{DEPTH_MAX, StringToken};
use crate::column::Place;
use crate::error::{BadRowReason, Fault};
use crate::number;

impl Walk<'_, '_> {
    /// Where the text at `start` stands for a view.
    #[inline(always)]
    pub(super) fn place(&self, start: usize) -> Place {
        match self.shared {
            Some(base) => Place::Shared(base + start as u32),
            None => Place::Elsewhere,
        }
    }

    /// A string's text: in the row, or in the context when it had escapes.
    pub(super) fn text_of(&mut self, token: StringToken) -> &[u8] {
        if token.escaped {
            self.unescape(token);
            &self.context.unescaped
        } else {
            self.scan.slice(token.start, token.end)
        }
    }

    /// Puts a string's text into `context.unescaped`. The scan has checked the escapes. Half a surrogate pair becomes
    /// `?`, as when Java encodes it.
    pub(super) fn unescape(&mut self, token: StringToken) {
        let out = &mut self.context.unescaped;
        out.clear();
        let mut rest = self.scan.slice(token.start, token.end);
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at(at);
            out.extend_from_slice(plain);
            let mut passed = 2;
            match escape.get(1) {
                Some(b'b') => out.push(8),
                Some(b'f') => out.push(12),
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(b't') => out.push(b'\t'),
                Some(b'u') => {
                    let (character, length) = unicode(escape);
                    passed = length;
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(other) => out.push(*other),
                None => {}
            }
            rest = escape.get(passed..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
    }

    /// Passes an object or an array and puts its compact JSON into `context.unescaped`.
    pub(super) fn nested_text(&mut self, depth: usize) -> Result<(), Fault> {
        let node = self.node(depth)?;
        let out = &mut self.context.unescaped;
        out.clear();
        node.write(out);
        Ok(())
    }

    fn node(&mut self, depth: usize) -> Result<Node, Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::new(BadRowReason::TooDeep, self.scan.at));
        }
        match self.scan.peek() {
            Some(b'{') => self.object_node(depth),
            Some(b'[') => self.array_node(depth),
            Some(b'"') => {
                let token = self.scan.string()?;
                let mut text = Vec::new();
                write_string(&mut text, self.text_of(token), Escapes::Necessary);
                Ok(Node::Scalar(text))
            }
            Some(b'-' | b'0'..=b'9') => {
                let token = self.scan.number()?;
                let text = self.scan.slice(token.start, token.end);
                let mut out = Vec::new();
                match (token.float, self.context.has_decimal) {
                    (false, _) => out.extend_from_slice(if text == b"-0" { b"0" } else { text }),
                    (true, false) => {
                        write_json_double(&mut out, number::parse_double(text).unwrap_or_default())
                    }
                    (true, true) => number::write_stripped_decimal(&mut out, text),
                }
                Ok(Node::Scalar(out))
            }
            _ => {
                let start = self.scan.at;
                self.scan.skip_value(depth)?;
                Ok(Node::Scalar(self.scan.slice(start, self.scan.at).to_vec()))
            }
        }
    }

    fn object_node(&mut self, depth: usize) -> Result<Node, Fault> {
        let mut entries: Vec<(Vec<u8>, Node)> = Vec::new();
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        self.scan.at += 1;
        self.scan.skip_space();
        while self.scan.peek() != Some(b'}') {
            if !entries.is_empty() {
                if self.scan.peek() != Some(b',') {
                    return Err(self.scan.unexpected());
                }
                self.scan.at += 1;
                self.scan.skip_space();
            }
            let token = self.scan.key()?;
            let key = self.text_of(token).to_vec();
            let node = self.node(depth + 1)?;
            match places.get(&key) {
                Some(place) => entries[*place].1 = node,
                None => {
                    places.insert(key.clone(), entries.len());
                    entries.push((key, node));
                }
            }
            self.scan.skip_space();
        }
        self.scan.at += 1;
        Ok(Node::Object(entries))
    }

    fn array_node(&mut self, depth: usize) -> Result<Node, Fault> {
        let mut items = Vec::new();
        self.scan.at += 1;
        self.scan.skip_space();
        while self.scan.peek() != Some(b']') {
            if !items.is_empty() {
                if self.scan.peek() != Some(b',') {
                    return Err(self.scan.unexpected());
                }
                self.scan.at += 1;
                self.scan.skip_space();
            }
            items.push(self.node(depth + 1)?);
            self.scan.skip_space();
        }
        self.scan.at += 1;
        Ok(Node::Array(items))
    }
}

/// A value on its way into a `STRING`.
enum Node {
    /// Written already.
    Scalar(Vec<u8>),
    Object(Vec<(Vec<u8>, Node)>),
    Array(Vec<Node>),
}

impl Node {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Node::Scalar(text) => out.extend_from_slice(text),
            Node::Object(entries) => {
                out.push(b'{');
                for (index, (key, node)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(out, key, Escapes::Necessary);
                    out.push(b':');
                    node.write(out);
                }
                out.push(b'}');
            }
            Node::Array(items) => {
                out.push(b'[');
                for (index, node) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    node.write(out);
                }
                out.push(b']');
            }
        }
    }
}

/// The character of a `\u` escape and how many bytes spell it.
fn unicode(escape: &[u8]) -> (char, usize) {
    let Some(first) = hex(escape) else { return ('?', 6) };
    if !(0xd800..0xe000).contains(&first) {
        return (char::from_u32(first).unwrap_or('?'), 6);
    }
    let second = escape.get(6..).filter(|next| next.starts_with(b"\\u")).and_then(hex);
    match second {
        Some(second) if first < 0xdc00 && (0xdc00..0xe000).contains(&second) => {
            let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(scalar).unwrap_or('?'), 12)
        }
        _ => ('?', 6),
    }
}

/// The four hexadecimal digits after `\u`.
fn hex(escape: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(escape.get(2..6)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

/// Which characters are escaped besides quotes, backslashes and control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// No others.
    Necessary,
    /// Those beyond U+FFFF too, as two escapes: what Jackson writes when it writes bytes.
    Supplementary,
}

/// Writes a string with its quotes and Jackson's escapes.
#[inline]
pub(super) fn write_string(out: &mut Vec<u8>, text: &[u8], escapes: Escapes) {
    let highest = if escapes == Escapes::Supplementary { 0xef } else { 0xff };
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = first_to_escape(rest, highest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = write_escape(out, special);
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte stands that is not written as it is.
#[inline]
fn first_to_escape(text: &[u8], highest: u8) -> Option<usize> {
    let to_escape = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\' || *byte > highest;
    // Without a way out of the inner loop the compiler looks at all 16 at once.
    let (chunks, tail) = text.as_chunks::<16>();
    for (index, chunk) in chunks.iter().enumerate() {
        if chunk.iter().fold(false, |any, byte| any | to_escape(byte)) {
            return chunk.iter().position(to_escape).map(|at| 16 * index + at);
        }
    }
    tail.iter().position(to_escape).map(|at| 16 * chunks.len() + at)
}

/// Escapes the first character of `special`; what comes after it.
fn write_escape<'a>(out: &mut Vec<u8>, special: &'a [u8]) -> &'a [u8] {
    let Some((first, rest)) = special.split_first() else { return special };
    match *first {
        byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
        8 => out.extend_from_slice(b"\\b"),
        9 => out.extend_from_slice(b"\\t"),
        10 => out.extend_from_slice(b"\\n"),
        12 => out.extend_from_slice(b"\\f"),
        13 => out.extend_from_slice(b"\\r"),
        byte @ 0..0x20 => write_unit(out, u16::from(byte)),
        _ => {
            let length = special.len().min(4);
            let character = std::str::from_utf8(&special[..length]).ok().and_then(|text| text.chars().next());
            for unit in character.unwrap_or('?').encode_utf16(&mut [0; 2]) {
                write_unit(out, *unit);
            }
            return &special[length..];
        }
    }
    rest
}

/// Writes `\uXXXX`.
fn write_unit(out: &mut Vec<u8>, unit: u16) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(b"\\u");
    out.extend((0..4).rev().map(|place| DIGITS[usize::from(unit >> (4 * place) & 15)]));
}

/// Writes a double as Jackson does: the non-finite ones in quotes.
pub(super) fn write_json_double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        number::write_double(out, value);
    } else {
        out.push(b'"');
        number::write_double(out, value);
        out.push(b'"');
    }
}
