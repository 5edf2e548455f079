//! Batches rebuilt from some of their records say of those what the old ones said.

use proptest::prelude::*;

use crate::compression::{Compression, Compressor, Decompressor};
use crate::records::{
    BATCH_HEADER_LEN, BatchBuilder, BatchRebuilder, BatchView, FinishOptions, Header, ProducerStamp, Records,
};

type Owned = (i32, i64, Option<Vec<u8>>, Option<Vec<u8>>, usize);

fn read(bytes: &[u8]) -> Vec<Owned> {
    let view = BatchView::parse_only(bytes).unwrap();
    view.check_crc().unwrap();
    let header = view.header();
    let codec = header.attributes.compression();
    let body = match header.record_count {
        0 => Vec::new(),
        _ => Decompressor::default().decompress(codec, view.body(), 1 << 20).unwrap().to_vec(),
    };
    Records::new(&body, header)
        .map(|record| {
            let record = record.unwrap();
            let timestamp = header.record_timestamp(record.timestamp_delta);
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            (record.offset_delta, timestamp, owned(record.key), owned(record.value), record.headers.len())
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_kept_is_what_it_was(
        records in prop::collection::vec(
            (0_i64..1000, prop::option::of(0_u8..), prop::option::of(0_usize..300), 0_usize..3, any::<bool>()), 1..30),
        codec in 0_usize..5,
        horizon in prop::option::of(0_i64..10_000),
    ) {
        let mut builder = BatchBuilder::new(1 << 20);
        for (timestamp, key, value, headers, _) in &records {
            let (key, value) = (key.map(|key| [key; 3]), value.map(|length| vec![7; length]));
            let header = Header { key: b"h", value: Some(b"v") };
            let headers = vec![header; *headers];
            let added = builder.append(*timestamp, key.as_ref().map(|key| &key[..]), value.as_deref(), &headers);
            prop_assert!(added.unwrap());
        }
        let compression = Compression::ALL[codec];
        let producer = ProducerStamp { producer_id: 5, producer_epoch: 2, base_sequence: 9 };
        let options = FinishOptions { compression, producer, transactional: true, ..FinishOptions::default() };
        let old = builder.finish(&options, &mut Compressor::default()).unwrap();
        let view = BatchView::parse(&old).unwrap();
        let body = Decompressor::default().decompress(compression, &old[BATCH_HEADER_LEN..], 1 << 20).unwrap();
        let (mut rebuilder, mut out) = (BatchRebuilder::default(), vec![1, 2, 3]);
        rebuilder.begin(view.header(), horizon);
        for (record, (.., kept)) in Records::new(&body, view.header()).zip(&records) {
            if *kept {
                rebuilder.push(&record.unwrap()).unwrap();
            }
        }
        rebuilder.finish(view.header(), horizon, &mut Compressor::default(), &mut out).unwrap();
        let expected: Vec<_> = read(&old).into_iter().zip(&records).filter(|(_, (.., kept))| *kept).map(|(one, _)| one).collect();
        prop_assert_eq!(read(&out[3..]), expected.clone());
        let (new, old) = (*BatchView::parse(&out[3..]).unwrap().header(), *view.header());
        prop_assert_eq!((new.base_offset, new.last_offset(), new.last_sequence()), (old.base_offset, old.last_offset(), old.last_sequence()));
        prop_assert_eq!((new.producer_id, new.producer_epoch, new.base_sequence), (5, 2, 9));
        prop_assert!(new.attributes.is_transactional());
        let has_records = !expected.is_empty();
        prop_assert_eq!(new.delete_horizon_ms(), horizon.filter(|_| has_records));
        let newest = expected.iter().map(|one| one.1).max().unwrap_or(old.max_timestamp);
        prop_assert_eq!(new.max_timestamp, newest);
        if !has_records {
            prop_assert_eq!(out.len(), 3 + BATCH_HEADER_LEN);
        }
    }
}
