//! Headers as a map.

use arrow_array::cast::AsArray;
use millstream_wire::compression::{Compressor, Decompressor};
use millstream_wire::records::{Batch, BatchBuilder, FinishOptions, Header, Records};

use super::*;

/// What the column `headers` holds for a record with these.
fn column_of(headers: &[(&str, Option<&[u8]>)]) -> Vec<(String, Option<Vec<u8>>)> {
    let headers: Vec<Header<'_>> =
        headers.iter().map(|(key, value)| Header { key: key.as_bytes(), value: *value }).collect();
    let mut builder = BatchBuilder::new(1 << 10);
    builder.append(0, None, None, &headers).unwrap();
    let bytes = builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap();
    let batch = Batch::parse(&bytes).unwrap();
    let body = batch.body(&mut Decompressor::default(), 1 << 20).unwrap();
    let record = Records::new(&body, batch.header()).next().unwrap().unwrap();

    let mut columns = MetadataColumns::new("t", 0, &[Metadata::Headers]);
    let headers = record.headers;
    let place = RecordPlace { offset: 0, timestamp_ms: 0, is_append_time: false, leader_epoch: 0, headers };
    columns.push(&place).unwrap();
    let column = columns.column(Metadata::Headers, &Metadata::Headers.data_type()).unwrap();
    let entries = column.as_map().value(0);
    let (names, values) = (entries.column(0).as_string_view(), entries.column(1).as_binary_view());
    names
        .iter()
        .flatten()
        .map(str::to_owned)
        .zip(values.iter().map(|value| value.map(<[u8]>::to_vec)))
        .collect()
}

#[test]
fn of_headers_with_one_name_the_last_stays() {
    let of = |text: &str| Some(text.as_bytes().to_vec());
    let headers = [("b", Some(&b"1"[..])), ("a", Some(b"2")), ("b", None), ("c", None), ("b", Some(b"3"))];
    let expected = [("a".to_owned(), of("2")), ("b".to_owned(), of("3")), ("c".to_owned(), None)];
    assert_eq!(column_of(&headers), expected);
    assert_eq!(column_of(&[]), []);
}
