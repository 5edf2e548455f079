//! What survives clean stops and kill -9: every reading of every window.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::process::{Process, file, run};
use crate::topics::{Record, add_partitions, committed, end, produce, read, read_until};

const WEATHER: &str = "examples/weather/weather.sql";

/// The windows that no later reading closes: the last day of each station.
const OPEN_WINDOWS: usize = 3;

/// A window: station and end.
type Window = (String, String);

fn window(row: &Value) -> Window {
    (row["station"].as_str().unwrap().to_owned(), row["time"].as_str().unwrap().to_owned())
}

/// All windows as a run to the end computes them; `tests/weather.rs` compares those with an independent computation.
fn expected() -> BTreeMap<Window, Value> {
    let ended = run(&["run", "--output", "json", WEATHER]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let rows: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let windows: BTreeMap<Window, Value> = rows.into_iter().map(|row| (window(&row), row)).collect();
    assert_eq!(windows.len(), 1092);
    windows
}

/// The windows of a topic, each with its bytes; a window that comes again must be identical.
fn windows(records: &[Record]) -> BTreeMap<Window, &Record> {
    let mut windows: BTreeMap<Window, &Record> = BTreeMap::new();
    for record in records {
        if let Some(first) = windows.insert(window(&record.json()), record) {
            assert_eq!(first, record, "a window came again with other contents");
        }
    }
    windows
}

fn assert_values(records: &[Record], expected: &BTreeMap<Window, Value>) {
    for (window, record) in windows(records) {
        assert_eq!(record.json(), expected[&window], "{window:?}");
        assert_eq!(record.key.as_deref(), Some(window.0.as_bytes()));
    }
}

#[test]
fn a_clean_stop_resumes_where_it_stopped() {
    let data = tempfile::tempdir().unwrap();
    let expected = expected();
    let mut first = Process::follow(data.path(), WEATHER);
    first.line("raw_temperature: 26116 rows in, 26115 rows out, 0 late, 0 bad");
    let records = read_until(&first.kafka, "agg-temperature", |records| records.len() == 1089);
    assert_values(&records, &expected);
    let metrics: Vec<String> = first
        .metrics()
        .lines()
        .filter(|line| line.starts_with("millstream_engine"))
        .map(str::to_owned)
        .collect();
    for line in [
        "millstream_engine_source_rows_total{pipeline=\"weather\",statement=\"1\",source=\"weather_file\"} 26116",
        "millstream_engine_source_rows_total{pipeline=\"weather\",statement=\"2\",source=\"raw_temperature\"} 26115",
        "millstream_engine_sink_rows_total{pipeline=\"weather\",statement=\"2\",sink=\"agg_temperature\"} 1089",
        "millstream_engine_late_rows_total{pipeline=\"weather\",statement=\"2\"} 0",
        "millstream_engine_source_watermark_seconds{pipeline=\"weather\",statement=\"2\",source=\"raw_temperature\"} 13884408",
    ] {
        assert!(metrics.iter().any(|own| own.starts_with(line)), "no {line} in {metrics:#?}");
    }
    let ended = first.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("26115 rows in, 1089 rows out, 0 late, 0 bad"), "{}", ended.stdout);

    // The file is not read again. A reading of January closes the last days, whose readings were before the stop.
    let mut second = Process::follow(data.path(), WEATHER);
    second.line("raw_temperature: finished in an earlier run, not repeated");
    produce(
        &second.kafka,
        "raw-temperature",
        None,
        &[(Some("EWR"), br#"{"ts":"2014-01-05T00:00:00Z","value":1.5}"#)],
    );
    let records = read_until(&second.kafka, "agg-temperature", |records| windows(records).len() == 1092);
    assert_eq!(records.len(), 1089 + OPEN_WINDOWS, "windows came again after a clean stop");
    assert_values(&records, &expected);
    assert_eq!(end(&second.kafka, "raw-temperature"), 26_115 + 1);
    assert_eq!(second.terminate().code, Some(0));
}

/// The weather example in two files, its topic in small batches that are fetched one by one.
fn in_two_files(directory: &Path) -> (String, String) {
    let sql =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(WEATHER)).unwrap();
    let (declarations, inserts) = sql.split_at(sql.find("-- The filter drops").unwrap());
    let (fill, follow) = inserts.split_at(inserts.find("INSERT INTO agg_temperature").unwrap());
    let small = "'properties.batch.size' = '300', 'properties.max.partition.fetch.bytes' = '1', 'properties.group.id' = 'weather'";
    let declarations = declarations
        .replace("'properties.group.id' = 'weather'", small)
        // The fourth partition gets a record of its own: nothing depends on how fast this machine is.
        .replace("'table.exec.source.idle-timeout' = '5 s'", "'table.exec.source.idle-timeout' = '0 s'")
        + "SET 'execution.checkpointing.interval' = '20 ms';\n";
    (
        file(directory, "fill.sql", &(declarations.clone() + fill)),
        file(directory, "follow.sql", &(declarations + follow)),
    )
}

#[test]
fn kills_lose_no_reading() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = expected();
    let (fill, follow) = in_two_files(scratch.path());
    let filled = run(&["run", "--data-dir", data.path().to_str().unwrap(), &fill]);
    assert_eq!(filled.code, Some(0), "{}", filled.stderr);
    let broker = Process::broker(data.path(), &[]);
    let in_use: Vec<i32> = (0..4).filter(|partition| !is_empty(&broker.kafka, *partition)).collect();
    let empty = (0..4).find(|partition| !in_use.contains(partition)).unwrap();
    let clock = br#"{"ts":"2100-01-01T00:00:00Z","value":null}"#;
    produce(&broker.kafka, "raw-temperature", Some(empty), &[(Some("XXX"), clock)]);
    assert_eq!(broker.terminate().code, Some(0));

    let closed = expected.len() - OPEN_WINDOWS;
    let (mut seen, mut kills) = (0, 0);
    // Some rounds are killed before anything new has come.
    while seen < closed {
        let process = Process::follow(data.path(), &follow);
        let more = if kills % 4 == 1 { 0 } else { rand::random_range(1..200) };
        let target = (seen + more).min(closed);
        if target > 0 {
            let is_enough = |records: &[Record]| windows(records).len() >= target;
            seen = windows(&read_until(&process.kafka, "agg-temperature", is_enough)).len();
        }
        process.kill();
        kills += 1;
    }
    assert!(kills > 3, "{kills} kills were not in the middle of anything");

    let last = Process::follow(data.path(), &follow);
    let records = read(&last.kafka, "agg-temperature");
    assert_eq!(windows(&records).len(), closed);
    assert_values(&records, &expected);
    assert_eq!(last.terminate().code, Some(0));
}

fn is_empty(broker: &str, partition: i32) -> bool {
    crate::topics::partition_end(broker, "raw-temperature", partition) == 0
}

const EVENTS: &str = "
    SET 'execution.checkpointing.interval' = '20 ms';
    CREATE TABLE events (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'events', 'format' = 'json',
        'properties.bootstrap.servers' = 'localhost:9092', 'properties.group.id' = 'g', 'scan.startup.mode' = 'latest-offset');
    CREATE TABLE copies (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'copies', 'format' = 'json',
        'properties.bootstrap.servers' = 'localhost:9092');
    INSERT INTO copies SELECT id FROM events;";

#[test]
fn what_comes_while_a_reader_of_the_latest_is_down_is_not_lost() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sql = file(scratch.path(), "events.sql", EVENTS);
    let broker = Process::broker(data.path(), &[]);
    produce(&broker.kafka, "events", None, &[(None, b"{\"id\":1}")]);
    assert_eq!(broker.terminate().code, Some(0));
    let first = Process::follow(data.path(), &sql);
    assert_eq!(committed(&first.kafka, "g", "events"), 1, "the position before the first record");
    first.kill();
    let broker = Process::broker(data.path(), &[]);
    produce(&broker.kafka, "events", None, &[(None, b"{\"id\":2}")]);
    assert_eq!(broker.terminate().code, Some(0));
    let second = Process::follow(data.path(), &sql);
    let records = read_until(&second.kafka, "copies", |records| !records.is_empty());
    assert_eq!(records[0].json()["id"], 2);
    assert_eq!(second.terminate().code, Some(0));
}

#[test]
fn partitions_that_are_added_while_a_reader_of_the_latest_is_down_are_read_whole() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sql = file(scratch.path(), "events.sql", EVENTS);
    let broker = Process::broker(data.path(), &[]);
    produce(&broker.kafka, "events", None, &[(None, b"{\"id\":1}")]);
    assert_eq!(broker.terminate().code, Some(0));
    let first = Process::follow(data.path(), &sql);
    assert_eq!(committed(&first.kafka, "g", "events"), 1);
    assert_eq!(first.terminate().code, Some(0));
    let broker = Process::broker(data.path(), &[]);
    add_partitions(&broker.kafka, "events", 2);
    produce(&broker.kafka, "events", Some(1), &[(None, b"{\"id\":2}"), (None, b"{\"id\":3}")]);
    assert_eq!(broker.terminate().code, Some(0));
    let second = Process::follow(data.path(), &sql);
    let records = read_until(&second.kafka, "copies", |records| records.len() == 2);
    assert_eq!(records.iter().map(|record| record.json()["id"].clone()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(second.terminate().code, Some(0));
}

/// A bounded statement that has finished is not repeated; over another view it is another statement.
#[test]
fn a_changed_view_makes_a_finished_statement_run_again() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = file(scratch.path(), "rows.csv", "1\n2\n");
    for (condition, expected) in
        [("id > 1", "copies: 2 rows in, 1 rows out"), ("id > 0", "copies: 2 rows in, 2 rows out")]
    {
        let sql = format!(
            "CREATE TABLE f (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '{rows}', 'format' = 'csv');
             CREATE TABLE copies (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'copies', 'format' = 'json',
                 'properties.bootstrap.servers' = 'localhost:9092');
             CREATE VIEW wanted AS SELECT id FROM f WHERE {condition};
             INSERT INTO copies SELECT id FROM wanted;"
        );
        let sql = file(scratch.path(), "view.sql", &sql);
        for expected in [expected, "copies: finished in an earlier run, not repeated"] {
            let ended = Process::follow(data.path(), &sql).wait();
            assert!(ended.stdout.contains(expected), "{}\n{}", ended.stdout, ended.stderr);
        }
    }
}

#[test]
fn equal_statements_are_told_apart() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = file(scratch.path(), "rows.csv", "1\n2\n");
    let sql = format!(
        "SET 'table.dml-sync' = 'true';
         CREATE TABLE f (id BIGINT) WITH ('connector' = 'filesystem', 'path' = '{rows}', 'format' = 'csv');
         CREATE TABLE copies (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'copies', 'format' = 'json',
             'properties.bootstrap.servers' = 'localhost:9092');
         INSERT INTO copies SELECT id FROM f;
         INSERT INTO copies SELECT id FROM f;"
    );
    let sql = file(scratch.path(), "twice.sql", &sql);
    for lines in ["copies: 2 rows in, 2 rows out", "copies: finished in an earlier run, not repeated"] {
        // Files end even when they are followed, and with them the run.
        let mut process = Process::follow(data.path(), &sql);
        let ended = process.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(ended.stdout.matches(lines).count(), 2, "{}", ended.stdout);
    }
    let broker = Process::broker(data.path(), &[]);
    assert_eq!(read(&broker.kafka, "copies").len(), 4);
}
