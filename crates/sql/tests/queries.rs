//! Queries through the engine: what is planned here runs there, with the rows that Flink gives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray, StructArray, TimestampMillisecondArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use millstream_engine::clock::HeldClock;
use millstream_engine::driver::Driver;
use millstream_engine::element::TimestampMs;
use millstream_engine::plan::{Node, Operator, PipelineOptions};
use millstream_engine::sink::Collect;
use millstream_sql::session::{Outcome, Session};
use support::{TestConnector, run};

const HOUR: i64 = 3_600_000;

/// Readings of two stations: `readings(station, ts, value, place ROW<city, height>)`.
fn session() -> Session {
    let stations = ["a", "b", "a", "a", "b", "a", "b"];
    let hours = [0, 1, 5, 23, 24, 30, 49];
    let values = [Some(1.5), Some(2.0), None, Some(4.5), Some(-1.0), None, Some(7.0)];
    let cities =
        StringViewArray::from(vec![Some("x"), Some("y"), Some("x"), None, Some("y"), Some("x"), Some("y")]);
    let heights = Int64Array::from(vec![10, 20, 10, 10, 20, 10, 20]);
    let fields = Fields::from(vec![
        Field::new("city", DataType::Utf8View, true),
        Field::new("height", DataType::Int64, true),
    ]);
    let known = NullBuffer::from(vec![true, true, true, true, true, false, true]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from(stations.to_vec())),
        Arc::new(TimestampMillisecondArray::from(hours.map(|hour| hour * HOUR).to_vec())),
        Arc::new(Float64Array::from(values.to_vec())),
        Arc::new(StructArray::new(fields.clone(), vec![Arc::new(cities), Arc::new(heights)], Some(known))),
    ];
    let schema = Arc::new(Schema::new(vec![
        Field::new("station", DataType::Utf8View, true),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("value", DataType::Float64, true),
        Field::new("place", DataType::Struct(fields), true),
    ]));
    let rows = RecordBatch::try_new(schema, columns).unwrap();
    let mut session =
        Session::new(vec![Arc::new(TestConnector { rows: Some(rows), ..TestConnector::new("filesystem") })]);
    run(
        &mut session,
        "CREATE TABLE readings (station STRING, ts TIMESTAMP(3), `value` DOUBLE, place ROW<city STRING, height BIGINT>,
           p AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '3' HOUR) WITH ('connector' = 'filesystem');",
    )
    .unwrap();
    session
}

/// The rows of a query, cast to text by SQL itself, sorted.
fn rows(session: &mut Session, query: &str) -> Vec<String> {
    let request = match run(session, query).unwrap_or_else(|error| panic!("{error}")) {
        Outcome::Query(request) => request,
        other => panic!("{other:?}"),
    };
    let mut plan = request.plan;
    let sink = Collect::new(None);
    let schema = plan.nodes[request.root.0].schema.clone();
    let operator =
        Operator::Sink { input: request.root, name: "result".to_owned(), sink: Arc::new(sink.clone()) };
    plan.nodes.push(Node { operator, schema });
    let clock = Arc::new(HeldClock::new(TimestampMs(1_700_000_000_000)));
    let mut driver = Driver::start(&plan, &PipelineOptions::named("test"), None, clock).unwrap();
    assert!(driver.run_until_quiet().unwrap().is_some(), "bounded input ends");
    let mut rows = Vec::new();
    for batch in sink.batches() {
        let text: Vec<ArrayRef> = batch
            .rows
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                DataType::Struct(_) => {
                    arrow_cast::cast(&column.as_struct().column(0).clone(), &DataType::Utf8).unwrap()
                }
                _ => arrow_cast::cast(column, &DataType::Utf8).unwrap(),
            })
            .collect();
        for row in 0..batch.rows.num_rows() {
            let cells: Vec<&str> = text
                .iter()
                .map(|column| {
                    let column = column.as_string::<i32>();
                    if arrow_array::Array::is_null(column, row) { "NULL" } else { column.value(row) }
                })
                .collect();
            rows.push(cells.join(" "));
        }
    }
    rows.sort();
    rows
}

#[test]
fn a_day_per_station() {
    let query = "SELECT station, window_end, COUNT(`value`), COUNT(*), MIN(`value`), MAX(`value`), AVG(`value`)
        FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end, station;";
    let expected = [
        "a 1970-01-02T00:00:00 2 3 1.5 4.5 3.0",
        "a 1970-01-03T00:00:00 0 1 NULL NULL NULL",
        "b 1970-01-02T00:00:00 1 1 2.0 2.0 2.0",
        "b 1970-01-03T00:00:00 1 1 -1.0 -1.0 -1.0",
        "b 1970-01-04T00:00:00 1 1 7.0 7.0 7.0",
    ];
    assert_eq!(rows(&mut session(), query), expected);
}

#[test]
fn both_window_syntaxes_agree() {
    let legacy = "SELECT station, TUMBLE_END(ts, INTERVAL '1' DAY), COUNT(*), SUM(`value`) + 1
        FROM readings WHERE station <> 'c' GROUP BY station, TUMBLE(ts, INTERVAL '1' DAY) HAVING COUNT(*) > 0;";
    let table = "SELECT station, window_end, COUNT(*), SUM(`value`) + 1
        FROM TABLE(TUMBLE(DATA => TABLE readings, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' DAY))
        WHERE station <> 'c' GROUP BY station, window_end, window_start HAVING COUNT(*) > 0;";
    let mut session = session();
    let legacy = rows(&mut session, legacy);
    assert_eq!(legacy.len(), 5);
    assert_eq!(legacy, rows(&mut session, table));
}

#[test]
fn filters_and_computed_keys() {
    let query =
        "WITH deep AS (SELECT UPPER(station) || '!' AS who, place.height AS h, ts, `value` FROM readings)
        SELECT who, COUNT(*) FILTER (WHERE `value` > 2) AS high, SUM(h), window_start
        FROM TABLE(TUMBLE(TABLE deep, DESCRIPTOR(ts), INTERVAL '2' DAY, INTERVAL '1' DAY))
        GROUP BY who, window_start, window_end;";
    let expected = [
        "A! 0 NULL 1970-01-02T00:00:00",
        "A! 1 30 1969-12-31T00:00:00",
        "B! 0 20 1969-12-31T00:00:00",
        "B! 1 40 1970-01-02T00:00:00",
    ];
    assert_eq!(rows(&mut session(), query), expected);
}

#[test]
fn processing_time_windows_close_with_the_input() {
    let query =
        "SELECT station, COUNT(*) FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(p), INTERVAL '10' SECOND))
        GROUP BY station, window_start, window_end;";
    assert_eq!(rows(&mut session(), query), ["a 4", "b 3"]);
}

#[test]
fn windows_without_aggregation_and_cascades() {
    let mut session = session();
    let query = "SELECT station, window_start FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE `value` < 0;";
    assert_eq!(rows(&mut session, query), ["b 1970-01-02T00:00:00"]);
    let query = "CREATE VIEW days AS SELECT station, window_time AS t, COUNT(*) AS n
        FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end, window_time, station;
        SELECT window_start, SUM(n), MAX(n) FROM TABLE(TUMBLE(TABLE days, DESCRIPTOR(t), INTERVAL '4' DAY)) GROUP BY window_start, window_end;";
    assert_eq!(rows(&mut session, query), ["1970-01-01T00:00:00 7 3"]);
}

#[test]
fn a_field_of_a_missing_row_is_null() {
    let query = "SELECT place.height, place IS NULL FROM readings WHERE station = 'a' AND `value` IS NULL;";
    assert_eq!(rows(&mut session(), query), ["10 false", "NULL true"]);
}

#[test]
fn rows_of_values() {
    let query = "SELECT x + 1, UPPER(y) FROM (VALUES (1, 'a'), (2, NULL)) AS t (x, y) WHERE x > 0;";
    assert_eq!(rows(&mut session(), query), ["2 A", "3 NULL"]);
    assert_eq!(rows(&mut session(), "SELECT 1 + 1, 'x';"), ["2 x"]);
}

#[test]
fn a_division_by_zero_ends_only_what_reaches_it() {
    let mut session = session();
    let safe = "SELECT 100 / CAST(`value` AS INT) FROM readings WHERE CAST(`value` AS INT) <> 0 AND 100 / CAST(`value` AS INT) > 20;";
    assert_eq!(rows(&mut session, safe), ["100", "25", "50"]);
}
