//! Chunks of records from an input.

use std::io::Cursor;

use super::{CHUNK_RECORDS_MAX, read};
use crate::record_format::{Format, Layout};

fn layout(format: &str) -> Layout {
    Format::parse(format).unwrap().layout().unwrap()
}

#[test]
fn every_record_arrives_in_bounded_chunks() {
    let count = CHUNK_RECORDS_MAX * 2 + 1;
    let text: String = (0..count).map(|number| format!("{number}\n")).collect();
    let mut chunks = read(Cursor::new(text.into_bytes()), layout("%v\\n"), 1024).unwrap();
    let mut seen = 0;
    while let Some(chunk) = chunks.blocking_recv() {
        let records = chunk.unwrap();
        assert!(records.len() <= CHUNK_RECORDS_MAX);
        for record in records {
            assert_eq!(record.value.unwrap(), seen.to_string().as_bytes());
            seen += 1;
        }
    }
    assert_eq!(seen, count);
}

#[test]
fn what_stands_before_an_error_arrives_first() {
    let mut chunks = read(Cursor::new(b"1 a\n2 b\nx c\n"), layout("%p %v\\n"), 1024).unwrap();
    let records = chunks.blocking_recv().unwrap().unwrap();
    assert_eq!(records.iter().map(|record| record.partition).collect::<Vec<_>>(), [1, 2]);
    let error = chunks.blocking_recv().unwrap().unwrap_err();
    assert!(error.to_string().starts_with("record 3 of standard input"), "{error}");
    assert!(chunks.blocking_recv().is_none());
}
