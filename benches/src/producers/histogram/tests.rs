//! Quantiles are those of the values, to the width of a bucket.

use super::*;

#[test]
fn every_value_lies_in_its_bucket() {
    let mut before = None;
    for micros in (0..5_000).chain([1 << 20, (1 << 36) - 1]) {
        let at = bucket(micros);
        let largest = largest_micros(at);
        assert!(
            largest >= micros && (largest - micros) as f64 <= micros as f64 / 128.0,
            "{micros}: {largest}"
        );
        assert!(before.is_none_or(|before| before == at || before + 1 == at || micros > 5_000), "{micros}");
        before = Some(at);
    }
    assert!(bucket((1 << 36) - 1) < Histogram::default().counts.len());
}

#[test]
fn quantiles_are_those_of_the_values() {
    let (mut odd, mut even) = (Histogram::default(), Histogram::default());
    for millis in 1..=1_000 {
        let histogram = if millis % 2 == 0 { &mut even } else { &mut odd };
        histogram.add(Duration::from_millis(millis));
    }
    let all = odd.with(even);
    for (share, expected) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1_000.0)] {
        let found = all.quantile_ms(share);
        assert!((expected..=expected * 1.008).contains(&found), "{share}: {found}");
    }
    assert!(Histogram::default().quantile_ms(0.5).is_nan());
}

#[test]
fn what_is_longer_than_a_day_counts_as_the_longest() {
    let mut histogram = Histogram::default();
    histogram.add(Duration::from_secs(10_000_000));
    assert!(histogram.quantile_ms(1.0) > 86_400_000.0 / 2.0);
}
