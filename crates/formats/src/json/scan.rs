//! The bytes of one row and a position in them: tokens, checked as Jackson checks them.
//!
//! Skipping a value checks what reading it would: brackets, separators, escapes, numbers, UTF-8. Control characters
//! inside strings are allowed, as Flink allows them. Strings are searched 16 bytes at a time.

use crate::error::{BadRowReason, Fault, ValueKind};

/// How deep objects and arrays may nest, as in Jackson.
pub(super) const DEPTH_MAX: usize = 1_000;

/// A string's content without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct StringToken {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether there is an escape in it.
    pub(super) escaped: bool,
}

/// A number as it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberToken {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether it has a fraction or an exponent.
    pub(super) float: bool,
}

/// A row and the position of the walk in it.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        // A byte order mark is no part of the text.
        Scan { bytes, at: if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 } }
    }

    /// The byte at the position.
    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The text between two positions that a token gave.
    #[inline(always)]
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The fault of not finding what must stand here.
    #[cold]
    pub(super) fn unexpected(&self) -> Fault {
        match self.peek() {
            Some(byte) => Fault::new(BadRowReason::UnexpectedByte(byte), self.at),
            None => Fault::new(BadRowReason::UnexpectedEnd, self.at),
        }
    }

    /// The kind of value that begins here.
    pub(super) fn kind(&self) -> Result<ValueKind, Fault> {
        match self.peek() {
            Some(b'"') => Ok(ValueKind::String),
            Some(b'{') => Ok(ValueKind::Object),
            Some(b'[') => Ok(ValueKind::Array),
            Some(b't' | b'f') => Ok(ValueKind::Boolean),
            Some(b'n') => Ok(ValueKind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(ValueKind::Number),
            _ => Err(self.unexpected()),
        }
    }

    /// Passes `true`, `false` or `null`; the next byte must not continue the word.
    #[inline(never)]
    pub(super) fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        for expected in word {
            if self.peek() != Some(*expected) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        match self.peek() {
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80..) => Err(self.unexpected()),
            _ => Ok(()),
        }
    }

    /// Passes `null`.
    #[inline(always)]
    pub(super) fn null(&mut self) -> Result<(), Fault> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<5>()) {
            Some([b'n', b'u', b'l', b'l', b',' | b'}' | b']']) => {
                self.at += 4;
                Ok(())
            }
            _ => self.word(b"null"),
        }
    }

    /// Passes the string whose opening quote is here.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<StringToken, Fault> {
        let start = self.at + 1;
        let mut at = start;
        let mut high = 0u32;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let (stops, highs) = match rest.first_chunk::<16>() {
                Some(chunk) => {
                    let (stops, highs) = classify(chunk);
                    if stops == 0 {
                        high |= highs;
                        at += 16;
                        continue;
                    }
                    (stops, highs)
                }
                // Near its end the row's last 16 bytes are looked at, without those that were passed.
                None => match self.bytes.last_chunk::<16>() {
                    Some(chunk) => {
                        let (stops, highs) = classify(chunk);
                        let (stops, passed) = (stops >> (16 - rest.len()), 16 - rest.len());
                        if stops == 0 {
                            return Err(Fault::new(BadRowReason::UnexpectedEnd, self.bytes.len()));
                        }
                        (stops, highs >> passed)
                    }
                    None => return self.string_tail(start, at, high != 0, escaped),
                },
            };
            let length = stops.trailing_zeros();
            high |= highs & ((1 << length) - 1);
            at += length as usize;
            if self.bytes.get(at) == Some(&b'"') {
                return self.string_end(start, at, high != 0, escaped);
            }
            escaped = true;
            at = self.escape(at)?;
        }
    }

    /// The rest of a string in a row of fewer than 16 bytes.
    fn string_tail(
        &mut self,
        start: usize,
        mut at: usize,
        mut high: bool,
        mut escaped: bool,
    ) -> Result<StringToken, Fault> {
        loop {
            match self.bytes.get(at) {
                Some(b'"') => return self.string_end(start, at, high, escaped),
                Some(b'\\') => {
                    escaped = true;
                    at = self.escape(at)?;
                }
                Some(byte) => {
                    high |= !byte.is_ascii();
                    at += 1;
                }
                None => return Err(Fault::new(BadRowReason::UnexpectedEnd, at)),
            }
        }
    }

    #[inline(always)]
    fn string_end(
        &mut self,
        start: usize,
        end: usize,
        high: bool,
        escaped: bool,
    ) -> Result<StringToken, Fault> {
        self.at = end + 1;
        if high && simdutf8::basic::from_utf8(self.slice(start, end)).is_err() {
            return Err(Fault::new(BadRowReason::InvalidUtf8, start));
        }
        Ok(StringToken { start, end, escaped })
    }

    /// Where the escape at `at` ends.
    fn escape(&self, at: usize) -> Result<usize, Fault> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => match self.bytes.get(at + 2..at + 6) {
                Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
                Some(_) => Err(Fault::new(BadRowReason::MalformedEscape, at)),
                None => Err(Fault::new(BadRowReason::UnexpectedEnd, self.bytes.len())),
            },
            Some(_) => Err(Fault::new(BadRowReason::MalformedEscape, at)),
            None => Err(Fault::new(BadRowReason::UnexpectedEnd, at + 1)),
        }
    }

    /// Passes the number that begins here: `-`, digits without a leading zero, fraction, exponent.
    pub(super) fn number(&mut self) -> Result<NumberToken, Fault> {
        let start = self.at;
        let mut float = false;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.at;
        self.digits(start)?;
        if self.bytes.get(whole) == Some(&b'0') && self.at > whole + 1 {
            return Err(Fault::new(BadRowReason::MalformedNumber, start));
        }
        if self.peek() == Some(b'.') {
            float = true;
            self.at += 1;
            self.digits(start)?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            float = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits(start)?;
        }
        Ok(NumberToken { start, end: self.at, float })
    }

    /// Passes one digit or more.
    #[inline]
    fn digits(&mut self, number: usize) -> Result<(), Fault> {
        let first = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > first { Ok(()) } else { Err(Fault::new(BadRowReason::MalformedNumber, number)) }
    }

    /// Passes any value. `depth` is how many objects and arrays are open around it.
    #[inline(always)]
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'n') => self.null(),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'{' | b'[') => self.skip_nested(depth),
            _ => Err(self.unexpected()),
        }
    }

    /// Passes an object or an array, without recursion: the stack of open brackets is a row of bits.
    fn skip_nested(&mut self, depth: usize) -> Result<(), Fault> {
        let mut open = Brackets::default();
        loop {
            // A value is due.
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if depth + open.depth >= DEPTH_MAX {
                        return Err(Fault::new(BadRowReason::TooDeep, self.at));
                    }
                    open.push(bracket == b'{');
                    self.at += 1;
                    self.skip_space();
                    match (bracket, self.peek()) {
                        (b'{', Some(b'}')) | (b'[', Some(b']')) => {}
                        (b'{', _) => {
                            self.skip_key()?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                _ => self.skip_value(depth)?,
            }
            // A value or an empty bracket's inside has been passed.
            loop {
                if open.depth == 0 {
                    return Ok(());
                }
                self.skip_space();
                match (open.in_object(), self.peek()) {
                    (true, Some(b'}')) | (false, Some(b']')) => {
                        self.at += 1;
                        open.pop();
                    }
                    (in_object, Some(b',')) => {
                        self.at += 1;
                        self.skip_space();
                        if in_object {
                            self.skip_key()?;
                        }
                        break;
                    }
                    _ => return Err(self.unexpected()),
                }
            }
        }
    }

    /// Passes a key, its colon and the space around it.
    fn skip_key(&mut self) -> Result<(), Fault> {
        self.key().map(drop)
    }

    /// Passes a key, its colon and the space around it; gives the key.
    pub(super) fn key(&mut self) -> Result<StringToken, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.skip_space();
        Ok(key)
    }
}

/// Which brackets are open: a bit for each, set for an object.
#[derive(Debug)]
struct Brackets {
    bits: [u64; DEPTH_MAX / 64 + 1],
    depth: usize,
}

impl Default for Brackets {
    fn default() -> Self {
        Brackets { bits: [0; DEPTH_MAX / 64 + 1], depth: 0 }
    }
}

impl Brackets {
    /// The caller keeps `depth` below [`DEPTH_MAX`].
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        let top = self.depth - 1;
        self.bits[top / 64] >> (top % 64) & 1 == 1
    }
}

/// For 16 bytes: a bit for each quote and backslash, and a bit for each byte that is not ASCII.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
#[expect(
    unsafe_code,
    reason = "measured: 158 instead of 227 ns for a Nexmark event, against the portable loop"
)]
fn classify(chunk: &[u8; 16]) -> (u32, u32) {
    // SAFETY: every x86_64 processor has SSE2, which is all that the function asks for.
    unsafe { classify_sse2(chunk) }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[target_feature(enable = "sse2")]
fn classify_sse2(chunk: &[u8; 16]) -> (u32, u32) {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8};
    let whole = u128::from_le_bytes(*chunk);
    let bytes = _mm_set_epi64x((whole >> 64) as i64, whole as i64);
    let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
    let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
    let stops = _mm_movemask_epi8(_mm_or_si128(quotes, backslashes));
    (stops as u32, _mm_movemask_epi8(bytes) as u32)
}

/// For 16 bytes: a bit for each quote and backslash, and a bit for each byte that is not ASCII.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
fn classify(chunk: &[u8; 16]) -> (u32, u32) {
    classify_portable(chunk)
}

/// What [`classify`] says, one byte after the other.
#[cfg(any(test, miri, not(target_arch = "x86_64")))]
fn classify_portable(chunk: &[u8; 16]) -> (u32, u32) {
    chunk.iter().rev().fold((0, 0), |(stops, highs), byte| {
        let stop = matches!(byte, b'"' | b'\\');
        (stops << 1 | u32::from(stop), highs << 1 | u32::from(!byte.is_ascii()))
    })
}

#[cfg(test)]
mod tests;
