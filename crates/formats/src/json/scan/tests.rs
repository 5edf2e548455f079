use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn both_classifications_agree(mut chunk: [u8; 16], places in proptest::collection::vec((0..16usize, any::<bool>()), 0..4)) {
        for (place, quote) in places {
            chunk[place] = if quote { b'"' } else { b'\\' };
        }
        prop_assert_eq!(classify(&chunk), classify_portable(&chunk));
    }

    /// serde_json's scanner is another's work: what it calls one valid value is passed whole, and nothing else is.
    #[test]
    fn skipping_accepts_what_is_json(text in r#"[\[\]{}",:0-9eE+.\-a-z\\u ]{0,24}"#) {
        let padded = format!("{text} ,");
        let mut scan = Scan::new(padded.as_bytes());
        scan.skip_space();
        let passed = scan.skip_value(0).is_ok();
        scan.skip_space();
        let whole = passed && scan.at == padded.len() - 1;
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(whole, valid, "{}", text);
    }
}
