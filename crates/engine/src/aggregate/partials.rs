//! What the local phase sends to the global one: keys, panes and partial states, a row per group.

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_select::take::take;

use crate::error::EngineError;
use crate::key::Keys;

/// The panes of rows, by their first milliseconds.
#[derive(Debug, Clone)]
pub(crate) enum Panes {
    /// All rows lie in one.
    One(i64),
    /// One per row.
    Each(Vec<i64>),
}

impl Panes {
    pub(crate) fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::One(start_ms) => Self::One(*start_ms),
            Self::Each(starts) => Self::Each(rows.iter().map(|row| starts[*row as usize]).collect()),
        }
    }
}

/// Partial states of groups. The hash of a key stands beside it; its shard follows from the hash
/// ([`crate::key::shard_of`]).
#[derive(Debug, Clone)]
pub(crate) struct PartialBatch {
    pub(crate) keys: Keys,
    pub(crate) hashes: Vec<u64>,
    pub(crate) panes: Panes,
    /// The sum of the weights of the rows behind each partial; `None`: one row of weight +1 each.
    pub(crate) weights: Option<Vec<i64>>,
    /// The encoded states of all aggregates, one after the other.
    pub(crate) states: Vec<ArrayRef>,
}

impl PartialBatch {
    pub(crate) fn rows(&self) -> usize {
        self.hashes.len()
    }

    /// An estimate of the memory it holds.
    pub(crate) fn bytes(&self) -> usize {
        let states: usize = self.states.iter().map(|state| state.get_array_memory_size()).sum();
        self.keys.bytes() + self.rows() * 24 + states
    }

    /// Some of the partials.
    pub(crate) fn take(&self, rows: &[u32]) -> Result<Self, EngineError> {
        let indices = UInt32Array::from(rows.to_vec());
        let states = self.states.iter().map(|state| take(state, &indices, None));
        Ok(Self {
            keys: self.keys.take(rows),
            hashes: rows.iter().map(|row| self.hashes[*row as usize]).collect(),
            panes: self.panes.take(rows),
            weights: self
                .weights
                .as_ref()
                .map(|weights| rows.iter().map(|row| weights[*row as usize]).collect()),
            states: states.collect::<Result<_, _>>().map_err(EngineError::computation("scatter"))?,
        })
    }
}
