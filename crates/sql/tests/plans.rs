//! Plans as EXPLAIN draws them. Each file of `plans/` holds statements, and behind a line of `====` what EXPLAIN prints for
//! the last of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::path::Path;

use millstream_sql::session::Outcome;
use support::{assert_golden, run, session};

const SEPARATOR: &str = "\n====\n";

#[test]
fn plans_are_as_drawn() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let name = name.into_string().unwrap();
        let path = format!("{}/tests/plans/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let statements = text.split_once(SEPARATOR).map_or(text.trim_end(), |(statements, _)| statements);
        let plan = match run(&mut session(), statements) {
            Ok(Outcome::Explain(plan)) => plan,
            Ok(other) => panic!("{name}: {other:?}"),
            Err(error) => panic!("{name}: {error}"),
        };
        assert_golden(&format!("plans/{name}"), &format!("{statements}{SEPARATOR}{plan}"));
    }
}
