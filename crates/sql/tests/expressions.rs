//! Expressions against Apache Flink 2.2.1.
//!
//! `golden/expressions.txt` holds what Flink itself answers: an expression, its type, and its values (cast to STRING) for
//! a row of values and a row of nulls. Where Millstream deviates on purpose, a line `    ! …` gives its own answer and
//! another, `    # …`, the reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, Int32Array, RecordBatch};
use arrow_schema::{Field, Schema};
use millstream_sql::session::{Outcome, Session};
use support::{TestConnector, rows_of, run};

const TABLE: &str = "
CREATE TABLE ids (id INT NOT NULL) WITH ('connector' = 'filesystem');
CREATE VIEW t AS SELECT id,
  CASE WHEN id = 1 THEN 7 ELSE NULL END AS i,
  NULLIF(id, id) AS n,
  CASE WHEN id = 1 THEN 0 ELSE NULL END AS z,
  CASE WHEN id = 1 THEN 5000000000 ELSE NULL END AS l,
  CASE WHEN id = 1 THEN CAST(100 AS TINYINT) ELSE NULL END AS ti,
  CASE WHEN id = 1 THEN CAST(30000 AS SMALLINT) ELSE NULL END AS si,
  CASE WHEN id = 1 THEN CAST(1.5 AS FLOAT) ELSE NULL END AS f,
  CASE WHEN id = 1 THEN 2.5E0 ELSE NULL END AS d,
  CASE WHEN id = 1 THEN CAST(12.34 AS DECIMAL(10, 2)) ELSE NULL END AS `dec`,
  CASE WHEN id = 1 THEN CAST(100 AS BIGINT) ELSE NULL END AS price,
  CASE WHEN id = 1 THEN TRUE ELSE NULL END AS b,
  CASE WHEN id = 1 THEN CAST('abc' AS STRING) ELSE NULL END AS s,
  CASE WHEN id = 1 THEN CAST('2013-01-31 12:34:56.789' AS TIMESTAMP(3)) ELSE NULL END AS ts,
  CASE WHEN id = 1 THEN CAST('2013-01-31 12:34:56.789123' AS TIMESTAMP(6)) ELSE NULL END AS ts6,
  CASE WHEN id = 1 THEN CAST('2013-01-31 12:34:56.789' AS TIMESTAMP_LTZ(3)) ELSE NULL END AS ltz,
  CASE WHEN id = 1 THEN DATE '2013-01-31' ELSE NULL END AS dt,
  CASE WHEN id = 1 THEN CAST(ROW(1, ROW('zz')) AS ROW<x INT, y ROW<z STRING>>) ELSE NULL END AS r,
  CASE WHEN id = 1 THEN CAST(ARRAY[10, 20] AS ARRAY<INT>) ELSE NULL END AS arr,
  CASE WHEN id = 1 THEN CAST(MAP['k', 5] AS MAP<STRING, INT>) ELSE NULL END AS m
FROM ids;
";

fn session() -> Session {
    let ids = Int32Array::from(vec![1, 2]);
    let schema = Arc::new(Schema::new(vec![Field::new("id", arrow_schema::DataType::Int32, false)]));
    let rows = RecordBatch::try_new(schema, vec![Arc::new(ids)]).unwrap();
    let connector = TestConnector { rows: Some(rows), ..TestConnector::new("filesystem") };
    let mut session = Session::new(vec![Arc::new(connector)]);
    run(&mut session, TABLE).unwrap();
    session
}

/// The type, or the refusal.
fn type_of(session: &mut Session, expression: &str) -> String {
    match run(session, &format!("SELECT {expression} AS r FROM t;")) {
        Ok(Outcome::Query(request)) => request.columns[0].1.to_string(),
        Ok(other) => panic!("{other:?}"),
        Err(error) => format!("refused: {}", error.message()),
    }
}

/// The values of both rows as text, or the error.
fn values_of(session: &mut Session, expression: &str) -> String {
    let request = match run(session, &format!("SELECT CAST(({expression}) AS STRING) AS r FROM t;")) {
        Ok(Outcome::Query(request)) => request,
        other => return format!("error: {other:?}"),
    };
    match rows_of(&request) {
        Ok(rows) => {
            let column = rows.column(0).as_string_view();
            let cell =
                |row| if column.is_null(row) { "NULL".to_owned() } else { column.value(row).to_owned() };
            format!("{} | {}", cell(0), cell(1)).replace('\n', "\\n")
        }
        Err(error) => format!("error: {error}"),
    }
}

/// Whether two answers mean the same: messages may differ.
fn agrees(flink: &str, ours: &str) -> bool {
    for marker in ["refused:", "error:"] {
        if flink.starts_with(marker) {
            // Flink finds at run time what is found here when the query is planned.
            return ours.starts_with("refused:") || ours.starts_with(marker);
        }
    }
    flink == ours
}

#[test]
fn expressions_agree_with_flink() {
    let mut session = session();
    let text = include_str!("golden/expressions.txt");
    let mut failures = String::new();
    let mut checked = 0;
    let mut lines = text.lines().peekable();
    while let Some(expression) = lines.next() {
        if expression.starts_with('#') || expression.is_empty() {
            continue;
        }
        let mut answers = Vec::new();
        let mut own = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("    ")) {
            match &line[4..] {
                note if note.starts_with("# ") => {}
                answer if answer.starts_with("! ") => own.push(answer[2..].to_owned()),
                answer => answers.push(answer.to_owned()),
            }
        }
        let expected = if own.is_empty() { answers } else { own };
        let bare = quoted_dec(expression);
        let mut actual = vec![type_of(&mut session, &bare)];
        if !actual[0].starts_with("refused") {
            actual.push(values_of(&mut session, &bare));
        }
        checked += 1;
        let same = agrees(&expected[0], &actual[0])
            && expected.get(1).zip(actual.get(1)).is_none_or(|(e, a)| agrees(e, a));
        let refused =
            expected.get(1).is_some_and(|e| e.starts_with("error:")) && actual[0].starts_with("refused:");
        if !same && !refused {
            writeln!(failures, "{expression}\n    flink {expected:?}\n    ours  {actual:?}").unwrap();
        }
    }
    assert!(checked > 500, "only {checked} expressions were found");
    assert!(failures.is_empty(), "{failures}");
}

/// DEC is a reserved word: the column of that name needs quotes.
fn quoted_dec(expression: &str) -> String {
    let mut text = String::new();
    let mut word = String::new();
    for c in expression.chars().chain(['\0']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        text.push_str(if word == "dec" { "`dec`" } else { &word });
        word.clear();
        if c != '\0' {
            text.push(c);
        }
    }
    text
}
