//! Appending, reading and finding offsets in one partition.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use millstream_wire::records::{ProducerStamp, TimestampType};
use proptest::prelude::*;

use super::*;
use crate::LogStore;
use crate::durability::FsyncPolicy;
use crate::fs::FileSystem;
use crate::fs::sim::Fault;
use crate::testing::{Bench, NOW_MS, batch, batch_at, batches, numbered, offsets, read};

#[test]
fn duplicates_get_the_original_offset_also_after_a_kill() {
    for stop in ["none", "kill", "clean"] {
        let bench = Bench::new(1, FsyncPolicy::Group);
        let (mut store, mut partition) = bench.with_topic([]);
        for sequence in 0..7 {
            partition.append(&numbered(9, 0, sequence)).unwrap();
        }
        store.sync_queued();
        store.write_checkpoints().unwrap();
        match stop {
            "kill" => {
                drop(store);
                bench.fs.kill();
                store = bench.open().unwrap();
            }
            "clean" => {
                store.close().unwrap();
                drop(store);
                store = bench.open().unwrap();
            }
            _ => {}
        }
        partition = store.partition("t", 0).unwrap();
        for sequence in 2..7 {
            let appended = partition.append(&numbered(9, 0, sequence)).unwrap();
            assert!(appended.duplicate, "{stop}");
            assert_eq!(appended.base_offset, i64::from(sequence));
        }
        let error = partition.append(&numbered(9, 0, 1)).unwrap_err();
        assert!(matches!(error, LogError::OutOfOrderSequence { found: 1, last: 6, .. }), "{error}");
        assert_eq!(partition.append(&numbered(9, 1, 0)).unwrap().base_offset, 7);
        assert!(matches!(partition.append(&numbered(9, 0, 7)), Err(LogError::InvalidProducerEpoch { .. })));
    }
}

#[test]
fn a_duplicate_is_not_acknowledged_before_the_original_is_durable() {
    let bench = Bench::new(2, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    partition.append(&numbered(9, 0, 0)).unwrap();
    let again = partition.append(&numbered(9, 0, 0)).unwrap();
    assert!(again.duplicate && !again.acknowledgement.is_due(&partition).unwrap());
    store.sync_queued();
    assert!(again.acknowledgement.is_due(&partition).unwrap());
}

#[test]
fn many_batches_of_one_append_are_numbered_in_a_row() {
    let bench = Bench::new(3, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    let bytes: Vec<u8> = (1..1500).flat_map(|count| batch(1 + count % 3, count % 7)).collect();
    let appended = partition.append(&bytes).unwrap();
    let found = read(&partition, 0, u64::MAX).unwrap().read().unwrap();
    assert_eq!(found.len(), bytes.len());
    let mut expected = 0;
    for (base_offset, last_offset) in offsets(&found) {
        assert_eq!(base_offset, expected);
        expected = last_offset + 1;
    }
    assert_eq!(appended.last_offset + 1, expected);
    assert!(batches(&found).iter().all(|batch| batch.header().partition_leader_epoch == 0));
}

#[test]
fn log_append_time_stamps_every_record_and_the_checksum_fits() {
    let bench = Bench::new(4, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([("message.timestamp.type", "LogAppendTime")]);
    let bytes = batch_at(&[5, 6, 7], 10, ProducerStamp::NONE);
    assert_eq!(partition.append(&bytes).unwrap().log_append_time_ms, NOW_MS);
    let found = read(&partition, 0, u64::MAX).unwrap().read().unwrap();
    let header = *batches(&found)[0].header();
    assert_eq!(
        (header.attributes.timestamp_type(), header.max_timestamp),
        (TimestampType::LogAppendTime, NOW_MS)
    );
    let found = partition.find_offset(OffsetSpec::Timestamp(NOW_MS)).unwrap().unwrap();
    assert_eq!((found.offset, found.timestamp_ms), (0, NOW_MS));
}

#[test]
fn unsound_appends_change_nothing() {
    let bench = Bench::new(5, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([("max.message.bytes", "1000"), ("segment.bytes", "1048576")]);
    assert!(matches!(partition.append(&[]), Err(LogError::InvalidBatch(_))));
    assert!(matches!(partition.append(&batch(1, 10)[..50]), Err(LogError::InvalidBatch(_))));
    assert!(matches!(partition.append(&batch(1, 2000)), Err(LogError::MessageTooLarge { .. })));
    let many: Vec<u8> = std::iter::repeat_n(batch(1, 900), 1200).flatten().collect();
    assert!(matches!(partition.append(&many), Err(LogError::RecordListTooLarge { limit: 1_048_576, .. })));
    assert_eq!((partition.log_end_offset(), partition.size_bytes().unwrap()), (0, 0));
}

#[test]
fn a_full_disk_refuses_appends_and_takes_them_again() {
    for fault_free in 0..6 {
        let bench = Bench::new(6, FsyncPolicy::Group);
        let (store, partition) = bench.with_topic([]);
        if fault_free > 2 {
            partition.append(&batch(1, 10)).unwrap();
        }
        bench.fs.inject(fault_free % 3, Fault::NoSpace);
        let refused = partition.append(&batch(1, 1000)).err();
        bench.fs.clear_fault();
        assert!(refused.is_none_or(|error| error.is_disk_full()));
        let appended = partition.append(&batch(1, 10)).unwrap();
        store.sync_queued();
        assert!(appended.acknowledgement.is_due(&partition).unwrap());
        let found = read(&partition, 0, u64::MAX).unwrap().read().unwrap();
        assert_eq!(offsets(&found).len() as i64, appended.base_offset + 1);
    }
}

#[test]
fn a_nearly_full_disk_takes_what_the_broker_needs_and_records_again_later() {
    let bench = Bench::new(16, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    partition.enrol(7, 0).unwrap();
    partition.append(&crate::testing::transactional(7, 0, 0)).unwrap();
    bench.fs.set_available_bytes(1 << 20);
    for _ in 0..2 {
        let refused = partition.append(&batch(1, 17 << 20)).unwrap_err();
        assert!(matches!(refused, LogError::DiskReserve { .. }) && refused.is_disk_full(), "{refused}");
    }
    assert!(partition.append(&batch(1, 10)).is_err());
    partition.append_marker(7, 0, crate::EndTransaction::Commit, 0).unwrap();
    partition.append_from_reserve(&batch(1, 10)).unwrap();
    store.sync_queued();
    assert_eq!((partition.last_stable_offset(), partition.is_offline()), (3, false));
    bench.fs.set_available_bytes(1 << 30);
    partition.append(&batch(1, 10)).unwrap();
}

#[derive(Debug, Default)]
struct Watcher {
    high_watermark: AtomicI64,
    offline: AtomicBool,
}

impl PartitionListener for Watcher {
    fn high_watermark_advanced(&self, high_watermark: i64) {
        self.high_watermark.store(high_watermark, Ordering::Relaxed);
    }

    fn went_offline(&self) {
        self.offline.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_failed_sync_takes_the_partition_offline_and_nothing_is_acknowledged() {
    let bench = Bench::without_journal(7);
    let (store, partition) = bench.with_topic([]);
    let watcher = Arc::new(Watcher::default());
    partition.set_listener(watcher.clone());
    partition.append(&batch(1, 10)).unwrap();
    store.sync_queued();
    assert_eq!(watcher.high_watermark.load(Ordering::Relaxed), 1);
    let appended = partition.append(&batch(1, 10)).unwrap();
    bench.fs.inject(0, Fault::Device);
    store.sync_queued();
    assert!(watcher.offline.load(Ordering::Relaxed) && partition.is_offline());
    assert!(matches!(appended.acknowledgement.is_due(&partition), Err(LogError::PartitionOffline { .. })));
    assert!(partition.append(&batch(1, 10)).is_err() && read(&partition, 0, 1).is_err());
    assert_eq!(store.sync_queued(), 0);
    drop(store);
    bench.fs.power_cut();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    partition.open().unwrap();
    assert_eq!(partition.high_watermark(), 1);
}

#[test]
fn damage_below_the_recovery_point_quarantines_and_cuts_nothing() {
    let bench = Bench::new(8, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    for _ in 0..50 {
        partition.append(&batch(1, 100)).unwrap();
    }
    store.sync_queued();
    store.write_checkpoints().unwrap();
    let (path, size) =
        (partition.directory().join("00000000000000000000.log"), partition.size_bytes().unwrap());
    drop(store);
    bench.fs.damage(&path, 17).unwrap();
    bench.fs.power_cut();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    // The header walk does not see the checksum's byte; one that breaks the chain of batches is seen.
    bench.fs.damage(&path, 8).unwrap();
    assert!(matches!(partition.open(), Err(LogError::Corrupt { what: "record batch", .. })));
    assert!(partition.is_offline());
    let found = crate::fs::read_file(&bench.fs, &path, 1 << 20).unwrap().unwrap();
    assert!(found.len() as u64 <= size && found.len() == 50 * batch(1, 100).len());
}

/// A partition of a hundred batches of one record, of which `damaged` is not what was written.
fn damaged_partition(
    bench: &Bench,
    configs: &[(&str, &str)],
    damaged: i64,
    at: u64,
) -> (Arc<LogStore>, Arc<PartitionLog>) {
    let store = bench.open().unwrap();
    match configs {
        [one] => crate::testing::create(&store, "t", 1, [*one]).unwrap(),
        _ => crate::testing::create(&store, "t", 1, []).unwrap(),
    }
    let partition = store.partition("t", 0).unwrap();
    for _ in 0..100 {
        partition.append(&batch(1, 100)).unwrap();
    }
    let place = partition.mark_of(damaged).unwrap();
    let path = partition.directory().join(format!("{:020}.log", place.segment_base));
    store.close().unwrap();
    drop(store);
    bench.fs.damage(&path, place.position + at).unwrap();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    (store, partition)
}

#[test]
fn damage_is_never_served_and_what_lies_around_it_is() {
    // A byte of the checksum, of the record, of the batch's length: behind the last, only an index leads on.
    for (damaged, at) in [(0, 20), (0, 60), (40, 70), (98, 20), (40, 8)] {
        let bench = Bench::new(13, FsyncPolicy::Group);
        let (_store, partition) = damaged_partition(&bench, &[("index.interval.bytes", "10")], damaged, at);
        let outcome = read(&partition, damaged, 150);
        assert!(matches!(outcome, Err(LogError::Corrupt { .. })), "{damaged}: {outcome:?}");
        let before =
            offsets(&read(&partition, 0, u64::MAX).map_or(Vec::new(), |found| found.read().unwrap()));
        assert_eq!(before, (0..damaged).map(|offset| (offset, offset)).collect::<Vec<_>>());
        let behind = offsets(
            &read(&partition, damaged + 3, u64::MAX).map_or(Vec::new(), |found| found.read().unwrap()),
        );
        assert_eq!(behind, (damaged + 3..100).map(|offset| (offset, offset)).collect::<Vec<_>>());
        assert_eq!((partition.damage().len(), partition.is_offline()), (1, false), "{damaged}");
        assert_eq!(partition.append(&batch(1, 100)).unwrap().base_offset, 100);
    }
}

#[test]
fn the_scrub_finds_damage_that_nobody_reads() {
    let bench = Bench::new(15, FsyncPolicy::Group);
    let (store, partition) = damaged_partition(&bench, &[("segment.bytes", "1048576")], 30, 60);
    while store.scrub(1000) > 0 {}
    assert_eq!(partition.damage(), [], "an active segment is not looked at");
    drop((store, partition));
    let bench = Bench::new(15, FsyncPolicy::Group);
    let (store, partition) = damaged_partition(&bench, &[("segment.index.bytes", "12")], 30, 60);
    let (mut read, mut calls) = (0, 0);
    loop {
        let more = store.scrub(1000);
        read += more;
        calls += 1;
        assert!(more <= 1000 + batch(1, 100).len() as u64);
        if more == 0 {
            break;
        }
    }
    assert_eq!(partition.damage().len(), 1);
    assert!(read > 0 && calls > 2, "{read} bytes in {calls} calls");
    assert!(!partition.is_open(), "nothing is opened for it");
}

#[test]
fn what_was_checked_is_not_checked_again() {
    let bench = Bench::new(14, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([]);
    for _ in 0..10 {
        partition.append(&batch(1, 100)).unwrap();
    }
    store.close().unwrap();
    drop(store);
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    read(&partition, 0, u64::MAX).unwrap();
    bench.fs.damage(&partition.directory().join("00000000000000000000.log"), 100).unwrap();
    assert!(read(&partition, 0, u64::MAX).is_ok(), "checksums were compared by the first read");
}

#[test]
fn segments_roll_by_size_and_time_and_reads_cross_them() {
    let bench = Bench::new(9, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([("segment.bytes", "1048576"), ("segment.ms", "60000")]);
    let large = batch(1, 200_000);
    for _ in 0..12 {
        partition.append(&large).unwrap();
    }
    let segments = || partition.view.read().segments.len();
    assert_eq!(segments(), 3);
    partition.append(&batch_at(&[NOW_MS + 60_001], 1, ProducerStamp::NONE)).unwrap();
    assert_eq!(segments(), 4);
    let found = read(&partition, 3, u64::MAX).unwrap();
    assert_eq!(found.slices.len(), 4);
    let expected: Vec<_> = (3..13).map(|offset| (offset, offset)).collect();
    assert_eq!(offsets(&found.read().unwrap()), expected);
    let limited = read(&partition, 3, 3 * large.len() as u64 + 10).unwrap();
    assert_eq!(offsets(&limited.read().unwrap()), [(3, 3), (4, 4), (5, 5)]);
}

#[test]
fn without_syncs_of_appends_finished_segments_are_synced_all_the_same() {
    let bench = Bench::new(15, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([("segment.bytes", "1048576")]);
    for _ in 0..6 {
        partition.append(&batch(1, 200_000)).unwrap();
    }
    assert_eq!((store.sync_queued(), partition.recovery_point()), (1, 5));
    assert_eq!(store.sync_queued(), 0);
}

#[test]
fn the_first_batch_is_read_although_it_is_too_large_and_only_if_asked() {
    let bench = Bench::new(10, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([]);
    for _ in 0..3 {
        partition.append(&batch(2, 500)).unwrap();
    }
    assert_eq!(offsets(&read(&partition, 3, 10).unwrap().read().unwrap()), [(2, 3)]);
    let request =
        ReadRequest { offset: 3, max_bytes: 10, at_least_one_batch: false, bound: ReadBound::LogEnd };
    assert!(partition.read(&request).unwrap().slices.is_empty());
    assert!(matches!(read(&partition, 7, 10), Err(LogError::OffsetOutOfRange { end_offset: 6, .. })));
    assert!(read(&partition, 6, 10).unwrap().slices.is_empty());
}

#[test]
fn readers_see_no_further_than_the_high_watermark() {
    let bench = Bench::new(11, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    partition.append(&batch(2, 10)).unwrap();
    store.sync_queued();
    partition.append(&batch(2, 10)).unwrap();
    assert_eq!(offsets(&read(&partition, 0, u64::MAX).unwrap().read().unwrap()), [(0, 1)]);
    assert!(read(&partition, 3, u64::MAX).unwrap().slices.is_empty());
    let request =
        ReadRequest { offset: 0, max_bytes: 1 << 20, at_least_one_batch: true, bound: ReadBound::LogEnd };
    assert_eq!(offsets(&partition.read(&request).unwrap().read().unwrap()), [(0, 1), (2, 3)]);
    let latest = |bound| partition.find_offset(OffsetSpec::Latest(bound)).unwrap().unwrap().offset;
    assert_eq!((latest(ReadBound::HighWatermark), latest(ReadBound::LogEnd)), (2, 4));
}

#[test]
fn retention_by_size_keeps_at_least_what_is_allowed_and_files_go_later() {
    let bench = Bench::new(12, FsyncPolicy::None);
    let configs =
        [("segment.bytes", "1048576"), ("retention.bytes", "2100000"), ("file.delete.delay.ms", "500")];
    let (store, partition) = bench.with_topic(configs);
    for _ in 0..60 {
        partition.append(&batch(1, 100_000)).unwrap();
    }
    let held = read(&partition, 0, u64::MAX).unwrap();
    let files = || bench.fs.read_dir(Path::new("data/t-0")).unwrap().len();
    let before = files();
    assert_eq!(store.apply_retention().unwrap(), 3);
    assert_eq!(
        (partition.log_start_offset(), files()),
        (30, before - 2),
        "snapshots of removed segments go at once"
    );
    assert_eq!(held.read().unwrap().len() as u64, held.size_bytes(), "a reader finishes");
    store.remove_discarded().unwrap();
    assert_eq!(files(), before - 2);
    bench.clock.advance_ms(500);
    store.remove_discarded().unwrap();
    assert_eq!(files(), before - 2 - 9);
    assert!(read(&partition, 29, 1).is_err());
    assert_eq!(offsets(&read(&partition, 30, 1).unwrap().read().unwrap()), [(30, 30)]);
}

#[derive(Debug, Clone)]
struct Written {
    timestamps_ms: Vec<i64>,
    value_len: usize,
}

fn any_batch() -> impl Strategy<Value = Written> {
    let value_len = prop_oneof![5 => 0_usize..200, 1 => 1000_usize..9000];
    (prop::collection::vec(0_i64..1000, 1..8), value_len)
        .prop_map(|(timestamps_ms, value_len)| Written { timestamps_ms, value_len })
}

/// Changing a topic's configuration waited for the append under way, and with it everybody who changed any topic.
#[test]
fn a_configuration_changes_while_an_append_waits_for_the_disk() {
    let bench = Bench::new(1, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([("segment.ms", "1000")]);
    partition.append(&batch(1, 10)).unwrap();
    let appending = partition.writer().unwrap();
    // On this thread: it would wait for ever.
    let configs = [("segment.ms".to_owned(), "1000000".to_owned())];
    store.set_topic_configs("t", configs.into()).unwrap();
    drop(appending);
    bench.clock.advance_ms(2000);
    partition.append(&batch(1, 10)).unwrap();
    assert_eq!(partition.view.read().segments.len(), 1, "it counts from the next append on");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is written, however it is cut into segments and reopened: reads and searches by time agree with a list.
    #[test]
    fn reads_and_searches_agree_with_a_model(
        written in prop::collection::vec(any_batch(), 1..400),
        reopen_at in 0_usize..400,
        probes in prop::collection::vec((0.0_f64..1.0, 0_u64..20_000, 0_i64..1010), 20),
    ) {
        let bench = Bench::new(1, FsyncPolicy::None);
        let (mut store, mut partition) = bench.with_topic([("segment.bytes", "1048576"), ("segment.index.bytes", "200")]);
        // (base offset, last offset, bytes, timestamps)
        let mut model: Vec<(i64, i64, u64, Vec<i64>)> = Vec::new();
        for (index, one) in written.iter().enumerate() {
            let bytes = batch_at(&one.timestamps_ms, one.value_len, ProducerStamp::NONE);
            let appended = partition.append(&bytes).unwrap();
            model.push((appended.base_offset, appended.last_offset, bytes.len() as u64, one.timestamps_ms.clone()));
            if index == reopen_at {
                drop(store);
                bench.fs.kill();
                store = bench.open().unwrap();
                partition = store.partition("t", 0).unwrap();
            }
        }
        let end = model.last().unwrap().1 + 1;
        for (fraction, max_bytes, timestamp_ms) in probes {
            let offset = (fraction * end as f64) as i64;
            let found = offsets(&read(&partition, offset, max_bytes).unwrap().read().unwrap());
            let mut left = max_bytes;
            let from = model.iter().position(|batch| batch.1 >= offset).unwrap();
            let mut expected = Vec::new();
            for (base_offset, last_offset, size, _) in &model[from..] {
                if *size > left && !expected.is_empty() {
                    break;
                }
                expected.push((*base_offset, *last_offset));
                left = left.saturating_sub(*size);
            }
            prop_assert_eq!(found, expected);
            let records = model.iter().flat_map(|(base, _, _, timestamps)| {
                timestamps.iter().enumerate().map(move |(index, &timestamp)| (base + index as i64, timestamp))
            });
            let expected = records.clone().find(|&(_, timestamp)| timestamp >= timestamp_ms);
            let found = partition.find_offset(OffsetSpec::Timestamp(timestamp_ms)).unwrap();
            prop_assert_eq!(found.map(|found| (found.offset, found.timestamp_ms)), expected);
            let newest = records.clone().map(|(_, timestamp)| timestamp).max().unwrap();
            let expected = records.clone().find(|&(_, timestamp)| timestamp == newest);
            let found = partition.find_offset(OffsetSpec::MaxTimestamp).unwrap();
            prop_assert_eq!(found.map(|found| (found.offset, found.timestamp_ms)), expected);
        }
    }
}
