use bytes::BytesMut;
use millstream_wire::compression::{Compression, Compressor};
use millstream_wire::records::{
    BatchBuilder, FinishOptions, ProducerStamp, assign_offset, end_transaction_batch,
};

use super::*;
use crate::error::ErrorKind;

fn batch(base_offset: i64, values: &[&str], producer: Option<i64>, compression: Compression) -> BytesMut {
    let mut builder = BatchBuilder::new(1 << 16);
    for (index, value) in values.iter().enumerate() {
        builder.append(100 + index as i64, Some(b"k"), Some(value.as_bytes()), &[]).unwrap();
    }
    let producer_stamp = producer.map_or(ProducerStamp::NONE, |producer_id| ProducerStamp {
        producer_id,
        producer_epoch: 0,
        base_sequence: 0,
    });
    let options = FinishOptions {
        compression,
        producer: producer_stamp,
        transactional: producer.is_some(),
        ..FinishOptions::default()
    };
    let mut bytes = BytesMut::from(&builder.finish(&options, &mut Compressor::default()).unwrap()[..]);
    assign_offset(&mut bytes, base_offset, 3).unwrap();
    bytes
}

fn marker(offset: i64, producer_id: i64, committed: bool) -> BytesMut {
    let bytes = end_transaction_batch(producer_id, 0, committed, 0, 200).unwrap();
    let mut bytes = BytesMut::from(&bytes[..]);
    assign_offset(&mut bytes, offset, 3).unwrap();
    bytes
}

fn fetched(position: i64, stop: Option<i64>, batches: &[BytesMut], aborted: &[(i64, i64)]) -> FetchedBatches {
    let transaction =
        |&(producer_id, first_offset): &(i64, i64)| AbortedTransaction { producer_id, first_offset };
    FetchedBatches {
        partition: TopicPartition::new("t", 0),
        position,
        next_position: 0,
        stop,
        records: Bytes::from(batches.concat()),
        leader_epoch: Some(3),
        high_watermark: 100,
        last_stable_offset: 100,
        log_start_offset: 0,
        aborted_transactions: aborted.iter().map(transaction).collect(),
    }
}

fn seen(fetched: &FetchedBatches) -> Vec<(i64, String)> {
    let mut decoder = RecordDecoder::new();
    let mut seen = Vec::new();
    for batch in decoder.batches(fetched) {
        for record in batch.unwrap().records() {
            let record = record.unwrap();
            seen.push((record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    seen
}

fn pairs(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    expected.iter().map(|(offset, value)| (*offset, (*value).to_owned())).collect()
}

#[test]
fn only_records_of_the_range_are_seen_whatever_the_codec() {
    for compression in Compression::ALL {
        let batches = [
            batch(10, &["a", "b", "c"], None, compression),
            batch(13, &["d"], None, compression),
            batch(14, &["e", "f"], None, compression),
        ];
        assert_eq!(
            seen(&fetched(11, Some(15), &batches, &[])),
            pairs(&[(11, "b"), (12, "c"), (13, "d"), (14, "e")])
        );
    }
}

#[test]
fn values_are_slices_of_what_was_fetched() {
    let fetched = fetched(0, None, &[batch(0, &["value"], None, Compression::None)], &[]);
    let mut decoder = RecordDecoder::new();
    let batch = decoder.batches(&fetched).next().unwrap().unwrap();
    let record = batch.records().next().unwrap().unwrap();
    let range = millstream_wire::records::range_in(&fetched.records, record.value.unwrap());
    assert_eq!(&fetched.records[range.unwrap()], b"value");
    assert_eq!(record.timestamp_ms, 100);
}

/// Two transactions of one producer, the first aborted; one of another that is committed; and a record of none.
#[test]
fn aborted_transactions_are_not_seen_and_markers_never_are() {
    let none = Compression::None;
    let batches = [
        batch(0, &["aborted"], Some(1), none),
        batch(1, &["committed"], Some(2), none),
        batch(2, &["plain"], None, none),
        batch(3, &["aborted too"], Some(1), none),
        marker(4, 1, false),
        batch(5, &["second try"], Some(1), none),
        marker(6, 2, true),
        marker(7, 1, true),
    ];
    let committed = pairs(&[(1, "committed"), (2, "plain"), (5, "second try")]);
    assert_eq!(seen(&fetched(0, None, &batches, &[(1, 0)])), committed);
    assert_eq!(seen(&fetched(0, None, &batches, &[])).len(), 5, "read_uncommitted sees all but markers");
    // A fetch that begins within the transaction names its first offset all the same.
    assert_eq!(seen(&fetched(3, None, &batches[3..], &[(1, 0)])), pairs(&[(5, "second try")]));
}

#[test]
fn damage_is_named_with_its_place_and_ends_the_walk() {
    let mut batches = [
        batch(0, &["a"], None, Compression::None),
        batch(1, &["b"], None, Compression::None),
        batch(2, &["c"], None, Compression::None),
    ];
    let last = batches[1].len() - 3;
    batches[1][last] ^= 1;
    let damaged = fetched(0, None, &batches, &[]);
    let mut decoder = RecordDecoder::new();
    let mut walk = decoder.batches(&damaged);
    assert!(walk.next().unwrap().is_ok());
    let error = walk.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("t-0 at offset 1"), "{error}");
    assert!(walk.next().is_none());
    let mut unchecked = RecordDecoder::new().with_check_crcs(false);
    assert_eq!(unchecked.batches(&damaged).filter(Result::is_ok).count(), 3);
}

#[test]
fn a_batch_that_decompresses_to_too_much_is_refused() {
    let long = "x".repeat(10_000);
    let large = fetched(0, None, &[batch(0, &[&long], None, Compression::Zstd)], &[]);
    let mut decoder = RecordDecoder::new().with_decompressed_bytes_max(5_000);
    assert!(decoder.batches(&large).next().unwrap().is_err());
}
