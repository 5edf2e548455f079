//! The current watermarks of a source's splits, where every split's task can see those of the others.

use std::sync::atomic::{AtomicI64, Ordering};

/// One cell per split. A cell of `i64::MAX` holds nobody back: the split is idle or has ended.
///
/// A reader may see another split's value a moment late. That only makes a row look *less* late than it is, and the
/// global phase, which sees watermarks in their order, decides then.
#[derive(Debug)]
pub(crate) struct WatermarkBoard {
    cells: Vec<AtomicI64>,
}

impl WatermarkBoard {
    pub(crate) fn new(splits: usize) -> Self {
        Self { cells: (0..splits).map(|_| AtomicI64::new(i64::MIN)).collect() }
    }

    pub(crate) fn publish(&self, split: usize, watermark_ms: i64) {
        if let Some(cell) = self.cells.get(split) {
            cell.store(watermark_ms, Ordering::Relaxed);
        }
    }

    /// The smallest watermark of all splits but `split`; `i64::MAX` when none of them holds back.
    pub(crate) fn others(&self, split: usize) -> i64 {
        let others = self.cells.iter().enumerate().filter(|(index, _)| *index != split);
        others.map(|(_, cell)| cell.load(Ordering::Relaxed)).min().unwrap_or(i64::MAX)
    }
}
