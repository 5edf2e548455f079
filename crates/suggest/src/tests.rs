use proptest::prelude::*;

use super::*;

#[test]
fn slips_are_recognised() {
    let names = ["COUNT", "CONCAT", "retention.ms", "retention.bytes"];
    for (wanted, expected) in [
        ("cuont", Some("COUNT")),
        ("CONCATT", Some("CONCAT")),
        ("retention.mss", Some("retention.ms")),
        ("Retention.Bytes", Some("retention.bytes")),
        ("c", None),
        ("segment.index", None),
        ("", None),
    ] {
        assert_eq!(nearest(wanted, names), expected, "{wanted}");
    }
    assert_eq!(nearest("anything", []), None);
}

#[test]
fn the_first_of_equally_near_ones() {
    assert_eq!(nearest("abcx", ["abca", "abcb"]), Some("abca"));
}

#[test]
fn hostile_lengths_are_passed_over() {
    let long = "a".repeat(LENGTH_MAX_BYTES + 1);
    assert_eq!(nearest(&long, [long.as_str()]), None);
    assert_eq!(nearest("abcdef", [long.as_str(), "abcde"]), Some("abcde"));
}

proptest! {
    #[test]
    fn a_name_is_nearest_to_itself(names in proptest::collection::vec("[a-z.é-]{3,20}", 1..8), at in any::<prop::sample::Index>()) {
        let wanted = at.get(&names);
        prop_assert_eq!(nearest(wanted, names.iter().map(String::as_str)), Some(wanted.as_str()));
    }
}
