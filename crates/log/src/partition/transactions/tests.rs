//! Enrolment, markers, the last stable offset, and what readers of committed records are told.

use std::collections::BTreeMap;

use millstream_wire::records::{ControlRecord, ProducerStamp, TimestampType, parse_control};
use proptest::prelude::*;

use super::*;
use crate::durability::FsyncPolicy;
use crate::fs::sim::{Fault, SplitMix};
use crate::testing::{Bench, NOW_MS, batch, batch_at, batches, create, numbered, offsets, transactional};
use crate::{LogStore, ReadBound, ReadRequest, ReadSlices};

use EndTransaction::{Abort, Commit};

fn committed(partition: &PartitionLog, offset: i64, max_bytes: u64) -> ReadSlices {
    let bound = ReadBound::LastStableOffset;
    partition.read(&ReadRequest { offset, max_bytes, at_least_one_batch: true, bound }).unwrap()
}

/// Producer and offsets of the aborted transactions in a read.
fn aborted(found: &ReadSlices) -> Vec<(i64, i64, i64)> {
    let listed = found.aborted.as_ref().unwrap();
    listed.iter().map(|one| (one.producer_id, one.first_offset, one.last_offset)).collect()
}

#[test]
fn only_enrolled_producers_write_and_only_until_their_marker() {
    let bench = Bench::new(1, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    let refused = |bytes: &[u8]| partition.append(bytes).unwrap_err();
    assert!(matches!(refused(&transactional(7, 0, 0)), LogError::NotInTransaction { producer_id: 7, .. }));
    partition.enrol(7, 0).unwrap();
    partition.append(&transactional(7, 0, 0)).unwrap();
    partition.append(&transactional(7, 0, 1)).unwrap();
    assert!(matches!(refused(&numbered(7, 0, 2)), LogError::OutsideTransaction { producer_id: 7, .. }));
    assert!(matches!(refused(&transactional(8, 0, 0)), LogError::NotInTransaction { producer_id: 8, .. }));
    partition.append_marker(7, 0, Commit, 0).unwrap();
    assert!(matches!(refused(&transactional(7, 0, 2)), LogError::NotInTransaction { .. }));
    assert!(partition.append(&transactional(7, 0, 1)).unwrap().duplicate, "a retry gets its answer");
    partition.append(&numbered(7, 0, 2)).unwrap();
    partition.enrol(7, 0).unwrap();
    partition.append(&transactional(7, 0, 3)).unwrap();
    assert_eq!(partition.log_end_offset(), 5);
}

#[test]
fn an_unknown_producer_of_version_2_begins_with_its_first_batch() {
    let bench = Bench::new(3, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    partition.enrol(7, 0).unwrap();
    let late = partition.append_of_version_2(&transactional(7, 0, 1)).unwrap_err();
    assert!(matches!(late, LogError::OutOfOrderSequence { found: 1, last: -1, .. }), "{late}");
    partition.append_of_version_2(&transactional(7, 0, 0)).unwrap();
    partition.append_of_version_2(&transactional(7, 0, 1)).unwrap();
    // Others may have been forgotten together with what they wrote.
    partition.append_of_version_2(&numbered(8, 0, 5)).unwrap();
    partition.enrol(9, 0).unwrap();
    partition.append(&transactional(9, 0, 5)).unwrap();
}

#[test]
fn an_enrolment_without_records_ends_with_its_marker() {
    let bench = Bench::new(2, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    partition.enrol(7, 3).unwrap();
    partition.append_marker(7, 4, Abort, 0).unwrap();
    let late = partition.append(&transactional(7, 3, 0)).unwrap_err();
    assert!(matches!(late, LogError::InvalidProducerEpoch { found: 3, current: 4, .. }), "{late}");
    let found = committed(&partition, 0, u64::MAX);
    assert_eq!((aborted(&found), found.last_stable_offset), (vec![], 1));
}

/// A marker of the transaction before has the epoch of the one that is open now, where each has its own.
#[test]
fn a_late_marker_does_not_end_the_next_transaction() {
    let bench = Bench::new(5, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    partition.enrol(7, 5).unwrap();
    partition.append(&transactional(7, 5, 0)).unwrap();
    let late = partition.append_next_epoch_marker(7, 5, Abort, 0);
    assert!(matches!(late, Err(LogError::InvalidProducerEpoch { found: 5, current: 5, .. })), "{late:?}");
    partition.append_next_epoch_marker(7, 6, Commit, 0).unwrap();
    partition.append_next_epoch_marker(7, 6, Commit, 0).expect("it may be repeated");
    assert_eq!(partition.last_stable_offset(), 3);
}

#[test]
fn older_epochs_are_fenced() {
    let bench = Bench::new(3, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    partition.enrol(7, 5).unwrap();
    assert!(matches!(
        partition.enrol(7, 4),
        Err(LogError::InvalidProducerEpoch { found: 4, current: 5, .. })
    ));
    assert!(matches!(partition.append(&transactional(7, 4, 0)), Err(LogError::InvalidProducerEpoch { .. })));
    let stale = partition.append_marker(7, 4, Abort, 9);
    assert!(matches!(stale, Err(LogError::InvalidProducerEpoch { found: 4, current: 5, .. })), "{stale:?}");
    partition.append(&transactional(7, 5, 0)).unwrap();
    partition.append_marker(7, 6, Commit, 3).unwrap();
    let older = partition.append_marker(7, 6, Commit, 2);
    assert!(matches!(older, Err(LogError::CoordinatorFenced { found: 2, current: 3, .. })), "{older:?}");
    partition.append_marker(7, 6, Commit, 3).unwrap();
    assert_eq!(partition.log_end_offset(), 3);
    // The next transaction has the marker's epoch and begins its sequence anew.
    partition.enrol(7, 6).unwrap();
    assert!(matches!(partition.append(&transactional(7, 6, 1)), Err(LogError::OutOfOrderSequence { .. })));
    partition.append(&transactional(7, 6, 0)).unwrap();
}

#[test]
fn a_coordinators_batches_have_no_sequence() {
    let bench = Bench::new(4, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    assert!(matches!(partition.append(&transactional(7, 0, -1)), Err(LogError::NotInTransaction { .. })));
    partition.enrol(7, 0).unwrap();
    for _ in 0..3 {
        assert!(!partition.append(&transactional(7, 0, -1)).unwrap().duplicate);
    }
    assert_eq!(partition.last_stable_offset(), 0);
    partition.append_marker(7, 0, Abort, 0).unwrap();
    assert_eq!(aborted(&committed(&partition, 0, u64::MAX)), [(7, 0, 3)]);
}

#[test]
fn control_batches_come_from_coordinators_only() {
    let bench = Bench::new(5, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    let marker = end_transaction_batch(7, 0, true, 0, NOW_MS).unwrap();
    assert!(matches!(partition.append(&marker), Err(LogError::InvalidBatch(_))));
    assert_eq!(partition.log_end_offset(), 0);
}

#[test]
fn nothing_is_decided_before_its_marker_is_durable() {
    for end in [Commit, Abort] {
        let bench = Bench::new(6, FsyncPolicy::Group);
        let (store, partition) = bench.with_topic([]);
        partition.append(&batch(1, 10)).unwrap();
        partition.enrol(7, 0).unwrap();
        partition.append(&transactional(7, 0, 0)).unwrap();
        store.sync_queued();
        assert_eq!((partition.high_watermark(), partition.last_stable_offset()), (2, 1));
        let marker = partition.append_marker(7, 1, end, 0).unwrap();
        assert!(!marker.acknowledgement.is_due(&partition).unwrap());
        assert_eq!(partition.last_stable_offset(), 1, "{end:?} is not durable");
        assert_eq!(offsets(&committed(&partition, 0, u64::MAX).read().unwrap()), [(0, 0)]);
        store.sync_queued();
        assert!(marker.acknowledgement.is_due(&partition).unwrap());
        let found = committed(&partition, 0, u64::MAX);
        assert_eq!((found.last_stable_offset, offsets(&found.read().unwrap()).len()), (3, 3));
        assert_eq!(aborted(&found), if end == Abort { vec![(7, 1, 2)] } else { vec![] });
    }
}

#[test]
fn a_marker_is_kafkas_control_batch() {
    let bench = Bench::new(7, FsyncPolicy::None);
    let (_store, partition) =
        bench.with_topic([("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "70")]);
    let appended = partition.append_marker(9, 2, Abort, 17).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset, appended.duplicate), (0, 0, false));
    let bytes = committed(&partition, 0, u64::MAX).read().unwrap();
    let view = batches(&bytes)[0];
    let header = view.header();
    assert!(header.attributes.is_control() && header.attributes.is_transactional());
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (9, 2, -1));
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    let record = view.records().unwrap().next().unwrap().unwrap();
    let expected = ControlRecord::EndTransaction { committed: false, coordinator_epoch: 17 };
    assert_eq!(parse_control(&record).unwrap(), expected);
}

#[test]
fn a_full_disk_leaves_the_transaction_open() {
    let bench = Bench::new(8, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    partition.enrol(7, 0).unwrap();
    partition.append(&transactional(7, 0, 0)).unwrap();
    bench.fs.inject(0, Fault::NoSpace);
    assert!(partition.append_marker(7, 0, Commit, 0).unwrap_err().is_disk_full());
    assert_eq!(partition.last_stable_offset(), 0);
    partition.append(&transactional(7, 0, 1)).unwrap();
    partition.append_marker(7, 0, Commit, 0).unwrap();
    assert_eq!(partition.last_stable_offset(), 3);
}

#[test]
fn an_aborted_transaction_that_could_not_be_indexed_is_found_all_the_same() {
    let bench = Bench::new(9, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([]);
    partition.enrol(7, 0).unwrap();
    partition.append(&transactional(7, 0, 0)).unwrap();
    bench.fs.inject(1, Fault::NoSpace);
    partition.append_marker(7, 0, Abort, 0).unwrap();
    assert_eq!(aborted(&committed(&partition, 0, u64::MAX)), [(7, 0, 1)]);
    drop(store);
    bench.fs.kill();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    assert_eq!(aborted(&committed(&partition, 0, u64::MAX)), [(7, 0, 1)]);
}

#[test]
fn producers_are_described_as_they_are() {
    let bench = Bench::new(10, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    partition.append(&numbered(3, 1, 0)).unwrap();
    partition.enrol(7, 0).unwrap();
    partition.append(&transactional(7, 0, 0)).unwrap();
    partition.append_marker(8, 2, Commit, 5).unwrap();
    let describe = |producer_id, producer_epoch, last_sequence, coordinator_epoch, start| ActiveProducer {
        producer_id,
        producer_epoch,
        last_sequence,
        last_timestamp_ms: NOW_MS,
        coordinator_epoch,
        current_transaction_start_offset: start,
    };
    let expected = [describe(3, 1, 0, -1, -1), describe(7, 0, 0, -1, 1), describe(8, 2, -1, 5, -1)];
    assert_eq!(partition.producers().unwrap(), expected);
}

#[test]
fn an_open_transaction_goes_on_after_a_kill() {
    let bench = Bench::new(11, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([]);
    partition.enrol(7, 0).unwrap();
    partition.append(&transactional(7, 0, 0)).unwrap();
    drop(store);
    bench.fs.kill();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    partition.append(&transactional(7, 0, 1)).unwrap();
    assert_eq!(partition.last_stable_offset(), 0);
    partition.append_marker(7, 1, Commit, 1).unwrap();
    assert_eq!(partition.last_stable_offset(), 3);
    assert!(matches!(partition.append(&transactional(7, 0, 2)), Err(LogError::InvalidProducerEpoch { .. })));
}

#[test]
fn deleted_records_do_not_hold_the_stable_offset_back() {
    let bench = Bench::new(12, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([]);
    partition.enrol(7, 0).unwrap();
    partition.append(&transactional(7, 0, 0)).unwrap();
    partition.append(&batch(4, 10)).unwrap();
    assert_eq!(partition.last_stable_offset(), 0);
    store.delete_records(&partition, 3).unwrap();
    assert_eq!(partition.last_stable_offset(), 3);
    assert!(committed(&partition, 3, u64::MAX).slices.is_empty());
}

#[test]
fn the_index_goes_with_its_segment() {
    let bench = Bench::new(13, FsyncPolicy::None);
    let configs =
        [("index.interval.bytes", "0"), ("segment.index.bytes", "40"), ("file.delete.delay.ms", "0")];
    let (store, partition) = bench.with_topic(configs);
    for sequence in 0..20 {
        partition.enrol(7, sequence).unwrap();
        partition.append(&transactional(7, sequence, 0)).unwrap();
        partition.append_marker(7, sequence + 1, Abort, 0).unwrap();
    }
    let indexes = || {
        let entries = crate::fs::FileSystem::read_dir(&bench.fs, std::path::Path::new("data/t-0")).unwrap();
        entries.iter().filter(|entry| entry.name.contains(".txnindex")).count()
    };
    assert!(indexes() > 5);
    store.delete_records(&partition, 38).unwrap();
    store.remove_discarded().unwrap();
    assert_eq!(indexes(), 1);
    assert_eq!(aborted(&committed(&partition, 38, u64::MAX)), [(7, 38, 39)]);
}

/// What a random history wrote.
#[derive(Debug, Default)]
struct Model {
    /// First offset of the open transaction by producer.
    open: BTreeMap<i64, i64>,
    /// Next epoch and sequence by producer.
    next: BTreeMap<i64, (i16, i32)>,
    aborted: Vec<(i64, i64, i64)>,
    end: i64,
}

impl Model {
    fn step(&mut self, partition: &Arc<PartitionLog>, random: &mut SplitMix) {
        let producer_id = random.below(4) as i64;
        let (epoch, sequence) = *self.next.entry(producer_id).or_default();
        match (random.below(8), self.open.get(&producer_id).copied()) {
            (0, _) => _ = partition.append(&batch_at(&[NOW_MS; 3], 300, ProducerStamp::NONE)).unwrap(),
            (1, Some(first)) => {
                let end = if random.below(3) > 0 { Abort } else { Commit };
                let at = partition.append_marker(producer_id, epoch + 1, end, 0).unwrap().base_offset;
                self.open.remove(&producer_id);
                self.next.insert(producer_id, (epoch + 1, 0));
                if end == Abort {
                    self.aborted.push((producer_id, first, at));
                }
            }
            (_, first) => {
                partition.enrol(producer_id, epoch).unwrap();
                let at = partition.append(&transactional(producer_id, epoch, sequence)).unwrap().base_offset;
                self.open.insert(producer_id, first.unwrap_or(at));
                self.next.insert(producer_id, (epoch, sequence + 1));
            }
        }
        self.end = partition.log_end_offset();
    }

    fn check(&self, partition: &PartitionLog, random: &mut SplitMix) {
        let stable = self.open.values().copied().min().unwrap_or(self.end);
        assert_eq!((partition.log_end_offset(), partition.last_stable_offset()), (self.end, stable));
        for _ in 0..10 {
            let offset = random.below(stable as u64 + 1) as i64;
            let found = committed(partition, offset, random.below(4000));
            let read = offsets(&found.read().unwrap());
            assert!(read.iter().all(|&(_, last)| last < stable));
            assert_eq!(read.is_empty(), offset == stable);
            let end = read.last().map_or(offset, |&(_, last)| last + 1);
            let overlaps = |one: &&(i64, i64, i64)| one.2 >= offset && one.1 < end && end > offset;
            let mut expected: Vec<_> = self.aborted.iter().filter(overlaps).copied().collect();
            expected.sort_by_key(|one| one.1);
            assert_eq!(aborted(&found), expected, "from {offset} to {end}");
        }
    }
}

fn reopen(bench: &Bench, store: Arc<LogStore>, how: u64) -> Arc<LogStore> {
    store.sync_queued();
    if how.is_multiple_of(2) {
        store.write_checkpoints().unwrap();
    }
    match how / 2 {
        0 => store.close().unwrap(),
        1 => bench.fs.kill(),
        _ => bench.fs.power_cut(),
    }
    drop(store);
    bench.open().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever producers do, however the log is cut into segments and reopened: the last stable offset and the aborted
    /// transactions of every read are those of a list.
    #[test]
    fn committed_reads_agree_with_a_model(seed in any::<u64>(), steps in 20_usize..200) {
        let mut random = SplitMix::new(seed);
        let bench = Bench::new(seed, FsyncPolicy::Group);
        let mut store = bench.open().unwrap();
        create(&store, "t", 1, [("index.interval.bytes", "60"), ("segment.index.bytes", "100")]).unwrap();
        let mut partition = store.partition("t", 0).unwrap();
        let mut model = Model::default();
        for _ in 0..steps {
            model.step(&partition, &mut random);
            if random.below(30) == 0 {
                store = reopen(&bench, store, random.below(6));
                partition = store.partition("t", 0).unwrap();
                partition.open().unwrap();
                model.check(&partition, &mut random);
            }
            if random.below(10) == 0 {
                store.sync_queued();
                model.check(&partition, &mut random);
            }
        }
    }
}
