//! The text that stands beside a committed offset: what a replay from there has to know.
//!
//! ```text
//! millstream:1 reached=4711 watermark=1357020000000 horizon=1357016400000 ended=false
//! ```
//!
//! Words may be added later; a reader passes over those it does not know. A text of somebody else's is no progress of
//! ours: the offset alone is taken then.

use millstream_engine::element::TimestampMs;
use millstream_engine::epoch::SplitProgress;
use millstream_engine::source::{Position, SplitId};

const MARK: &str = "millstream:1";

/// The text for a split's progress.
pub(super) fn encode(progress: &SplitProgress) -> String {
    format!(
        "{MARK} reached={} watermark={} horizon={} ended={}",
        progress.reached.0, progress.watermark.0, progress.horizon.0, progress.ended
    )
}

/// The progress that a committed offset and its text stand for.
pub(super) fn decode(source: &str, split: SplitId, offset: i64, text: &str) -> SplitProgress {
    let position = Position(offset);
    let mut progress = SplitProgress {
        source: source.to_owned(),
        split,
        position,
        reached: position,
        watermark: TimestampMs::MIN,
        horizon: TimestampMs::MIN,
        ended: false,
    };
    let Some(words) = text.strip_prefix(MARK) else { return progress };
    for word in words.split_ascii_whitespace() {
        let Some((name, value)) = word.split_once('=') else { continue };
        match (name, value.parse::<i64>(), value) {
            ("reached", Ok(number), _) => progress.reached = Position(number.max(offset)),
            ("watermark", Ok(number), _) => progress.watermark = TimestampMs(number),
            ("horizon", Ok(number), _) => progress.horizon = TimestampMs(number),
            ("ended", _, "true") => progress.ended = true,
            _ => {}
        }
    }
    progress
}

#[cfg(test)]
mod tests;
