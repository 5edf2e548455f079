//! What can stand in a message, and what a message is.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use uuid::Uuid;

use super::{Reader, Writer};
use crate::api_key::ApiKey;
use crate::error::{Result, WireError};

/// A value that can be an element of an array: a primitive or a generated struct.
pub trait Element: Sized {
    /// Reads the value as `version` of its message has it; `flexible` says whether lengths are compact.
    ///
    /// # Errors
    /// When the bytes are not such a value.
    fn read(r: &mut Reader, version: i16, flexible: bool) -> Result<Self>;

    /// Writes the value as `version` of its message has it.
    ///
    /// # Errors
    /// When a field is set that the version does not have, or something is too long.
    fn write(&self, w: &mut Writer, version: i16, flexible: bool) -> Result<()>;
}

/// A struct that travels on its own: the body of a request or response, or a record of an internal topic.
pub trait Message: Element {
    /// Kafka's name for it.
    const NAME: &'static str;
    /// The versions that Kafka 4.3 defines.
    const VERSIONS: VersionRange;
    /// The first flexible version.
    const FLEXIBLE_SINCE: Option<i16>;

    /// Reads a message of the given version; fields that the version does not have get their default.
    ///
    /// # Errors
    /// [`WireError::UnsupportedVersion`], or what is wrong with the bytes.
    fn decode(r: &mut Reader, version: i16) -> Result<Self> {
        check_version(Self::NAME, Self::VERSIONS, version)?;
        Self::read(r, version, Self::is_flexible(version))
    }

    /// Writes the message in the given version.
    ///
    /// # Errors
    /// [`WireError::UnsupportedVersion`]; [`WireError::UnsupportedField`] for a field that is set, cannot be
    /// written in this version and must not be ignored.
    fn encode(&self, w: &mut Writer, version: i16) -> Result<()> {
        check_version(Self::NAME, Self::VERSIONS, version)?;
        self.write(w, version, Self::is_flexible(version))
    }

    /// Says how long a client is kept waiting for exceeding a quota, in the answers that have a field for it.
    fn set_throttle_time_ms(&mut self, _throttle_time_ms: i32) {}

    /// Whether `version` has compact lengths and tagged fields.
    fn is_flexible(version: i16) -> bool {
        Self::FLEXIBLE_SINCE.is_some_and(|since| version >= since)
    }

    /// Writes the message with its version in front, as values in internal topics and the metadata of consumer
    /// groups have it.
    ///
    /// # Errors
    /// As [`Message::encode`].
    fn encode_with_version(&self, version: i16) -> Result<Bytes> {
        let mut w = Writer::new();
        w.i16(version);
        self.encode(&mut w, version)?;
        Ok(w.finish())
    }

    /// Reads a message that has its version in front.
    ///
    /// # Errors
    /// As [`Message::decode`].
    fn decode_with_version(bytes: Bytes) -> Result<Self> {
        let mut r = Reader::new(bytes);
        let version = r.i16()?;
        Self::decode(&mut r, version)
    }
}

/// The body of a request.
pub trait Request: Message {
    /// The API that it calls.
    const API_KEY: ApiKey;
    /// The body of the answer.
    type Response: Message;
}

/// The key of a record in a coordinator's internal topic.
///
/// The key begins with the type of the record, where the value begins with its version
/// ([`Message::encode_with_version`]); a key's own version is always 0.
pub trait CoordinatorKey: Message {
    /// What kind of record it is.
    const TYPE: i16;
    /// The value that belongs to it; a record without a value is a tombstone.
    type Value: Message;

    /// Writes the key as the topic has it.
    ///
    /// # Errors
    /// As [`Message::encode`].
    fn encode_key(&self) -> Result<Bytes> {
        let mut w = Writer::new();
        w.i16(Self::TYPE);
        self.encode(&mut w, 0)?;
        Ok(w.finish())
    }

    /// Reads a key as the topic has it. Which key it is, its first two bytes say.
    ///
    /// # Errors
    /// [`WireError::InvalidValue`] for a key of another type, or as [`Message::decode`].
    fn decode_key(bytes: Bytes) -> Result<Self> {
        let mut r = Reader::new(bytes);
        let found = r.i16()?;
        if found != Self::TYPE {
            let (found, expected) = (i64::from(found), i64::from(Self::TYPE));
            return Err(WireError::InvalidValue { what: "type of a coordinator's record", found, expected });
        }
        Self::decode(&mut r, 0)
    }
}

/// The versions of a message, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

impl VersionRange {
    /// The versions `min` to `max`.
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// Whether `version` is one of them.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The highest version that both ranges have.
    pub fn highest_common(self, other: Self) -> Option<i16> {
        let max = self.max.min(other.max);
        (max >= self.min.max(other.min)).then_some(max)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

/// Refuses a version that a message does not have.
pub(crate) fn check_version(message: &'static str, supported: VersionRange, version: i16) -> Result<()> {
    if supported.contains(version) {
        Ok(())
    } else {
        Err(WireError::UnsupportedVersion { message, version, supported })
    }
}

/// Refuses null in a version that does not allow it.
pub(crate) fn check_null(is_null: bool, allowed: bool, field: &'static str) -> Result<()> {
    if is_null && !allowed { Err(WireError::UnexpectedNull { what: field }) } else { Ok(()) }
}

/// Refuses a null that was read in a version that does not allow it.
pub(crate) fn non_null<T>(value: Option<T>, allowed: bool, field: &'static str) -> Result<Option<T>> {
    check_null(value.is_none(), allowed, field)?;
    Ok(value)
}

/// The error for a field that is set but not part of the version.
#[cold]
pub(crate) fn unsupported_field(field: &'static str, version: i16) -> WireError {
    WireError::UnsupportedField { field, version }
}

macro_rules! number_elements {
    ($($number:ty: $method:ident),*) => {$(
        impl Element for $number {
            fn read(r: &mut Reader, _version: i16, _flexible: bool) -> Result<Self> {
                r.$method()
            }

            fn write(&self, w: &mut Writer, _version: i16, _flexible: bool) -> Result<()> {
                w.$method(*self);
                Ok(())
            }
        }
    )*};
}

number_elements!(i8: i8, i16: i16, i32: i32, i64: i64, Uuid: uuid);

impl Element for String {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        r.string(flexible)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(self, flexible)
    }
}

impl Element for ByteString {
    fn read(r: &mut Reader, _version: i16, flexible: bool) -> Result<Self> {
        r.byte_string(flexible)
    }

    fn write(&self, w: &mut Writer, _version: i16, flexible: bool) -> Result<()> {
        w.string(self, flexible)
    }
}
