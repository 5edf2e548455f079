//! Versions and comments as the definitions write them.

use super::{Versions, without_comments};

#[test]
fn versions_are_read_in_all_their_forms() {
    let parse = |text| Versions::parse(text).unwrap();
    assert_eq!(parse("none"), None);
    assert_eq!(parse("3"), Some(Versions { min: 3, max: 3 }));
    assert_eq!(parse("3-5"), Some(Versions { min: 3, max: 5 }));
    assert_eq!(parse("3+"), Some(Versions { min: 3, max: i16::MAX }));
    assert!(Versions::parse("three").is_err());
    let (low, high) = (Versions { min: 0, max: 4 }, Versions { min: 4, max: 9 });
    assert_eq!(low.intersect(high), Some(Versions { min: 4, max: 4 }));
    assert_eq!(low.intersect(Versions { min: 5, max: 9 }), None);
}

#[test]
fn comments_go_and_addresses_in_strings_stay() {
    let text = "{ // a comment with a \"quote\n  \"about\": \"see http://x \\\"// y\", // gone\n}\n";
    assert_eq!(without_comments(text), "{ \n  \"about\": \"see http://x \\\"// y\", \n}\n");
}
