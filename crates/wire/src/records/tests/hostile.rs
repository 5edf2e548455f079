//! Damaged and invented bytes give errors or other records, never a panic and never more than the limit.

use proptest::prelude::*;

use super::*;
use crate::compression::Decompressor;

const LIMIT: usize = 64 << 10;

/// Does everything with `bytes` that a reader of batches does.
fn read_all(bytes: &[u8]) {
    let mut decompressor = Decompressor::default();
    for tail in [Tail::MayBeCut, Tail::MustBeWhole] {
        for batch in SharedBatches::new(Bytes::copy_from_slice(bytes), tail).flatten() {
            let header = batch.header();
            let _ = batch.view().check_crc();
            let _ = header.check_produced();
            let _ = (
                header.last_offset(),
                header.next_offset(),
                header.last_sequence(),
                header.delete_horizon_ms(),
            );
            if let Ok(body) = batch.body(&mut decompressor, LIMIT) {
                assert!(body.len() <= LIMIT || header.attributes.compression() == Compression::None);
                let _ = check_records(&body, header, RecordRules { require_keys: true });
                for record in Records::new(&body, header).flatten() {
                    let announced = record.headers.len();
                    assert_eq!(record.headers.iter().count(), announced);
                    let _ = parse_control(&record);
                }
            }
        }
    }
    let mut bytes = bytes.to_vec();
    let _ = assign_offset(&mut bytes, 1, 1);
    let _ = set_max_timestamp(&mut bytes, TimestampType::LogAppendTime, 1);
    let _ = set_producer(&mut bytes, ProducerStamp::NONE, false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn mutated_batches(
        records in prop::collection::vec(any_record(), 1..4),
        compression in any_codec(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = build(&records, &with(compression)).to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
    }

    #[test]
    fn mutated_bodies_under_a_sound_header(
        records in prop::collection::vec(any_record(), 1..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = build(&records, &with(Compression::None)).to_vec();
        for (at, byte) in changes {
            let at = BATCH_HEADER_LEN + at.index(bytes.len() - BATCH_HEADER_LEN);
            bytes[at] = byte;
        }
        read_all(&bytes);
    }

    #[test]
    fn invented_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
        if bytes.len() > 12 {
            let length = (bytes.len() - 12) as i32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
        }
        if bytes.len() > 16 {
            bytes[16] = 2;
        }
        read_all(&bytes);
    }
}
