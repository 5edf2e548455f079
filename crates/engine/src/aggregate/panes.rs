//! Panes of rows, and which rows come too late for theirs.

use arrow_array::Int64Array;

use super::partials::Panes;
use crate::window::Tumble;

/// The panes of times without nulls, and the first and the last of them. A batch whose smallest and largest time
/// share a pane needs no division per row.
pub(super) fn assign(tumble: Tumble, times_ms: &[i64]) -> (Panes, i64, i64) {
    let (mut min_ms, mut max_ms) = (i64::MAX, i64::MIN);
    for time_ms in times_ms {
        min_ms = min_ms.min(*time_ms);
        max_ms = max_ms.max(*time_ms);
    }
    if times_ms.is_empty() {
        return (Panes::Each(Vec::new()), i64::MAX, i64::MIN);
    }
    let (first, last) = (tumble.start_of(min_ms), tumble.start_of(max_ms));
    if first == last {
        return (Panes::One(first), first, last);
    }
    let second = first.saturating_add(tumble.size_ms);
    if second == last {
        let starts = times_ms.iter().map(|time_ms| if *time_ms < second { first } else { second });
        return (Panes::Each(starts.collect()), first, last);
    }
    let (mut start, mut last_ms) = (first, tumble.last_ms(first));
    let starts = times_ms.iter().map(|time_ms| {
        if *time_ms < start || *time_ms > last_ms {
            start = tumble.start_of(*time_ms);
            last_ms = tumble.last_ms(start);
        }
        start
    });
    (Panes::Each(starts.collect()), first, last)
}

/// Which rows are kept; `None`: all of them. A row is late when the watermark before it – the smaller one of its
/// split's and of the other splits' – has closed its pane. `watermarks` is the column of
/// [`crate::element::Batch::watermarks`].
pub(super) fn in_time(
    tumble: Tumble,
    panes: &Panes,
    watermarks: &Int64Array,
    others_ms: i64,
) -> Option<Vec<bool>> {
    let kept = |start_ms: i64, watermark_ms: i64| tumble.last_ms(start_ms) > watermark_ms.min(others_ms);
    let kept: Vec<bool> = match panes {
        Panes::One(start_ms) => {
            watermarks.values().iter().map(|watermark_ms| kept(*start_ms, *watermark_ms)).collect()
        }
        Panes::Each(starts) => starts
            .iter()
            .zip(watermarks.values())
            .map(|(start_ms, watermark_ms)| kept(*start_ms, *watermark_ms))
            .collect(),
    };
    kept.contains(&false).then_some(kept)
}

/// Which rows lie in panes that end after `horizon_ms`; `None`: all of them.
pub(super) fn after_horizon(
    tumble: Tumble,
    panes: &Panes,
    rows: usize,
    horizon_ms: i64,
) -> Option<Vec<bool>> {
    let kept: Vec<bool> = match panes {
        Panes::One(start_ms) if tumble.last_ms(*start_ms) > horizon_ms => return None,
        Panes::One(_) => vec![false; rows],
        Panes::Each(starts) => starts.iter().map(|start_ms| tumble.last_ms(*start_ms) > horizon_ms).collect(),
    };
    kept.contains(&false).then_some(kept)
}
