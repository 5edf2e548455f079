//! Patching in place, the walk over several batches, a broker's checks, and control batches.

use super::*;
use crate::{ErrorKind, WireError};

fn three() -> Vec<u8> {
    let records =
        [Owned::plain(1000, "a", "one"), Owned::plain(3000, "b", "two"), Owned::plain(2000, "c", "three")];
    build(&records, &FinishOptions::default()).to_vec()
}

/// A batch with a field overwritten and the CRC made right again, so that only the field is wrong.
fn patched(at: usize, field: &[u8]) -> Vec<u8> {
    let mut batch = three();
    batch[at..at + field.len()].copy_from_slice(field);
    let crc = crate::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

#[test]
fn offset_and_epoch_are_outside_the_crc() {
    let mut batch = three();
    assign_offset(&mut batch, 4711, 9).unwrap();
    let view = BatchView::parse_only(&batch).unwrap();
    view.check_crc().unwrap();
    assert_eq!((view.header().base_offset, view.header().partition_leader_epoch), (4711, 9));
    assert_eq!((view.header().last_offset(), view.header().next_offset()), (4713, 4714));
    assert!(assign_offset(&mut batch[..60], 1, 1).is_err());
}

#[test]
fn log_append_time_gives_every_record_the_stamp() {
    let mut batch = three();
    set_max_timestamp(&mut batch, TimestampType::LogAppendTime, 5000).unwrap();
    let view = BatchView::parse_only(&batch).unwrap();
    view.check_crc().unwrap();
    let header = view.header();
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    for record in view.records().unwrap() {
        assert_eq!(header.record_timestamp(record.unwrap().timestamp_delta), 5000);
    }
    assert!(set_max_timestamp(&mut batch[..70], TimestampType::LogAppendTime, 6000).is_err());
}

#[test]
fn a_wrong_maximum_is_found_and_corrected() {
    let mut batch = patched(35, &9999i64.to_be_bytes());
    let view = BatchView::parse_only(&batch).unwrap();
    let summary = check_records(view.body(), view.header(), RecordRules::default()).unwrap();
    let expected = RecordSummary { min_timestamp: 1000, max_timestamp: 3000, max_timestamp_offset_delta: 1 };
    assert_eq!(summary, expected);
    set_max_timestamp(&mut batch, TimestampType::CreateTime, summary.max_timestamp).unwrap();
    assert_eq!(batch, three());
}

#[test]
fn a_batch_gets_another_producer() {
    let mut batch = three();
    let stamp = ProducerStamp { producer_id: 7, producer_epoch: 2, base_sequence: i32::MAX };
    set_producer(&mut batch, stamp, true).unwrap();
    let view = BatchView::parse_only(&batch).unwrap();
    view.check_crc().unwrap();
    assert!(view.header().attributes.is_transactional() && view.header().has_producer_id());
    assert_eq!(view.header().last_sequence(), 1, "sequences wrap to 0 past the largest");
}

#[test]
fn a_flipped_bit_behind_the_crc_is_found() {
    for at in 21..three().len() {
        let mut batch = three();
        batch[at] ^= 0x20;
        if let Ok(view) = BatchView::parse_only(&batch) {
            assert!(matches!(view.check_crc(), Err(WireError::BadCrc { .. })), "byte {at}");
        }
    }
}

#[test]
fn a_cut_tail_ends_the_walk_or_fails_it() {
    let one = three();
    let two = [&one[..], &one[..]].concat();
    for cut in 0..=two.len() {
        let mut walk = Batches::new(&two[..cut], Tail::MayBeCut);
        let whole = walk.by_ref().map(Result::unwrap).count();
        assert_eq!(whole, cut / one.len());
        assert_eq!(walk.position(), whole * one.len());
        let shared = SharedBatches::new(Bytes::copy_from_slice(&two[..cut]), Tail::MayBeCut);
        assert_eq!(shared.map(Result::unwrap).count(), whole);

        let strict: Vec<_> = Batches::new(&two[..cut], Tail::MustBeWhole).collect();
        let is_cut = cut % one.len() != 0;
        assert_eq!(strict.len(), whole + usize::from(is_cut));
        if is_cut {
            assert_eq!(strict[whole].as_ref().unwrap_err().kind(), ErrorKind::Truncated);
        }
    }
    assert!(BatchView::parse_only(&two).is_err());
}

#[test]
fn an_old_or_broken_batch_stops_a_tolerant_walk_with_an_error() {
    for (bad, expected) in [
        (patched(16, &[1]), ErrorKind::Unsupported),
        (patched(8, &48i32.to_be_bytes()), ErrorKind::Corrupt),
        (patched(8, &(-1i32).to_be_bytes()), ErrorKind::Corrupt),
        (patched(22, &[7]), ErrorKind::Unsupported),
        (patched(23, &(-1i32).to_be_bytes()), ErrorKind::Corrupt),
        (patched(57, &(-1i32).to_be_bytes()), ErrorKind::Corrupt),
    ] {
        let bytes = [three(), bad].concat();
        let walked: Vec<_> = Batches::new(&bytes, Tail::MayBeCut).collect();
        assert_eq!(walked.len(), 2);
        assert_eq!(walked[1].as_ref().unwrap_err().kind(), expected);
    }
}

#[test]
fn what_no_producer_may_send_is_refused() {
    BatchView::parse_only(&three()).unwrap().header().check_produced().unwrap();
    let cases: [(&str, usize, &[u8]); 6] = [
        ("no records", 57, &0i32.to_be_bytes()),
        ("a count below the offset range", 57, &2i32.to_be_bytes()),
        ("an offset range below the count", 23, &1i32.to_be_bytes()),
        ("a control batch", 22, &[0x20]),
        ("a producer id without a sequence", 43, &1i64.to_be_bytes()),
        ("a transaction without a producer id", 22, &[0x10]),
    ];
    for (case, at, field) in cases {
        let batch = patched(at, field);
        let error = BatchView::parse_only(&batch).unwrap().header().check_produced().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{case}");
    }
}

#[test]
fn a_count_that_lies_is_found_by_the_walk() {
    for (count, kind) in
        [(2i32, ErrorKind::Corrupt), (4, ErrorKind::Truncated), (i32::MAX, ErrorKind::Truncated)]
    {
        let batch = patched(57, &count.to_be_bytes());
        let mut records = BatchView::parse_only(&batch).unwrap().records().unwrap();
        assert!(records.size_hint().1.unwrap() <= 8);
        assert_eq!(records.find_map(Result::err).unwrap().kind(), kind, "count {count}");
        assert!(records.next().is_none(), "an error ends the walk");
    }
}

#[test]
fn offset_deltas_must_count_from_zero() {
    // The first record's offset delta is the fourth byte of the body.
    let batch = patched(64, &[2]);
    let view = BatchView::parse_only(&batch).unwrap();
    let error = check_records(view.body(), view.header(), RecordRules::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(view.records().unwrap().filter(Result::is_ok).count(), 3, "a compacted batch may have gaps");
}

#[test]
fn compacted_topics_need_keys() {
    let without = Owned { key: None, ..Owned::plain(1, "", "v") };
    let batch = build(&[Owned::plain(1, "", "v"), without], &FinishOptions::default());
    let view = BatchView::parse_only(&batch).unwrap();
    check_records(view.body(), view.header(), RecordRules::default()).unwrap();
    let error = check_records(view.body(), view.header(), RecordRules { require_keys: true }).unwrap_err();
    assert_eq!(error, WireError::MissingKey { index: 1 });
}

#[test]
fn an_empty_batch_of_a_compacted_log_is_read() {
    let mut batch = three();
    batch.truncate(BATCH_HEADER_LEN);
    batch[8..12].copy_from_slice(&49i32.to_be_bytes());
    batch[57..61].copy_from_slice(&0i32.to_be_bytes());
    let view = BatchView::parse_only(&batch).unwrap();
    assert_eq!(view.header().last_offset_delta, 2);
    assert!(view.records().unwrap().next().is_none());
    let summary = check_records(view.body(), view.header(), RecordRules::default()).unwrap();
    assert_eq!(summary.max_timestamp, -1);
}

#[test]
fn compressed_batches_are_not_read_as_records() {
    let batch = build(&[Owned::plain(1, "k", "v")], &with(Compression::Lz4));
    assert!(BatchView::parse_only(&batch).unwrap().records().is_err());
}

#[test]
fn finishing_nothing_is_an_error() {
    let mut builder = BatchBuilder::new(1000);
    assert!(builder.finish(&FinishOptions::default(), &mut Compressor::default()).is_err());
}

#[test]
fn markers_end_transactions() {
    for committed in [true, false] {
        let batch = end_transaction_batch(77, 3, committed, 12, 1000).unwrap();
        let view = BatchView::parse_only(&batch).unwrap();
        view.check_crc().unwrap();
        let header = view.header();
        assert!(header.attributes.is_control() && header.attributes.is_transactional());
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (77, 3, -1));
        let record = view.records().unwrap().next().unwrap().unwrap();
        let expected = ControlRecord::EndTransaction { committed, coordinator_epoch: 12 };
        assert_eq!(parse_control(&record).unwrap(), expected);
        for cut in 0..4 {
            let short = Record { key: Some(&record.key.unwrap()[..cut]), ..record };
            assert!(parse_control(&short).is_err());
        }
        assert!(parse_control(&Record { value: None, ..record }).is_err());
        let other = Record { key: Some(&[0, 0, 0, 2]), value: None, ..record };
        assert_eq!(parse_control(&other).unwrap(), ControlRecord::Other { type_code: 2 });
    }
}
