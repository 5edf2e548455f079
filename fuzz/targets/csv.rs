//! CSV: where rows end does not depend on how a file is cut into chunks, and rows decode or are refused.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use libfuzzer_sys::fuzz_target;
use millstream_formats::{Format, Projection, RecordSplitter, timestamp};

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("a", DataType::Utf8View, true),
        Field::new("b", DataType::Int64, true),
        Field::new("c", DataType::Float64, true),
        Field::new("d", timestamp(3), true),
    ]))
});

static FORMATS: LazyLock<[Format; 3]> = LazyLock::new(|| {
    let escape = [("escape-character", "\\"), ("null-literal", "NA")];
    let bare = [("disable-quote-character", "true"), ("allow-comments", "true")];
    [vec![], escape.to_vec(), bare.to_vec()]
        .map(|options| Format::from_options("csv", options).expect("options of the format"))
});

fuzz_target!(|data: &[u8]| {
    let [choice, chunk, text @ ..] = data else { return };
    let format = &FORMATS[usize::from(*choice) % FORMATS.len()];
    let mut whole = Vec::new();
    RecordSplitter::new(format).split(text, &mut whole);
    let (mut pieces, mut ends, mut begin) = (RecordSplitter::new(format), Vec::new(), 0);
    for part in text.chunks(usize::from(*chunk).max(1)) {
        let mut found = Vec::new();
        pieces.split(part, &mut found);
        ends.extend(found.into_iter().map(|end| begin + end));
        begin += part.len();
    }
    assert_eq!(whole, ends);
    let mut decoder = format.decoder(&SCHEMA, &Projection::all()).expect("the schema suits the format");
    let (mut begin, mut rows) = (0, 0);
    for end in whole {
        rows += decoder.push(RecordSplitter::trim_line_end(&text[begin..end])).unwrap_or(0);
        begin = end;
    }
    assert_eq!(decoder.finish().expect("a batch").num_rows(), rows);
});
