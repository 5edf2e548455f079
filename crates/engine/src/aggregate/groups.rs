//! The groups of one phase of one task: the table and the states beside it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow_select::filter::{filter, prep_null_mask_filter};

use super::partials::{Panes, PartialBatch};
use super::spec::{AggregateSpec, StateColumn};
use crate::accumulator::GroupId;
use crate::error::EngineError;
use crate::key::{ByteWord, Freed, GroupTable, KeyBlock, KeyCodec, Keys, PaneSlot};

#[derive(Debug)]
enum Table {
    Integer(GroupTable<i64>),
    Bytes(GroupTable<ByteWord>),
}

macro_rules! on_table {
    ($table:expr, $bound:ident => $body:expr) => {
        match $table {
            Table::Integer($bound) => $body,
            Table::Bytes($bound) => $body,
        }
    };
}

/// Groups by (key, pane), with the sum of their rows' weights and the states of their aggregates.
#[derive(Debug)]
pub(super) struct Groups {
    table: Table,
    weights: Vec<i64>,
    states: Vec<StateColumn>,
    /// Scratch: the groups of the rows at hand, and the slots of their panes.
    assigned: Vec<GroupId>,
    slots: Vec<PaneSlot>,
}

fn mismatch() -> EngineError {
    EngineError::column_type("group key", "keys of the operator's shape", &arrow_schema::DataType::Null)
}

impl Groups {
    pub(super) fn new(spec: &AggregateSpec, states: Vec<StateColumn>) -> Self {
        let table = match spec.codec {
            KeyCodec::Global | KeyCodec::Integer(_) => Table::Integer(GroupTable::new()),
            KeyCodec::Text(_) | KeyCodec::Row(_) => Table::Bytes(GroupTable::new()),
        };
        Self { table, weights: Vec::new(), states, assigned: Vec::new(), slots: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        on_table!(&self.table, table => table.len())
    }

    pub(super) fn panes(&self) -> Vec<(i64, PaneSlot)> {
        on_table!(&self.table, table => table.panes().collect())
    }

    pub(super) fn groups_of(&self, slot: PaneSlot) -> &[GroupId] {
        on_table!(&self.table, table => table.groups(slot))
    }

    pub(super) fn start_ms(&self, slot: PaneSlot) -> i64 {
        on_table!(&self.table, table => table.start_ms(slot))
    }

    pub(super) fn retire(&mut self, slot: PaneSlot) {
        on_table!(&mut self.table, table => table.retire(slot));
    }

    /// Finds the groups of rows and leaves them in `assigned`.
    fn assign(&mut self, keys: &Keys, hashes: &[u64], panes: &Panes) -> Result<(), EngineError> {
        fn rows<W: crate::key::Word>(
            table: &mut GroupTable<W>,
            keys: &KeyBlock<W>,
            hashes: &[u64],
            panes: &Panes,
            slots: &mut Vec<PaneSlot>,
            assigned: &mut Vec<GroupId>,
        ) {
            match panes {
                Panes::One(start_ms) => {
                    let slot = table.slot(*start_ms);
                    table.assign(keys, hashes, slot, assigned);
                }
                Panes::Each(starts) => {
                    slots.clear();
                    let mut last: Option<(i64, PaneSlot)> = None;
                    slots.extend(starts.iter().map(|start_ms| match last {
                        Some((known, slot)) if known == *start_ms => slot,
                        _ => {
                            let slot = table.slot(*start_ms);
                            last = Some((*start_ms, slot));
                            slot
                        }
                    }));
                    table.assign_each(keys, hashes, slots, assigned);
                }
            }
        }
        self.assigned.clear();
        let (slots, assigned) = (&mut self.slots, &mut self.assigned);
        let bound = match (&mut self.table, keys) {
            (Table::Integer(table), Keys::Integer(keys)) => {
                rows(table, keys, hashes, panes, slots, assigned);
                table.group_bound()
            }
            (Table::Bytes(table), Keys::Bytes(keys)) => {
                rows(table, keys, hashes, panes, slots, assigned);
                table.group_bound()
            }
            _ => return Err(mismatch()),
        };
        if bound > self.weights.len() {
            self.weights.resize(bound, 0);
        }
        for state in &mut self.states {
            if let StateColumn::Function(accumulator) = state {
                accumulator.resize(bound);
            }
        }
        Ok(())
    }

    /// Takes rows.
    pub(super) fn update(
        &mut self,
        spec: &AggregateSpec,
        rows: &RecordBatch,
        row_weights: Option<&[i8]>,
        keys: &Keys,
        hashes: &[u64],
        panes: &Panes,
    ) -> Result<(), EngineError> {
        self.assign(keys, hashes, panes)?;
        let (assigned, weights) = (&self.assigned, &mut self.weights);
        match row_weights {
            None => assigned.iter().for_each(|group| weights[*group as usize] += 1),
            Some(row_weights) => assigned.iter().zip(row_weights).for_each(|(group, weight)| {
                weights[*group as usize] += i64::from(*weight);
            }),
        }
        for (call, state) in spec.calls.iter().zip(&mut self.states) {
            let StateColumn::Function(accumulator) = state else { continue };
            let values = call.input.map(|column| rows.column(column));
            let Some(column) = call.filter else {
                accumulator.update(values, assigned, row_weights)?;
                continue;
            };
            let mask = selection(rows.column(column))?;
            let values = values.map(|values| filter(values, &mask)).transpose();
            let values = values.map_err(EngineError::computation("FILTER"))?;
            let groups: Vec<GroupId> = mask.values().set_indices().map(|row| assigned[row]).collect();
            let chosen: Option<Vec<i8>> =
                row_weights.map(|weights| mask.values().set_indices().map(|row| weights[row]).collect());
            accumulator.update(values.as_ref(), &groups, chosen.as_deref())?;
        }
        Ok(())
    }

    /// The partial states of rows that are not grouped.
    pub(super) fn states_of_rows(
        &self,
        spec: &AggregateSpec,
        rows: &RecordBatch,
        row_weights: Option<&[i8]>,
    ) -> Result<Vec<ArrayRef>, EngineError> {
        let mut columns = Vec::new();
        for (call, state) in spec.calls.iter().zip(&self.states) {
            let StateColumn::Function(accumulator) = state else { continue };
            let values = call.input.map(|column| rows.column(column));
            let Some(column) = call.filter else {
                columns.extend(accumulator.states_of_rows(values, rows.num_rows(), row_weights)?);
                continue;
            };
            // A row that the filter leaves out is one of weight 0, or of a null argument: neither changes a state.
            let mask = selection(rows.column(column))?;
            let (values, weights) = match values {
                Some(values) => {
                    let outside =
                        arrow_arith::boolean::not(&mask).map_err(EngineError::computation("FILTER"))?;
                    let nulled = arrow_select::nullif::nullif(values, &outside);
                    (
                        Some(nulled.map_err(EngineError::computation("FILTER"))?),
                        row_weights.map(Cow::Borrowed),
                    )
                }
                None => {
                    let weight = |row: usize| row_weights.map_or(1, |weights| weights[row]);
                    let weights =
                        (0..rows.num_rows()).map(|row| if mask.value(row) { weight(row) } else { 0 });
                    (None, Some(Cow::Owned(weights.collect::<Vec<i8>>())))
                }
            };
            columns.extend(accumulator.states_of_rows(
                values.as_ref(),
                rows.num_rows(),
                weights.as_deref(),
            )?);
        }
        Ok(columns)
    }

    /// Takes partial states.
    pub(super) fn merge(&mut self, partials: &PartialBatch) -> Result<(), EngineError> {
        self.assign(&partials.keys, &partials.hashes, &partials.panes)?;
        let (assigned, weights) = (&self.assigned, &mut self.weights);
        match &partials.weights {
            None => assigned.iter().for_each(|group| weights[*group as usize] += 1),
            Some(partial_weights) => assigned.iter().zip(partial_weights).for_each(|(group, weight)| {
                weights[*group as usize] += weight;
            }),
        }
        let mut columns = partials.states.as_slice();
        for state in &mut self.states {
            let StateColumn::Function(accumulator) = state else { continue };
            let (own, rest) = columns.split_at_checked(accumulator.state_columns()).ok_or_else(mismatch)?;
            accumulator.merge(own, assigned)?;
            columns = rest;
        }
        Ok(())
    }

    fn keys(&self, groups: &[GroupId]) -> (Keys, Vec<u64>) {
        match &self.table {
            Table::Integer(table) => {
                let (keys, hashes) = table.keys(groups);
                (Keys::Integer(keys), hashes)
            }
            Table::Bytes(table) => {
                let (keys, hashes) = table.keys(groups);
                (Keys::Bytes(keys), hashes)
            }
        }
    }

    /// The partial states of all groups, pane after pane.
    pub(super) fn encode(&self) -> Result<PartialBatch, EngineError> {
        let mut panes = self.panes();
        panes.sort_unstable_by_key(|(start_ms, _)| *start_ms);
        let groups: Vec<GroupId> =
            panes.iter().flat_map(|(_, slot)| self.groups_of(*slot)).copied().collect();
        let column = match panes.as_slice() {
            [(start_ms, _)] => Panes::One(*start_ms),
            _ => {
                let starts = panes
                    .iter()
                    .flat_map(|(start_ms, slot)| std::iter::repeat_n(*start_ms, self.groups_of(*slot).len()));
                Panes::Each(starts.collect())
            }
        };
        let (keys, hashes) = self.keys(&groups);
        let mut states = Vec::new();
        for state in &self.states {
            if let StateColumn::Function(accumulator) = state {
                states.extend(accumulator.encode(&groups)?);
            }
        }
        let weights = groups.iter().map(|group| self.weights[*group as usize]).collect();
        Ok(PartialBatch { keys, hashes, panes: column, weights: Some(weights), states })
    }

    /// The key and aggregate columns of groups; groups whose rows were all taken back are left out.
    pub(super) fn read(
        &self,
        spec: &AggregateSpec,
        groups: &[GroupId],
    ) -> Result<(Vec<ArrayRef>, usize), EngineError> {
        let present: Cow<'_, [GroupId]> = if spec.retracting {
            groups.iter().filter(|group| self.weights[**group as usize] > 0).copied().collect()
        } else {
            Cow::Borrowed(groups)
        };
        let (keys, _) = self.keys(&present);
        let mut columns = spec.codec.decode(&keys)?;
        for state in &self.states {
            columns.push(match state {
                StateColumn::Weights => {
                    let counts = present.iter().map(|group| self.weights[*group as usize]);
                    Arc::new(Int64Array::from_iter_values(counts))
                }
                StateColumn::Function(accumulator) => accumulator.read(&present)?,
            });
        }
        Ok((columns, present.len()))
    }

    /// Drops a retired pane.
    pub(super) fn drop_pane(&mut self, slot: PaneSlot) {
        match on_table!(&mut self.table, table => table.drop_pane(slot)) {
            Freed::All => self.clear(),
            Freed::Groups(groups) => {
                groups.iter().for_each(|group| self.weights[*group as usize] = 0);
                for state in &mut self.states {
                    if let StateColumn::Function(accumulator) = state {
                        accumulator.free(&groups);
                    }
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        on_table!(&mut self.table, table => table.clear());
        self.weights.clear();
        for state in &mut self.states {
            if let StateColumn::Function(accumulator) = state {
                accumulator.clear();
            }
        }
    }
}

/// A boolean column without nulls, which count as false.
fn selection(column: &ArrayRef) -> Result<BooleanArray, EngineError> {
    let mask = column
        .as_boolean_opt()
        .ok_or_else(|| EngineError::column_type("FILTER", "BOOLEAN", column.data_type()))?;
    Ok(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() })
}
