use std::sync::Arc;

use super::Claims;

#[test]
fn one_reader_per_group_and_topic() {
    let claims = Arc::new(Claims::default());
    let first = claims.claim("g", [("one", "a"), ("one", "b")].into_iter()).unwrap();
    let error = claims.claim("g", [("two", "c"), ("two", "b")].into_iter()).unwrap_err().to_string();
    assert!(error.contains("the table one reads it as well"), "{error}");
    assert!(error.contains("properties.group.id"), "{error}");
    // What was claimed before the refusal is free again; another group has offsets of its own.
    let _second = claims.claim("g", [("two", "c")].into_iter()).unwrap();
    let _third = claims.claim("h", [("two", "b")].into_iter()).unwrap();
    drop(first);
    claims.claim("g", [("two", "b")].into_iter()).unwrap();
}

#[test]
fn one_table_read_by_two_statements() {
    let claims = Arc::new(Claims::default());
    let _first = claims.claim("g", [("readings", "a")].into_iter()).unwrap();
    let error = claims.claim("g", [("readings", "a")].into_iter()).unwrap_err().to_string();
    assert!(error.contains("another statement"), "{error}");
}
