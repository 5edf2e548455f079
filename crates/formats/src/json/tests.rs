//! Prediction must never change an answer: every property here decodes the same rows with what the decoder learned
//! from the rows before, and with nothing learned, in a buffer of their own, and in the middle of a shared one.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::decode::JsonDecoder;
use crate::{BadRow, JsonOptions, Projection, array, map, row, timestamp, timestamp_ltz};

const NAMES: [&str; 6] = ["a", "b", "id", "dateTime", "a rather long name of a column", "é\"x"];

fn leaf_type() -> impl Strategy<Value = DataType> {
    prop_oneof![
        Just(DataType::Boolean),
        Just(DataType::Int8),
        Just(DataType::Int32),
        Just(DataType::Int64),
        Just(DataType::Float32),
        Just(DataType::Float64),
        Just(DataType::Decimal128(10, 2)),
        Just(DataType::Utf8View),
        Just(DataType::BinaryView),
        Just(DataType::Date32),
        Just(timestamp(3)),
        Just(timestamp_ltz(9)),
    ]
}

fn fields(inner: impl Strategy<Value = DataType>) -> impl Strategy<Value = Vec<Field>> {
    vec((inner, prop::bool::weighted(0.95)), 1..NAMES.len()).prop_map(|types| {
        types.into_iter().zip(NAMES).map(|((t, nullable), name)| Field::new(name, t, nullable)).collect()
    })
}

fn any_type() -> impl Strategy<Value = DataType> {
    leaf_type().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            fields(inner.clone()).prop_map(row),
            inner.clone().prop_map(array),
            inner.prop_map(|value| map(DataType::Utf8View, value)),
        ]
    })
}

fn schema() -> impl Strategy<Value = SchemaRef> {
    fields(any_type()).prop_map(|fields| Arc::new(Schema::new(fields)))
}

/// A projection onto some of the fields, half of them inside ROWs.
fn projection(schema: &SchemaRef, choice: u64) -> Projection {
    let mut paths = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        match (choice >> (2 * index) & 3, field.data_type()) {
            (0, _) => {}
            (1, DataType::Struct(inner)) => paths.push(vec![field.name().clone(), inner[0].name().clone()]),
            _ => paths.push(vec![field.name().clone()]),
        }
    }
    if choice.is_multiple_of(5) { Projection::all() } else { Projection::of(paths) }
}

/// A value that suits the type more often than not.
fn value(data_type: &DataType) -> BoxedStrategy<String> {
    let text = |text: &str| Just(text.to_owned()).boxed();
    let suited = match data_type {
        DataType::Boolean => prop_oneof![text("true"), text("false"), text("\"TRUE\"")].boxed(),
        DataType::Int8 | DataType::Int32 | DataType::Int64 => {
            prop_oneof![any::<i16>().prop_map(|n| n.to_string()), any::<i64>().prop_map(|n| n.to_string())]
                .boxed()
        }
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => prop_oneof![
            r"-?(0|[1-9][0-9]{0,9})\.[0-9]{1,9}",
            any::<f64>().prop_map(|n| json!(n).to_string()),
            r"-?[1-9][0-9]{0,20}e-?[0-9]{1,3}",
        ]
        .boxed(),
        DataType::Utf8View => {
            prop_oneof![r#""[a-zé😀 ]{0,40}""#, any::<String>().prop_map(|text| json!(text).to_string())]
                .boxed()
        }
        DataType::BinaryView => text("\"aGVsbG8gd29ybGQ=\""),
        DataType::Date32 => text("\"2026-02-28\""),
        DataType::Timestamp(..) => {
            r#""20[0-9][0-9]-(0[1-9]|1[0-3])-[0-3][0-9] [012][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{0,9})?Z?""#
                .boxed()
        }
        DataType::Struct(fields) => object(fields.iter().map(AsRef::as_ref).collect()),
        DataType::List(item) => {
            vec(value(item.data_type()), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))).boxed()
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(entry) = entries.data_type() else { panic!("no map") };
            vec(("[a-c]", value(entry[1].data_type())), 0..4)
                .prop_map(|entries| {
                    let entries: Vec<String> = entries.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                    format!("{{{}}}", entries.join(","))
                })
                .boxed()
        }
        _ => text("null"),
    };
    let unsuited = prop_oneof![
        text("null"),
        text("12"),
        text("\"12\""),
        text("{}"),
        text("[1,{\"x\":[]}]"),
        text("\"\\u0041\\n\""),
        text("1.5"),
        text("tru"),
        text("01")
    ];
    prop_oneof![12 => suited, 1 => unsuited].boxed()
}

/// An object with the fields in order or out of it, repeated, absent, with others between and space around.
fn object(fields: Vec<&Field>) -> BoxedStrategy<String> {
    let entries: Vec<BoxedStrategy<(String, String)>> = fields
        .into_iter()
        .map(|field| {
            let name = json!(field.name()).to_string();
            let escaped = name.replace('a', "\\u0061");
            let name = prop_oneof![8 => Just(name), 1 => Just(escaped)];
            (name, value(field.data_type())).boxed()
        })
        .collect();
    let other = ("\"[x-z]{1,3}\"", value(&array(DataType::Utf8View))).boxed();
    (entries, vec(other, 0..2), any::<u64>(), prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n ")])
        .prop_map(|(mut entries, others, disorder, space)| {
            entries.extend(others);
            let count = entries.len();
            if disorder.is_multiple_of(4) {
                entries.rotate_left((disorder >> 8) as usize % count);
            }
            if disorder.is_multiple_of(7) {
                let repeated = entries[(disorder >> 16) as usize % count].clone();
                entries.push(repeated);
            }
            if disorder.is_multiple_of(9) {
                entries.pop();
            }
            let entries: Vec<String> =
                entries.iter().map(|(name, value)| format!("{space}{name}:{space}{value}")).collect();
            format!("{{{}{space}}}", entries.join(","))
        })
        .boxed()
}

/// A schema, a choice of fields, options, and rows.
fn rows() -> impl Strategy<Value = (SchemaRef, u64, JsonOptions, Vec<String>)> {
    schema().prop_flat_map(|schema| {
        let row = object(schema.fields().iter().map(AsRef::as_ref).collect());
        // The same row again and again is what prediction is made for.
        let rows = vec((row, 1..4usize), 1..6).prop_map(|rows| {
            rows.iter().flat_map(|(row, times)| std::iter::repeat_n(row.clone(), *times)).collect::<Vec<_>>()
        });
        (Just(schema), any::<u64>(), options(), rows)
    })
}

fn options() -> impl Strategy<Value = JsonOptions> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(missing, ignore, parser)| JsonOptions {
        fail_on_missing_field: missing && !ignore,
        ignore_parse_errors: ignore,
        decode_json_parser_enabled: parser,
        ..JsonOptions::default()
    })
}

/// What became of each row, and the batch.
type Outcome = (Vec<Result<usize, BadRow>>, RecordBatch);

fn outcome(
    decoder: &mut JsonDecoder,
    mut push: impl FnMut(&mut JsonDecoder, usize) -> Result<usize, BadRow>,
    rows: usize,
) -> Outcome {
    let results = (0..rows).map(|index| push(decoder, index)).collect();
    (results, decoder.finish().unwrap())
}

fn assert_prediction_changes_nothing(
    schema: &SchemaRef,
    projection: &Projection,
    options: &JsonOptions,
    rows: &[Vec<u8>],
) -> Result<(), TestCaseError> {
    let decoder = || JsonDecoder::new(schema, projection, options).unwrap();
    let learned = outcome(&mut decoder(), |d, index| d.push(&rows[index]), rows.len());
    let unlearned = outcome(
        &mut decoder(),
        |d, index| {
            d.forget();
            d.push(&rows[index])
        },
        rows.len(),
    );
    prop_assert_eq!(&learned, &unlearned);

    let (mut buffer, mut ranges) = (b"before".to_vec(), Vec::new());
    for row in rows {
        let start = buffer.len();
        buffer.extend_from_slice(row);
        ranges.push(start..buffer.len());
    }
    let buffer = Bytes::from(buffer);
    let mut sharing = decoder();
    sharing.share(&buffer);
    let shared = outcome(&mut sharing, |d, index| d.push_range(ranges[index].clone()), rows.len());
    prop_assert_eq!(&learned, &shared);
    for column in learned.1.columns() {
        prop_assert!(column.to_data().validate_full().is_ok());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 400 }))]

    #[test]
    fn prediction_changes_nothing((schema, choice, options, rows) in rows()) {
        let rows: Vec<Vec<u8>> = rows.into_iter().map(String::into_bytes).collect();
        assert_prediction_changes_nothing(&schema, &projection(&schema, choice), &options, &rows)?;
    }

    /// Rows with bytes changed, lost and added, between good ones.
    #[test]
    fn prediction_changes_nothing_of_damaged_rows(
        (schema, choice, options, rows) in rows(),
        damages in vec((any::<prop::sample::Index>(), 0..3u8, prop_oneof![any::<u8>(), Just(b'"'), Just(b'}'), Just(b','), Just(b'\\')]), 1..8),
    ) {
        let mut damaged = Vec::new();
        for (row, (place, how, byte)) in rows.iter().zip(damages.iter().cycle()) {
            let mut bytes = row.clone().into_bytes();
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = *byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, *byte),
            }
            let cut = bytes[..at].to_vec();
            damaged.extend([row.clone().into_bytes(), bytes, cut, row.clone().into_bytes()]);
        }
        assert_prediction_changes_nothing(&schema, &projection(&schema, choice), &options, &damaged)?;
    }

    #[test]
    fn no_bytes_panic(rows in vec(vec(any::<u8>(), 0..64), 1..8), text in vec(r#"[\[\]{}",:0-9eE+.\-a\\u n]{0,32}"#, 1..8)) {
        let bid = row(vec![Field::new("a", DataType::Int64, true)]);
        let schema = Arc::new(Schema::new(vec![
            Field::new("a", bid, true),
            Field::new("e", array(DataType::Utf8View), true),
            Field::new("n", map(DataType::Utf8View, DataType::Float64), true),
        ]));
        let rows: Vec<Vec<u8>> = rows.into_iter().chain(text.into_iter().map(String::into_bytes)).collect();
        assert_prediction_changes_nothing(&schema, &Projection::all(), &JsonOptions::default(), &rows)?;
    }

    /// What is written is JSON to another's parser, and reads back as it was.
    #[test]
    fn texts_are_read_as_they_were_written(texts in vec(prop_oneof![any::<String>(), "[a-z\"\\\\\t😀]{0,60}"], 1..8)) {
        let schema = Arc::new(Schema::new(vec![Field::new("é\"t", DataType::Utf8View, true)]));
        let column = Arc::new(arrow_array::StringViewArray::from_iter_values(&texts));
        let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
        let mut written = crate::EncodedRows::new();
        super::JsonEncoder::new(&schema, &JsonOptions::default()).unwrap().encode(&batch, &mut written).unwrap();
        let mut decoder = JsonDecoder::new(&schema, &Projection::all(), &JsonOptions::default()).unwrap();
        for (row, text) in written.iter().zip(&texts) {
            prop_assert_eq!(serde_json::from_slice::<Value>(row).unwrap(), json!({ "é\"t": text }));
            decoder.push(row).unwrap();
        }
        prop_assert_eq!(decoder.finish().unwrap(), batch);
    }

    /// Another's parser gives the same values.
    #[test]
    fn values_are_those_of_serde_json(rows in vec(vec((0..3usize, any::<i64>(), any::<String>()), 1..4), 1..6), pretty: bool) {
        let schema = Arc::new(Schema::new(vec![
            Field::new("t0", DataType::Utf8View, true),
            Field::new("n1", DataType::Int64, true),
            Field::new("t2", DataType::Utf8View, true),
        ]));
        let options = JsonOptions { decode_json_parser_enabled: false, ..JsonOptions::default() };
        let mut decoder = JsonDecoder::new(&schema, &Projection::all(), &options).unwrap();
        let mut expected = Vec::new();
        for row in &rows {
            let mut object = Map::new();
            for (column, number, text) in row {
                match column {
                    1 => object.insert("n1".to_owned(), json!(number)),
                    _ => object.insert(format!("t{column}"), json!(text)),
                };
            }
            let value = Value::Object(object);
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            decoder.push(text.as_bytes()).unwrap();
            expected.push(value);
        }
        let batch = decoder.finish().unwrap();
        for (row, value) in expected.iter().enumerate() {
            for (column, name) in [(0, "t0"), (2, "t2")] {
                let texts = batch.column(column).as_string_view();
                let found = texts.is_valid(row).then(|| texts.value(row));
                prop_assert_eq!(found, value.get(name).and_then(Value::as_str));
            }
            let numbers = batch.column(1).as_primitive::<Int64Type>();
            let found = numbers.is_valid(row).then(|| numbers.value(row));
            prop_assert_eq!(found, value.get("n1").and_then(Value::as_i64));
        }
    }
}

#[test]
fn a_fault_names_its_field_and_place() {
    let bid = row(vec![Field::new("price", DataType::Int32, true)]);
    let schema = Arc::new(Schema::new(vec![Field::new("bid", bid, true)]));
    let mut decoder = JsonDecoder::new(&schema, &Projection::all(), &JsonOptions::default()).unwrap();
    let fault = decoder.push(br#"{"bid": {"price": 3000000000}}"#).unwrap_err();
    assert_eq!(fault.to_string(), "the value is out of the range of INT at byte 18 in field 'bid.price'");
    assert_eq!(decoder.len(), 0);
    let fault = decoder.push(br#"{"bid": {"price" 3}}"#).unwrap_err();
    assert_eq!(fault.to_string(), "unexpected byte 0x33 at byte 17 in field 'bid'");
}

#[test]
fn rows_are_taken_back() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("t", array(DataType::Utf8View), true),
    ]));
    let mut decoder = JsonDecoder::new(&schema, &Projection::all(), &JsonOptions::default()).unwrap();
    for number in 0..5 {
        let text = "long enough for a buffer".repeat(number);
        decoder.push(format!(r#"{{"n":{number},"t":["\t{text}",null]}}"#).as_bytes()).unwrap();
    }
    decoder.truncate(2);
    decoder.push_null();
    decoder.push(br#"{"n":9,"t":["after"]}"#).unwrap();
    let batch = decoder.finish().unwrap();
    let numbers = batch.column(0).as_primitive::<Int64Type>();
    assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(0), Some(1), None, Some(9)]);
    let texts = batch.column(1).as_list::<i32>();
    assert_eq!(texts.value(3).as_string_view().value(0), "after");
    assert_eq!(decoder.finish().unwrap().num_rows(), 0);
}

#[test]
fn long_texts_stay_where_they_stand() {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8View, true)]));
    let mut decoder = JsonDecoder::new(&schema, &Projection::all(), &JsonOptions::default()).unwrap();
    let buffer = Bytes::from_static(br#"{"t":"thirteen bytes and more"}"#);
    decoder.share(&buffer);
    decoder.push_range(0..buffer.len()).unwrap();
    let batch = decoder.finish().unwrap();
    let text = batch.column(0).as_string_view().value(0);
    assert_eq!(text, "thirteen bytes and more");
    assert_eq!(text.as_ptr(), buffer[6..].as_ptr());
}
