//! SQL text: parsed, bound and planned over a few tables. It is answered or refused with a place in it.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use millstream_connectors::kafka::Clusters;
use millstream_connectors::{Environment, connectors};
use millstream_sql::{Session, parse_script};
use tokio::runtime::{Builder, Runtime};

const TABLES: &str = "
CREATE TABLE t (a INT, s STRING, d DOUBLE, r ROW<x INT, y STRING>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
    WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE o (a INT, s STRING) WITH ('connector' = 'blackhole');";

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"));

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let statements = match parse_script(text, "fuzz.sql") {
        Ok(statements) => statements,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let environment = Environment { runtime: RUNTIME.handle().clone(), clusters: Clusters::default() };
    let mut session = Session::new(connectors(&environment).0);
    for statement in parse_script(TABLES, "tables.sql").expect("the tables parse") {
        session.execute(&statement).expect("the tables are made");
    }
    for statement in &statements {
        if let Err(error) = session.execute(statement) {
            assert!(!error.to_string().is_empty());
            return;
        }
    }
});
