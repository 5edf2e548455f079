//! Metrics that clients push: what is read borrows from the bytes, and a point that was shown once is shown again.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use libfuzzer_sys::fuzz_target;
use millstream_wire::otlp::visit_points;

fuzz_target!(|data: &[u8]| {
    let mut points = 0_usize;
    let outcome = visit_points(data, &mut |point| {
        points += 1;
        let attributes = point.attributes.iter().chain(point.resource.iter());
        assert!(attributes.map(|(key, _)| key.len()).all(|length| length <= data.len()));
    });
    assert!(points <= data.len() / 2, "a point takes a tag and a length at least");
    let mut again = 0;
    assert_eq!(outcome, visit_points(data, &mut |_| again += 1));
    assert_eq!(points, again);
});
