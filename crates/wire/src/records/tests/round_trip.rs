//! What is built is read back, through every codec.

use proptest::prelude::*;

use super::*;
use crate::compression::Decompressor;

proptest! {
    #[test]
    fn built_batches_are_read_back(
        records in prop::collection::vec(any_record(), 1..12),
        compression in any_codec(),
        producer in (0i64..i64::MAX, 0i16..i16::MAX, 0i32..i32::MAX),
        transactional in any::<bool>(),
    ) {
        let (producer_id, producer_epoch, base_sequence) = producer;
        let stamp = ProducerStamp { producer_id, producer_epoch, base_sequence };
        let options = FinishOptions { compression, level: None, producer: stamp, transactional };
        let bytes = build(&records, &options);

        let batch = Batch::parse(&bytes)?;
        let header = *batch.header();
        batch.view().check_crc()?;
        header.check_produced()?;
        prop_assert_eq!(header.size(), bytes.len());
        prop_assert_eq!(header.attributes.compression(), compression);
        prop_assert_eq!(header.attributes.is_transactional(), transactional);
        prop_assert_eq!(header.producer_id, producer_id);
        prop_assert_eq!(header.producer_epoch, producer_epoch);
        prop_assert_eq!(header.base_sequence, base_sequence);
        prop_assert_eq!(header.record_count as usize, records.len());
        prop_assert_eq!(Some(header.max_timestamp), records.iter().map(|record| record.timestamp).max());

        let body = batch.body(&mut Decompressor::default(), 1 << 20)?;
        let read: Vec<_> =
            Records::new(&body, &header).map(|record| record.map(|record| Owned::read(&header, &record))).collect::<crate::Result<_>>()?;
        prop_assert_eq!(&read, &records);
        check_records(&body, &header, RecordRules::default())?;
    }

    #[test]
    fn a_builder_is_reused_and_keeps_its_limit(
        records in prop::collection::vec(any_record(), 1..40),
        size_limit in 61usize..20_000,
    ) {
        let mut builder = BatchBuilder::new(size_limit);
        let mut compressor = Compressor::default();
        let mut batches = Vec::new();
        for record in &records {
            if !record.append_to(&mut builder) {
                prop_assert!(!builder.is_empty());
                batches.push(builder.finish(&FinishOptions::default(), &mut compressor)?);
                prop_assert!(builder.is_empty() && builder.size_bytes() == BATCH_HEADER_LEN);
                prop_assert!(record.append_to(&mut builder));
            }
        }
        batches.push(builder.finish(&FinishOptions::default(), &mut compressor)?);
        let mut read = Vec::new();
        for batch in batches {
            let view = BatchView::parse_only(&batch)?;
            prop_assert!(view.header().record_count == 1 || batch.len() <= size_limit);
            for record in view.records()? {
                read.push(Owned::read(view.header(), &record?));
            }
        }
        prop_assert_eq!(read, records);
    }
}

#[test]
fn positions_of_a_record_lead_back_to_its_bytes() {
    let bytes = build(&[Owned::plain(1, "k", "value"), Owned::plain(2, "", "")], &FinishOptions::default());
    let batch = Batch::parse(&bytes).unwrap();
    let body = batch.body(&mut Decompressor::default(), 0).unwrap();
    assert_eq!(body.as_ptr(), batch.bytes()[BATCH_HEADER_LEN..].as_ptr(), "an uncompressed body is shared");
    for record in Records::new(&body, batch.header()) {
        let record = record.unwrap();
        for part in [record.key.unwrap(), record.value.unwrap()] {
            assert_eq!(&body[range_in(&body, part).unwrap()], part);
        }
    }
    assert_eq!(range_in(&body[..3], &body[2..5]), None);
    assert_eq!(range_in(&body[3..], &body[2..5]), None);
}

#[test]
fn headers_are_found_by_key_and_the_last_one_wins() {
    let headers = [("a", Some("1")), ("b", None), ("a", Some("2"))]
        .map(|(key, value)| (key.into(), value.map(Vec::from)));
    let record = Owned { headers: headers.to_vec(), ..Owned::plain(0, "k", "v") };
    let bytes = build(&[record], &FinishOptions::default());
    let view = BatchView::parse_only(&bytes).unwrap();
    let headers = view.records().unwrap().next().unwrap().unwrap().headers;
    assert_eq!(headers.len(), 3);
    assert_eq!(headers.last("a").unwrap().value, Some(&b"2"[..]));
    assert_eq!(headers.last("b").unwrap().value, None);
    assert_eq!(headers.last("c"), None);
}
