//! COUNT: rows, or non-null arguments.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array};

use super::{Accumulator, GroupId, for_each_valid, state};
use crate::error::EngineError;

/// State: one BIGINT.
#[derive(Debug, Default)]
pub(super) struct Count {
    counts: Vec<i64>,
}

impl Accumulator for Count {
    fn resize(&mut self, groups: usize) {
        if groups > self.counts.len() {
            self.counts.resize(groups, 0);
        }
    }

    fn update(
        &mut self,
        values: Option<&ArrayRef>,
        groups: &[GroupId],
        weights: Option<&[i8]>,
    ) -> Result<(), EngineError> {
        let counts = &mut self.counts;
        let nullable = values.filter(|values| values.null_count() > 0);
        match (nullable, weights) {
            (None, None) => groups.iter().for_each(|group| counts[*group as usize] += 1),
            (None, Some(weights)) => {
                groups.iter().zip(weights).for_each(|(group, weight)| {
                    counts[*group as usize] += i64::from(*weight);
                });
            }
            (Some(values), weights) => for_each_valid(values, groups.len(), |row| {
                counts[groups[row] as usize] += weights.map_or(1, |weights| i64::from(weights[row]));
            }),
        }
        Ok(())
    }

    fn states_of_rows(
        &self,
        values: Option<&ArrayRef>,
        rows: usize,
        weights: Option<&[i8]>,
    ) -> Result<Vec<ArrayRef>, EngineError> {
        let weight = |row: usize| weights.map_or(1, |weights| i64::from(weights[row]));
        let counts = match values.filter(|values| values.null_count() > 0) {
            None => (0..rows).map(weight).collect(),
            Some(values) => {
                let mut counts = vec![0; rows];
                for_each_valid(values, rows, |row| counts[row] = weight(row));
                counts
            }
        };
        Ok(vec![Arc::new(Int64Array::from(counts))])
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[GroupId]) -> Result<(), EngineError> {
        let counts = state::<Int64Array>(states, 0, "COUNT")?;
        for (group, count) in groups.iter().zip(counts.values()) {
            self.counts[*group as usize] += count;
        }
        Ok(())
    }

    fn read(&self, groups: &[GroupId]) -> Result<ArrayRef, EngineError> {
        let counts = groups.iter().map(|group| self.counts[*group as usize]);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    fn free(&mut self, groups: &[GroupId]) {
        groups.iter().for_each(|group| self.counts[*group as usize] = 0);
    }

    fn clear(&mut self) {
        self.counts.clear();
    }

    fn encode(&self, groups: &[GroupId]) -> Result<Vec<ArrayRef>, EngineError> {
        Ok(vec![self.read(groups)?])
    }

    fn state_columns(&self) -> usize {
        1
    }
}
