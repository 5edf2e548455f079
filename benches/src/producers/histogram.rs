//! Durations in buckets of equal relative width, as in an HdrHistogram: up to a day in microseconds, to 0.8 %.
//!
//! Values below 128 µs have a bucket each; from there on, every power of two has 128 buckets. The crate `hdrhistogram` does more (its own
//! formats, resizing, corrections after the fact) than the thirty lines that are needed here.

use std::time::Duration;

/// Buckets of a power of two, as a power of two.
const FINENESS: u32 = 7;
const POWERS: u32 = 37 - FINENESS;

/// How many durations fell into each bucket.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; (POWERS as usize + 1) << FINENESS], total: 0 }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, duration: Duration) {
        let last = self.counts.len() - 1;
        self.counts[bucket(duration.as_micros() as u64).min(last)] += 1;
        self.total += 1;
    }

    pub(crate) fn with(mut self, other: Self) -> Self {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
        self
    }

    /// The duration that a share of all did not exceed, in milliseconds; not a number when there are none.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        if self.total == 0 {
            return f64::NAN;
        }
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut counted = 0;
        let reached = |count: &u64| {
            counted += count;
            counted >= wanted
        };
        let bucket = self.counts.iter().position(reached).unwrap_or(self.counts.len() - 1);
        largest_micros(bucket) as f64 / 1e3
    }
}

fn bucket(micros: u64) -> usize {
    // How far to shift until the value is below twice the number of buckets of a power.
    let power = (u64::BITS - micros.leading_zeros()).saturating_sub(FINENESS + 1);
    ((power as usize) << FINENESS) + (micros >> power) as usize
}

/// The largest value of a bucket.
fn largest_micros(bucket: usize) -> u64 {
    let power = (bucket >> FINENESS).saturating_sub(1);
    let place = (bucket - (power << FINENESS)) as u64;
    ((place + 1) << power) - 1
}

#[cfg(test)]
mod tests;
