//! What flows between operators: batches of weighted rows, watermarks and epoch barriers.

use arrow_array::{Int8Array, Int64Array, RecordBatch};

/// A point in event time or in wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampMs(pub i64);

impl TimestampMs {
    /// Before every event: the watermark of a partition that has not spoken yet.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event: the watermark of an input that has ended.
    pub const MAX: Self = Self(i64::MAX);
}

/// The number of a checkpoint of a pipeline, counted from 1 and rising by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// Rows, and what the engine knows about each of them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The columns.
    pub rows: RecordBatch,
    /// +1 for an insertion and −1 for a retraction, a value per row; `None` means that every row is an insertion, so
    /// that append-only streams carry nothing.
    pub weights: Option<Int8Array>,
    /// Per row, the event-time watermark (milliseconds) of its partition just before the row; `None` means that no row
    /// of this batch lies behind the watermark that preceded it, so that no window can have closed on it in its own
    /// partition. Lateness is judged by this column and never by where a batch happens to end.
    pub watermarks: Option<Int64Array>,
}

impl Batch {
    /// A batch of insertions of which none is behind its partition's watermark.
    pub fn append_only(rows: RecordBatch) -> Self {
        Self { rows, weights: None, watermarks: None }
    }

    /// The number of rows, retractions included.
    pub fn row_count(&self) -> usize {
        self.rows.num_rows()
    }
}

/// One item of a stream between two operators.
#[expect(clippy::large_enum_variant, reason = "moved once per batch of thousands of rows")]
#[derive(Debug, Clone)]
pub enum Element {
    /// Rows.
    Batch(Batch),
    /// No row that follows has an event time at or below this one, late rows excepted.
    Watermark(TimestampMs),
    /// Everything before belongs to this epoch or an earlier one.
    Barrier(Epoch),
}
