//! JSON rows, one per line, through the scan that predicts a row's layout from the one before. A decoder that has seen
//! other rows must answer as a new one does.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use libfuzzer_sys::fuzz_target;
use millstream_formats::{Format, Projection, RowDecoder, array, map, row, timestamp, timestamp_ltz};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let inner = row(vec![
        Field::new("s", DataType::Utf8View, true),
        Field::new("n", DataType::Int64, true),
        Field::new("t", timestamp(3), true),
    ]);
    Arc::new(Schema::new(vec![
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Utf8View, true),
        Field::new("c", DataType::Float64, true),
        Field::new("d", DataType::Boolean, true),
        Field::new("e", DataType::Decimal128(10, 2), true),
        Field::new("f", timestamp_ltz(3), true),
        Field::new("g", inner, true),
        Field::new("h", array(DataType::Int64), true),
        Field::new("i", map(DataType::Utf8View, DataType::Utf8View), true),
    ]))
});

static FORMATS: LazyLock<[Format; 2]> = LazyLock::new(|| {
    let iso = [("timestamp-format.standard", "ISO-8601")];
    [vec![], iso.to_vec()]
        .map(|options| Format::from_options("json", options).expect("options of the format"))
});

fn decoder(format: &Format) -> Option<RowDecoder> {
    format.decoder(&SCHEMA, &Projection::all()).ok()
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else { return };
    let format = &FORMATS[usize::from(*choice) % FORMATS.len()];
    let mut seasoned = decoder(format).expect("the schema suits the format");
    let mut alone = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let mut fresh = decoder(format).expect("the schema suits the format");
        let (one, other) = (seasoned.push(line), fresh.push(line));
        assert_eq!(one.as_ref().ok(), other.as_ref().ok(), "{:?}", String::from_utf8_lossy(line));
        alone.push(fresh.finish().expect("a batch"));
    }
    let together = seasoned.finish().expect("a batch");
    let alone = concat_batches(seasoned.schema(), &alone).expect("batches of one schema");
    // NaN is not equal to itself; its text is.
    assert_eq!(format!("{together:?}"), format!("{alone:?}"));
});
