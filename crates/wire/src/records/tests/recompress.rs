//! Batches in another codec.

use super::*;
use crate::WireError;
use crate::compression::Decompressor;

const BODY_BYTES_MAX: usize = 1 << 24;

fn recompressed(bytes: &Bytes, codec: Compression) -> crate::Result<Bytes> {
    let batch = Batch::parse(bytes).unwrap();
    let coders = (&mut Compressor::default(), &mut Decompressor::default());
    recompress(&batch.view(), codec, None, BODY_BYTES_MAX, coders).map(Bytes::from)
}

fn contents(bytes: &Bytes) -> Vec<Owned> {
    let batch = Batch::parse(bytes).unwrap();
    batch.view().check_crc().unwrap();
    let body = batch.body(&mut Decompressor::default(), BODY_BYTES_MAX).unwrap();
    let records = Records::new(&body, batch.header());
    records.map(|record| Owned::read(batch.header(), &record.unwrap())).collect()
}

proptest! {
    #[test]
    fn only_the_codec_changes(
        records in prop::collection::vec(any_record(), 1..20),
        from in any_codec(),
        to in any_codec(),
        base_sequence in 0..i32::MAX,
        transactional in any::<bool>(),
    ) {
        // Times whose distances fit into a number: the greatest of others is not told the same way by a producer.
        let in_time = |record: Owned| Owned { timestamp: record.timestamp.rem_euclid(2_000_000_000_000), ..record };
        let records: Vec<_> = records.into_iter().map(in_time).collect();
        let producer = ProducerStamp { producer_id: 7, producer_epoch: 3, base_sequence };
        let before = build(&records, &FinishOptions { producer, transactional, ..with(from) });
        let after = recompressed(&before, to).unwrap();
        prop_assert_eq!(contents(&after), contents(&before));
        let (old, new) = (*Batch::parse(&before).unwrap().header(), *Batch::parse(&after).unwrap().header());
        prop_assert_eq!(new.attributes, old.attributes.with_compression(to));
        let same_size = BatchHeader { batch_length: old.batch_length, attributes: old.attributes, crc: old.crc, ..new };
        prop_assert_eq!(same_size, old);
    }

    #[test]
    fn bytes_that_nobody_compressed_are_refused(body in prop::collection::vec(any::<u8>(), 0..300), codec in any_codec()) {
        let mut bytes = build(&[Owned::plain(5, "k", "v")], &FinishOptions::default())[..BATCH_HEADER_LEN].to_vec();
        bytes.extend(&body);
        let mut header = BatchHeader::parse(&bytes).unwrap();
        header.batch_length = i32::try_from(bytes.len() - BATCH_LENGTH_PREFIX_LEN).unwrap();
        header.attributes = header.attributes.with_compression(codec);
        super::super::header::rewrite(&mut bytes, header).unwrap();
        // One record of whatever bytes they are, or an error; never a panic.
        if let Ok(after) = recompressed(&bytes.into(), Compression::Lz4) {
            prop_assert_eq!(contents(&after).len(), 1);
        }
    }
}

#[test]
fn a_wrong_greatest_timestamp_is_corrected() {
    let records = [Owned::plain(10, "a", "1"), Owned::plain(30, "b", "2"), Owned::plain(20, "c", "3")];
    let mut bytes = build(&records, &with(Compression::Lz4)).to_vec();
    set_max_timestamp(&mut bytes, TimestampType::CreateTime, 99).unwrap();
    let after = recompressed(&bytes.into(), Compression::Zstd).unwrap();
    assert_eq!(Batch::parse(&after).unwrap().header().max_timestamp, 30);
}

#[test]
fn a_body_beyond_the_bound_is_refused() {
    let records = [Owned::plain(10, "a", &"x".repeat(10_000))];
    let bytes = build(&records, &with(Compression::Zstd));
    let batch = Batch::parse(&bytes).unwrap();
    let coders = (&mut Compressor::default(), &mut Decompressor::default());
    let refused = recompress(&batch.view(), Compression::Lz4, None, 5000, coders);
    assert!(matches!(refused, Err(WireError::TooLarge { .. })), "{refused:?}");
}
