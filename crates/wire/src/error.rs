//! The one error type of this crate.
//!
//! Every decoder here works on bytes from outside, so every failure is a value that says which field was wrong.
//! Callers that only choose what to do next (ask for more bytes, answer an error code, close the connection) look
//! at [`WireError::kind`]; the mapping to Kafka's error codes is the broker's.

use crate::protocol::VersionRange;

/// What is wrong with bytes that were to be decoded, or with values that were to be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The buffer ends inside `what`.
    #[error("{what} is cut short: {needed} bytes needed, {available} left")]
    Truncated {
        /// The field or structure that was being read.
        what: &'static str,
        /// Bytes that reading it takes.
        needed: usize,
        /// Bytes that were there.
        available: usize,
    },
    /// A length or count is negative where it must not be, or does not fit what surrounds it.
    #[error("{what} has the impossible length {length}")]
    InvalidLength {
        /// The field whose length it is.
        what: &'static str,
        /// The length as it stood in the bytes.
        length: i64,
    },
    /// A variable-length integer is longer than its type allows.
    #[error("{what} is a variable-length integer of too many bytes")]
    VarintOverflow {
        /// The field that was being read.
        what: &'static str,
    },
    /// A field holds a value that the protocol does not define or that contradicts another field.
    #[error("{what} is {found}, expected {expected}")]
    InvalidValue {
        /// The field.
        what: &'static str,
        /// The value as it stood in the bytes.
        found: i64,
        /// What the protocol or the rest of the structure asks for.
        expected: i64,
    },
    /// The stored checksum is not the checksum of the bytes.
    #[error("CRC-32C mismatch: stored {stored:#010x}, computed {computed:#010x}")]
    BadCrc {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes as they are.
        computed: u32,
    },
    /// A record batch of a format other than magic 2 (magic 0 and 1 ended with Kafka 4, KIP-724).
    #[error("record batch magic {magic} is not supported, only 2 is")]
    UnsupportedMagic {
        /// The magic byte found.
        magic: i8,
    },
    /// Attribute bits name a codec that does not exist.
    #[error("compression type {code} is unknown (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd)")]
    UnsupportedCompression {
        /// The three codec bits.
        code: u8,
    },
    /// A compressed body is not what its codec wrote.
    #[error("{codec} data is corrupt")]
    CorruptCompression {
        /// The codec's name as Kafka spells it.
        codec: &'static str,
    },
    /// Something would exceed the limit that the caller set.
    #[error("{what} exceeds the limit of {limit} bytes")]
    TooLarge {
        /// What grew too large.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Null where the protocol does not allow it.
    #[error("{what} must not be null")]
    UnexpectedNull {
        /// The field, or the type of the value that was being read.
        what: &'static str,
    },
    /// A string that is not UTF-8.
    #[error("{what} is not valid UTF-8")]
    InvalidUtf8 {
        /// The field, or the type of the value that was being read.
        what: &'static str,
    },
    /// An API key that Kafka does not have.
    #[error("API key {key} is unknown")]
    UnknownApiKey {
        /// The key as it stood in the request.
        key: i16,
    },
    /// A version of a message that Kafka 4.3 does not define.
    #[error("{message} has the versions {supported}, not {version}")]
    UnsupportedVersion {
        /// Kafka's name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// The versions there are.
        supported: VersionRange,
    },
    /// No version of an API is known to both sides.
    #[error("the broker has {api} in the versions {theirs}, this client in {ours}")]
    NoCommonVersion {
        /// Kafka's name of the API.
        api: &'static str,
        /// The versions of this side.
        ours: VersionRange,
        /// The versions of the other side.
        theirs: VersionRange,
    },
    /// An API that the broker does not offer.
    #[error("the broker does not offer {api}")]
    ApiNotOffered {
        /// Kafka's name of the API.
        api: &'static str,
    },
    /// A field is set that this version of its message cannot carry and that must not be dropped.
    #[error("{field} is set, but version {version} cannot carry it")]
    UnsupportedField {
        /// The field, with its message and struct in Kafka's names.
        field: &'static str,
        /// The version that was to be written.
        version: i16,
    },
    /// A response that answers another request than the one expected.
    #[error("the response has correlation id {found}, expected {expected}")]
    CorrelationMismatch {
        /// The id in the response.
        found: i32,
        /// The id of the request.
        expected: i32,
    },
    /// A record without a key where the topic is compacted.
    #[error("record {index} of the batch has no key, which a compacted topic needs")]
    MissingKey {
        /// Position of the record in its batch, from 0.
        index: u32,
    },
}

/// What a caller can do about a [`WireError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The bytes end too early: read more if there is more, otherwise treat them as corrupt.
    Truncated,
    /// The bytes are damaged or were never what they claim to be.
    Corrupt,
    /// The bytes are sound but break a rule of the protocol: the sender must change its input.
    Invalid,
    /// A version, format or codec that is not implemented.
    Unsupported,
    /// A limit was hit: send less, or raise the limit.
    TooLarge,
}

impl WireError {
    /// The coarse class of this error, by what a caller does about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Truncated { .. } => ErrorKind::Truncated,
            Self::InvalidLength { .. }
            | Self::VarintOverflow { .. }
            | Self::BadCrc { .. }
            | Self::CorruptCompression { .. } => ErrorKind::Corrupt,
            Self::InvalidUtf8 { .. } | Self::CorrelationMismatch { .. } => ErrorKind::Corrupt,
            Self::InvalidValue { .. } | Self::MissingKey { .. } | Self::UnexpectedNull { .. } => {
                ErrorKind::Invalid
            }
            Self::UnsupportedMagic { .. }
            | Self::UnsupportedCompression { .. }
            | Self::UnknownApiKey { .. }
            | Self::UnsupportedVersion { .. }
            | Self::NoCommonVersion { .. }
            | Self::ApiNotOffered { .. }
            | Self::UnsupportedField { .. } => ErrorKind::Unsupported,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
        }
    }
}

/// Result of this crate's decoders and encoders.
pub type Result<T, E = WireError> = std::result::Result<T, E>;
