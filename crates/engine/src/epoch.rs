//! What survives a restart: where each split resumes, kept outside the engine through [`EpochStore`].
//!
//! An epoch commits, per split, the smallest position that a window which is not yet closed still needs, together with
//! what makes the replay from there give the same windows again:
//!
//! ```text
//!   position ───────► reached            the split's log
//!   │                 │
//!   │  replayed:      │  new: rows are late by the running watermark
//!   │  rows of windows that end at or before `horizon` + 1 ms are dropped in silence,
//!   │  all others are taken, and the split holds its watermark at `horizon`
//! ```
//!
//! Once the replay passes `reached`, the split takes up `watermark` again.

use crate::connector::ConnectorError;
use crate::element::{Epoch, TimestampMs};
use crate::sink::Committable;
use crate::source::{Position, SplitId};

/// Where one split resumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitProgress {
    /// The source, by the name that the plan gives it.
    pub source: String,
    /// The split.
    pub split: SplitId,
    /// The smallest position that an unclosed window needs.
    pub position: Position,
    /// The position up to which rows were taken when the epoch was committed.
    pub reached: Position,
    /// The split's watermark at `reached`.
    pub watermark: TimestampMs,
    /// Every window whose last millisecond lies at or before this time was closed and its results acknowledged.
    pub horizon: TimestampMs,
    /// Whether the split had ended.
    pub ended: bool,
}

/// All that an epoch commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRecord {
    /// Its number.
    pub epoch: Epoch,
    /// One entry per split of every source.
    pub splits: Vec<SplitProgress>,
    /// What sinks still have to do.
    pub committables: Vec<Committable>,
    /// Whether the pipeline had finished: all its sources ended and all its results are acknowledged.
    pub finished: bool,
}

/// Makes a blocked call of an [`EpochStore`] return; see [`EpochStore::interrupter`].
pub type Interrupter = Box<dyn Fn() + Send + Sync>;

/// Keeps epochs. A pipeline has one, on one thread; calls may block on the network.
pub trait EpochStore: Send {
    /// The last committed epoch, if there is one.
    ///
    /// # Errors
    /// When the store cannot be reached or what it holds cannot be understood.
    fn restore(&mut self) -> Result<Option<EpochRecord>, ConnectorError>;

    /// Commits an epoch whose outputs are all acknowledged.
    ///
    /// # Errors
    /// When the store cannot be reached or has given the pipeline to somebody else.
    fn commit(&mut self, record: &EpochRecord) -> Result<(), ConnectorError>;

    /// What to call from another thread to make a commit that blocks return soon, with an error. A pipeline that is aborted calls it; whether
    /// the epoch was committed is then unknown, as after a crash. Without one an abort waits for the commit.
    fn interrupter(&self) -> Option<Interrupter> {
        None
    }
}
