//! Formats as users of `rpk` type them.

use bytes::Bytes;

use super::{Format, Record};

fn record() -> Record {
    Record {
        topic: "raw-temperature".to_owned(),
        partition: 2,
        offset: 258,
        leader_epoch: 3,
        timestamp_ms: 1_357_020_000_000,
        key: Some(Bytes::from_static(b"EWR")),
        value: Some(Bytes::from_static(b"{\"value\": 39.02}")),
        headers: vec![
            (Bytes::from_static(b"a"), Some(Bytes::from_static(b"1"))),
            (Bytes::from_static(b"b"), None),
        ],
    }
}

fn rendered(format: &str) -> String {
    let mut out = Vec::new();
    Format::parse(format).unwrap().render(&record(), 7, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_token_has_its_value() {
    assert_eq!(rendered("%t/%p@%o %k=%v\\n"), "raw-temperature/2@258 EWR={\"value\": 39.02}\n");
    assert_eq!(rendered("%T %K %V %H %e %i"), "15 3 16 2 3 7");
    assert_eq!(rendered("%h{%k=%v;}"), "a=1;b=;");
    assert_eq!(rendered("%d %d{strftime[%F %T]}"), "1357020000000 2013-01-01 06:00:00");
    assert_eq!(rendered("%%%{%}\\x41\\\\"), "%{}A\\");
}

#[test]
fn text_and_numbers_have_other_forms() {
    assert_eq!(rendered("%k{hex} %k{base64}"), "455752 RVdS");
    assert_eq!(rendered("%o{hex16} %o{hex}"), "0102 0000000000000102");
    let mut out = Vec::new();
    Format::parse("%o{big32}%o{little16}").unwrap().render(&record(), 1, &mut out);
    assert_eq!(out, [0, 0, 1, 2, 2, 1]);
}

#[test]
fn base64_is_padded_unless_raw() {
    let mut short = record();
    short.key = Some(Bytes::from_static(b"E"));
    let mut out = Vec::new();
    Format::parse("%k{base64} %k{base64raw}").unwrap().render(&short, 1, &mut out);
    assert_eq!(out, b"RQ== RQ");
}

#[test]
fn what_is_not_understood_is_named() {
    for (format, hint) in [
        ("%", "cannot end in `%`"),
        ("%q", "`%q` is not known"),
        ("%v{unpack[>i]}", "not a form of text"),
        ("%h", "takes the form of a header"),
        ("%k{hex", "lacks its"),
        ("\\q", "`\\q` is not known"),
        ("\\x4", "two hexadecimal digits"),
        ("%o{hex7}", "not a form of a number"),
    ] {
        let error = Format::parse(format).unwrap_err();
        assert!(error.contains(hint), "{format}: {error}");
    }
}
