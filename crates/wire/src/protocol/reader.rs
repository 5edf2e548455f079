//! Takes values off a received frame.
//!
//! The reader owns a reference to the frame ([`Bytes`]), so that byte fields, record batches and borrowed strings
//! are slices of it. A slice keeps the whole frame in memory: what outlives its request should be copied.

use bytes::Bytes;
use bytestring::ByteString;
use uuid::Uuid;

use super::STRING_BYTES_MAX;
use super::element::Element;
use crate::error::{Result, WireError};
use crate::varint;

/// Memory that an array may reserve before its elements have been seen, in bytes.
const RESERVE_BYTES_MAX: usize = 64 * 1024;

/// A position in a frame.
///
/// # Errors
/// Every method that reads fails with [`WireError::Truncated`] when the frame ends too early; those that read lengths
/// also with [`WireError::InvalidLength`], [`WireError::UnexpectedNull`], [`WireError::VarintOverflow`] or
/// [`WireError::TooLarge`], and those that read strings with [`WireError::InvalidUtf8`]. A reader that has failed stands
/// somewhere inside the value.
#[derive(Debug, Clone)]
pub struct Reader {
    frame: Bytes,
    position: usize,
}

impl Reader {
    /// A reader at the start of `frame`.
    pub fn new(frame: Bytes) -> Self {
        Self { frame, position: 0 }
    }

    /// The number of bytes that are left.
    pub fn remaining(&self) -> usize {
        self.frame.len() - self.position
    }

    /// The number of bytes that have been read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The bytes that are left, without moving on.
    pub fn rest(&self) -> Bytes {
        self.frame.slice(self.position..)
    }

    /// The next `length` bytes, as a slice of the frame.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer.
    pub fn take(&mut self, length: usize, what: &'static str) -> Result<Bytes> {
        let start = self.advance(length, what)?;
        Ok(self.frame.slice(start..self.position))
    }

    /// Moves over `length` bytes and returns where they start.
    fn advance(&mut self, length: usize, what: &'static str) -> Result<usize> {
        let available = self.remaining();
        if length > available {
            return Err(WireError::Truncated { what, needed: length, available });
        }
        let start = self.position;
        self.position += length;
        Ok(start)
    }

    fn number<const BYTES: usize>(&mut self, what: &'static str) -> Result<[u8; BYTES]> {
        match self.frame[self.position..].first_chunk() {
            Some(chunk) => {
                self.position += BYTES;
                Ok(*chunk)
            }
            None => Err(WireError::Truncated { what, needed: BYTES, available: self.remaining() }),
        }
    }

    /// A boolean: any byte but 0 is true.
    #[inline(never)]
    pub fn bool(&mut self) -> Result<bool> {
        Ok(self.i8()? != 0)
    }

    /// An 8-bit integer.
    #[inline(never)]
    pub fn i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.number("int8")?))
    }

    /// A 16-bit integer.
    #[inline(never)]
    pub fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.number("int16")?))
    }

    /// An unsigned 16-bit integer.
    #[inline(never)]
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.number("uint16")?))
    }

    /// A 32-bit integer.
    #[inline(never)]
    pub fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.number("int32")?))
    }

    /// A 64-bit integer.
    #[inline(never)]
    pub fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.number("int64")?))
    }

    /// A double-precision number.
    #[inline(never)]
    pub fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_be_bytes(self.number("float64")?))
    }

    /// A UUID; Kafka's null is the nil UUID.
    #[inline(never)]
    pub fn uuid(&mut self) -> Result<Uuid> {
        Ok(Uuid::from_bytes(self.number("uuid")?))
    }

    /// An unsigned variable-length integer of at most five bytes.
    #[inline(never)]
    pub fn unsigned_varint(&mut self) -> Result<u32> {
        let mut rest = &self.frame[self.position..];
        let value = varint::read_u32(&mut rest, "unsigned varint")?;
        self.position = self.frame.len() - rest.len();
        Ok(value)
    }

    /// A length that is compact or an int32; none for null.
    fn length(&mut self, compact: bool, what: &'static str) -> Result<Option<usize>> {
        let length = if compact { i64::from(self.unsigned_varint()?) - 1 } else { i64::from(self.i32()?) };
        not_negative(length, what)
    }

    fn string_length(&mut self, compact: bool) -> Result<Option<usize>> {
        let length = if compact { i64::from(self.unsigned_varint()?) - 1 } else { i64::from(self.i16()?) };
        match not_negative(length, "string")? {
            Some(length) if length > STRING_BYTES_MAX => {
                Err(WireError::TooLarge { what: "string", limit: STRING_BYTES_MAX })
            }
            length => Ok(length),
        }
    }

    /// A string, copied out of the frame.
    #[inline(never)]
    pub fn string(&mut self, compact: bool) -> Result<String> {
        self.nullable_string(compact)?.ok_or(WireError::UnexpectedNull { what: "string" })
    }

    /// A string or null, copied out of the frame.
    #[inline(never)]
    pub fn nullable_string(&mut self, compact: bool) -> Result<Option<String>> {
        let Some(length) = self.string_length(compact)? else { return Ok(None) };
        let start = self.advance(length, "string")?;
        match std::str::from_utf8(&self.frame[start..self.position]) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(WireError::InvalidUtf8 { what: "string" }),
        }
    }

    /// A string that is a slice of the frame.
    #[inline(never)]
    pub fn byte_string(&mut self, compact: bool) -> Result<ByteString> {
        self.nullable_byte_string(compact)?.ok_or(WireError::UnexpectedNull { what: "string" })
    }

    /// A string or null, a slice of the frame.
    #[inline(never)]
    pub fn nullable_byte_string(&mut self, compact: bool) -> Result<Option<ByteString>> {
        let Some(length) = self.string_length(compact)? else { return Ok(None) };
        let bytes = self.take(length, "string")?;
        match ByteString::try_from(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(WireError::InvalidUtf8 { what: "string" }),
        }
    }

    /// Bytes, a slice of the frame.
    #[inline(never)]
    pub fn bytes(&mut self, compact: bool) -> Result<Bytes> {
        self.nullable_bytes(compact)?.ok_or(WireError::UnexpectedNull { what: "bytes" })
    }

    /// Bytes or null, a slice of the frame.
    #[inline(never)]
    pub fn nullable_bytes(&mut self, compact: bool) -> Result<Option<Bytes>> {
        match self.length(compact, "bytes")? {
            Some(length) => self.take(length, "bytes").map(Some),
            None => Ok(None),
        }
    }

    /// An array.
    pub fn array<T: Element>(&mut self, version: i16, flexible: bool) -> Result<Vec<T>> {
        self.nullable_array(version, flexible)?.ok_or(WireError::UnexpectedNull { what: "array" })
    }

    /// An array or null.
    pub fn nullable_array<T: Element>(&mut self, version: i16, flexible: bool) -> Result<Option<Vec<T>>> {
        let Some(length) = self.array_length(flexible)? else { return Ok(None) };
        let mut elements = Vec::with_capacity(length.min(RESERVE_BYTES_MAX / size_of::<T>().max(1)));
        for _ in 0..length {
            elements.push(T::read(self, version, flexible)?);
        }
        Ok(Some(elements))
    }

    /// The number of elements of an array, which follow; none for null. Every element takes at least one byte.
    #[inline(never)]
    pub(crate) fn array_length(&mut self, compact: bool) -> Result<Option<usize>> {
        let length = self.length(compact, "array")?;
        match length {
            Some(length) if length > self.remaining() => {
                Err(WireError::Truncated { what: "array", needed: length, available: self.remaining() })
            }
            length => Ok(length),
        }
    }

    /// A struct or null: a byte says which.
    pub fn nullable_struct<T: Element>(&mut self, version: i16, flexible: bool) -> Result<Option<T>> {
        if self.i8()? < 0 { Ok(None) } else { T::read(self, version, flexible).map(Some) }
    }

    /// The tagged fields at the end of a struct. `read` gets each tag with a reader over that field alone; it
    /// returns whether it knows the tag, and fields that it does not know are skipped. As in Kafka, the order of
    /// the tags is not checked.
    #[inline(never)]
    pub fn tagged_fields(&mut self, read: &mut dyn FnMut(u32, &mut Self) -> Result<bool>) -> Result<()> {
        let count = self.unsigned_varint()?;
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            let mut field = Self::new(self.take(length, "tagged field")?);
            if read(tag, &mut field)? && field.remaining() > 0 {
                return Err(WireError::InvalidLength { what: "tagged field", length: length as i64 });
            }
        }
        Ok(())
    }

    /// Skips the tagged fields at the end of a struct that knows none.
    #[inline(never)]
    pub fn skip_tagged_fields(&mut self) -> Result<()> {
        let count = self.unsigned_varint()?;
        for _ in 0..count {
            self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            self.advance(length, "tagged field")?;
        }
        Ok(())
    }
}

/// A length as it was written; −1 is null.
fn not_negative(length: i64, what: &'static str) -> Result<Option<usize>> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(WireError::InvalidLength { what, length }),
    }
}
