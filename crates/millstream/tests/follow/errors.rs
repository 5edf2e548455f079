//! Errors: their exit codes, and messages that say what, where and what to do next.

use std::net::TcpListener;
use std::path::Path;

use crate::support::process::{Ended, Process, file, run, run_with};
use crate::topics::{produce, read};

/// Runs statements from a file.
fn run_sql(directory: &Path, options: &[&str], sql: &str) -> Ended {
    let file = file(directory, "statements.sql", sql);
    run(&[&["run"], options, &[file.as_str()]].concat())
}

fn readings(options: &str) -> String {
    format!(
        "CREATE TABLE readings (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'readings', 'format' = 'json',
             'properties.bootstrap.servers' = 'localhost:9092', 'scan.startup.mode' = 'earliest-offset',
             'scan.bounded.mode' = 'latest-offset' {options});
         CREATE TABLE nowhere (id BIGINT) WITH ('connector' = 'blackhole');
         INSERT INTO nowhere SELECT id FROM readings;"
    )
}

/// A data directory whose topic `readings` holds two good records and two that are not JSON.
fn with_bad_records() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let broker = Process::broker(data.path(), &[]);
    let records: [(Option<&str>, &[u8]); 4] =
        [(None, b"{\"id\":1}"), (Some("k"), b"{\"id\":"), (None, b"{\"id\":2}"), (None, b"\xff\x00")];
    produce(&broker.kafka, "readings", Some(0), &records);
    assert_eq!(broker.terminate().code, Some(0));
    data
}

#[test]
fn a_bad_row_ends_the_run_and_says_where_it_is() {
    let (data, scratch) = (with_bad_records(), tempfile::tempdir().unwrap());
    let ended = run_sql(scratch.path(), &["--data-dir", data.path().to_str().unwrap()], &readings(""));
    assert_eq!(ended.code, Some(1));
    let line = ended.error_line();
    assert!(line.contains("split readings-0, position 1:"), "{line}");
}

#[test]
fn bad_rows_are_counted_or_kept() {
    let (data, scratch) = (with_bad_records(), tempfile::tempdir().unwrap());
    let options = ["--data-dir", data.path().to_str().unwrap()];
    let counted = "nowhere: 2 rows in, 2 rows out, 0 late, 2 bad";
    let skip = format!("SET 'pipeline.errors.tolerance' = 'all'; {}", readings(""));
    let ended = run_sql(scratch.path(), &options, &skip);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains(counted), "{}", ended.stdout);

    let keep = readings(", 'errors.tolerance' = 'all', 'errors.deadletterqueue.topic.name' = 'dead'");
    let ended = run_sql(scratch.path(), &options, &format!("SET 'pipeline.name' = 'counting'; {keep}"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains(counted), "{}", ended.stdout);
    let broker = Process::broker(data.path(), &[]);
    let mut dead = read(&broker.kafka, "dead");
    dead.sort_by(|one, other| {
        one.header("__connect.errors.offset").cmp(other.header("__connect.errors.offset"))
    });
    assert_eq!(dead.len(), 2);
    assert_eq!((dead[0].key.as_deref(), dead[0].value.as_deref()), (Some(&b"k"[..]), Some(&b"{\"id\":"[..])));
    assert_eq!((dead[1].key.as_deref(), dead[1].value.as_deref()), (None, Some(&b"\xff\x00"[..])));
    for (record, offset) in dead.iter().zip(["1", "3"]) {
        assert_eq!(record.header("__connect.errors.topic"), "readings");
        assert_eq!(record.header("__connect.errors.partition"), "0");
        assert_eq!(record.header("__connect.errors.offset"), offset);
        assert_eq!(record.header("__connect.errors.connector.name"), "counting");
        assert!(!record.header("__connect.errors.exception.message").is_empty());
    }
}

#[test]
fn bad_rows_cannot_go_back_to_their_topic() {
    let (data, scratch) = (with_bad_records(), tempfile::tempdir().unwrap());
    let sql = readings(", 'errors.tolerance' = 'all', 'errors.deadletterqueue.topic.name' = 'readings'");
    let ended = run_sql(scratch.path(), &["--data-dir", data.path().to_str().unwrap()], &sql);
    assert_eq!(ended.code, Some(3));
    assert!(ended.error_line().contains("name another topic"), "{}", ended.stderr);
}

#[test]
fn a_pipeline_that_fails_ends_the_others() {
    let (data, scratch) = (with_bad_records(), tempfile::tempdir().unwrap());
    // The first INSERT never ends; the failure of the second must not wait for it.
    let sql = format!(
        "CREATE TABLE ticks (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');
         CREATE TABLE sink (id BIGINT) WITH ('connector' = 'blackhole');
         INSERT INTO sink SELECT id FROM ticks; {}",
        readings("")
    );
    let sql = file(scratch.path(), "two.sql", &sql);
    let ended = Process::follow(data.path(), &sql).wait();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("split readings-0, position 1:"), "{}", ended.stderr);
}

#[test]
fn two_statements_cannot_share_a_groups_offsets() {
    let (data, scratch) = (with_bad_records(), tempfile::tempdir().unwrap());
    let sql = readings(", 'properties.group.id' = 'g'") + "INSERT INTO nowhere SELECT id + 1 FROM readings;";
    let sql = file(scratch.path(), "two.sql", &format!("SET 'pipeline.errors.tolerance' = 'all'; {sql}"));
    let ended = Process::follow(data.path(), &sql).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("one offset per partition"), "{}", ended.stderr);
    // Without resuming they may.
    let ended = run(&["run", "--data-dir", data.path().to_str().unwrap(), &sql]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn invalid_sql_has_a_place_and_code_3() {
    let scratch = tempfile::tempdir().unwrap();
    let cases = [
        ("SELEC 1;", ":1:1: expected a statement"),
        ("SELECT\n  nothing FROM nowhere;", ":2:"),
        (&readings(", 'scan.startup.mod' = 'x'"), "did you mean 'scan.startup.mode'?"),
        (&readings(", 'properties.isolation.level' = 'serializable'"), "'read_committed'"),
        (&readings(", 'properties.security.protocol' = 'SSL'"), "PLAINTEXT listener"),
    ];
    for (sql, part) in cases {
        let ended = run_sql(scratch.path(), &[], sql);
        assert_eq!(ended.code, Some(3), "{sql}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{sql}: {}", ended.stderr);
    }
}

#[test]
fn what_is_missing_has_code_4() {
    let scratch = tempfile::tempdir().unwrap();
    let ended = run(&["run", "no/such/file.sql"]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.error_line().contains("no/such/file.sql"));
    let sql = "CREATE TABLE f (a STRING) WITH ('connector' = 'filesystem', 'path' = 'no/such/file.csv', 'format' = 'csv');
        CREATE TABLE b (a STRING) WITH ('connector' = 'blackhole');
        INSERT INTO b SELECT a FROM f;";
    let ended = run_sql(scratch.path(), &[], sql);
    assert_eq!(ended.code, Some(4));
    assert!(ended.error_line().contains("run from the directory that the path starts in"));
}

/// What a new user mistypes: each message names the next step.
#[test]
fn typical_mistakes_are_told_with_the_way_out() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().to_str().unwrap();
    // A file each: all are written before the first is run.
    let files = std::cell::Cell::new(0);
    let sql = |text: &str| {
        files.set(files.get() + 1);
        file(scratch.path(), &format!("{}.sql", files.get()), text)
    };
    let topic = "'connector' = 'kafka', 'topic' = 'gone', 'properties.bootstrap.servers' = 'localhost:9092'";
    for (arguments, code, part) in [
        (vec!["run".to_owned(), directory.to_owned()], 3, "name a file of SQL statements"),
        (vec!["run".to_owned(), "gone.sql".to_owned()], 4, "check the path"),
        (vec!["run".to_owned(), "-p".to_owned(), "0".to_owned(), sql("SELECT 1;")], 2, "--parallelism"),
        (
            vec!["--log-level".to_owned(), "loud".to_owned(), "run".to_owned(), sql("SELECT 1;")],
            2,
            "off, error, warn",
        ),
        (vec!["start".to_owned(), "--data-dir".to_owned(), "/proc/gone".to_owned()], 1, "with --data-dir"),
        (vec!["run".to_owned(), sql("SELECT 1 / 0;")], 3, ":1:1: /: division by zero"),
        (vec!["run".to_owned(), sql("SELECT * FROM gone;")], 3, "CREATE what is meant"),
    ] {
        let ended = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{arguments:?}: {}", ended.stderr);
    }
    for (options, code, part) in [
        ("", 3, "add for example 'format' = 'json'"),
        (
            ", 'format' = 'json', 'scan.startup.mode' = 'earliest-offset'",
            4,
            "SET 'millstream.topic.gone.partitions' = '1'",
        ),
    ] {
        let text = format!("CREATE TABLE t (a INT) WITH ({topic}{options}); SELECT * FROM t LIMIT 1;");
        let ended = run(&["run", &sql(&text)]);
        assert_eq!(ended.code, Some(code), "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains(part), "{text}: {}", ended.stderr);
    }
}

#[test]
fn an_unreachable_cluster_has_code_6() {
    let scratch = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ended = run_sql(scratch.path(), &["--bootstrap-server", &address], &readings(""));
    assert_eq!(ended.code, Some(6));
    assert!(ended.error_line().contains(&address), "{}", ended.stderr);
}

#[test]
fn a_busy_port_is_said_in_one_sentence() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let data = data.path().to_str().unwrap();
    let kafka = ["start", "--data-dir", data, "--kafka-listener", &address, "--http-listener", "127.0.0.1:0"];
    let http = ["start", "--data-dir", data, "--kafka-listener", "127.0.0.1:0", "--http-listener", &address];
    for (arguments, flag) in [(kafka, "--kafka-listener"), (http, "--http-listener")] {
        let ended = run(&arguments);
        assert_eq!(ended.code, Some(1));
        let line = ended.error_line();
        assert!(line.contains(&address) && line.contains(flag), "{line}");
    }
}

#[test]
fn a_locked_data_directory_is_said_in_one_sentence() {
    let data = tempfile::tempdir().unwrap();
    let _broker = Process::broker(data.path(), &[]);
    let data = data.path().to_str().unwrap();
    let ended = run(&[
        "start",
        "--data-dir",
        data,
        "--kafka-listener",
        "127.0.0.1:0",
        "--http-listener",
        "127.0.0.1:0",
    ]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.error_line().contains(data), "{}", ended.stderr);
    assert!(ended.error_line().contains("--data-dir"), "no next step: {}", ended.stderr);
}

#[test]
fn options_of_a_broker_that_is_not_there_are_refused() {
    let ended = run(&["run", "-b", "127.0.0.1:1", "--data-dir", "/nowhere", "examples/weather/weather.sql"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.error_line().contains("--data-dir"), "{}", ended.stderr);
}

#[test]
fn statements_on_the_command_line() {
    let ended = run(&["sql", "-e", "SELECT 1", "--output", "json"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{\"EXPR$0\":1}\n"), "{}", ended.stderr);
    let ended = run_with(&["sql", "--output", "json"], b"SELECT 1");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{\"EXPR$0\":1}\n"), "{}", ended.stderr);
    let ended = run_with(&["sql"], b" ");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for way in ["--execute", "--file", "standard input"] {
        assert!(ended.stderr.contains(way), "{}", ended.stderr);
    }
    let ended = run(&["sql", "-e", "SELECT 1;\n\nSELECT CAST(a AS INT) FROM (VALUES ('1'), ('x')) AS t (a)"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("-e:3:1: ") && !ended.stderr.contains("values-1"), "{}", ended.stderr);
    let ended = run(&["explain", "examples/weather/weather.sql"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("WindowAggregate(window=TUMBLE(ts, 1 d), keys=[station]"),
        "{}",
        ended.stdout
    );
}
