//! Batches and compressed frames that other implementations wrote are read, and written the same where the format
//! leaves no choice. Where the files come from stands in `golden/README.md`.

#![expect(clippy::unwrap_used, reason = "functions shared by tests fail the test by panicking")]

use bytes::Bytes;
use millstream_wire::compression::{Compression, Compressor, Decompressor};
use millstream_wire::records::{
    Batch, BatchBuilder, BatchView, ControlRecord, FinishOptions, Header, ProducerStamp, RecordRules,
    Records, assign_offset, check_records, end_transaction_batch, parse_control,
};

const START_MS: i64 = 1_700_000_000_000;

macro_rules! golden {
    ($name:literal) => {
        ($name, unhex(include_str!(concat!("golden/", $name, ".hex"))))
    };
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The records of every golden batch: timestamp, key, value, and whether the headers are there.
fn expected() -> Vec<(i64, Option<String>, Option<String>, bool)> {
    let some = |text: &str| Some(text.to_owned());
    let mut records = vec![
        (START_MS, some("EWR"), some("{\"temperature\": 39.02}"), false),
        (START_MS + 1500, some("JFK"), None, false),
        (START_MS + 700, None, some("no key"), true),
        (START_MS - 250, some(""), some(""), false),
    ];
    for i in 0..60 {
        let station = format!("station-{}", i % 3);
        let value = format!("{{\"station\": \"{station}\", \"reading\": {i}}}");
        records.push((START_MS + 2000 + i, Some(station), Some(value), false));
    }
    records
}

const HEADERS: [Header<'static>; 2] =
    [Header { key: b"trace", value: Some(b"abc") }, Header { key: b"empty", value: None }];

fn check(name: &str, bytes: Vec<u8>, codec: Compression) {
    let batch = Batch::parse(&Bytes::from(bytes)).unwrap();
    let header = batch.header();
    batch.view().check_crc().unwrap();
    header.check_produced().unwrap();
    assert_eq!(header.attributes.compression(), codec, "{name}");
    assert_eq!(header.max_timestamp, START_MS + 2059, "{name}");

    let body = batch.body(&mut Decompressor::default(), 1 << 20).unwrap();
    let summary = check_records(&body, header, RecordRules::default()).unwrap();
    assert_eq!((summary.min_timestamp, summary.max_timestamp), (START_MS - 250, START_MS + 2059), "{name}");
    let records: Vec<_> = Records::new(&body, header).map(Result::unwrap).collect();
    assert_eq!(records.len(), 64);
    for (record, (timestamp, key, value, has_headers)) in records.iter().zip(expected()) {
        assert_eq!(header.record_timestamp(record.timestamp_delta), timestamp, "{name}");
        assert_eq!(record.key, key.as_deref().map(str::as_bytes), "{name}");
        assert_eq!(record.value, value.as_deref().map(str::as_bytes), "{name}");
        let headers: Vec<_> = record.headers.iter().collect();
        assert_eq!(headers, if has_headers { HEADERS.to_vec() } else { Vec::new() }, "{name}");
    }
}

fn build(codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 16);
    for (timestamp, key, value, has_headers) in expected() {
        let headers = if has_headers { &HEADERS[..] } else { &[] };
        let (key, value) = (key.as_deref().map(str::as_bytes), value.as_deref().map(str::as_bytes));
        assert!(builder.append(timestamp, key, value, headers).unwrap());
    }
    let options = FinishOptions { compression: codec, ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).unwrap()
}

#[test]
fn batches_of_other_clients_are_read() {
    for ((name, bytes), codec) in [
        (golden!("java_none"), Compression::None),
        (golden!("java_gzip"), Compression::Gzip),
        (golden!("java_snappy"), Compression::Snappy),
        (golden!("java_lz4"), Compression::Lz4),
        (golden!("java_zstd"), Compression::Zstd),
        (golden!("librdkafka_none"), Compression::None),
        (golden!("librdkafka_gzip"), Compression::Gzip),
        (golden!("librdkafka_snappy"), Compression::Snappy),
        (golden!("librdkafka_lz4"), Compression::Lz4),
        (golden!("librdkafka_zstd"), Compression::Zstd),
        (golden!("python_snappy"), Compression::Snappy),
        (golden!("python_lz4"), Compression::Lz4),
    ] {
        check(name, bytes, codec);
    }
}

#[test]
fn our_own_batches_hold_the_same() {
    for codec in Compression::ALL {
        check(codec.name(), build(codec).to_vec(), codec);
    }
}

#[test]
fn an_uncompressed_batch_is_javas_byte_for_byte() {
    assert_eq!(build(Compression::None), golden!("java_none").1);
}

#[test]
fn the_producers_identity_is_where_java_puts_it() {
    let (_, bytes) = golden!("java_lz4");
    let header = *BatchView::parse_only(&bytes).unwrap().header();
    assert!(header.attributes.is_transactional());
    let stamp = ProducerStamp {
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
    };
    assert_eq!(stamp, ProducerStamp { producer_id: 4711, producer_epoch: 3, base_sequence: 250 });
}

#[test]
fn transaction_markers_are_javas_byte_for_byte() {
    for ((name, bytes), committed) in
        [(golden!("java_commit_marker"), true), (golden!("java_abort_marker"), false)]
    {
        let mut ours = end_transaction_batch(4711, 3, committed, 8, START_MS).unwrap().to_vec();
        assign_offset(&mut ours, 42, 5).unwrap();
        assert_eq!(ours, bytes, "{name}");
        let view = BatchView::parse_only(&bytes).unwrap();
        let record = view.records().unwrap().next().unwrap().unwrap();
        let expected = ControlRecord::EndTransaction { committed, coordinator_epoch: 8 };
        assert_eq!(parse_control(&record).unwrap(), expected);
    }
}

#[test]
fn frames_with_every_option_are_read_and_kept_within_the_limit() {
    let plain: Vec<u8> = (0..200_000u32).map(|i| ((i % 1009) * 31 % 256) as u8).collect();
    let mut decompressor = Decompressor::default();
    for ((name, bytes), codec) in [
        (golden!("lz4_linked_checksums"), Compression::Lz4),
        (golden!("lz4_independent_256k"), Compression::Lz4),
        (golden!("gzip_members"), Compression::Gzip),
        (golden!("zstd_streamed"), Compression::Zstd),
    ] {
        let read = decompressor.decompress(codec, &bytes, plain.len()).unwrap();
        assert!(read == plain, "{name}");
        assert!(decompressor.decompress(codec, &bytes, plain.len() - 1).is_err(), "{name}");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            if let Ok(read) = decompressor.decompress(codec, &damaged, plain.len()) {
                assert!(read.len() <= plain.len(), "{name}");
                let checked = matches!(name, "lz4_linked_checksums" | "zstd_streamed");
                assert!(!checked || read == plain, "{name}: damage at byte {at} is not found");
            }
        }
    }
}
