//! `flush.messages` and `flush.ms`: what they promise survives a power cut, where the policy alone promises nothing.

use std::sync::Arc;

use crate::durability::FsyncPolicy;
use crate::fs::sim::Fault;
use crate::testing::{Bench, batch};
use crate::{LogError, PartitionLog};

const SEEDS: u64 = 20;

/// How many records are there after a power cut.
fn left(bench: &Bench) -> i64 {
    bench.fs.power_cut();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    partition.open().unwrap();
    partition.log_end_offset()
}

fn append(partition: &Arc<PartitionLog>, count: usize) {
    for _ in 0..count {
        partition.append(&batch(1, 3000)).unwrap();
    }
}

#[test]
fn every_so_many_records_are_synced_before_they_are_acknowledged() {
    let mut is_needed = false;
    for seed in 0..SEEDS {
        let bench = Bench::new(seed, FsyncPolicy::None);
        let (store, partition) = bench.with_topic([("flush.messages", "3")]);
        append(&partition, 7);
        assert_eq!(partition.recovery_point(), 6);
        drop(store);
        assert!(left(&bench) >= 6, "seed {seed}");

        let bench = Bench::new(seed, FsyncPolicy::None);
        let (store, partition) = bench.with_topic([]);
        append(&partition, 7);
        drop(store);
        is_needed |= left(&bench) < 6;
    }
    assert!(is_needed, "without it, records are lost");
}

#[test]
fn records_are_synced_when_their_time_is_over() {
    for seed in 0..SEEDS {
        let bench = Bench::new(seed, FsyncPolicy::None);
        let (store, partition) = bench.with_topic([("flush.ms", "1000")]);
        append(&partition, 4);
        bench.clock.advance_ms(999);
        assert_eq!(store.flush_overdue(), 0);
        bench.clock.advance_ms(1);
        assert_eq!(store.flush_overdue(), 1);
        assert_eq!(store.flush_overdue(), 0, "nothing is left to sync");
        append(&partition, 1);
        bench.clock.advance_ms(500);
        assert_eq!(store.flush_overdue(), 0, "it waits since the last sync");
        drop(store);
        assert!(left(&bench) >= 4, "seed {seed}");
    }
}

#[test]
fn topics_without_the_setting_are_left_alone() {
    let bench = Bench::new(0, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([]);
    append(&partition, 4);
    bench.clock.advance_ms(i64::MAX / 4);
    assert_eq!(store.flush_overdue(), 0);
    assert_eq!(partition.recovery_point(), 0);
}

#[test]
fn what_cannot_be_synced_is_not_acknowledged() {
    let bench = Bench::new(0, FsyncPolicy::None);
    let (_store, partition) = bench.with_topic([("flush.messages", "2")]);
    append(&partition, 1);
    // The write goes through, and the sync behind it does not.
    bench.fs.inject(1, Fault::Device);
    let error = partition.append(&batch(1, 10)).unwrap_err();
    assert!(matches!(error, LogError::PartitionOffline { .. }), "{error}");
    assert!(partition.is_offline());
}
