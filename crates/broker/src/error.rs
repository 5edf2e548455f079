//! The one error type of this crate: why a broker could not be started or stopped in order.
//!
//! What goes wrong in a request is no error of this type but an error code in its answer (`error_code` maps them).

use std::io;
use std::net::SocketAddr;

use millstream_log::LogError;

/// Why the broker did not start, or did not stop in order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The address of a listener is taken.
    #[error(
        "listener {listener} cannot use {address}: another process listens there; stop it, or choose another port (0 picks a free one)"
    )]
    PortInUse {
        /// The listener's name.
        listener: String,
        /// The address it was to be bound to.
        address: String,
    },
    /// A listener's socket could not be opened.
    #[error("listener {listener} cannot be opened at {address}: {source}")]
    Bind {
        /// The listener's name.
        listener: String,
        /// The address it was to be bound to.
        address: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Clients cannot connect to a wildcard address, so it cannot be advertised.
    #[error(
        "listener {listener} would advertise {address}, which no client can connect to; name a reachable address with advertised=HOST:PORT, or in advertised.listeners"
    )]
    UnreachableAdvertised {
        /// The listener's name.
        listener: String,
        /// The wildcard address.
        address: SocketAddr,
    },
    /// Two listeners have one name.
    #[error("listener {listener} is named twice; give every listener its own name (NAME://HOST:PORT)")]
    DuplicateListener {
        /// The name.
        listener: String,
    },
    /// A setting has a value that cannot be used.
    #[error("{name} = {value} is not possible: it must be {expected}")]
    InvalidConfig {
        /// The setting, under Kafka's name.
        name: &'static str,
        /// The value as given.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// The log could not be opened, or failed at the end.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system gave no thread.
    #[error("cannot start a disk thread: {source}; raise the limit of processes (ulimit -u)")]
    Thread {
        /// The system's answer.
        source: io::Error,
    },
    /// A disk thread ended before it answered, which only a defect of this program can cause.
    #[error("a disk thread stopped unexpectedly; the log of the process says why, please report it")]
    DiskThreadLost,
}

/// What a caller can do about a [`BrokerError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Change the configuration, or free what another process holds.
    FixInput,
    /// The operating system or the disk failed.
    System,
    /// A defect of this program.
    Internal,
}

impl BrokerError {
    /// The coarse class of this error, by what a caller does about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::PortInUse { .. }
            | Self::UnreachableAdvertised { .. }
            | Self::DuplicateListener { .. }
            | Self::InvalidConfig { .. } => ErrorKind::FixInput,
            Self::Log(error) if error.kind() == millstream_log::ErrorKind::Refused => ErrorKind::FixInput,
            Self::Bind { .. } | Self::Log(_) | Self::Thread { .. } => ErrorKind::System,
            Self::DiskThreadLost => ErrorKind::Internal,
        }
    }
}

/// Result of this crate's operations.
pub type Result<T, E = BrokerError> = std::result::Result<T, E>;
