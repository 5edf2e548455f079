//! Every row of `golden/flink-2.2.1.jsonl` answered as Flink 2.2.1 answered it.
//!
//! The file holds, per line, a format with its options, a table's columns, a message, and what Flink's own classes
//! (`JsonParserRowDataDeserializationSchema` and its siblings, called one message at a time) made of it: rows, rows
//! written again, or an error. Where this crate answers differently on purpose, `deviation` says why.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "functions shared by tests fail the test by panicking"
)]

mod golden_types;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use golden_types::{columns, render};
use millstream_formats::{EncodedRows, Format, Projection};
use serde_json::Value;

/// What came of a message: the rows, or a refusal.
type Answer = Option<Vec<String>>;

fn options(case: &Value) -> Vec<(&str, &str)> {
    let options = case["options"].as_object().into_iter().flatten();
    options.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

fn message(case: &Value) -> Vec<u8> {
    match case["input_hex"].as_str() {
        Some(hex) => {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        }
        None => case["input"].as_str().unwrap().as_bytes().to_vec(),
    }
}

fn decode(format: &Format, case: &Value) -> Option<RecordBatch> {
    let schema = columns(case["type"].as_str().unwrap());
    let mut decoder = format.decoder(&schema, &Projection::all()).unwrap();
    match decoder.push(&message(case)) {
        Ok(rows) => {
            let batch = decoder.finish().unwrap();
            assert_eq!(batch.num_rows(), rows);
            Some(batch)
        }
        Err(_) => {
            assert_eq!(decoder.finish().unwrap().num_rows(), 0, "a refused row left something behind");
            None
        }
    }
}

fn ours(case: &Value) -> Answer {
    let name = case["format"].as_str().unwrap();
    let format = Format::from_options(name, options(case)).unwrap();
    if case["op"] == "decode" {
        let batch = decode(&format, case)?;
        return Some((0..batch.num_rows()).map(|row| render(&batch, row)).collect());
    }
    let batch = decode(&Format::from_options("json", []).unwrap(), case)?;
    let mut rows = EncodedRows::new();
    format.encoder(&batch.schema()).unwrap().encode(&batch, &mut rows).unwrap();
    Some(rows.iter().map(|row| String::from_utf8(row.to_vec()).unwrap()).collect())
}

fn flinks(case: &Value) -> Answer {
    let rows = case["rows"].as_array().or(case["written"].as_array())?;
    Some(rows.iter().map(|row| row.as_str().unwrap().to_owned()).collect())
}

/// Why this crate does not answer as Flink does, where it does not.
///
/// Each is in `docs/formats/json.md`.
fn deviation(case: &Value, flink: &Answer, ours: &Answer) -> Option<&'static str> {
    let sql_type = case["type"].as_str().unwrap();
    let input = case["input"].as_str().unwrap_or_default();
    let utf8 = String::from_utf8(message(case)).is_ok();
    let ignores = case["options"]["ignore-parse-errors"] == "true";
    match (flink, ours) {
        (Some(rows), None) if ignores && rows.iter().all(|row| row == "<null>") => {
            Some("a row that is skipped is reported, so that it can be counted")
        }
        (Some(_), None) if !utf8 => Some("text that is not UTF-8 is refused, not passed on or mended"),
        (Some(_), None) if sql_type == "ROW<a BOOLEAN>" && input.contains(['{', '[']) => {
            Some("an object is no BOOLEAN: Flink reads false and then loses its place in the row")
        }
        (Some(_), None) if sql_type == "ROW<a TIMESTAMP(9)>" => {
            Some("64 bits of nanoseconds reach from 1677 to 2262")
        }
        (Some(flink), Some(ours)) if sql_type.starts_with("ROW<a TIMESTAMP") => (cut(flink, sql_type)
            == cut(ours, sql_type))
        .then_some("a timestamp is cut to its type's unit at once, not when the row is next copied"),
        (Some(_), Some(_)) if case["op"] == "encode" && sql_type.starts_with("ROW<a DOUBLE") => {
            let tiny = input.contains("e-323") || input.contains("e-322");
            tiny.then_some(
                "the smallest doubles are written as by JDK 19 and later; the table is from JDK 17",
            )
        }
        (Some(_), Some(_)) if case["op"] == "encode" && sql_type.contains("MAP<") => {
            Some("a map keeps the order of its keys")
        }
        _ => None,
    }
}

/// The milliseconds, or microseconds, of `(millis.nanos)`.
fn cut(rows: &[String], sql_type: &str) -> Vec<(String, u32)> {
    let per_unit = if sql_type.contains("(6)") { 1_000 } else { 1_000_000 };
    let row = |row: &String| {
        let (millis, nanos) = row.trim_matches(['(', ')']).split_once('.').unwrap();
        (millis.to_owned(), nanos.parse::<u32>().unwrap() / per_unit)
    };
    rows.iter().map(row).collect()
}

#[test]
fn every_message_is_answered_as_flink_answers_it() {
    let mut deviations: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    let lines: Vec<&str> = include_str!("golden/flink-2.2.1.jsonl").lines().collect();
    for line in &lines {
        let case: Value = serde_json::from_str(line).unwrap();
        let (flink, ours) = (flinks(&case), ours(&case));
        if flink == ours {
            continue;
        }
        match deviation(&case, &flink, &ours) {
            Some(reason) => *deviations.entry(reason).or_default() += 1,
            None => failures.push(format!(
                "{} {} {} {} {}\n   flink {flink:?}\n   ours  {ours:?}",
                case["format"], case["op"], case["type"], case["options"], case["input"],
            )),
        }
    }
    assert!(lines.len() > 2_000, "the table has shrunk");
    println!("{deviations:#?}");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}
