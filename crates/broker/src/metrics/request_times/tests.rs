//! Times against those that were put in.

use super::*;

#[test]
fn buckets_join_without_gaps() {
    for bucket in 0..BUCKETS {
        let start_ns = start_of(bucket) * 1562.5;
        assert_eq!(bucket_of(start_ns.ceil() as u64), bucket);
        assert!(bucket == 0 || bucket_of(start_ns.ceil() as u64 - 2) == bucket - 1, "{bucket}");
    }
    assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
}

#[test]
fn quantiles_are_off_by_an_eighth_at_most() {
    let times = RequestTimes::default();
    let now = Instant::now();
    assert_eq!(times.quantiles_ms(now), None);
    (1..=10_000).for_each(|count| times.observe(Duration::from_micros(10 * count)));
    for ((quantile, _), found_ms) in QUANTILES.into_iter().zip(times.quantiles_ms(now).unwrap()) {
        let exact_ms = 100.0 * quantile;
        assert!((found_ms / exact_ms - 1.0).abs() < 0.125, "{quantile}: {found_ms} instead of {exact_ms}");
    }
}

#[test]
fn quantiles_forget_what_is_older_than_some_minutes() {
    let times = RequestTimes::default();
    let start = Instant::now();
    let median_ms = |minutes: u64| times.quantiles_ms(start + Duration::from_secs(60 * minutes)).unwrap()[0];
    (0..1000).for_each(|_| times.observe(Duration::from_secs(1)));
    assert!(median_ms(0) > 900.0);
    (0..10).for_each(|_| times.observe(Duration::from_millis(1)));
    assert!(median_ms(4) > 900.0);
    assert!(median_ms(5) < 1.2);
    // Nothing came for a while: what is known stays.
    assert!(median_ms(60) > 900.0);
}

#[test]
fn the_histogram_has_every_request_once() {
    let times = RequestTimes::default();
    assert_eq!(times.histogram(), None);
    for took_us in [0, 99, 101, 399, 401, 26_214_000, 26_215_000, 90_000_000] {
        times.observe(Duration::from_micros(took_us));
    }
    let histogram = times.histogram().unwrap();
    assert_eq!(histogram.count, 8);
    assert!((histogram.sum_seconds - 142.43).abs() < 1e-9, "{}", histogram.sum_seconds);
    let filled: Vec<_> = histogram.buckets.iter().copied().filter(|(_, count)| *count > 0).collect();
    assert_eq!(filled, [(0.0001, 2), (0.0004, 2), (0.0016, 1), (26.2144, 1), (f64::MAX, 2)]);
}
