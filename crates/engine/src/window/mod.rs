//! Time: panes of windows, timestamps in milliseconds, and the watermark that several inputs allow together.

mod board;
mod frontier;
#[cfg(test)]
mod tests;
mod timestamps;

pub(crate) use board::WatermarkBoard;
pub(crate) use frontier::{Frontier, WatermarkStatus};
pub(crate) use timestamps::{milliseconds, timestamp_column};

/// Tumbling windows: `[offset + n·size, offset + (n+1)·size)`, each of them one pane named by its first millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tumble {
    /// In milliseconds, positive.
    pub(crate) size_ms: i64,
    /// In milliseconds.
    pub(crate) offset_ms: i64,
}

impl Tumble {
    /// The first millisecond of the pane that holds `time_ms`. Times within a pane's size of the ends of `i64` are
    /// taken as those ends.
    #[inline]
    pub(crate) fn start_of(self, time_ms: i64) -> i64 {
        let into_pane = time_ms.saturating_sub(self.offset_ms).rem_euclid(self.size_ms);
        time_ms.saturating_sub(into_pane)
    }

    /// The last millisecond of the pane that begins at `start_ms`.
    #[inline]
    pub(crate) fn last_ms(self, start_ms: i64) -> i64 {
        start_ms.saturating_add(self.size_ms - 1)
    }
}
