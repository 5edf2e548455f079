use super::*;

fn message(name: &str, options: &[(&str, &str)]) -> String {
    Format::from_options(name, options.iter().copied()).unwrap_err().to_string()
}

#[test]
fn every_listed_option_is_known() {
    for name in Format::NAMES {
        for FormatOption { name: option, .. } in Format::options(name) {
            let error = Format::from_options(name, [(*option, "\u{1f600}")]).err();
            assert!(!matches!(error, Some(FormatError::UnknownOption { .. })), "{name}.{option}");
        }
    }
}

#[test]
fn mistakes_are_told_with_the_way_out() {
    assert_eq!(message("avro", &[]), "unknown format 'avro'; the formats are json, csv and raw");
    assert_eq!(
        message("json", &[("ignore-parse-error", "true")]),
        "format 'json' has no option 'json.ignore-parse-error'; did you mean 'json.ignore-parse-errors'?"
    );
    assert_eq!(
        message("json", &[("timestamp-format.standard", "ISO")]),
        "option 'json.timestamp-format.standard' cannot be 'ISO': it must be 'SQL' or 'ISO-8601'"
    );
    assert_eq!(
        message("json", &[("fail-on-missing-field", "true"), ("ignore-parse-errors", "true")]),
        "options 'json.fail-on-missing-field' and 'json.ignore-parse-errors' cannot both be set"
    );
    assert_eq!(
        message("csv", &[("quote-character", "'"), ("disable-quote-character", "true")]),
        "options 'csv.quote-character' and 'csv.disable-quote-character' cannot both be set"
    );
    assert_eq!(
        message("csv", &[("field-delimiter", "ab")]),
        "option 'csv.field-delimiter' cannot be 'ab': it must be a single ASCII character"
    );
}

#[test]
fn java_escapes_spell_the_delimiter() {
    for (value, byte) in [("\\t", b'\t'), ("\t", b'\t'), ("\\u0001", 1), ("|", b'|'), ("\\\\", b'\\')] {
        let Ok(Format::Csv(options)) = Format::from_options("csv", [("field-delimiter", value)]) else {
            panic!("{value} is refused");
        };
        assert_eq!(options.field_delimiter, byte, "{value}");
    }
}

/// A documented default and each documented choice are accepted, and the default changes nothing.
#[test]
fn documented_values_are_understood() {
    let quoted =
        |text: &'static str| text.split(", ").filter_map(|part| part.strip_prefix('`')?.strip_suffix('`'));
    for name in Format::NAMES {
        let without = Format::from_options(name, []).unwrap();
        for option in Format::options(name) {
            for value in quoted(option.values) {
                Format::from_options(name, [(option.name, value)]).unwrap();
            }
            for value in quoted(option.default) {
                let with = Format::from_options(name, [(option.name, value)]).unwrap();
                assert_eq!(with, without, "{name}.{}", option.name);
            }
        }
    }
}
