//! What becomes of records that cannot be decoded and rows that have no value, in one task.

use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::builder::{BinaryViewBuilder, Int64Builder, StringViewBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};

use crate::connector::bad_row_schema;
use crate::element::{Batch, Epoch};
use crate::error::EngineError;
use crate::operator::{Prepared, SinkEnd};
use crate::pipeline::SourceMetrics;
use crate::source::{BadRow, Position, SplitId};

/// The characters of a row that a message shows at most.
const ROW_TEXT_MAX: usize = 1_000;

/// The policy for bad rows with its writer.
#[derive(Debug)]
pub(crate) enum Policy {
    Fail,
    Skip,
    DeadLetter(SinkEnd),
}

/// The bad rows of one task.
#[derive(Debug)]
pub(crate) struct BadRows {
    policy: Policy,
    metrics: Arc<SourceMetrics>,
    pending: Vec<BadRow>,
}

impl BadRows {
    pub(crate) fn new(policy: Policy, metrics: Arc<SourceMetrics>) -> Self {
        Self { policy, metrics, pending: Vec::new() }
    }

    /// Takes a bad row.
    pub(crate) fn take(&mut self, row: BadRow) -> Result<(), EngineError> {
        if matches!(self.policy, Policy::Fail) {
            return Err(EngineError::BadRow {
                source_name: self.metrics.name.clone(),
                split: Some(row.split),
                position: Some(row.position),
                reason: row.reason,
            });
        }
        self.metrics.add_bad(&row);
        if matches!(self.policy, Policy::DeadLetter(_)) {
            self.pending.push(row);
        }
        Ok(())
    }

    /// Takes a bad row behind an exchange, which no longer knows its split: in the dead-letter schema the split is
    /// empty and the position −1.
    pub(crate) fn take_anonymous(&mut self, reason: String) -> Result<(), EngineError> {
        if matches!(self.policy, Policy::Fail) {
            let source_name = self.metrics.name.clone();
            return Err(EngineError::BadRow { source_name, split: None, position: None, reason });
        }
        self.take(BadRow { split: SplitId("".into()), position: Position(-1), key: None, raw: None, reason })
    }

    /// Writes what was taken to the dead-letter sink.
    pub(crate) fn flush(&mut self) -> Result<(), EngineError> {
        match &mut self.policy {
            Policy::DeadLetter(sink) if !self.pending.is_empty() => {
                let rows = bad_row_batch(&self.pending)?;
                self.pending.clear();
                sink.write(&Batch::append_only(rows))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), EngineError>> {
        match &mut self.policy {
            Policy::DeadLetter(sink) => sink.poll_ready(context),
            _ => Poll::Ready(Ok(())),
        }
    }

    pub(crate) fn seal(&mut self, epoch: Epoch) -> Result<(), EngineError> {
        match &mut self.policy {
            Policy::DeadLetter(sink) => sink.seal(epoch),
            _ => Ok(()),
        }
    }

    pub(crate) fn poll_prepared(
        &mut self,
        context: &mut Context<'_>,
    ) -> Result<Option<Prepared>, EngineError> {
        match &mut self.policy {
            Policy::DeadLetter(sink) => sink.poll_prepared(context),
            _ => Ok(None),
        }
    }
}

/// Bad rows in the dead-letter schema.
fn bad_row_batch(rows: &[BadRow]) -> Result<RecordBatch, EngineError> {
    let mut splits = StringViewBuilder::with_capacity(rows.len());
    let mut positions = Int64Builder::with_capacity(rows.len());
    let mut keys = BinaryViewBuilder::with_capacity(rows.len());
    let mut raws = BinaryViewBuilder::with_capacity(rows.len());
    let mut reasons = StringViewBuilder::with_capacity(rows.len());
    for row in rows {
        splits.append_value(&row.split.0);
        positions.append_value(row.position.0);
        keys.append_option(row.key.as_deref());
        raws.append_option(row.raw.as_deref());
        reasons.append_value(&row.reason);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(splits.finish()),
        Arc::new(positions.finish()),
        Arc::new(keys.finish()),
        Arc::new(raws.finish()),
        Arc::new(reasons.finish()),
    ];
    RecordBatch::try_new(bad_row_schema(), columns).map_err(EngineError::computation("dead letter"))
}

/// A row's values as text: `{station: EWR, value: NULL}`, cut when it is very long.
pub(crate) fn row_text(rows: &RecordBatch, row: usize) -> String {
    let options = FormatOptions::default().with_null("NULL").with_display_error(true);
    let schema = rows.schema();
    let mut text = String::from("{");
    for (index, (field, column)) in schema.fields().iter().zip(rows.columns()).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(field.name());
        text.push_str(": ");
        match ArrayFormatter::try_new(column.as_ref(), &options) {
            Ok(formatter) => text.push_str(&formatter.value(row).to_string()),
            Err(_) => text.push('?'),
        }
        if let Some((cut, _)) = text.char_indices().nth(ROW_TEXT_MAX) {
            text.truncate(cut);
            text.push('…');
            break;
        }
    }
    text.push('}');
    text
}
