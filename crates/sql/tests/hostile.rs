//! Hostile input: whatever the text, reading and planning it ends in an answer, and no nesting fills the stack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use millstream_sql::parse_script;
use proptest::prelude::*;
use support::{run, session};

const WORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "HAVING",
    "CREATE",
    "TABLE",
    "VIEW",
    "AS",
    "INSERT",
    "INTO",
    "VALUES",
    "(",
    ")",
    ",",
    ";",
    ".",
    "*",
    "+",
    "-",
    "/",
    "%",
    "=",
    "<>",
    "<",
    ">",
    "||",
    "=>",
    "[",
    "]",
    "'a'",
    "'",
    "`",
    "`q`",
    "1",
    "1.5",
    "1E9",
    "x'0a'",
    "NULL",
    "TRUE",
    "NOT",
    "AND",
    "OR",
    "IS",
    "IN",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "ROW",
    "ARRAY",
    "MAP",
    "INT",
    "STRING",
    "TIMESTAMP",
    "INTERVAL",
    "DAY",
    "TO",
    "SECOND",
    "a",
    "t",
    "ts",
    "COUNT",
    "SUM",
    "TUMBLE",
    "DESCRIPTOR",
    "WATERMARK",
    "FOR",
    "WITH",
    "SET",
    "EXTRACT",
    "TRIM",
    "--",
    "/*",
    "*/",
    "\n",
    "é",
    "$",
    "FILTER",
    "OVER",
    "UNION",
    "PRIMARY",
    "KEY",
    "METADATA",
    "COMMENT",
    "LIMIT",
    "EXECUTE",
    "STATEMENT",
    "BEGIN",
    "EXPLAIN",
    "SHOW",
    "DESCRIBE",
];

/// Reads and plans a text; only the absence of a panic matters.
fn attempt(text: &str) {
    let mut session = session();
    run(&mut session, "CREATE TABLE t (a INT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka');")
        .unwrap();
    if let Err(error) = run(&mut session, text) {
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        attempt(&text);
    }

    #[test]
    fn any_words_are_answered(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        attempt(&words.join(" "));
    }

    #[test]
    fn any_expression_is_answered(words in prop::collection::vec(prop::sample::select(WORDS), 1..12)) {
        attempt(&format!("SELECT {} FROM t;", words.join(" ")));
    }

    #[test]
    fn mutilated_statements_are_answered(cut in 0_usize..400, length in 0_usize..20, insert in prop::sample::select(WORDS)) {
        let text = "SELECT s, COUNT(*) FILTER (WHERE a > 1) AS n, window_end, CAST(MAX(a) AS STRING) || 'x' \
            FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE a BETWEEN 1 AND 5 AND s LIKE 'a%' \
            GROUP BY window_start, window_end, s HAVING COUNT(*) > 2;";
        let start = cut.min(text.len());
        let end = (start + length).min(text.len());
        attempt(&format!("{}{insert}{}", &text[..start], &text[end..]));
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = 100_000;
    let repeated = |open: &str, inner: &str, close: &str| {
        format!("SELECT {}{inner}{};", open.repeat(deep), close.repeat(deep))
    };
    for text in [
        repeated("(", "1", ")"),
        repeated("NOT ", "TRUE", ""),
        repeated("- ", "1", ""),
        repeated("1 + ", "1", ""),
        repeated("'a' || ", "'b'", ""),
        repeated("CASE WHEN TRUE THEN ", "1", " END"),
        repeated("ABS(", "1", ")"),
        repeated("ARRAY[", "1", "]"),
        repeated("CAST(", "1", " AS INT)"),
        repeated("a.", "b", ""),
        repeated("a[1]", "", ""),
        format!("SELECT 1 FROM {}t{};", "(SELECT 1 FROM ".repeat(deep), ")".repeat(deep)),
        format!("SELECT 1 FROM {}t{};", "(".repeat(deep), ")".repeat(deep)),
        format!(
            "CREATE TABLE d (a {}INT{}) WITH ('connector' = 'print');",
            "ARRAY<".repeat(deep),
            ">".repeat(deep)
        ),
        format!("CREATE TABLE d (a INT{}) WITH ('connector' = 'print');", " ARRAY".repeat(deep)),
        format!("SELECT a {} FROM t;", "IS NULL ".repeat(deep)),
    ] {
        let error = parse_script(&text, "deep.sql").unwrap_err();
        assert!(error.to_string().contains("deep") || error.to_string().contains("parts"), "{error}");
    }
}

/// A chain of AND or OR is as long as it likes, and what is as deep as may be is bound, planned and folded.
#[test]
fn the_deepest_that_is_allowed_is_planned() {
    let long = format!("SELECT s FROM t WHERE {} a = 0;", "a = 1 OR ".repeat(5_000));
    attempt_ok(&long);
    let depth = 90;
    attempt_ok(&format!("SELECT {}a{} FROM t;", "(".repeat(depth), ")".repeat(depth)));
    attempt_ok(&format!("SELECT {}a{} FROM t;", "ABS(".repeat(depth), ")".repeat(depth)));
    attempt_ok(&format!("SELECT {}a{} FROM t;", "CASE WHEN a > 1 THEN ".repeat(depth), " END".repeat(depth)));
    attempt_ok(&format!("SELECT {} 1 FROM t;", "a + ".repeat(depth)));
}

/// Each view adds to what the views below it compute: neither the depth of queries nor that of fused expressions may
/// grow without bound.
#[test]
fn chains_of_views_are_bounded() {
    let mut session = session();
    run(&mut session, "CREATE TABLE v0 (a INT, b INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka');").unwrap();
    let mut failed = None;
    for level in 1..200 {
        let text = format!(
            "CREATE VIEW v{level} AS SELECT {}a{} AS a, b, ts FROM v{} WHERE a > {level};",
            "ABS(".repeat(30),
            ")".repeat(30),
            level - 1
        );
        if let Err(error) = run(&mut session, &text) {
            failed = Some((level, error.to_string()));
            break;
        }
    }
    let (level, message) = failed.expect("views cannot be nested without end");
    assert!(level > 40 && message.contains("nested more than"), "{level} {message}");
    let last = level - 2;
    run(&mut session, &format!("SELECT a, b FROM v{last};")).unwrap();
    run(&mut session, &format!("EXPLAIN SELECT MAX(a) FROM TABLE(TUMBLE(TABLE v{last}, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;"))
        .map_or_else(|error| assert!(error.to_string().contains("window"), "{error}"), |_| ());
}

fn attempt_ok(text: &str) {
    let mut session = session();
    run(&mut session, "CREATE TABLE t (a INT, s STRING) WITH ('connector' = 'kafka');").unwrap();
    run(&mut session, text).unwrap_or_else(|error| panic!("{error}"));
}
