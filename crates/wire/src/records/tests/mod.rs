//! Tests of record batches: round trips, the bytes of real clients, and hostile bytes.

mod hostile;
mod rebuild;
mod recompress;
mod round_trip;
mod rules;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::compression::{Compression, Compressor};

/// A record with owned contents, as the generators make it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Owned {
    fn plain(timestamp: i64, key: &str, value: &str) -> Self {
        Self { timestamp, key: Some(key.into()), value: Some(value.into()), headers: Vec::new() }
    }

    fn read(header: &BatchHeader, record: &Record<'_>) -> Self {
        Self {
            timestamp: header.record_timestamp(record.timestamp_delta),
            key: record.key.map(Vec::from),
            value: record.value.map(Vec::from),
            headers: record
                .headers
                .into_iter()
                .map(|header| (header.key.to_vec(), header.value.map(Vec::from)))
                .collect(),
        }
    }

    fn append_to(&self, builder: &mut BatchBuilder) -> bool {
        let headers: Vec<_> =
            self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        builder.append(self.timestamp, self.key.as_deref(), self.value.as_deref(), &headers).unwrap()
    }
}

fn build(records: &[Owned], options: &FinishOptions) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    for record in records {
        assert!(record.append_to(&mut builder));
    }
    builder.finish(options, &mut Compressor::default()).unwrap()
}

fn with(compression: Compression) -> FinishOptions {
    FinishOptions { compression, ..FinishOptions::default() }
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (any::<u8>(), 0usize..9000).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

prop_compose! {
    fn any_record()(
        timestamp in prop_oneof![0i64..2_000_000_000_000, any::<i64>()],
        key in prop::option::of(any_bytes()),
        value in prop::option::of(any_bytes()),
        headers in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), prop::option::of(any_bytes())), 0..4),
    ) -> Owned {
        Owned { timestamp, key, value, headers }
    }
}

fn any_codec() -> impl Strategy<Value = Compression> {
    prop::sample::select(&Compression::ALL[..])
}
