use proptest::prelude::*;

use super::{NotANumber, divide_half_up, from_text, rescale, to_text};

#[test]
fn halves_round_away_from_zero() {
    for (value, divisor, expected) in
        [(25, 10, 3), (-25, 10, -3), (24, 10, 2), (-24, 10, -2), (5, 10, 1), (4, 10, 0), (7, 1, 7)]
    {
        assert_eq!(divide_half_up(value, divisor), expected, "{value} / {divisor}");
    }
    assert_eq!(rescale(12_345, 3, 2), Some(1_235));
    assert_eq!(rescale(i128::MAX, 0, 2), None);
}

#[test]
fn texts() {
    assert_eq!(from_text("1.2e3", 10, 1), Ok(Some(12_000)));
    assert_eq!(from_text("-.05", 10, 1), Ok(Some(-1)));
    assert_eq!(from_text("0.049", 10, 1), Ok(Some(0)));
    assert_eq!(from_text("999.96", 4, 1), Ok(None));
    assert_eq!(from_text("1e999999999999", 10, 1), Ok(None));
    assert_eq!(from_text("1e-999999999999", 10, 1), Ok(Some(0)));
    assert_eq!(from_text("1e99999999999999999999", 10, 1), Err(NotANumber));
    for text in ["", ".", "-", "1.2.3", "x", "1e", "１"] {
        assert_eq!(from_text(text, 10, 1), Err(NotANumber), "{text}");
    }
    assert_eq!(to_text(-5, 3), "-0.005");
    assert_eq!(to_text(5, 0), "5");
}

proptest! {
    #[test]
    fn text_reads_back(value in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u8..=38) {
        prop_assert_eq!(from_text(&to_text(value, scale), 38, scale), Ok(Some(value)));
    }

    #[test]
    fn any_text_is_answered(text in any::<String>(), precision in 1_u8..=38, scale in 0_u8..=38) {
        let _ = from_text(&text, precision, scale.min(precision));
    }
}
