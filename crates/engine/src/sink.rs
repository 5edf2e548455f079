//! Where rows go.
//!
//! A [`SinkWriter`] takes batches on a worker thread without blocking and makes them durable in the outside by epoch:
//! [`SinkWriter::seal`] draws the line, and [`SinkWriter::poll_prepared`] is ready once everything before the line is
//! safe there (at least once), or staged to become visible with [`Sink::commit`] (exactly once).

mod collect;
mod tee;

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::connector::ConnectorError;
use crate::element::{Batch, Epoch};

pub use collect::Collect;
pub use tee::Tee;

/// The kinds of change that a sink can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangelogMode {
    /// Insertions alone.
    Append,
    /// The latest row per primary key, and deletions.
    Upsert,
    /// Insertions and retractions as they come.
    Retract,
}

/// What a sink still has to do once the epoch is committed; opaque to the engine and kept with the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committable(pub Bytes);

/// One of a sink's parallel writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterIndex {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

/// Writes rows. It lives on one worker thread.
pub trait SinkWriter: Send {
    /// Ready when there is room for another batch; otherwise registers the waker. This is where backpressure starts.
    ///
    /// # Errors
    /// When the outside refuses what was written before. An error ends the pipeline.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>>;

    /// Takes a batch; called after [`SinkWriter::poll_ready`] was ready.
    ///
    /// # Errors
    /// When a row cannot be encoded, or the outside refuses.
    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError>;

    /// Draws the line of `epoch`: whatever was written before belongs to it. Writes may follow at once.
    ///
    /// # Errors
    /// As [`SinkWriter::write`].
    fn seal(&mut self, epoch: Epoch) -> Result<(), ConnectorError>;

    /// Ready when all that was written before the oldest sealed line is acknowledged by the outside, or staged.
    /// Called only while a sealed epoch is outstanding.
    ///
    /// # Errors
    /// When the outside refuses.
    fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>>;
}

/// A table that can be written.
pub trait Sink: fmt::Debug + Send + Sync {
    /// What changes it takes.
    fn accepts(&self) -> ChangelogMode;

    /// Opens one of its writers. May block on the network.
    ///
    /// # Errors
    /// When the outside cannot be reached or lacks what is asked for.
    fn open(&self, writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError>;

    /// Makes staged output visible; may be called again with the same committables after a crash.
    ///
    /// # Errors
    /// When the outside refuses; it is tried again.
    fn commit(&self, committables: &[Committable]) -> Result<(), ConnectorError> {
        let _ = committables;
        Ok(())
    }
}
