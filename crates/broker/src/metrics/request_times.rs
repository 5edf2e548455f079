//! How long requests took, exactly enough for quantiles: eight buckets for each doubling, from 12 µs to 52 s, so that a quantile is off by an eighth at most.
//!
//! Counting is two additions without a lock. Quantiles are those of the last minutes, as in Apache Kafka, whose samples fade: whoever reads them leaves behind
//! what was counted until then, and later readings subtract it.

use std::array;
use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Buckets of one doubling.
const STEPS: u64 = 8;
const STEPS_LOG2: u32 = STEPS.trailing_zeros();
/// Times are counted in units of 1562.5 ns: 64 of them are 100 µs, so that buckets end where those of the histogram do.
const UNITS_PER_NS: (u64, u64) = (2, 3125);
/// Longer times count as just below it: 52 s.
const UNITS_MAX: u64 = 1 << 25;
const BUCKETS: usize = 184;

/// Bounds of the histogram, in units and in seconds.
const HISTOGRAM_BOUNDS: usize = 10;

/// What quantiles reach back to.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Between two counts that are left behind.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(60);

/// The quantiles that are shown, as the JMX exporter's examples for Kafka write them.
pub(super) const QUANTILES: [(f64, &str); 6] =
    [(0.5, "0.50"), (0.75, "0.75"), (0.95, "0.95"), (0.98, "0.98"), (0.99, "0.99"), (0.999, "0.999")];

type Counts = [u64; BUCKETS];

/// Times of one kind of request.
#[derive(Debug, Default)]
pub(crate) struct RequestTimes {
    /// Made with the first request: many APIs are never used.
    counted: OnceLock<Box<Counted>>,
}

#[derive(Debug)]
struct Counted {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    /// Earlier counts, the oldest first.
    earlier: Mutex<VecDeque<(Instant, Box<Counts>)>>,
}

/// What was counted since the start.
#[derive(Debug, PartialEq)]
pub(super) struct Histogram {
    pub(super) sum_seconds: f64,
    pub(super) count: u64,
    /// Upper bounds in seconds with the requests below it that no lower bound has; the last is without bound.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl RequestTimes {
    pub(crate) fn observe(&self, took: Duration) {
        let counted = self.counted.get_or_init(|| {
            Box::new(Counted {
                buckets: array::from_fn(|_| AtomicU64::new(0)),
                sum_us: AtomicU64::new(0),
                earlier: Mutex::default(),
            })
        });
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        counted.buckets[bucket_of(took_ns)].fetch_add(1, Ordering::Relaxed);
        counted.sum_us.fetch_add(took_ns / 1000, Ordering::Relaxed);
    }

    /// The histogram, if there was a request.
    pub(super) fn histogram(&self) -> Option<Histogram> {
        let counted = self.counted.get()?;
        let counts = counted.counts();
        let mut buckets = Vec::with_capacity(HISTOGRAM_BOUNDS + 1);
        let mut from = 0;
        for step in 0..HISTOGRAM_BOUNDS {
            let bound_ns = 100_000 << (2 * step);
            let to = bucket_of(bound_ns);
            buckets.push((Duration::from_nanos(bound_ns).as_secs_f64(), counts[from..to].iter().sum()));
            from = to;
        }
        buckets.push((f64::MAX, counts[from..].iter().sum()));
        let sum_seconds = Duration::from_micros(counted.sum_us.load(Ordering::Relaxed)).as_secs_f64();
        Some(Histogram { sum_seconds, count: counts.iter().sum(), buckets })
    }

    /// [`QUANTILES`] of the last minutes, in milliseconds; those since the start where there was no request meanwhile.
    pub(super) fn quantiles_ms(&self, now: Instant) -> Option<[f64; QUANTILES.len()]> {
        let counted = self.counted.get()?;
        let counts = counted.counts();
        let mut recent = counts;
        let mut earlier = counted.earlier.lock();
        let age = |entry: Option<&(Instant, _)>| entry.map(|(at, _)| now.saturating_duration_since(*at));
        while age(earlier.get(1)).is_some_and(|age| age >= WINDOW) {
            earlier.pop_front();
        }
        if let Some((at, before)) = earlier.front()
            && now.saturating_duration_since(*at) >= WINDOW
            && **before != counts
        {
            recent
                .iter_mut()
                .zip(before.iter())
                .for_each(|(count, before)| *count = count.saturating_sub(*before));
        }
        if age(earlier.back()).is_none_or(|age| age >= SNAPSHOT_INTERVAL) {
            earlier.push_back((now, Box::new(counts)));
        }
        Some(QUANTILES.map(|(quantile, _)| quantile_ms(&recent, quantile)))
    }
}

impl Counted {
    fn counts(&self) -> Counts {
        array::from_fn(|index| self.buckets[index].load(Ordering::Relaxed))
    }
}

fn bucket_of(took_ns: u64) -> usize {
    let (numerator, denominator) = UNITS_PER_NS;
    let units = (took_ns.saturating_mul(numerator) / denominator).min(UNITS_MAX - 1);
    if units < STEPS {
        return units as usize;
    }
    let shift = units.ilog2() - STEPS_LOG2;
    (STEPS * u64::from(shift) + (units >> shift)) as usize
}

/// Where a bucket begins, in units.
fn start_of(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket as f64;
    }
    let shift = bucket / STEPS - 1;
    ((STEPS + bucket % STEPS) << shift) as f64
}

/// A quantile, as if the requests of a bucket were spread evenly over it.
fn quantile_ms(counts: &Counts, quantile: f64) -> f64 {
    let rank = quantile * counts.iter().sum::<u64>() as f64;
    let mut below = 0.0;
    for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = *count as f64;
        if below + count >= rank {
            let (start, end) = (start_of(bucket), start_of(bucket + 1));
            let units = start + (end - start) * (rank - below) / count;
            let (numerator, denominator) = UNITS_PER_NS;
            return units * denominator as f64 / numerator as f64 / 1e6;
        }
        below += count;
    }
    0.0
}

#[cfg(test)]
mod tests;
