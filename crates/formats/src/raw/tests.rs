use super::*;
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use proptest::prelude::*;

use crate::Format;

fn schema(data_type: DataType) -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("v", data_type, true)]))
}

fn decoded(data_type: DataType, rows: &[Vec<u8>]) -> RecordBatch {
    let mut decoder = RawDecoder::new(&schema(data_type), &Projection::all(), RawOptions::default()).unwrap();
    for row in rows {
        decoder.push(row).unwrap();
    }
    decoder.finish().unwrap()
}

proptest! {
    #[test]
    fn rows_come_back(bytes in proptest::collection::vec(any::<Vec<u8>>(), 0..8), numbers: Vec<i64>, texts: Vec<String>) {
        let numbers: Vec<Vec<u8>> = numbers.iter().map(|n| n.to_be_bytes().to_vec()).collect();
        let texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        for (data_type, rows) in
            [(DataType::BinaryView, bytes), (DataType::Int64, numbers), (DataType::Utf8View, texts)]
        {
            let batch = decoded(data_type, &rows);
            let mut written = EncodedRows::new();
            Format::Raw(RawOptions::default()).encoder(&batch.schema()).unwrap().encode(&batch, &mut written).unwrap();
            prop_assert_eq!(written.iter().collect::<Vec<_>>(), rows);
        }
    }
}

#[test]
fn latin1_is_translated_both_ways() {
    let options = RawOptions { charset: RawCharset::Latin1, little_endian: false };
    let schema = schema(DataType::Utf8View);
    let mut decoder = RawDecoder::new(&schema, &Projection::all(), options).unwrap();
    decoder.push(b"caf\xe9").unwrap();
    let batch = decoder.finish().unwrap();
    assert_eq!(batch.column(0).as_string_view().value(0), "caf\u{e9}");
    let mut written = EncodedRows::new();
    RawEncoder::new(&schema, options).unwrap().encode(&batch, &mut written).unwrap();
    assert_eq!(written.bytes(), b"caf\xe9");
}

#[test]
fn more_than_one_column_is_refused() {
    let two = Arc::new(Schema::new(vec![
        Field::new("a", DataType::Utf8View, true),
        Field::new("b", DataType::Utf8View, true),
    ]));
    let error = RawDecoder::new(&two, &Projection::all(), RawOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "format 'raw' takes exactly one column, but the table gives it 2");
}
