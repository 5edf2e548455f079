//! The JSON form, byte for byte.

use bytes::Bytes;

use super::render;
use crate::record_format::Record;

fn record() -> Record {
    Record {
        topic: "raw-temperature".to_owned(),
        partition: 2,
        offset: 258,
        timestamp_ms: 1_357_020_000_000,
        key: Some(Bytes::from_static(b"EWR")),
        value: Some(Bytes::from_static(b"{\"value\": 39.02}")),
        ..Record::default()
    }
}

fn rendered(record: &Record, meta_only: bool, is_pretty: bool) -> String {
    let mut out = Vec::new();
    render(record, meta_only, is_pretty, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn pretty_json_is_what_rpk_prints() {
    let expected = r#"{
  "topic": "raw-temperature",
  "key": "EWR",
  "value": "{\"value\": 39.02}",
  "timestamp": 1357020000000,
  "partition": 2,
  "offset": 258
}
"#;
    assert_eq!(rendered(&record(), false, true), expected);
}

#[test]
fn headers_stand_between_value_and_timestamp() {
    let headers = vec![
        (Bytes::from_static(b"a"), Some(Bytes::from_static(b"1"))),
        (Bytes::from_static(b"b"), None),
        (Bytes::from_static(b"c"), Some(Bytes::from_static(b"\xff"))),
    ];
    let expected = concat!(
        r#"{"topic":"raw-temperature","key":"EWR","value":"{\"value\": 39.02}","headers":[{"key":"a","value":"1"},"#,
        r#"{"key":"b"},{"key":"c","value":"/w==","value_encoding":"base64"}],"#,
        r#""timestamp":1357020000000,"partition":2,"offset":258}"#,
        "\n"
    );
    assert_eq!(rendered(&Record { headers, ..record() }, false, false), expected);
}

#[test]
fn null_empty_and_binary_are_told_apart() {
    let shown = |key: Option<&'static [u8]>, value: Option<&'static [u8]>| {
        let record =
            Record { key: key.map(Bytes::from_static), value: value.map(Bytes::from_static), ..record() };
        let text = rendered(&record, false, false);
        let start = text.find(r#"re","#).unwrap() + 4;
        text[start..text.find(r#","timestamp"#).unwrap()].to_owned()
    };
    assert_eq!(shown(None, None), r#""value":null"#);
    assert_eq!(shown(Some(b""), Some(b"")), r#""key":"","value":"""#);
    assert_eq!(
        shown(Some(b"\x00\xff"), Some(b"\xfe\xff")),
        r#""key":"AP8=","key_encoding":"base64","value":"/v8=","value_encoding":"base64""#
    );
}

#[test]
fn meta_only_shows_the_size_of_the_value() {
    assert_eq!(
        rendered(&record(), true, false),
        "{\"topic\":\"raw-temperature\",\"key\":\"EWR\",\"value_size\":16,\"timestamp\":1357020000000,\
         \"partition\":2,\"offset\":258}\n"
    );
}
