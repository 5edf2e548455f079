//! Options: unknown keys, nearest names, values by type.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{OptionSpec, Options, option};

const KNOWN: &[OptionSpec] = &[
    option("scan.startup.mode", "", "", ""),
    option("interval", "", "", ""),
    option("fields.*", "", "", ""),
];

fn options(pairs: &[(&str, &str)]) -> Result<Options, String> {
    let values: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    Options::new(&values, &[KNOWN]).map_err(|error| error.to_string())
}

#[test]
fn an_unknown_option_names_the_nearest_one() {
    let error = options(&[("scan.startup.mod", "x")]).unwrap_err();
    assert!(error.ends_with("did you mean 'scan.startup.mode'?"), "{error}");
    let error = options(&[("zzz", "x")]).unwrap_err();
    assert!(!error.contains("did you mean"), "{error}");
}

#[test]
fn prefixes_stand_for_whatever_follows() {
    let options = options(&[("connector", "datagen"), ("fields.a.min", "1")]).unwrap();
    assert_eq!(options.with_prefix("fields.").get("a.min").map(String::as_str), Some("1"));
}

#[test]
fn durations_are_read_in_flinks_spellings() {
    for (text, expected) in [
        ("5 s", Some(Duration::from_secs(5))),
        ("200ms", Some(Duration::from_millis(200))),
        ("1 min", Some(Duration::from_secs(60))),
        ("7", Some(Duration::from_millis(7))),
        ("99999999999999999999 s", None),
        ("5 parsecs", None),
        ("s", None),
    ] {
        let read = options(&[("interval", text)]).unwrap().duration("interval", Duration::ZERO).ok();
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn a_wrong_value_says_what_is_right() {
    let options = options(&[("interval", "soon")]).unwrap();
    let error = options.integer("interval", 1, 0).unwrap_err().to_string();
    assert_eq!(error, "'soon' is not a value of 'interval': it takes a whole number of at least 0");
    assert!(
        options
            .choice("interval", &[("now", 1), ("later", 2)], 1)
            .unwrap_err()
            .to_string()
            .contains("'later'")
    );
    assert!(options.boolean("interval", true).is_err());
}
