//! The one error type of this crate, and the one place where Kafka's error codes get a meaning for callers.
//!
//! A failure often has several waiters (every batch of a request, every reader of a partition), so errors are cheap to
//! clone. What a caller does about one is [`ClientError::kind`]; what a user reads names the API, the topic and
//! partition, the broker's own words and the next step.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use millstream_wire::{ApiKey, ErrorCode, WireError};

use crate::TopicPartition;

/// Result of this crate's operations.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// What went wrong between this client and a cluster.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No connection could be made.
    #[error("cannot connect to {address}: {cause}; check the address and that the broker is running")]
    Unreachable {
        /// Where to.
        address: String,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A connection ended with requests under way.
    #[error("the connection to {address} was lost: {cause}")]
    Disconnected {
        /// The other side.
        address: String,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// No answer came in time.
    #[error("{what} took longer than {after:?}; the broker may be overloaded or unreachable")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The broker answered with an error code.
    #[error("{0}")]
    Broker(Box<BrokerError>),
    /// A message could not be written or read.
    #[error("{api} with {address}: {source}")]
    Protocol {
        /// The other side.
        address: String,
        /// Kafka's name of the API.
        api: &'static str,
        /// What was wrong.
        source: WireError,
    },
    /// A fetched record batch is damaged, or not what the format allows.
    #[error("{partition} at offset {offset}: {source}; the record batch cannot be read")]
    BadBatch {
        /// The partition.
        partition: TopicPartition,
        /// First offset of the batch, or the position before it.
        offset: i64,
        /// What is wrong with it.
        source: WireError,
    },
    /// Records that were read, or that a position counts from, are no longer in the log (KIP-320).
    #[error(
        "{partition} was truncated: the position {position} was reached in leader epoch {epoch}, which now ends at \
         {end_offset}; records read since then are gone, so start again from an offset at or below it"
    )]
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The position of the reader.
        position: i64,
        /// The leader epoch that the position was reached in.
        epoch: i32,
        /// Where that epoch ends now.
        end_offset: i64,
    },
    /// The topic was deleted and created again under the same name.
    #[error("topic {topic} was deleted and created anew while in use; open it again")]
    TopicRecreated {
        /// The topic.
        topic: ByteString,
    },
    /// A batch of records was given up.
    #[error(
        "{records} records to {partition} (the first with timestamp {first_timestamp_ms}{key}) were not \
         acknowledged: {cause}", key = KeyText(first_key.as_deref())
    )]
    Delivery {
        /// The partition.
        partition: TopicPartition,
        /// Number of records in the batch.
        records: u32,
        /// Timestamp in ms of the batch's first record.
        first_timestamp_ms: i64,
        /// Key of the batch's first record, cut to 64 bytes.
        first_key: Option<bytes::Bytes>,
        /// Why.
        cause: Box<ClientError>,
    },
    /// A record that no request can carry.
    #[error(
        "a record of {size_bytes} bytes to {partition} is larger than {limit_bytes}; raise max.request.size (and the \
         topic's max.message.bytes)"
    )]
    RecordTooLarge {
        /// The partition.
        partition: TopicPartition,
        /// Size of the record alone in a batch.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// A setting or argument that cannot work.
    #[error("{what}: {found}; expected {expected}")]
    InvalidInput {
        /// The setting or argument.
        what: &'static str,
        /// What was given.
        found: String,
        /// What would work.
        expected: &'static str,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has {count} partitions, so there is no partition {partition}")]
    NoSuchPartition {
        /// The topic.
        topic: ByteString,
        /// The partition asked for.
        partition: i32,
        /// How many there are.
        count: usize,
    },
    /// The other side of this handle is closed.
    #[error("the {what} is closed")]
    Closed {
        /// What was used.
        what: &'static str,
    },
}

/// An error code in a response, with all that says where it came from.
#[derive(Debug, Clone)]
pub struct BrokerError {
    /// Kafka's name of the API.
    pub api: &'static str,
    /// What the code is about.
    pub subject: Subject,
    /// The code, or the number of one that Kafka 4.3 does not have.
    pub code: std::result::Result<ErrorCode, i16>,
    /// The broker's own words.
    pub message: Option<String>,
}

/// What an error code is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The request as a whole.
    Request,
    /// A topic.
    Topic(ByteString),
    /// A partition.
    Partition(TopicPartition),
    /// A consumer group.
    Group(String),
    /// A resource with configurations, by Kafka's name.
    Resource(String),
}

/// What a caller does about a [`ClientError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Try again: leadership moves, a coordinator loads, replicas are too few.
    Retriable,
    /// No broker can be reached: check addresses and the network.
    Unreachable,
    /// No answer in time: its effect is unknown.
    Timeout,
    /// The topic, partition, group or resource does not exist.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// Not allowed: ask for permission.
    Denied,
    /// The request or its settings must change.
    InvalidInput,
    /// Somebody else has taken this identity: stop.
    Fenced,
    /// The group is rebalancing or has dropped this member: join again.
    Rebalance,
    /// Records are damaged, lost, or no longer where they were.
    Data,
    /// The other side does not speak what is needed.
    Unsupported,
    /// The handle was closed.
    Closed,
    /// None of these: report it.
    Fatal,
}

impl ClientError {
    /// The coarse class of this error, by what a caller does about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. } | Self::Disconnected { .. } => ErrorKind::Unreachable,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Broker(error) => error.code.map_or(ErrorKind::Fatal, kind_of_code),
            Self::Protocol { source, .. } => kind_of_wire(source),
            Self::BadBatch { .. } | Self::Truncated { .. } | Self::TopicRecreated { .. } => ErrorKind::Data,
            Self::Delivery { cause, .. } => cause.kind(),
            Self::RecordTooLarge { .. } | Self::InvalidInput { .. } => ErrorKind::InvalidInput,
            Self::NoSuchPartition { .. } => ErrorKind::NotFound,
            Self::Closed { .. } => ErrorKind::Closed,
        }
    }

    /// Kafka's error code, where the broker gave one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker(error) => error.code.ok(),
            Self::Delivery { cause, .. } => cause.code(),
            _ => None,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Broker(error) => error.code.is_ok_and(ErrorCode::is_retriable),
            Self::Unreachable { .. } | Self::Disconnected { .. } | Self::Timeout { .. } => true,
            _ => false,
        }
    }

    /// Whether this client's view of the cluster may be out of date.
    pub fn is_stale_metadata(&self) -> bool {
        match self {
            Self::Broker(error) => error.code.is_ok_and(ErrorCode::is_stale_metadata),
            Self::Unreachable { .. } | Self::Disconnected { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn broker(api: ApiKey, subject: Subject, code: i16, message: Option<&str>) -> Self {
        Self::Broker(Box::new(BrokerError {
            api: api.name(),
            subject,
            code: ErrorCode::from_code(code).ok_or(code),
            message: message.filter(|text| !text.is_empty()).map(str::to_owned),
        }))
    }

    /// `Ok` for code 0, otherwise the error.
    pub(crate) fn check(api: ApiKey, subject: impl FnOnce() -> Subject, code: i16) -> Result<()> {
        if code == 0 { Ok(()) } else { Err(Self::broker(api, subject(), code, None)) }
    }

    pub(crate) fn disconnected(address: &impl fmt::Display, cause: io::Error) -> Self {
        Self::Disconnected { address: address.to_string(), cause: Arc::new(cause) }
    }

    pub(crate) fn protocol(address: &impl fmt::Display, api: ApiKey, source: WireError) -> Self {
        Self::Protocol { address: address.to_string(), api: api.name(), source }
    }
}

fn kind_of_wire(error: &WireError) -> ErrorKind {
    match error.kind() {
        millstream_wire::ErrorKind::Unsupported => ErrorKind::Unsupported,
        millstream_wire::ErrorKind::TooLarge | millstream_wire::ErrorKind::Invalid => ErrorKind::InvalidInput,
        _ => ErrorKind::Data,
    }
}

fn kind_of_code(code: ErrorCode) -> ErrorKind {
    use ErrorCode as E;
    match code {
        E::UnknownTopicOrPartition
        | E::UnknownTopicId
        | E::GroupIdNotFound
        | E::ResourceNotFound
        | E::TransactionalIdNotFound => ErrorKind::NotFound,
        E::TopicAlreadyExists | E::DuplicateResource => ErrorKind::AlreadyExists,
        E::RequestTimedOut => ErrorKind::Timeout,
        E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed
        | E::ClusterAuthorizationFailed
        | E::TransactionalIdAuthorizationFailed
        | E::DelegationTokenAuthorizationFailed
        | E::SaslAuthenticationFailed
        | E::PolicyViolation => ErrorKind::Denied,
        E::FencedInstanceId | E::ProducerFenced | E::InvalidProducerEpoch | E::FencedMemberEpoch => {
            ErrorKind::Fenced
        }
        E::RebalanceInProgress | E::IllegalGeneration | E::UnknownMemberId => ErrorKind::Rebalance,
        E::OffsetOutOfRange
        | E::CorruptMessage
        | E::OutOfOrderSequenceNumber
        | E::UnknownProducerId
        | E::PositionOutOfRange => ErrorKind::Data,
        E::UnsupportedVersion
        | E::UnsupportedForMessageFormat
        | E::UnsupportedCompressionType
        | E::UnsupportedSaslMechanism
        | E::UnsupportedAssignor
        | E::UnsupportedEndpointType => ErrorKind::Unsupported,
        E::UnknownServerError | E::InvalidTxnState => ErrorKind::Fatal,
        code if code.is_retriable() => ErrorKind::Retriable,
        _ => ErrorKind::InvalidInput,
    }
}

/// The next step that a code's own message leaves out.
fn advice(code: ErrorCode) -> Option<&'static str> {
    use ErrorCode as E;
    Some(match code {
        E::UnknownTopicOrPartition => "create the topic or check its name",
        E::MessageTooLarge | E::RecordListTooLarge => {
            "make records smaller or raise the topic's max.message.bytes"
        }
        E::OffsetOutOfRange => "choose a start offset within the log, or a reset policy",
        E::TopicAuthorizationFailed | E::GroupAuthorizationFailed | E::ClusterAuthorizationFailed => {
            "grant the permission to this client's user"
        }
        E::NotEnoughReplicas | E::NotEnoughReplicasAfterAppend => {
            "check the cluster's replicas and the topic's min.insync.replicas"
        }
        E::NonEmptyGroup => "stop the group's members first",
        E::OffsetMetadataTooLarge => {
            "shorten the commit's metadata (offset.metadata.max.bytes, 4096 by default)"
        }
        _ => return None,
    })
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api)?;
        match &self.subject {
            Subject::Request => {}
            Subject::Topic(topic) => write!(f, " of topic {topic}")?,
            Subject::Partition(partition) => write!(f, " of {partition}")?,
            Subject::Group(group) => write!(f, " of group {group}")?,
            Subject::Resource(name) => write!(f, " of {name}")?,
        }
        match self.code {
            Ok(code) => {
                let words = self.message.as_deref().unwrap_or(code.message());
                write!(f, ": {}: {}", code.name(), words.trim_end_matches('.'))?;
                advice(code).map_or(Ok(()), |advice| write!(f, "; {advice}"))
            }
            Err(number) => write!(f, ": unknown error code {number}"),
        }
    }
}

struct KeyText<'a>(Option<&'a [u8]>);

impl fmt::Display for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |key| write!(f, " and key \"{}\"", key.escape_ascii()))
    }
}

#[cfg(test)]
mod tests;
