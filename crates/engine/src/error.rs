//! The engine's error: what ends a pipeline, with the source, sink or row it happened at.

use arrow_schema::ArrowError;

use crate::connector::ConnectorError;
use crate::source::{Position, SplitId};

/// Why a pipeline could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The plan cannot be run.
    #[error("plan node {node}: {message}")]
    Plan {
        /// The index of the node.
        node: usize,
        /// What is wrong with it and what would be right.
        message: String,
    },
    /// The committed epoch does not fit the plan.
    #[error("the committed epoch cannot be resumed: {message}")]
    Restore {
        /// What does not fit, and what to do.
        message: String,
    },
    /// A source failed.
    #[error("source {source_name}{}: {error}", at_split(split.as_ref(), *position))]
    Source {
        /// The source's name in the plan.
        source_name: String,
        /// The split, once there is one.
        split: Option<SplitId>,
        /// Where its next read would have begun.
        position: Option<Position>,
        /// What the connector said.
        #[source]
        error: Box<ConnectorError>,
    },
    /// A sink failed.
    #[error("sink {sink}: {error}")]
    Sink {
        /// The sink's name in the plan.
        sink: String,
        /// What the connector said.
        #[source]
        error: ConnectorError,
    },
    /// Epochs cannot be read or committed.
    #[error("the epoch cannot be {action}: {error}")]
    EpochStore {
        /// `restored` or `committed`.
        action: &'static str,
        /// What the store said.
        #[source]
        error: ConnectorError,
    },
    /// A record or a row is bad and the policy is to fail.
    #[error("source {source_name}{}: {reason}", at_split(split.as_ref(), *position))]
    BadRow {
        /// The source's name in the plan.
        source_name: String,
        /// The split, if the row still knows it.
        split: Option<SplitId>,
        /// The record, or the first record of the read that held the row.
        position: Option<Position>,
        /// What is wrong, with the row's values.
        reason: String,
    },
    /// A kernel failed on data of the right type; a bug or exhausted memory.
    #[error("{operation}: {error}")]
    Computation {
        /// What was computed.
        operation: &'static str,
        /// What the kernel said.
        #[source]
        error: ArrowError,
    },
    /// A batch had other columns than the plan says.
    #[error("{operation}: expected a column of type {expected}, got {actual}")]
    ColumnType {
        /// What was computed.
        operation: &'static str,
        /// The type that the plan says.
        expected: String,
        /// The type that arrived.
        actual: String,
    },
    /// A thread of the pipeline panicked; a bug.
    #[error("a thread of pipeline {pipeline} panicked; its backtrace is in the log")]
    Panicked {
        /// The pipeline's name.
        pipeline: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for pipeline {pipeline}: {error}")]
    Thread {
        /// The pipeline's name.
        pipeline: String,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
}

/// What a caller can do about an [`EngineError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// Change the statement.
    Plan,
    /// Mend the data, or choose another policy for bad rows.
    Data,
    /// Look at the system outside; starting again may help.
    Connector,
    /// Report a bug.
    Internal,
}

impl EngineError {
    /// What a caller can do about it.
    pub fn kind(&self) -> EngineErrorKind {
        match self {
            Self::Plan { .. } | Self::Restore { .. } => EngineErrorKind::Plan,
            Self::BadRow { .. } => EngineErrorKind::Data,
            Self::Source { error, .. } => connector_kind(error),
            Self::Sink { error, .. } | Self::EpochStore { error, .. } => connector_kind(error),
            Self::Computation { .. }
            | Self::ColumnType { .. }
            | Self::Panicked { .. }
            | Self::Thread { .. } => EngineErrorKind::Internal,
        }
    }

    pub(crate) fn computation(operation: &'static str) -> impl Fn(ArrowError) -> Self {
        move |error| Self::Computation { operation, error }
    }

    pub(crate) fn column_type(
        operation: &'static str,
        expected: impl ToString,
        actual: &arrow_schema::DataType,
    ) -> Self {
        Self::ColumnType { operation, expected: expected.to_string(), actual: actual.to_string() }
    }
}

fn connector_kind(error: &ConnectorError) -> EngineErrorKind {
    match error {
        ConnectorError::Data { .. } => EngineErrorKind::Data,
        ConnectorError::Declaration { .. } => EngineErrorKind::Plan,
        ConnectorError::Unreachable { .. }
        | ConnectorError::Refused { .. }
        | ConnectorError::NotFound { .. } => EngineErrorKind::Connector,
    }
}

fn at_split(split: Option<&SplitId>, position: Option<Position>) -> String {
    match (split, position) {
        (Some(split), Some(position)) => format!(", split {split}, position {}", position.0),
        (Some(split), None) => format!(", split {split}"),
        _ => String::new(),
    }
}
