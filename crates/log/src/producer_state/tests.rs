//! Sequences as KIP-98 and KIP-360 have them.

use millstream_wire::records::{BatchView, ProducerStamp};
use proptest::prelude::*;

use super::snapshot::{decode, encode};
use super::*;
use crate::testing::batch_at;

const NOW_MS: i64 = 1000;

fn header(
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    count: usize,
    base_offset: i64,
) -> BatchHeader {
    let stamp = ProducerStamp { producer_id, producer_epoch, base_sequence };
    let bytes = batch_at(&vec![NOW_MS; count], 1, stamp);
    BatchHeader { base_offset, ..*BatchView::parse(&bytes).unwrap().header() }
}

fn add(state: &mut ProducerState, producer_epoch: i16, base_sequence: i32, count: usize, base_offset: i64) {
    state.add(&header(1, producer_epoch, base_sequence, count, base_offset), NOW_MS);
}

fn check(state: &ProducerState, producer_epoch: i16, base_sequence: i32, count: usize) -> SequenceCheck {
    check_sequence(state.get(1), &header(1, producer_epoch, base_sequence, count, 0))
}

#[test]
fn the_last_five_batches_are_duplicates_and_give_their_offsets() {
    let mut state = ProducerState::default();
    for batch in 0..8 {
        add(&mut state, 0, batch * 10, 10, i64::from(batch) * 100);
    }
    for batch in 3..8 {
        let SequenceCheck::Duplicate(original) = check(&state, 0, batch * 10, 10) else {
            panic!("batch {batch}")
        };
        assert_eq!(
            (original.base_offset(), original.last_offset),
            (i64::from(batch) * 100, i64::from(batch) * 100 + 9)
        );
    }
    assert_eq!(check(&state, 0, 20, 10), SequenceCheck::OutOfOrder { last_sequence: 79 });
    assert_eq!(check(&state, 0, 70, 9), SequenceCheck::OutOfOrder { last_sequence: 79 });
    assert_eq!(check(&state, 0, 90, 1), SequenceCheck::OutOfOrder { last_sequence: 79 });
    assert_eq!(check(&state, 0, 80, 1), SequenceCheck::Next);
}

#[test]
fn sequences_wrap_after_the_largest() {
    let mut state = ProducerState::default();
    add(&mut state, 0, i32::MAX - 1, 2, 0);
    assert_eq!(check(&state, 0, 0, 5), SequenceCheck::Next);
    add(&mut state, 0, 0, 5, 2);
    assert!(matches!(check(&state, 0, i32::MAX - 1, 2), SequenceCheck::Duplicate(_)));
    // A batch that itself crosses the end.
    let mut state = ProducerState::default();
    add(&mut state, 0, i32::MAX - 1, 4, 10);
    assert_eq!(check(&state, 0, 2, 1), SequenceCheck::Next);
    let SequenceCheck::Duplicate(original) = check(&state, 0, i32::MAX - 1, 4) else {
        panic!("no duplicate")
    };
    assert_eq!(original.base_offset(), 10);
}

#[test]
fn epochs_fence_and_begin_at_zero() {
    let mut state = ProducerState::default();
    assert_eq!(
        check(&state, 3, 17, 1),
        SequenceCheck::Next,
        "of an unknown producer anything is taken (KIP-360)"
    );
    add(&mut state, 3, 17, 1, 0);
    assert_eq!(check(&state, 2, 18, 1), SequenceCheck::Fenced { current_epoch: 3 });
    assert_eq!(check(&state, 4, 18, 1), SequenceCheck::OutOfOrder { last_sequence: -1 });
    assert_eq!(check(&state, 4, 0, 1), SequenceCheck::Next);
    add(&mut state, 4, 0, 1, 1);
    assert_eq!(check(&state, 3, 17, 1), SequenceCheck::Fenced { current_epoch: 4 });
}

#[test]
fn silent_producers_are_forgotten_unless_a_transaction_is_open() {
    let mut state = ProducerState::default();
    state.add(&header(1, 0, 0, 1, 0), 0);
    state.add(&header(2, 0, 0, 1, 1), 500);
    let mut transactional = header(3, 0, 0, 1, 2);
    transactional.attributes = transactional.attributes.with_transactional(true);
    state.add(&transactional, 0);
    assert_eq!(state.first_unstable_offset(), Some(2));
    state.expire(1000, 600);
    assert_eq!([1, 2, 3].map(|id| state.get(id).is_some()), [false, true, true]);
    let mut marker = header(3, 0, -1, 1, 9);
    marker.attributes = marker.attributes.with_transactional(true).with_control(true);
    assert_eq!(state.end_transaction(&marker, 4, 0), Some(2));
    assert_eq!((state.first_unstable_offset(), state.get(3).unwrap().coordinator_epoch), (None, 4));
    state.expire(1000, 600);
    assert!(state.get(3).is_none(), "without an open transaction it goes like any other");
}

#[test]
fn batches_without_a_sequence_open_transactions_and_are_checked_for_their_epoch_only() {
    let mut state = ProducerState::default();
    let mut commit = header(1, 3, -1, 2, 10);
    commit.attributes = commit.attributes.with_transactional(true);
    state.add(&commit, NOW_MS);
    assert_eq!(state.first_unstable_offset(), Some(10));
    assert!(state.get(1).unwrap().batches().is_empty());
    assert_eq!(check_sequence(state.get(1), &commit), SequenceCheck::Next);
    let older = BatchHeader { producer_epoch: 2, ..commit };
    assert_eq!(check_sequence(state.get(1), &older), SequenceCheck::Fenced { current_epoch: 3 });
}

fn sorted(state: &ProducerState) -> Vec<(i64, ProducerEntry)> {
    let mut entries: Vec<_> = state.iter().map(|(id, entry)| (id, *entry)).collect();
    entries.sort_by_key(|&(id, _)| id);
    entries
}

#[test]
fn a_snapshot_has_kafkas_bytes_in_front_and_is_read_without_our_part() {
    let mut state = ProducerState::default();
    add(&mut state, 2, 5, 3, 40);
    let bytes = encode(&state);
    let entry: Vec<u8> = [
        &1_i64.to_be_bytes()[..],
        &2_i16.to_be_bytes(),
        &7_i32.to_be_bytes(),
        &42_i64.to_be_bytes(),
        &2_i32.to_be_bytes(),
        &NOW_MS.to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &(-1_i64).to_be_bytes(),
    ]
    .concat();
    assert_eq!(bytes[..2], [0, 1]);
    assert_eq!(bytes[6..10], [0, 0, 0, 1]);
    assert_eq!(bytes[10..10 + entry.len()], entry);
    let mut kafkas = bytes[..10 + entry.len()].to_vec();
    let crc = millstream_wire::crc32c(&kafkas[6..]);
    kafkas[2..6].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(sorted(&decode(&kafkas).unwrap()), sorted(&state));
}

proptest! {
    #[test]
    fn snapshots_come_back(batches in prop::collection::vec((1_i64..6, 1_usize..4), 0..40)) {
        let mut state = ProducerState::default();
        let mut next = [0; 6];
        for (offset, (producer_id, count)) in batches.into_iter().enumerate() {
            let sequence = &mut next[producer_id as usize];
            state.add(&header(producer_id, 0, *sequence, count, offset as i64 * 10), NOW_MS);
            *sequence += count as i32;
        }
        prop_assert_eq!(sorted(&decode(&encode(&state)).unwrap()), sorted(&state));
    }

    #[test]
    fn damaged_snapshots_are_refused(position in 0_usize..90, flip in 1_u8..) {
        let mut state = ProducerState::default();
        add(&mut state, 0, 0, 1, 0);
        let mut bytes = encode(&state);
        let position = position % bytes.len();
        bytes[position] ^= flip;
        prop_assert!(decode(&bytes).is_none());
    }

    #[test]
    fn any_bytes_are_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = vec![0, 1];
        bytes.extend(millstream_wire::crc32c(&content).to_be_bytes());
        bytes.extend(content);
        _ = decode(&bytes);
    }
}
