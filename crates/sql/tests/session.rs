//! What a session answers besides plans: settings, declarations, and the properties of pipelines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::time::Duration;

use millstream_sql::session::{BadRows, Outcome, PipelineRequest, Session, TextTable};
use millstream_sql::{SqlErrorKind, parse_script};
use support::{run, session};

const TABLES: &str = "
CREATE TEMPORARY TABLE readings (
  station STRING NOT NULL COMMENT 'where',
  ts TIMESTAMP(3),
  `value` DOUBLE,
  arrived TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  p AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
  PRIMARY KEY (station) NOT ENFORCED
) WITH ('connector' = 'kafka', 'topic' = 'readings', 'properties.bootstrap.servers' = 'localhost:9092');
CREATE TABLE files (station STRING, ts TIMESTAMP(3)) WITH ('connector' = 'filesystem', 'errors.tolerance' = 'all');
CREATE TABLE outcome (station STRING) WITH ('connector' = 'print');
CREATE VIEW hot AS SELECT station, ts, `value` AS v FROM readings WHERE `value` > 30;
";

fn prepared() -> Session {
    let mut session = session();
    run(&mut session, TABLES).unwrap();
    session
}

fn table(session: &mut Session, text: &str) -> TextTable {
    match run(session, text).unwrap_or_else(|error| panic!("{error}")) {
        Outcome::Rows(table) => table,
        other => panic!("{other:?}"),
    }
}

fn lines(table: &TextTable) -> Vec<String> {
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
    table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | ")).collect()
}

fn pipeline(session: &mut Session, text: &str) -> PipelineRequest {
    match run(session, text).unwrap_or_else(|error| panic!("{error}")) {
        Outcome::Pipeline(request) => *request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tables_and_views_are_shown_and_described() {
    let mut session = prepared();
    assert_eq!(lines(&table(&mut session, "SHOW TABLES;")), ["files", "hot", "outcome", "readings"]);
    assert_eq!(lines(&table(&mut session, "SHOW VIEWS;")), ["hot"]);
    assert_eq!(
        lines(&table(&mut session, "DESCRIBE readings;")),
        [
            "station | STRING | FALSE | PRI(station) | - | -",
            "ts | TIMESTAMP(3) *ROWTIME* | TRUE | - | - | ts - INTERVAL '5' SECOND",
            "value | DOUBLE | TRUE | - | - | -",
            "arrived | TIMESTAMP_LTZ(3) | TRUE | - | METADATA FROM 'timestamp' VIRTUAL | -",
            "p | TIMESTAMP_LTZ(3) *PROCTIME* | FALSE | - | AS PROCTIME() | -",
        ]
    );
    assert_eq!(
        lines(&table(&mut session, "DESC hot;")),
        [
            "station | STRING | FALSE | - | - | -",
            "ts | TIMESTAMP(3) *ROWTIME* | TRUE | - | - | -",
            "v | DOUBLE | TRUE | - | - | -",
        ]
    );
}

/// What SHOW CREATE TABLE prints declares the same table again.
#[test]
fn a_shown_declaration_reads_back() {
    let mut first = prepared();
    let shown = table(&mut first, "SHOW CREATE TABLE readings;").rows[0][0].clone().unwrap();
    assert!(shown.starts_with("CREATE TEMPORARY TABLE `readings` ("), "{shown}");
    let mut second = session();
    run(&mut second, &format!("{shown};")).unwrap();
    assert_eq!(table(&mut second, "SHOW CREATE TABLE readings;").rows[0][0].as_ref(), Some(&shown));
    assert_eq!(
        lines(&table(&mut first, "DESCRIBE readings;"))[1],
        lines(&table(&mut second, "DESCRIBE readings;"))[1]
    );
}

#[test]
fn secrets_are_not_shown() {
    let mut session = session();
    run(
        &mut session,
        "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'properties.sasl.jaas.config' = 'hunter2');",
    )
    .unwrap();
    let shown = table(&mut session, "SHOW CREATE TABLE t;").rows[0][0].clone().unwrap();
    assert!(!shown.contains("hunter2") && shown.contains("******"), "{shown}");
}

#[test]
fn names_come_and_go() {
    let mut session = prepared();
    run(&mut session, "CREATE TABLE IF NOT EXISTS readings (x INT) WITH ('connector' = 'print');").unwrap();
    assert_eq!(table(&mut session, "DESCRIBE readings;").rows.len(), 5);
    run(&mut session, "DROP VIEW hot; DROP TABLE IF EXISTS nothing; DROP TABLE files;").unwrap();
    assert_eq!(lines(&table(&mut session, "SHOW TABLES;")), ["outcome", "readings"]);
    let error = run(&mut session, "SELECT * FROM hot;").unwrap_err();
    assert_eq!(error.kind(), SqlErrorKind::Name);
    run(&mut session, "SELECT station FROM default_catalog.default_database.readings;").unwrap();
}

#[test]
fn settings_are_checked_and_reported() {
    let mut session = session();
    let notice = |outcome| match outcome {
        Outcome::Done { notice } => notice,
        other => panic!("{other:?}"),
    };
    assert_eq!(notice(run(&mut session, "SET 'pipeline.name' = 'daily';").unwrap()), None);
    assert_eq!(
        notice(run(&mut session, "SET 'state.backend.type' = 'rocksdb';").unwrap()).unwrap(),
        "the setting 'state.backend.type' has no effect here"
    );
    assert_eq!(lines(&table(&mut session, "SET 'pipeline.name';")), ["pipeline.name | daily"]);
    assert!(lines(&table(&mut session, "SET;")).contains(&"table.local-time-zone | UTC".to_owned()));
    run(&mut session, "RESET 'pipeline.name';").unwrap();
    assert_eq!(lines(&table(&mut session, "SET 'pipeline.name';")), ["pipeline.name | -"]);
    run(&mut session, "SET 'millstream.topic.a.b.partitions' = '4';").unwrap();
    assert_eq!(session.settings().get("millstream.topic.a.b.partitions").unwrap(), "4");
    run(&mut session, "RESET;").unwrap();
    assert!(!session.settings().contains_key("state.backend.type"));
}

#[test]
fn a_pipeline_carries_the_settings() {
    let mut session = prepared();
    let plain = pipeline(&mut session, "INSERT INTO outcome SELECT station FROM readings;");
    assert_eq!((plain.name.as_str(), plain.is_named), ("insert-into_outcome", false));
    assert!(!plain.is_bounded && !plain.is_synchronous);
    assert_eq!((plain.shards, plain.workers, plain.epoch_interval), (128, None, None));
    assert_eq!(plain.sources[0].bad_rows, BadRows::Fail);
    assert_eq!(plain.sinks[0].table.name, "outcome");

    let set = pipeline(
        &mut session,
        "SET 'pipeline.name' = 'daily'; SET 'table.dml-sync' = 'true'; SET 'pipeline.max-parallelism' = '16';
         SET 'parallelism.default' = '3'; SET 'table.exec.resource.default-parallelism' = '2'; SET 'execution.checkpointing.interval' = '10 s';
         SET 'pipeline.errors.tolerance' = 'all'; SET 'pipeline.errors.deadletterqueue.topic.name' = 'dead';
         EXECUTE STATEMENT SET BEGIN
           INSERT INTO outcome SELECT station FROM readings;
           INSERT INTO outcome SELECT station FROM files;
         END;",
    );
    assert_eq!((set.name.as_str(), set.is_named, set.is_synchronous), ("daily", true, true));
    assert_eq!((set.shards, set.workers), (16, Some(2)));
    assert_eq!(set.epoch_interval, Some(Duration::from_secs(10)));
    assert_eq!(set.sinks.len(), 2);
    let dead = BadRows::DeadLetter { topic: "dead".to_owned() };
    assert!(set.sources.iter().all(|source| source.bad_rows == dead));
    // The planner's own options are not the connector's.
    assert!(set.sources.iter().all(|source| !source.table.options.contains_key("errors.tolerance")));
}

#[test]
fn bounded_is_what_only_reads_bounded_tables() {
    let mut session = prepared();
    assert!(pipeline(&mut session, "INSERT INTO outcome SELECT station FROM files;").is_bounded);
    assert!(pipeline(&mut session, "INSERT INTO outcome VALUES ('a');").is_bounded);
    let skipping = pipeline(&mut session, "INSERT INTO outcome SELECT station FROM files;");
    assert_eq!(skipping.sources[0].bad_rows, BadRows::Skip);
}

#[test]
fn queries_name_and_type_their_columns() {
    let mut session = prepared();
    let request =
        match run(&mut session, "SELECT station, `value` * 2, ts AS t FROM readings LIMIT 7;").unwrap() {
            Outcome::Query(request) => request,
            other => panic!("{other:?}"),
        };
    let columns: Vec<String> =
        request.columns.iter().map(|(name, data_type)| format!("{name} {data_type}")).collect();
    assert_eq!(columns, ["station STRING NOT NULL", "EXPR$1 DOUBLE", "t TIMESTAMP(3)"]);
    assert_eq!(request.limit, Some(7));
}

#[test]
fn scripts_are_split_into_statements() {
    let script = "-- a comment\nSET 'a' = 'b;c'; /* another; */ SELECT 1;;\nBEGIN STATEMENT SET;\nINSERT INTO a SELECT 1;\nEND;\nQUIT";
    let statements = parse_script(script, "x.sql").unwrap();
    let texts: Vec<&str> = statements.iter().map(|statement| statement.text()).collect();
    assert_eq!(
        texts,
        ["SET 'a' = 'b;c'", "SELECT 1", "BEGIN STATEMENT SET;\nINSERT INTO a SELECT 1;\nEND", "QUIT"]
    );
}

#[test]
fn a_pipeline_names_the_views_that_it_reads() {
    let mut session = prepared();
    run(&mut session, "CREATE VIEW hotter AS SELECT station, v FROM hot WHERE v > 35;").unwrap();
    run(&mut session, "CREATE TABLE nowhere (station STRING, v DOUBLE) WITH ('connector' = 'blackhole');")
        .unwrap();
    let views = pipeline(&mut session, "INSERT INTO nowhere SELECT * FROM hotter;").views;
    assert_eq!(views.len(), 2, "{views:?}");
    assert!(
        views[0].starts_with("CREATE VIEW hotter AS") && views[1].starts_with("CREATE VIEW hot AS"),
        "{views:?}"
    );
    let views = pipeline(&mut session, "INSERT INTO nowhere SELECT station, `value` FROM readings;").views;
    assert!(views.is_empty(), "{views:?}");
}
