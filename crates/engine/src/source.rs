//! Where rows come from.
//!
//! A [`Source`] is divided into *splits* (a topic's partition, a file). Each is read by one [`SplitReader`] inside one
//! worker's loop. A reader never blocks: with nothing at hand it registers the waker and returns `Pending`; whatever
//! does I/O for it lives on the connector's own threads behind a bounded queue.

mod memory;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;

use crate::connector::ConnectorError;

pub use memory::Memory;

/// The name of a split, stable across restarts and unique within its source, such as `raw-temperature-3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SplitId(pub Arc<str>);

impl fmt::Display for SplitId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A place between two rows of a split. The engine knows only that positions rise: for Kafka it is the offset of the
/// next record, for a file the number of records before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

/// A record that could not become a row, with all that is needed to find it, mend it and send it again.
#[derive(Debug, Clone)]
pub struct BadRow {
    /// The split it came from.
    pub split: SplitId,
    /// Its position in that split.
    pub position: Position,
    /// The key's bytes as they arrived, if the source has keys.
    pub key: Option<Bytes>,
    /// The record's bytes as they arrived.
    pub raw: Option<Bytes>,
    /// What is wrong, and where in the record.
    pub reason: String,
}

/// What one read of a split gave.
#[derive(Debug)]
pub struct SourceBatch {
    /// The rows, in the source's schema.
    pub rows: RecordBatch,
    /// The position of the first record that this read covered, bad ones included.
    pub first: Position,
    /// The position to resume at after this read.
    pub next: Position,
    /// The records of this read that could not be decoded, in order; what becomes of them is the pipeline's
    /// [`BadRowPolicy`](crate::plan::BadRowPolicy).
    pub bad_rows: Vec<BadRow>,
    /// Records that were passed over because the table's own options say so (`json.ignore-parse-errors`): counted as
    /// bad, and nothing else.
    pub skipped_rows: u64,
    /// Bytes taken from the outside for this read, for metrics.
    pub bytes: u64,
}

/// The answer of [`SplitReader::poll_next`].
#[derive(Debug)]
pub enum Read {
    /// The next rows; may be empty when only bad rows or control records were passed.
    Batch(SourceBatch),
    /// The split has no more rows and never will.
    End,
}

/// Reads one split. It lives on one worker thread.
pub trait SplitReader: Send {
    /// Takes the next rows, or registers the waker of `context` and returns `Pending`.
    ///
    /// An epoch leaves out a split that has not told a position yet, but waits for its first read. A reader that begins elsewhere than at the
    /// split's beginning therefore has to say where it stands with the first answer, if need be in a batch without rows: a
    /// restart would take the split for one that was added since.
    ///
    /// # Errors
    /// What the outside said, with the split and the position. An error ends the pipeline.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Read, ConnectorError>>;

    /// An estimate of the number of records that remain to the end of a bounded split, for progress bars.
    fn remaining(&self) -> Option<u64> {
        None
    }
}

/// A table that can be read. It is [`Any`], so that its connector can recognise its own among a plan's.
pub trait Source: Any + fmt::Debug + Send + Sync {
    /// The columns that readers yield, in order.
    fn schema(&self) -> SchemaRef;

    /// Whether every split ends.
    fn is_bounded(&self) -> bool;

    /// Lists the splits. May block on the network.
    ///
    /// # Errors
    /// When the outside cannot be reached or lacks what is asked for.
    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError>;

    /// Opens a split at `resume`, or where the source's own settings say to start.
    ///
    /// # Errors
    /// When the split does not exist (any more) or the position is no longer readable.
    fn open(&self, split: &SplitId, resume: Option<Position>)
    -> Result<Box<dyn SplitReader>, ConnectorError>;

    /// Opens a split that was not there when the epoch that is being resumed was committed, at its beginning: all that it holds came while
    /// the pipeline was down, also where the source's settings say to start behind what there is.
    ///
    /// # Errors
    /// As [`Source::open`].
    fn open_added(&self, split: &SplitId) -> Result<Box<dyn SplitReader>, ConnectorError> {
        self.open(split, None)
    }
}
