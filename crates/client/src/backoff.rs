//! Exponential backoff with jitter, as KIP-144 and KIP-580 have it: double per failure, within ±20 %, up to a limit.

use std::time::Duration;

/// Part of a delay that chance adds or takes.
const JITTER: f64 = 0.2;
/// Doublings after which the limit is reached with any sensible setting; keeps the shift small.
const DOUBLINGS_MAX: u32 = 20;

/// Delays between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The delay after the first failure.
    pub initial: Duration,
    /// The longest delay, before jitter.
    pub max: Duration,
}

impl Backoff {
    /// The delay after `failures` failures in a row (from 1); `chance` is uniform in 0..1.
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let delay = self.initial.saturating_mul(1 << doublings).min(self.max);
        delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0))
    }

    /// As [`Backoff::delay`], with the thread's random numbers.
    pub fn random_delay(&self, failures: u32) -> Duration {
        self.delay(failures, rand::random())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit_within_a_fifth() {
        let backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(1) };
        assert_eq!(backoff.delay(1, 0.5), Duration::from_millis(100));
        assert_eq!(backoff.delay(3, 0.5), Duration::from_millis(400));
        assert_eq!(backoff.delay(5, 0.5), Duration::from_secs(1));
        assert_eq!(backoff.delay(u32::MAX, 0.0), Duration::from_millis(800));
        assert_eq!(backoff.delay(u32::MAX, 1.0), Duration::from_millis(1200));
    }
}
