//! What the journal has is durable, whoever's files have not got it; and when it cannot be used, the files are synced.

use std::path::Path;
use std::sync::Arc;

use crate::durability::FsyncPolicy;
use crate::fs::sim::Fault;
use crate::fs::{FileSystem, OpenMode};
use crate::testing::{Bench, batch, create, offsets, read};
use crate::{LogError, LogStore, PartitionLog, PreviousRun};

const PARTITIONS: i32 = 5;

fn journal_files(bench: &Bench) -> usize {
    let entries = bench.fs.read_dir(Path::new("data")).unwrap();
    entries.iter().filter(|entry| entry.name.starts_with("millstream.journal.")).count()
}

fn partitions(store: &LogStore) -> Vec<Arc<PartitionLog>> {
    (0..PARTITIONS).map(|index| store.partition("t", index).unwrap()).collect()
}

/// A store with the topic `t` of [`PARTITIONS`] partitions.
fn with_topic(bench: &Bench) -> Arc<LogStore> {
    let store = bench.open().unwrap();
    create(&store, "t", PARTITIONS, []).unwrap();
    store
}

fn append_to_all(store: &LogStore, value_len: usize) {
    for partition in partitions(store) {
        partition.append(&batch(1, value_len)).unwrap();
    }
    store.sync_queued();
}

fn ends(store: &LogStore) -> Vec<i64> {
    let end = |partition: &Arc<PartitionLog>| {
        partition.open().unwrap();
        let found = read(partition, 0, u64::MAX).unwrap().read().unwrap();
        assert_eq!(offsets(&found).len() as i64, partition.high_watermark());
        partition.high_watermark()
    };
    partitions(store).iter().map(end).collect()
}

#[test]
fn many_partitions_share_one_sync_which_a_power_cut_respects() {
    for seed in 0..30 {
        let bench = Bench::new(seed, FsyncPolicy::Group);
        let store = with_topic(&bench);
        append_to_all(&store, 100);
        let before = bench.fs.operations();
        append_to_all(&store, 100);
        let appends = PARTITIONS as u64;
        assert_eq!(bench.fs.operations() - before, appends + 2, "a write and a sync for all of them");
        for _ in 0..4 {
            append_to_all(&store, 100);
        }
        assert!(partitions(&store).iter().all(|partition| partition.high_watermark() == 6));
        drop(store);
        bench.fs.power_cut();
        let store = bench.open().unwrap();
        assert_eq!(ends(&store), [6; PARTITIONS as usize], "seed {seed}");
        assert_eq!(journal_files(&bench), 0, "it is in the files now");
    }
}

#[test]
fn a_full_file_is_used_again_once_the_partitions_are_synced() {
    for seed in 0..30 {
        let bench = Bench { journal_bytes: 2_000, ..Bench::new(seed, FsyncPolicy::Group) };
        let store = with_topic(&bench);
        for _ in 0..20 {
            append_to_all(&store, 50);
        }
        assert_eq!(journal_files(&bench), 2);
        assert!(partitions(&store).iter().all(|partition| partition.recovery_point() > 10));
        drop(store);
        bench.fs.power_cut();
        assert_eq!(ends(&bench.open().unwrap()), [20; PARTITIONS as usize], "seed {seed}");
    }
}

#[test]
fn what_is_too_large_goes_into_the_partitions_files() {
    let bench = Bench::new(1, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    partition.append(&batch(1, super::PARTITION_BYTES_MAX as usize)).unwrap();
    store.sync_queued();
    assert_eq!((partition.high_watermark(), partition.recovery_point()), (1, 1));
    assert_eq!(journal_files(&bench), 0);
}

#[test]
fn a_journal_that_fails_costs_nothing_but_speed() {
    for after in 0..4 {
        let bench = Bench::new(after, FsyncPolicy::Group);
        let store = with_topic(&bench);
        for partition in partitions(&store) {
            partition.append(&batch(1, 10)).unwrap();
        }
        bench.fs.inject(after, Fault::Device);
        store.sync_queued();
        append_to_all(&store, 10);
        for partition in partitions(&store) {
            assert_eq!((partition.high_watermark(), partition.recovery_point()), (2, 2), "{after}");
        }
        drop(store);
        bench.fs.power_cut();
        assert_eq!(ends(&bench.open().unwrap()), [2; PARTITIONS as usize], "{after}");
    }
}

#[test]
fn a_journal_that_fails_between_two_frames_leaves_each_partition_over_once() {
    let bench = Bench { journal_bytes: 64 << 20, ..Bench::new(1, FsyncPolicy::Group) };
    let store = bench.open().unwrap();
    create(&store, "t", 20, []).unwrap();
    let all: Vec<_> = (0..20).map(|index| store.partition("t", index).unwrap()).collect();
    // The second round takes two frames, and what the first has written is synced in the files when that fails.
    for (round, value_len) in [(1, 10), (2, 250 << 10)] {
        for partition in &all {
            partition.append(&batch(1, value_len)).unwrap();
        }
        if round == 2 {
            bench.fs.inject(0, Fault::Device);
        }
        store.sync_queued();
        assert!(all.iter().all(|partition| partition.high_watermark() == round), "round {round}");
    }
    assert!(all.iter().all(|partition| partition.recovery_point() == 2));
}

#[test]
fn a_topic_of_the_same_name_gets_nothing_of_the_one_before() {
    for seed in 0..400 {
        let bench = Bench::new(seed, FsyncPolicy::Group);
        let store = with_topic(&bench);
        append_to_all(&store, 10);
        append_to_all(&store, 10);
        // At worst, a directory keeps its name, and the file that says whose it is was never synced.
        bench.fs.inject(seed % 30, Fault::Device);
        _ = store.delete_topic(store.topic("t").unwrap().id);
        bench.fs.clear_fault();
        if store.topic("t").is_some() {
            continue;
        }
        create(&store, "t", PARTITIONS, []).unwrap();
        store.partition("t", 0).unwrap().append(&batch(1, 20)).unwrap();
        store.sync_queued();
        drop(store);
        bench.fs.power_cut();
        assert_eq!(ends(&bench.open().unwrap()), [1, 0, 0, 0, 0], "seed {seed}");
    }
}

#[test]
fn what_a_killed_process_left_is_kept_until_the_files_have_it() {
    for seed in 0..30 {
        let bench = Bench::new(seed, FsyncPolicy::Group);
        let store = with_topic(&bench);
        append_to_all(&store, 10);
        drop(store);
        bench.fs.kill();
        let store = bench.open().unwrap();
        assert_eq!(journal_files(&bench), 1);
        store.partition("t", 0).unwrap().append(&batch(1, 10)).unwrap();
        store.sync_queued();
        drop(store);
        bench.fs.power_cut();
        assert_eq!(ends(&bench.open().unwrap()), [2, 1, 1, 1, 1], "seed {seed}");
    }
}

#[test]
fn a_killed_process_is_not_believed_when_its_files_are_shorter_than_the_journal_has_them() {
    let bench = Bench::new(1, FsyncPolicy::Group);
    let store = with_topic(&bench);
    append_to_all(&store, 10);
    append_to_all(&store, 10);
    let path = store.partition("t", 3).unwrap().directory().join("00000000000000000000.log");
    drop(store);
    bench.fs.kill();
    // The volume was taken away and given back, and the machine ran on.
    bench.fs.open(&path, OpenMode::Existing).unwrap().set_size(0).unwrap();
    let store = bench.open().unwrap();
    assert_eq!((store.previous_run(), ends(&store)), (PreviousRun::PowerCut, vec![2; 5]));
}

#[test]
fn what_the_system_could_not_write_long_ago_is_in_the_journal_still() {
    for seed in 0..30 {
        let bench = Bench { journal_bytes: 3_000, ..Bench::new(seed, FsyncPolicy::Group) };
        let store = with_topic(&bench);
        append_to_all(&store, 10);
        // Somebody else is told.
        let foreign = bench.fs.whole(Path::new("data")).unwrap();
        bench.fs.inject(0, Fault::Device);
        assert!(foreign.sync().is_err());
        // Once the journal cannot be used again, the files' own syncs tell.
        for partition in (0..40).flat_map(|_| partitions(&store)) {
            _ = partition.append(&batch(1, 10));
            store.sync_queued();
        }
        assert!(partitions(&store).iter().all(|partition| partition.is_offline()), "seed {seed}");
        let acknowledged: Vec<i64> = partitions(&store).iter().map(|one| one.high_watermark()).collect();
        if seed % 2 == 0 {
            store.close().unwrap();
        }
        drop(store);
        bench.fs.power_cut();
        let store = bench.open().unwrap();
        assert!(acknowledged.iter().all(|&end| end > 3), "seed {seed}: {acknowledged:?}");
        let kept = ends(&store).into_iter().zip(acknowledged);
        assert!(kept.clone().all(|(end, acknowledged)| end >= acknowledged), "{seed}: {kept:?}");
    }
}

#[test]
fn a_clean_stop_leaves_none() {
    let bench = Bench::new(1, FsyncPolicy::Group);
    let store = with_topic(&bench);
    append_to_all(&store, 10);
    assert_eq!(journal_files(&bench), 1);
    store.close().unwrap();
    assert_eq!(journal_files(&bench), 0);
}

#[test]
fn damage_of_what_was_acknowledged_is_not_cut_off() {
    let bench = Bench::new(1, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    for _ in 0..5 {
        partition.append(&batch(1, 100)).unwrap();
    }
    store.sync_queued();
    let path = partition.directory().join("00000000000000000000.log");
    drop(store);
    bench.fs.power_cut();
    let store = bench.open().unwrap();
    bench.fs.damage(&path, 200).unwrap();
    let outcome = store.partition("t", 0).unwrap().open();
    assert!(matches!(outcome, Err(LogError::Corrupt { .. })), "{outcome:?}");
}
