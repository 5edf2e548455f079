//! What a split must keep for windows that are still open.
//!
//! For each open pane the position of the first read that touched it. An epoch commits the smallest of them, so that a
//! restart replays whatever an unclosed window still needs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::source::Position;

/// Panes between two attempts to forget closed ones.
const PRUNE_PANES: usize = 64;

/// How far one task of a window operator has closed its panes, in milliseconds.
pub(crate) type ClosedCell = Arc<AtomicI64>;

/// Last millisecond of a pane → first position that touched it.
#[derive(Debug)]
pub(crate) struct Retention {
    panes: BTreeMap<i64, Position>,
    /// The window tasks that the split feeds.
    closed: Arc<[ClosedCell]>,
    prune_at: usize,
}

impl Retention {
    pub(crate) fn new(closed: Arc<[ClosedCell]>) -> Self {
        Self { panes: BTreeMap::new(), closed, prune_at: PRUNE_PANES }
    }

    /// Notes that a read from `position` touched the pane that ends with `last_ms`. Positions never fall.
    pub(crate) fn touch(&mut self, last_ms: i64, position: Position) {
        self.panes.entry(last_ms).or_insert(position);
        if self.panes.len() >= self.prune_at {
            self.prune();
            self.prune_at = PRUNE_PANES.max(2 * self.panes.len());
        }
    }

    /// Forgets the panes that every window task has closed: the horizon of any later epoch is no smaller.
    fn prune(&mut self) {
        let closed_ms = self.closed.iter().map(|cell| cell.load(Ordering::Acquire)).min();
        if let Some(next_ms) = closed_ms.and_then(|closed_ms| closed_ms.checked_add(1)) {
            self.panes = self.panes.split_off(&next_ms);
        }
    }

    /// The panes at a barrier.
    pub(crate) fn snapshot(&mut self) -> BTreeMap<i64, Position> {
        self.prune();
        self.panes.clone()
    }
}

/// The smallest position that a pane after the horizon needs, at most `next`.
pub(crate) fn resume_position(panes: &BTreeMap<i64, Position>, horizon_ms: i64, next: Position) -> Position {
    let Some(open_from_ms) = horizon_ms.checked_add(1) else { return next };
    panes.range(open_from_ms..).map(|(_, position)| *position).min().map_or(next, |first| first.min(next))
}
