//! Exit codes, and how an error is shown when it ends the process.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; also a clean stop by signal |
//! | 1 | failure |
//! | 2 | wrong usage of the command line |
//! | 3 | input that is invalid: SQL, an option, a configuration |
//! | 4 | something named does not exist |
//! | 5 | not allowed |
//! | 6 | a server cannot be reached |
//! | 7 | a server did not answer in time |

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use millstream_client::{ClientError, ErrorKind};
use millstream_engine::connector::ConnectorError;
use millstream_engine::error::EngineError;

/// Why a command ended without success, by what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Anything that is not listed below.
    Failure,
    /// The arguments contradict each other or lack something.
    Usage,
    /// The input is invalid.
    Invalid,
    /// Something named does not exist.
    NotFound,
    /// Not allowed.
    Denied,
    /// A server cannot be reached.
    Unreachable,
    /// A server did not answer in time.
    Timeout,
}

impl FailureKind {
    fn code(self) -> u8 {
        match self {
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::NotFound => 4,
            Self::Denied => 5,
            Self::Unreachable => 6,
            Self::Timeout => 7,
        }
    }
}

/// A failure whose kind is known: put into an [`anyhow::Error`] wherever the kind is known.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: FailureKind,
    message: String,
}

impl Failure {
    /// A failure of this kind; the message says what is wrong and what to do next.
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The kind of an error, from whichever of its causes says it.
fn kind_of(error: &anyhow::Error) -> FailureKind {
    let kinds = error.chain().filter_map(|cause| {
        cause
            .downcast_ref::<Failure>()
            .map(|failure| failure.kind)
            .or_else(|| cause.downcast_ref::<ClientError>().map(of_client))
            .or_else(|| cause.downcast_ref::<ConnectorError>().map(of_connector))
            // A boxed source of an error is, to a chain, the box.
            .or_else(|| cause.downcast_ref::<Box<ConnectorError>>().map(|error| of_connector(error)))
    });
    kinds.into_iter().next().unwrap_or(FailureKind::Failure)
}

fn of_client(error: &ClientError) -> FailureKind {
    match error.kind() {
        ErrorKind::Unreachable => FailureKind::Unreachable,
        ErrorKind::Timeout => FailureKind::Timeout,
        ErrorKind::NotFound => FailureKind::NotFound,
        ErrorKind::Denied => FailureKind::Denied,
        ErrorKind::InvalidInput => FailureKind::Invalid,
        _ => FailureKind::Failure,
    }
}

fn of_connector(error: &ConnectorError) -> FailureKind {
    match error {
        ConnectorError::Declaration { .. } => FailureKind::Invalid,
        ConnectorError::Unreachable { .. } => FailureKind::Unreachable,
        ConnectorError::NotFound { .. } => FailureKind::NotFound,
        ConnectorError::Refused { .. } | ConnectorError::Data { .. } => FailureKind::Failure,
    }
}

/// What a user of SQL can do about an error of the engine, which knows no SQL.
fn next_step(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref() {
        Some(EngineError::BadRow { .. }) => {
            "; mend it, or count such rows and go on with SET 'pipeline.errors.tolerance' = 'all'"
        }
        _ => "",
    }
}

/// Shows an error on standard error and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let kind = kind_of(error);
    // Nothing can be done when standard error is closed.
    drop(writeln!(std::io::stderr(), "error: {error}{}", next_step(error)));
    ExitCode::from(kind.code())
}

/// Shows clap's help or complaint and gives its exit code.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    drop(error.print());
    if error.use_stderr() { ExitCode::from(FailureKind::Usage.code()) } else { ExitCode::SUCCESS }
}
