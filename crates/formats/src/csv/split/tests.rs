use super::*;
use proptest::prelude::*;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

use crate::{EncodedRows, Projection};

fn rows(splitter: &mut RecordSplitter, chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut rows, mut open) = (Vec::new(), Vec::new());
    for chunk in chunks {
        let mut ends = Vec::new();
        splitter.split(chunk, &mut ends);
        let mut start = 0;
        for end in ends {
            open.extend_from_slice(&chunk[start..end]);
            rows.push(std::mem::take(&mut open));
            start = end;
        }
        open.extend_from_slice(&chunk[start..]);
    }
    if !open.is_empty() {
        rows.push(open);
    }
    rows
}

proptest! {
    /// What the encoder writes, in lines and chunks of any size, the decoder reads again.
    #[test]
    fn files_are_read_as_they_were_written(
        values in proptest::collection::vec(("[a\"',;\\\\\r\n é#]{0,30}", "[b\"\n, ]{0,5}"), 1..12),
        line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        chunk_bytes in 1..20usize,
        escape: bool,
    ) {
        let options = CsvOptions { escape: escape.then_some(b'\\'), ..CsvOptions::default() };
        let format = Format::Csv(options);
        let schema = Arc::new(Schema::new(vec![
            Field::new("x", DataType::Utf8View, true),
            Field::new("y", DataType::Utf8View, true),
        ]));
        let column = |texts: Vec<&str>| Arc::new(arrow_array::StringViewArray::from(texts)) as arrow_array::ArrayRef;
        let columns = vec![
            column(values.iter().map(|(x, _)| x.as_str()).collect()),
            column(values.iter().map(|(_, y)| y.as_str()).collect()),
        ];
        let batch = arrow_array::RecordBatch::try_new(schema.clone(), columns).unwrap();
        let mut written = EncodedRows::new();
        format.encoder(&schema).unwrap().encode(&batch, &mut written).unwrap();
        let mut file = Vec::new();
        for row in written.iter() {
            file.extend_from_slice(row);
            file.extend_from_slice(line_end.as_bytes());
        }
        let chunks: Vec<&[u8]> = file.chunks(chunk_bytes).collect();
        let mut decoder = format.decoder(&schema, &Projection::all()).unwrap();
        for row in rows(&mut RecordSplitter::new(&format), &chunks) {
            prop_assert_eq!(decoder.push(&row), Ok(1));
        }
        let read = decoder.finish().unwrap();
        prop_assert_eq!(read.num_rows(), values.len());
        for (row, (x, y)) in values.iter().enumerate() {
            prop_assert_eq!(read.column(0).as_string_view().value(row), x);
            prop_assert_eq!(read.column(1).as_string_view().value(row), y);
        }
        prop_assert_eq!(read.column(0).null_count(), 0);
    }

    #[test]
    fn chunks_make_no_difference(bytes in "[a,\"\\\\\r\n]{0,60}", chunk_bytes in 1..10usize, escape: bool) {
        let format = Format::Csv(CsvOptions { escape: escape.then_some(b'\\'), ..CsvOptions::default() });
        let whole = rows(&mut RecordSplitter::new(&format), &[bytes.as_bytes()]);
        let chunks: Vec<&[u8]> = bytes.as_bytes().chunks(chunk_bytes).collect();
        prop_assert_eq!(rows(&mut RecordSplitter::new(&format), &chunks), whole);
    }
}

#[test]
fn json_rows_are_lines() {
    let format = Format::from_options("json", []).unwrap();
    let found = rows(&mut RecordSplitter::new(&format), &[b"{}\r\n{\"a\":", b"1}\n{}"]);
    assert_eq!(found, [&b"{}\r\n"[..], b"{\"a\":1}\n", b"{}"]);
    assert_eq!(RecordSplitter::trim_line_end(&found[0]), b"{}");
}
