//! Rates against a reckoning that remembers every count, and the examples of Kafka's own tests.

use proptest::prelude::*;

use super::*;

const ELEVEN: Windows = Windows { samples: 11, window_ms: 1000 };

#[test]
fn a_first_burst_is_spread_over_the_windows_that_are_looked_at() {
    let mut rate = Rate::default();
    rate.record(ELEVEN, 1000.0, 500);
    // Ten seconds are taken to have gone by, so 1000 are 100 a second.
    assert_eq!(rate.per_second(ELEVEN, 500), 100.0);
    assert_eq!(rate.excess_ms(ELEVEN, 100.0, 500), 0);
    // At 50 a second 1000 take 20 seconds, of which 10 are there.
    assert_eq!(rate.excess_ms(ELEVEN, 50.0, 500), 10_000);
}

#[test]
fn after_the_excess_the_rate_is_the_limit_or_less() {
    let mut rate = Rate::default();
    for second in 0..=10 {
        rate.record(ELEVEN, 100.0, second * 1000);
    }
    rate.record(ELEVEN, 1000.0, 10_000);
    // 2100 over ten seconds, which at 100 a second take 21.
    let excess_ms = rate.excess_ms(ELEVEN, 100.0, 10_000);
    assert_eq!(excess_ms, 11_000);
    assert!(rate.excess_ms(ELEVEN, 100.0, 10_000 + excess_ms / 2) > 0);
    assert_eq!(rate.excess_ms(ELEVEN, 100.0, 10_000 + excess_ms), 0);
}

#[test]
fn what_is_taken_back_was_never_counted() {
    let mut rate = Rate::default();
    rate.record(ELEVEN, 70.0, 0);
    rate.record(ELEVEN, 500.0, 100);
    rate.record(ELEVEN, -500.0, 100);
    assert_eq!(rate.per_second(ELEVEN, 100), 70.0 / 10.1);
}

#[test]
fn a_bucket_is_full_at_first_and_pays_its_debts_at_the_rate_of_the_limit() {
    let mut bucket = TokenBucket::full(ELEVEN, 2.0, 1000);
    assert_eq!(bucket.tokens(ELEVEN, 2.0, 1000), 22.0);
    bucket.take(ELEVEN, 2.0, 30.0, 1000);
    assert_eq!(bucket.excess_ms(ELEVEN, 2.0, 1000), 4000);
    assert_eq!(bucket.excess_ms(ELEVEN, 2.0, 3000), 2000);
    assert_eq!(bucket.excess_ms(ELEVEN, 2.0, 5000), 0);
    assert_eq!(bucket.tokens(ELEVEN, 2.0, 1_000_000), 22.0, "no more than fits");
}

/// Every count since the start, with the window that it fell into.
#[derive(Default)]
struct Remembered {
    /// When the window began, when it was last added to, its sum.
    windows: Vec<(i64, i64, f64)>,
}

impl Remembered {
    fn record(&mut self, value: f64, now_ms: i64, window_ms: i64) {
        match self.windows.last_mut() {
            Some(last) if now_ms - last.0 < window_ms => {
                last.1 = now_ms;
                last.2 += value;
            }
            _ => self.windows.push((now_ms, now_ms, value)),
        }
    }

    /// The sum of the windows that reach into the time that is looked at, over that time.
    fn per_second(&self, windows: Windows, now_ms: i64) -> f64 {
        let span_ms = i64::from(windows.samples) * windows.window_ms;
        let seen: Vec<_> = self.windows.iter().filter(|(_, last_ms, _)| now_ms - last_ms < span_ms).collect();
        let sum: f64 = seen.iter().map(|(_, _, value)| value).sum();
        let elapsed_ms = seen.iter().map(|(started_ms, ..)| now_ms - started_ms).max().unwrap_or(0);
        let whole = elapsed_ms / windows.window_ms;
        let missing = (i64::from(windows.samples) - 1 - whole).max(0);
        sum * 1000.0 / ((elapsed_ms + missing * windows.window_ms).max(1) as f64)
    }
}

proptest! {
    #[test]
    fn a_rate_forgets_what_is_old_and_nothing_else(
        samples in 1_u32..6,
        counts in proptest::collection::vec((0_i64..2500, 0_u32..1000), 1..60),
    ) {
        let windows = Windows { samples, window_ms: 1000 };
        let (mut rate, mut remembered, mut now_ms) = (Rate::default(), Remembered::default(), 10_000);
        for (pause_ms, value) in counts {
            now_ms += pause_ms;
            rate.record(windows, f64::from(value), now_ms);
            remembered.record(f64::from(value), now_ms, windows.window_ms);
            // On a copy: measuring empties old windows, which then begin anew.
            let (ours, theirs) = (rate.clone().per_second(windows, now_ms), remembered.per_second(windows, now_ms));
            prop_assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
        }
    }
}
