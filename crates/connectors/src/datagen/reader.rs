//! The reader: makes rows no faster than the rate allows, and sleeps without holding a thread.

use std::hash::{BuildHasher, RandomState};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use millstream_engine::connector::ConnectorError;
use millstream_engine::source::{Position, Read, SourceBatch, SplitReader};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;

use super::generator::ColumnPlan;

/// The most rows that one read makes.
const MAX_BATCH_ROWS: i64 = 8192;

/// How long a wait for the rate lasts at least, so that a slow table does not wake a worker for every row.
const TICK: Duration = Duration::from_millis(10);

pub(super) struct Reader {
    schema: SchemaRef,
    plans: Vec<ColumnPlan>,
    /// The number of the next row.
    next: i64,
    rows: Option<i64>,
    rows_per_second: i64,
    started: Instant,
    /// The row number at `started`.
    first: i64,
    random: StdRng,
    runtime: Handle,
}

impl Reader {
    pub(super) fn new(
        schema: SchemaRef,
        plans: Vec<ColumnPlan>,
        start: i64,
        rows: Option<i64>,
        rows_per_second: i64,
        runtime: Handle,
    ) -> Self {
        // RandomState is the standard library's source of entropy; these rows need no better one.
        let random = StdRng::seed_from_u64(RandomState::new().hash_one(start));
        let started = Instant::now();
        Self { schema, plans, next: start, rows, rows_per_second, started, first: start, random, runtime }
    }

    /// Rows that the rate allows now.
    fn allowed(&self) -> i64 {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let due = elapsed_ms.saturating_mul(self.rows_per_second) / 1000;
        due.saturating_sub(self.next - self.first)
    }

    fn make(&mut self, count: i64) -> Result<SourceBatch, ConnectorError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let count_rows = usize::try_from(count).unwrap_or_default();
        let random = &mut self.random;
        let first = self.next;
        let columns = self.plans.iter().map(|plan| plan.generate(first, count_rows, now_ms, random));
        let options = RecordBatchOptions::new().with_row_count(Some(count_rows));
        let rows = columns
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| RecordBatch::try_new_with_options(self.schema.clone(), columns, &options))
            .map_err(|error| ConnectorError::Data { message: format!("datagen, row {first}: {error}") })?;
        self.next += count;
        Ok(SourceBatch {
            bytes: rows.get_array_memory_size() as u64,
            rows,
            first: Position(first),
            next: Position(self.next),
            bad_rows: Vec::new(),
            skipped_rows: 0,
        })
    }
}

impl SplitReader for Reader {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Read, ConnectorError>> {
        let remaining = self.rows.map_or(i64::MAX, |rows| rows - self.next);
        if remaining <= 0 {
            return Poll::Ready(Ok(Read::End));
        }
        let count = self.allowed().min(remaining).min(MAX_BATCH_ROWS);
        if count > 0 {
            return Poll::Ready(self.make(count).map(Read::Batch));
        }
        let waker = context.waker().clone();
        let row_ms = (1000 / self.rows_per_second).unsigned_abs();
        let wait = TICK.max(Duration::from_millis(row_ms));
        self.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            waker.wake();
        });
        Poll::Pending
    }

    fn remaining(&self) -> Option<u64> {
        self.rows.map(|rows| (rows - self.next).unsigned_abs())
    }
}
