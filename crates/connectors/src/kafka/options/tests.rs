//! Declarations of `kafka` tables, right and wrong.

use std::collections::BTreeMap;

use millstream_engine::connector::TableSpec;

use super::{Bound, KafkaOptions, Startup};

fn read(options: &[(&str, &str)]) -> Result<KafkaOptions, String> {
    let base = [("connector", "kafka"), ("topic", "t"), ("properties.bootstrap.servers", "localhost:9092")];
    let all = base.iter().chain(options).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let table = TableSpec {
        name: "t".to_owned(),
        columns: Vec::new(),
        primary_key: Vec::new(),
        options: all.collect::<BTreeMap<_, _>>(),
    };
    KafkaOptions::read(&table).map_err(|error| error.to_string())
}

#[test]
fn the_weather_tables_are_understood() {
    let table = read(&[
        ("scan.startup.mode", "earliest-offset"),
        ("scan.bounded.mode", "latest-offset"),
        ("key.format", "raw"),
        ("key.fields", "station"),
        ("value.format", "json"),
        ("value.json.timestamp-format.standard", "ISO-8601"),
        ("value.fields-include", "EXCEPT_KEY"),
        ("properties.group.id", "weather"),
    ])
    .unwrap();
    assert_eq!((table.startup, table.bound), (Startup::Earliest, Bound::Latest));
    assert_eq!(table.group_id.as_deref(), Some("weather"));
    assert_eq!(table.key.unwrap().fields, ["station"]);
    assert!(!table.value_includes_key);
}

#[test]
fn offsets_are_given_per_partition() {
    let table = read(&[
        ("format", "json"),
        ("scan.startup.mode", "specific-offsets"),
        ("scan.startup.specific-offsets", "partition:0,offset:42; partition:3,offset:300"),
    ])
    .unwrap();
    assert_eq!(table.startup, Startup::Specific(BTreeMap::from([(0, 42), (3, 300)])));
}

#[test]
fn contradictions_and_unknown_options_are_errors() {
    for (options, hint) in [
        (&[("format", "json"), ("value.format", "json")][..], "mean the same"),
        (&[("format", "json"), ("scan.startup.modus", "x")][..], "did you mean 'scan.startup.mode'?"),
        (&[("format", "json"), ("value.json.ignore-parse-errors", "true")][..], "is not known here"),
        (&[("format", "json"), ("scan.startup.mode", "soon")][..], "'earliest-offset'"),
        (&[("format", "json"), ("scan.startup.mode", "timestamp")][..], "is missing"),
        (
            &[
                ("format", "json"),
                ("scan.bounded.mode", "specific-offsets"),
                ("scan.bounded.specific-offsets", "partition:0"),
            ][..],
            "entries such as",
        ),
        (&[("format", "json"), ("key.fields", "a")][..], "needs a 'key.format'"),
        (&[("format", "json"), ("key.format", "raw")][..], "needs 'key.fields'"),
        (&[("format", "json"), ("sink.delivery-guarantee", "exactly-once")][..], "needs transactions"),
        (&[][..], "'format' is missing"),
    ] {
        let error = read(options).unwrap_err();
        assert!(error.contains(hint), "{options:?}: {error}");
    }
}
