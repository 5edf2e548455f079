//! What compaction removes and what it keeps, by itself and against a list of everything that was written.

use std::collections::BTreeMap;

use millstream_wire::compression::{Compression, Compressor, Decompressor};
use millstream_wire::records::{BatchBuilder, FinishOptions, ProducerStamp};
use proptest::prelude::*;

use super::*;
use crate::durability::FsyncPolicy;
use crate::fs::FileSystem;
use crate::fs::sim::{Fault, SplitMix};
use crate::testing::{Bench, NOW_MS, batches, create, read};
use crate::{
    CompactionOptions, EndTransaction, LogError, LogStore, OffsetSpec, ReadBound, ReadRequest, StoreOptions,
};

type Value = Option<Vec<u8>>;

fn keyed(records: &[(&str, Option<&str>)], codec: Compression, producer: Option<(i64, i16, i32)>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1 << 20);
    for (index, (key, value)) in records.iter().enumerate() {
        let timestamp_ms = NOW_MS + index as i64;
        assert!(builder.append(timestamp_ms, Some(key.as_bytes()), value.map(str::as_bytes), &[]).unwrap());
    }
    let stamp = |(producer_id, producer_epoch, base_sequence)| ProducerStamp {
        producer_id,
        producer_epoch,
        base_sequence,
    };
    let options = FinishOptions {
        compression: codec,
        producer: producer.map_or(ProducerStamp::NONE, stamp),
        transactional: producer.is_some_and(|(producer_id, ..)| producer_id >= 100),
        ..FinishOptions::default()
    };
    builder.finish(&options, &mut Compressor::default()).unwrap().to_vec()
}

fn put(partition: &Arc<PartitionLog>, records: &[(&str, Option<&str>)]) {
    partition.append(&keyed(records, Compression::None, None)).unwrap();
}

/// Ends the active segment.
fn roll(partition: &PartitionLog) {
    let mut writer = partition.writer.lock();
    let now_ms = partition.context.clock.now_ms();
    partition.roll(&mut writer, now_ms).unwrap();
}

/// Offset, key and value of every record that readers of `bound` are given.
fn all(partition: &PartitionLog, bound: ReadBound) -> Vec<(i64, String, Value)> {
    let offset = partition.log_start_offset();
    let request = ReadRequest { offset, max_bytes: u64::MAX, at_least_one_batch: true, bound };
    let bytes = partition.read(&request).unwrap().read().unwrap();
    let mut found = Vec::new();
    for view in batches(&bytes) {
        let header = view.header();
        if header.attributes.is_control() || header.record_count == 0 {
            continue;
        }
        let codec = header.attributes.compression();
        let body = Decompressor::default().decompress(codec, view.body(), 1 << 20).unwrap();
        for record in millstream_wire::records::Records::new(&body, header) {
            let record = record.unwrap();
            let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
            found.push((
                header.base_offset + i64::from(record.offset_delta),
                key,
                record.value.map(<[u8]>::to_vec),
            ));
        }
    }
    found
}

fn offsets_of(partition: &PartitionLog) -> Vec<i64> {
    all(partition, ReadBound::LogEnd).iter().map(|record| record.0).collect()
}

fn compacted(configs: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0")];
    all.extend(configs);
    all
}

fn topic(bench: &Bench, configs: &[(&'static str, &'static str)]) -> (Arc<LogStore>, Arc<PartitionLog>) {
    let store = bench.open().unwrap();
    let configs =
        compacted(configs).into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    store.create_topic(crate::NewTopic { name: "t".to_owned(), partitions: 1, configs }).unwrap();
    let partition = store.partition("t", 0).unwrap();
    (store, partition)
}

#[test]
fn of_each_key_the_newest_record_stays_at_its_offset() {
    for codec in Compression::ALL {
        let bench = Bench::new(1, FsyncPolicy::Group);
        let (store, partition) = topic(&bench, &[]);
        for (first, second) in [("1", "2"), ("3", "4"), ("5", "6")] {
            let bytes = keyed(&[("a", Some(first)), ("b", Some(second)), (first, Some("x"))], codec, None);
            partition.append(&bytes).unwrap();
            roll(&partition);
        }
        put(&partition, &[("a", Some("active"))]);
        store.sync_queued();
        assert_eq!(store.compact(), 1);
        // The newest of the finished segments stay; the active one is not looked at.
        assert_eq!(offsets_of(&partition), [2, 5, 6, 7, 8, 9], "{codec}");
        assert_eq!((partition.log_start_offset(), partition.log_end_offset()), (0, 10));
        assert_eq!(store.compact(), 0, "nothing is dirty any more");
        let first = read(&partition, 3, 1).unwrap().read().unwrap();
        assert_eq!(batches(&first)[0].header().last_offset(), 5);
        let newest = partition.find_offset(OffsetSpec::MaxTimestamp).unwrap().unwrap();
        assert_eq!((newest.offset, newest.timestamp_ms), (2, NOW_MS + 2));
        let found = partition.find_offset(OffsetSpec::Timestamp(NOW_MS + 1)).unwrap().unwrap();
        assert_eq!((found.offset, found.timestamp_ms), (2, NOW_MS + 2));
    }
}

#[test]
fn small_segments_become_one_and_the_old_files_go_later() {
    let bench = Bench::new(2, FsyncPolicy::Group);
    let (store, partition) = topic(&bench, &[("file.delete.delay.ms", "500")]);
    for round in 0..10 {
        put(&partition, &[("a", Some("1")), (["b", "c"][round % 2], Some("2"))]);
        roll(&partition);
    }
    store.sync_queued();
    let held = read(&partition, 0, u64::MAX).unwrap();
    let names = || {
        let entries = bench.fs.read_dir(std::path::Path::new("data/t-0")).unwrap();
        entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
    };
    assert_eq!(store.compact(), 1);
    assert_eq!(held.read().unwrap().len() as u64, held.size_bytes(), "a reader finishes");
    let logs = || names().iter().filter(|name| name.ends_with(".log")).count();
    assert_eq!((logs(), partition.view.read().segments.len()), (2, 2));
    assert!(names().iter().all(|name| !name.ends_with(".cleaned") && !name.ends_with(".swap")));
    bench.clock.advance_ms(500);
    store.remove_discarded().unwrap();
    assert!(names().iter().all(|name| !name.ends_with(".deleted")), "{:?}", names());
    assert_eq!(offsets_of(&partition), [17, 18, 19]);
}

#[test]
fn tombstones_stay_for_their_time_and_then_go() {
    let bench = Bench::new(3, FsyncPolicy::Group);
    let (store, partition) = topic(&bench, &[("delete.retention.ms", "1000")]);
    let dirty = || {
        put(&partition, &[("z", Some("1"))]);
        roll(&partition);
        store.sync_queued();
        assert_eq!(store.compact(), 1);
    };
    put(&partition, &[("a", Some("1")), ("b", Some("1"))]);
    put(&partition, &[("a", None)]);
    roll(&partition);
    dirty();
    assert_eq!(offsets_of(&partition), [1, 2, 3], "the value is gone, its tombstone is not");
    let bytes = read(&partition, 2, 1).unwrap().read().unwrap();
    assert_eq!(batches(&bytes)[0].header().delete_horizon_ms(), Some(NOW_MS + 1000));
    assert_eq!(partition.find_offset(OffsetSpec::Timestamp(0)).unwrap().unwrap().timestamp_ms, NOW_MS + 1);
    bench.clock.advance_ms(999);
    dirty();
    assert_eq!(offsets_of(&partition), [1, 2, 4]);
    bench.clock.advance_ms(1);
    dirty();
    assert_eq!(offsets_of(&partition), [1, 5]);
}

#[test]
fn records_of_aborted_transactions_go_and_markers_follow() {
    let bench = Bench::new(4, FsyncPolicy::Group);
    let (store, partition) = topic(&bench, &[("delete.retention.ms", "1000")]);
    let write = |producer_id, epoch, key: &str, value: &str| {
        partition.enrol(producer_id, epoch).unwrap();
        let bytes = keyed(&[(key, Some(value))], Compression::None, Some((producer_id, epoch, 0)));
        partition.append(&bytes).unwrap();
    };
    put(&partition, &[("a", Some("before"))]);
    write(100, 0, "a", "aborted");
    write(101, 0, "b", "committed");
    partition.append_marker(100, 1, EndTransaction::Abort, 0).unwrap();
    partition.append_marker(101, 1, EndTransaction::Commit, 0).unwrap();
    roll(&partition);
    let controls = || {
        let bytes = read(&partition, 0, u64::MAX).unwrap().read().unwrap();
        batches(&bytes).iter().filter(|view| view.header().attributes.is_control()).count()
    };
    // Later transactions of the same producers, so that none of the above is their last.
    write(100, 1, "c", "1");
    write(101, 1, "b", "2");
    partition.append_marker(100, 2, EndTransaction::Commit, 0).unwrap();
    partition.append_marker(101, 2, EndTransaction::Commit, 0).unwrap();
    roll(&partition);
    store.sync_queued();
    assert_eq!(store.compact(), 1);
    let committed: Vec<_> = all(&partition, ReadBound::LastStableOffset).iter().map(|one| one.0).collect();
    assert_eq!(committed, [0, 5, 6], "an aborted record supersedes nothing");
    assert_eq!(controls(), 4);
    for _ in 0..2 {
        put(&partition, &[("z", Some("1"))]);
        roll(&partition);
        store.sync_queued();
        assert_eq!(store.compact(), 1);
        bench.clock.advance_ms(1000);
    }
    assert_eq!(controls(), 2, "those of transactions without a batch are gone after their time");
    assert_eq!(partition.last_stable_offset(), partition.log_end_offset());
}

#[test]
fn a_producers_last_batch_is_remembered_by_its_header() {
    let bench = Bench::new(5, FsyncPolicy::Group);
    let (store, partition) = topic(&bench, &[]);
    let numbered = |sequence| keyed(&[("a", Some("1"))], Compression::None, Some((7, 0, sequence)));
    for sequence in 0..3 {
        partition.append(&numbered(sequence)).unwrap();
    }
    roll(&partition);
    put(&partition, &[("a", Some("newest"))]);
    roll(&partition);
    store.sync_queued();
    assert_eq!(store.compact(), 1);
    assert_eq!(offsets_of(&partition), [3]);
    let directory = partition.directory();
    drop(store);
    bench.fs.kill();
    for entry in bench.fs.read_dir(&directory).unwrap() {
        if entry.name.ends_with(".snapshot") {
            bench.fs.remove_file(&directory.join(entry.name)).unwrap();
        }
    }
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    let again = partition.append(&numbered(2)).unwrap();
    assert!(again.duplicate && again.base_offset == 2);
    partition.append(&numbered(3)).unwrap();
}

#[test]
fn lags_ratio_and_open_transactions_say_when() {
    let bench = Bench::new(6, FsyncPolicy::Group);
    let (store, partition) = topic(
        &bench,
        &[
            ("min.cleanable.dirty.ratio", "0.9"),
            ("min.compaction.lag.ms", "100"),
            ("max.compaction.lag.ms", "9000"),
        ],
    );
    let fill = || {
        put(&partition, &[("a", Some("1")), ("b", Some("2"))]);
        roll(&partition);
        store.sync_queued();
    };
    fill();
    assert_eq!(store.compact(), 0, "younger than the least lag");
    bench.clock.advance_ms(200);
    assert_eq!(store.compact(), 1);
    fill();
    bench.clock.advance_ms(200);
    assert_eq!(store.compact(), 0, "half of it is clean");
    bench.clock.advance_ms(9000);
    assert_eq!(store.compact(), 1, "older than the longest lag");
    partition.enrol(100, 0).unwrap();
    partition.append(&keyed(&[("a", Some("t"))], Compression::None, Some((100, 0, 0)))).unwrap();
    fill();
    bench.clock.advance_ms(20_000);
    assert_eq!(store.compact(), 0, "a transaction is open");
    partition.append_marker(100, 1, EndTransaction::Commit, 0).unwrap();
    store.sync_queued();
    assert_eq!(store.compact(), 1);
}

#[test]
fn a_full_map_compacts_what_it_can_hold_and_goes_on_from_there() {
    let bench = Bench::new(7, FsyncPolicy::Group);
    drop(topic(&bench, &[]));
    let compaction = CompactionOptions { map_bytes: 1, ..CompactionOptions::default() };
    let options = StoreOptions { compaction, ..bench.options() };
    let store = LogStore::open(std::path::Path::new("data"), options).unwrap();
    let partition = store.partition("t", 0).unwrap();
    for round in 0..5 {
        for batch in 0..15 {
            let keys: Vec<String> = (0..100).map(|key| format!("{}", batch * 100 + key)).collect();
            let records: Vec<_> =
                keys.iter().map(|key| (&**key, Some(["a", "b", "c", "d", "e"][round]))).collect();
            put(&partition, &records);
        }
        roll(&partition);
    }
    store.sync_queued();
    assert!(store.compact() > 1);
    assert_eq!(offsets_of(&partition), (6000..7500).collect::<Vec<_>>());
}

#[test]
fn without_space_everything_stays_as_it_was() {
    let bench = Bench::new(8, FsyncPolicy::Group);
    let (store, partition) = topic(&bench, &[]);
    for _ in 0..4 {
        put(&partition, &[("a", Some("1"))]);
        roll(&partition);
    }
    store.sync_queued();
    store.write_checkpoints().unwrap();
    bench.fs.set_full(true);
    assert_eq!((store.compact(), offsets_of(&partition)), (0, vec![0, 1, 2, 3]));
    bench.fs.set_full(false);
    assert_eq!((store.compact(), offsets_of(&partition)), (1, vec![3]));
}

#[test]
fn damage_is_found_and_not_made_to_look_sound() {
    let bench = Bench::new(9, FsyncPolicy::Group);
    let (store, partition) = topic(&bench, &[]);
    for _ in 0..3 {
        put(&partition, &[("a", Some("1")), ("b", Some("2"))]);
        roll(&partition);
    }
    store.sync_queued();
    bench.fs.damage(&partition.directory().join("00000000000000000002.log"), 70).unwrap();
    assert_eq!((store.compact(), partition.damage().len()), (0, 1));
    let outcome = read(&partition, 2, 100);
    assert!(
        matches!(outcome, Err(LogError::Corrupt { .. })),
        "what was damaged by now is not served: {outcome:?}"
    );
}

#[test]
fn a_failed_swap_is_finished_by_the_next_start() {
    for fault_free in 0..40 {
        let bench = Bench::new(10, FsyncPolicy::Group);
        let (store, partition) = topic(&bench, &[]);
        for _ in 0..3 {
            put(&partition, &[("a", Some("1")), ("b", Some("2"))]);
            roll(&partition);
        }
        put(&partition, &[("c", Some("3"))]);
        store.flush().unwrap();
        bench.fs.inject(fault_free, Fault::Device);
        store.compact();
        bench.fs.clear_fault();
        let found = offsets_of(&partition);
        assert!(found == [4, 5, 6] || found == [0, 1, 2, 3, 4, 5, 6], "{fault_free}: {found:?}");
        partition.append(&keyed(&[("d", Some("4"))], Compression::None, None)).unwrap();
        store.compact();
        drop(store);
        bench.fs.kill();
        let store = bench.open().unwrap();
        let partition = store.partition("t", 0).unwrap();
        let newest: Vec<i64> = offsets_of_open(&partition).into_iter().filter(|&offset| offset > 3).collect();
        assert_eq!(newest, [4, 5, 6, 7], "{fault_free}");
    }
}

fn offsets_of_open(partition: &PartitionLog) -> Vec<i64> {
    partition.open().unwrap();
    offsets_of(partition)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Whatever is written, compacted and reopened: what a reader makes of the log is what it would have made of all of it.
    #[test]
    fn the_newest_of_every_key_is_always_there(seed in any::<u64>(), steps in 10_usize..150) {
        let mut random = SplitMix::new(seed);
        let bench = Bench::new(seed, FsyncPolicy::Group);
        let mut store = bench.open().unwrap();
        create(&store, "t", 1, [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.1"),
            ("index.interval.bytes", "60"), ("segment.index.bytes", "100"), ("delete.retention.ms", "50")]).unwrap();
        let mut partition = store.partition("t", 0).unwrap();
        let mut written: BTreeMap<i64, (String, Value)> = BTreeMap::new();
        for _ in 0..steps {
            bench.clock.advance_ms(5);
            match random.below(12) {
                0 => {
                    store.sync_queued();
                    store.compact();
                    store.remove_discarded().unwrap();
                }
                1 => {
                    store.sync_queued();
                    if random.below(2) == 0 { bench.fs.kill() } else { bench.fs.power_cut() }
                    drop(store);
                    store = bench.open().unwrap();
                    partition = store.partition("t", 0).unwrap();
                    partition.open().unwrap();
                }
                _ => {
                    let records: Vec<(String, Option<String>)> = (0..1 + random.below(4))
                        .map(|_| (random.below(12).to_string(), (random.below(4) > 0).then(|| random.below(999).to_string())))
                        .collect();
                    let refs: Vec<_> = records.iter().map(|(key, value)| (&**key, value.as_deref())).collect();
                    let codec = Compression::ALL[random.below(5) as usize];
                    let base = partition.append(&keyed(&refs, codec, None)).unwrap().base_offset;
                    for (index, (key, value)) in records.into_iter().enumerate() {
                        written.insert(base + index as i64, (key, value.map(String::into_bytes)));
                    }
                }
            }
            let found = all(&partition, ReadBound::LogEnd);
            prop_assert!(found.is_sorted_by(|left, right| left.0 < right.0));
            let (mut expected, mut seen) = (BTreeMap::new(), BTreeMap::new());
            for (key, value) in written.values() {
                expected.insert(key.clone(), value.clone());
            }
            for (offset, key, value) in found {
                prop_assert_eq!(&written[&offset], &(key.clone(), value.clone()));
                seen.insert(key, value);
            }
            expected.retain(|_, value| value.is_some());
            seen.retain(|_, value| value.is_some());
            prop_assert_eq!(seen, expected);
        }
    }
}
