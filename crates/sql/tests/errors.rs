//! Messages as users see them. `errors/messages.txt` holds texts of statements, each followed by a line of `----` and the
//! message; cases end in a line of `====`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use support::{assert_golden, run, session};

const TABLES: &str = "
CREATE TABLE orders (id BIGINT NOT NULL, price DECIMAL(10, 2), customer STRING, ts TIMESTAMP(3), plain TIMESTAMP(3),
  address ROW<street STRING, zip INT>, proc AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)
WITH ('connector' = 'kafka', 'topic' = 'orders');
CREATE TABLE results (id BIGINT NOT NULL, price DECIMAL(10, 2), note VARCHAR(3)) WITH ('connector' = 'print');
CREATE VIEW cheap AS SELECT id, price FROM orders WHERE price < 10;
";

#[test]
fn messages_are_as_written() {
    let path = format!("{}/tests/errors/messages.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut actual = String::new();
    let mut cases = 0;
    for case in text.split("\n====\n").filter(|case| !case.trim().is_empty()) {
        let statements = case.split_once("\n----\n").map_or(case.trim_end(), |(statements, _)| statements);
        let mut session = session();
        run(&mut session, TABLES).unwrap();
        let message = match run(&mut session, statements) {
            Ok(outcome) => panic!("no error for:\n{statements}\n{outcome:?}"),
            Err(error) => {
                let place = error.place().expect("an error has a place");
                assert_eq!(place.0, "test.sql", "{statements}");
                error.to_string()
            }
        };
        cases += 1;
        actual.push_str(&format!("{statements}\n----\n{message}\n====\n"));
    }
    assert!(cases > 80, "{cases}");
    assert_golden("errors/messages.txt", &actual);
}
