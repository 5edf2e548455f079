//! The global phase: partial states in, the groups of closed panes out.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::groups::Groups;
use super::partials::{Panes, PartialBatch};
use super::spec::AggregateSpec;
use crate::element::Batch;
use crate::error::EngineError;
use crate::key::PaneSlot;
use crate::pipeline::WindowMetrics;
use crate::plan::WindowProperty;
use crate::window::{Frontier, WatermarkStatus, timestamp_column};

/// Groups that leave in one batch.
const EMIT_ROWS: usize = 8_192;

/// Merges the partials of all upstream tasks on one worker.
#[derive(Debug)]
pub(crate) struct GlobalAggregate {
    spec: Arc<AggregateSpec>,
    groups: Groups,
    frontier: Frontier,
    metrics: Arc<WindowMetrics>,
    /// Due panes in their order, and how many groups of the first have left.
    due: VecDeque<PaneSlot>,
    emitted: usize,
}

impl GlobalAggregate {
    /// Begins with everything up to `horizon_ms` closed.
    pub(crate) fn new(
        spec: Arc<AggregateSpec>,
        node: usize,
        inputs: usize,
        horizon_ms: i64,
        metrics: Arc<WindowMetrics>,
    ) -> Result<Self, EngineError> {
        let states = spec.states().map_err(|message| EngineError::Plan { node, message })?;
        Ok(Self {
            groups: Groups::new(&spec, states),
            spec,
            frontier: Frontier::new(inputs, horizon_ms),
            metrics,
            due: VecDeque::new(),
            emitted: 0,
        })
    }

    /// Takes partials. Those of closed panes are late: an idle split came back, or splits raced.
    pub(crate) fn merge(&mut self, partials: PartialBatch) -> Result<(), EngineError> {
        let closed_ms = self.frontier.combined_ms();
        let is_closed = |start_ms: i64| self.spec.tumble.last_ms(start_ms) <= closed_ms;
        let late: Vec<bool> = match &partials.panes {
            Panes::One(start_ms) if is_closed(*start_ms) => vec![true; partials.rows()],
            Panes::One(_) => return self.groups.merge(&partials),
            Panes::Each(starts) => starts.iter().map(|start_ms| is_closed(*start_ms)).collect(),
        };
        if !late.contains(&true) {
            return self.groups.merge(&partials);
        }
        let weight = |row: usize| partials.weights.as_ref().map_or(1, |weights| weights[row].unsigned_abs());
        let late_rows = late.iter().enumerate().filter(|(_, late)| **late).map(|(row, _)| weight(row)).sum();
        self.metrics.add_late(late_rows);
        let rows: Vec<u32> = (0_u32..).zip(&late).filter(|(_, late)| !**late).map(|(row, _)| row).collect();
        if rows.is_empty() { Ok(()) } else { self.groups.merge(&partials.take(&rows)?) }
    }

    pub(crate) fn watermark(&mut self, input: usize, status: WatermarkStatus) {
        self.frontier.update(input, status);
        self.find_due();
    }

    pub(crate) fn end(&mut self, input: usize) {
        self.frontier.end(input);
        self.find_due();
    }

    pub(crate) fn find_due(&mut self) {
        let closed_ms = self.frontier.combined_ms();
        let mut due = self.groups.panes();
        due.retain(|(start_ms, slot)| {
            self.spec.tumble.last_ms(*start_ms) <= closed_ms && !self.due.contains(slot)
        });
        due.sort_unstable_by_key(|(start_ms, _)| *start_ms);
        self.due.extend(due.into_iter().map(|(_, slot)| slot));
    }

    /// The watermark that the output has once nothing is due: every pane up to it is closed.
    pub(crate) fn closed_ms(&self) -> i64 {
        self.frontier.combined_ms()
    }

    pub(crate) fn status(&self) -> WatermarkStatus {
        if self.frontier.is_idle() {
            WatermarkStatus::Idle
        } else {
            WatermarkStatus::Active(self.frontier.combined_ms())
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.frontier.has_ended()
    }

    /// The next rows of due panes; `None` when no pane is due any more.
    pub(crate) fn emit(&mut self) -> Result<Option<Batch>, EngineError> {
        while let Some(slot) = self.due.front().copied() {
            if self.emitted == 0 {
                self.groups.retire(slot);
            }
            let groups = self.groups.groups_of(slot);
            let chunk = self.emitted..groups.len().min(self.emitted + EMIT_ROWS);
            let (columns, rows) = self.groups.read(&self.spec, &groups[chunk.clone()])?;
            let batch = self.batch(columns, rows, self.groups.start_ms(slot))?;
            self.emitted = chunk.end;
            if chunk.end == groups.len() {
                self.due.pop_front();
                self.emitted = 0;
                self.groups.drop_pane(slot);
            }
            if rows > 0 {
                return Ok(Some(Batch::append_only(batch)));
            }
        }
        Ok(None)
    }

    fn batch(
        &self,
        mut columns: Vec<arrow_array::ArrayRef>,
        rows: usize,
        start_ms: i64,
    ) -> Result<RecordBatch, EngineError> {
        let fields = self.spec.output.fields().iter().skip(columns.len());
        let last_ms = self.spec.tumble.last_ms(start_ms);
        let mut properties = Vec::with_capacity(self.spec.properties.len());
        for (property, field) in self.spec.properties.iter().zip(fields) {
            let value_ms = match property {
                WindowProperty::Start => start_ms,
                WindowProperty::End => last_ms.saturating_add(1),
                WindowProperty::Time => last_ms,
            };
            properties.push(timestamp_column(vec![value_ms; rows], field.data_type(), "window")?);
        }
        columns.extend(properties);
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.spec.output), columns, &options)
            .map_err(EngineError::computation("window"))
    }
}
