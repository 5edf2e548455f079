//! Appends values to the buffer of a frame.
//!
//! Numbers cannot fail; what carries a length can, because it may not fit its field.

use bytes::{BufMut as _, Bytes, BytesMut};
use uuid::Uuid;

use super::STRING_BYTES_MAX;
use super::element::Element;
use crate::error::{Result, WireError};

/// Longest byte field or array of the protocol: lengths are int32, and compact ones hold `length + 1`.
const LENGTH_MAX: usize = i32::MAX as usize - 1;

/// A buffer that grows.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: BytesMut,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer with room for `capacity_bytes`.
    pub fn with_capacity(capacity_bytes: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(capacity_bytes) }
    }

    /// The number of bytes written.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What was written.
    pub fn finish(self) -> Bytes {
        self.buffer.freeze()
    }

    /// Overwrites the int32 at `position`, which must have been written.
    pub(crate) fn patch_i32(&mut self, position: usize, value: i32) {
        self.buffer[position..position + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// A boolean.
    #[inline(never)]
    pub fn bool(&mut self, value: bool) {
        self.buffer.put_u8(u8::from(value));
    }

    /// An 8-bit integer.
    #[inline(never)]
    pub fn i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    /// A 16-bit integer.
    #[inline(never)]
    pub fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    /// An unsigned 16-bit integer.
    #[inline(never)]
    pub fn u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    /// A 32-bit integer.
    #[inline(never)]
    pub fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    /// A 64-bit integer.
    #[inline(never)]
    pub fn i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    /// A double-precision number.
    #[inline(never)]
    pub fn f64(&mut self, value: f64) {
        self.buffer.put_f64(value);
    }

    /// A UUID.
    #[inline(never)]
    pub fn uuid(&mut self, value: Uuid) {
        self.buffer.put_slice(value.as_bytes());
    }

    /// An unsigned variable-length integer.
    #[inline(never)]
    pub fn unsigned_varint(&mut self, value: u32) {
        let mut rest = value;
        while rest >= 0x80 {
            self.buffer.put_u8((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.buffer.put_u8(rest as u8);
    }

    /// The length of a byte field or array; none for null.
    #[inline(never)]
    pub(crate) fn length(&mut self, length: Option<usize>, compact: bool, what: &'static str) -> Result<()> {
        match length {
            Some(length) if length > LENGTH_MAX => {
                return Err(WireError::TooLarge { what, limit: LENGTH_MAX });
            }
            Some(length) if compact => self.unsigned_varint(length as u32 + 1),
            Some(length) => self.i32(length as i32),
            None if compact => self.unsigned_varint(0),
            None => self.i32(-1),
        }
        Ok(())
    }

    /// A string.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] past [`STRING_BYTES_MAX`].
    #[inline(never)]
    pub fn string(&mut self, text: &str, compact: bool) -> Result<()> {
        if text.len() > STRING_BYTES_MAX {
            return Err(WireError::TooLarge { what: "string", limit: STRING_BYTES_MAX });
        }
        if compact {
            self.unsigned_varint(text.len() as u32 + 1);
        } else {
            self.i16(text.len() as i16);
        }
        self.buffer.put_slice(text.as_bytes());
        Ok(())
    }

    /// A string or null.
    ///
    /// # Errors
    /// As [`Writer::string`].
    #[inline(never)]
    pub fn nullable_string(&mut self, text: Option<&str>, compact: bool) -> Result<()> {
        match text {
            Some(text) => return self.string(text, compact),
            None if compact => self.unsigned_varint(0),
            None => self.i16(-1),
        }
        Ok(())
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] past what an int32 can say.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8], compact: bool) -> Result<()> {
        self.length(Some(bytes.len()), compact, "bytes")?;
        self.buffer.put_slice(bytes);
        Ok(())
    }

    /// Bytes with their length, or null.
    ///
    /// # Errors
    /// As [`Writer::bytes`].
    #[inline(never)]
    pub fn nullable_bytes(&mut self, bytes: Option<&[u8]>, compact: bool) -> Result<()> {
        match bytes {
            Some(bytes) => self.bytes(bytes, compact),
            None => self.length(None, compact, "bytes"),
        }
    }

    /// An array.
    ///
    /// # Errors
    /// Those of its elements, and [`WireError::TooLarge`] past what an int32 can say.
    pub fn array<T: Element>(&mut self, elements: &[T], version: i16, flexible: bool) -> Result<()> {
        self.length(Some(elements.len()), flexible, "array")?;
        for element in elements {
            element.write(self, version, flexible)?;
        }
        Ok(())
    }

    /// An array or null.
    ///
    /// # Errors
    /// As [`Writer::array`].
    pub fn nullable_array<T: Element>(
        &mut self,
        elements: Option<&[T]>,
        version: i16,
        flexible: bool,
    ) -> Result<()> {
        match elements {
            Some(elements) => self.array(elements, version, flexible),
            None => self.length(None, flexible, "array"),
        }
    }

    /// A struct or null: a byte says which.
    ///
    /// # Errors
    /// Those of the struct.
    pub fn nullable_struct<T: Element>(
        &mut self,
        value: Option<&T>,
        version: i16,
        flexible: bool,
    ) -> Result<()> {
        match value {
            Some(value) => {
                self.i8(1);
                value.write(self, version, flexible)
            }
            None => {
                self.i8(-1);
                Ok(())
            }
        }
    }

    /// The end of a struct without tagged fields.
    #[inline(never)]
    pub fn no_tagged_fields(&mut self) {
        self.buffer.put_u8(0);
    }

    /// One tagged field: its tag, its length, and what `write` appends. The number of fields stands before the
    /// first, and tags must ascend.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn tagged_field(&mut self, tag: u32, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.unsigned_varint(tag);
        let start = self.buffer.len();
        write(self)?;
        // The length precedes the content but is known only now: append it, then turn the two around.
        let end = self.buffer.len();
        self.unsigned_varint((end - start) as u32);
        let length_bytes = self.buffer.len() - end;
        self.buffer[start..].rotate_right(length_bytes);
        Ok(())
    }
}
