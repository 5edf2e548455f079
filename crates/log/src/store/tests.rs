//! Topics and their partitions over the life of a store.

use crate::durability::FsyncPolicy;
use crate::fs::FileSystem;
use crate::testing::{Bench, batch, create, offsets, read};
use crate::{ErrorKind, LogError, PreviousRun};
use std::path::Path;

#[test]
fn a_fresh_store_appends_and_reads_and_comes_back_after_a_clean_stop() {
    for fsync in [FsyncPolicy::None, FsyncPolicy::Interval, FsyncPolicy::Group] {
        let bench = Bench::new(1, fsync);
        let (store, partition) = bench.with_topic([]);
        for expected in 0..10 {
            let appended = partition.append(&batch(3, 100)).unwrap();
            assert_eq!((appended.base_offset, appended.last_offset), (expected * 3, expected * 3 + 2));
            assert_eq!(appended.acknowledgement.is_due(&partition).unwrap(), fsync != FsyncPolicy::Group);
            store.sync_queued();
            assert!(appended.acknowledgement.is_due(&partition).unwrap());
        }
        let found = read(&partition, 4, u64::MAX).unwrap();
        assert_eq!(offsets(&found.read().unwrap())[0], (3, 5));
        assert_eq!((found.high_watermark, found.last_stable_offset, found.log_start_offset), (30, 30, 0));
        store.close().unwrap();
        assert!(matches!(partition.append(&batch(1, 1)), Err(LogError::PartitionOffline { .. })));
        drop(store);
        bench.fs.power_cut();
        let store = bench.open().unwrap();
        assert_eq!((store.previous_run(), store.leader_epoch()), (PreviousRun::Clean, 0));
        let partition = store.partition("t", 0).unwrap();
        assert_eq!(partition.append(&batch(1, 1)).unwrap().base_offset, 30);
    }
}

#[test]
fn after_a_kill_everything_written_is_there_and_the_epoch_is_higher() {
    for fsync in [FsyncPolicy::None, FsyncPolicy::Interval, FsyncPolicy::Group] {
        let bench = Bench::new(2, fsync);
        let (store, partition) = bench.with_topic([]);
        for _ in 0..100 {
            partition.append(&batch(3, 100)).unwrap();
        }
        drop(store);
        bench.fs.kill();
        let store = bench.open().unwrap();
        assert_eq!((store.previous_run(), store.leader_epoch()), (PreviousRun::Killed, 1));
        let partition = store.partition("t", 0).unwrap();
        assert_eq!(
            partition.find_offset(crate::OffsetSpec::Earliest).unwrap().unwrap().leader_epoch,
            Some(0)
        );
        assert_eq!(partition.high_watermark(), 300);
        assert_eq!(read(&partition, 0, u64::MAX).unwrap().size_bytes(), 100 * batch(3, 100).len() as u64);
        assert_eq!(partition.append(&batch(1, 1)).unwrap().base_offset, 300);
        assert_eq!(partition.epoch_end(0).unwrap().end_offset, 300);
        assert_eq!(partition.epoch_end(1).unwrap().end_offset, 301);
    }
}

#[test]
fn a_recreated_topic_is_empty_whatever_a_crash_leaves_of_the_old_one() {
    for seed in 0..60 {
        let bench = Bench::new(seed, FsyncPolicy::Group);
        let (store, partition) = bench.with_topic([]);
        partition.append(&batch(5, 10)).unwrap();
        store.sync_queued();
        store.write_checkpoints().unwrap();
        let old = store.topic("t").unwrap().id;
        store.delete_topic(old).unwrap();
        assert_eq!(partition.append(&batch(1, 1)).unwrap_err().kind(), ErrorKind::Unavailable);
        create(&store, "t", 1, []).unwrap();
        let partition = store.partition("t", 0).unwrap();
        assert_ne!(partition.topic_id(), old);
        if seed % 2 == 0 {
            partition.append(&batch(2, 10)).unwrap();
            store.sync_queued();
        }
        let expected = partition.high_watermark();
        drop(store);
        if seed % 3 == 0 {
            bench.fs.kill()
        } else {
            bench.fs.power_cut()
        }
        let store = bench.open().unwrap();
        let partition = store.partition("t", 0).unwrap();
        partition.open().unwrap();
        assert_eq!(partition.high_watermark(), expected, "seed {seed}");
        partition.append(&batch(1, 1)).unwrap();
        bench.clock.advance_ms(100_000);
        store.remove_discarded().unwrap();
        assert!(store.metadata().state().deleted_topics.is_empty());
        let left = bench.fs.read_dir(Path::new("data")).unwrap();
        let directories: Vec<_> =
            left.iter().filter(|entry| entry.is_dir).map(|entry| &*entry.name).collect();
        assert_eq!(directories, ["t-0"], "seed {seed}");
    }
}

#[test]
fn topics_change_and_their_partitions_stay() {
    let bench = Bench::new(3, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([]);
    partition.append(&batch(1, 1)).unwrap();
    store.create_partitions("t", 3).unwrap();
    store.set_topic_configs("t", [("max.message.bytes".to_owned(), "100".to_owned())].into()).unwrap();
    assert!(matches!(partition.append(&batch(1, 200)), Err(LogError::MessageTooLarge { limit: 100, .. })));
    let topic = store.topic("t").unwrap();
    assert_eq!((topic.partitions.len(), topic.partitions[0].high_watermark()), (3, 1));
    assert_eq!(store.topic_by_id(topic.id).unwrap().name, topic.name);
    assert!(matches!(store.create_partitions("t", 3), Err(LogError::InvalidPartitionCount { least: 4, .. })));
    assert!(matches!(create(&store, "t", 1, []), Err(LogError::TopicExists { .. })));
    create(&store, "a.b", 1, []).unwrap();
    assert!(matches!(create(&store, "a_b", 1, []), Err(LogError::TopicNameCollision { .. })));
    assert!(matches!(create(&store, "x", 0, []), Err(LogError::InvalidPartitionCount { .. })));
    drop(store);
    bench.fs.kill();
    let store = bench.open().unwrap();
    let names: Vec<_> =
        store.topics().iter().map(|topic| (topic.name.to_string(), topic.partitions.len())).collect();
    assert_eq!(names, [("a.b".to_owned(), 1), ("t".to_owned(), 3)]);
    assert_eq!(store.partition("t", 0).unwrap().config().max_message_bytes, 100);
}

#[test]
fn broker_properties_give_topics_their_defaults() {
    let bench = Bench::new(4, FsyncPolicy::None);
    let (store, partition) = bench.with_topic([]);
    store.set_broker_configs([("message.max.bytes".to_owned(), "123".to_owned())].into()).unwrap();
    assert_eq!(partition.config().max_message_bytes, 123);
    assert!(store.set_broker_configs([("message.max.bytes".to_owned(), "x".to_owned())].into()).is_err());
    assert_eq!(partition.config().max_message_bytes, 123);
}

#[test]
fn many_partitions_work_with_few_open_files() {
    let bench = Bench::new(5, FsyncPolicy::Group);
    let mut options = bench.options();
    options.open_files_max = Some(10);
    let store = crate::LogStore::open(Path::new("data"), options).unwrap();
    create(&store, "t", 200, []).unwrap();
    for round in 0..3 {
        for index in 0..200 {
            let partition = store.partition("t", index).unwrap();
            assert_eq!(partition.append(&batch(1, 10)).unwrap().base_offset, round);
        }
        assert_eq!(store.sync_queued(), 200);
    }
    assert!((0..200).all(|index| store.partition("t", index).unwrap().high_watermark() == 3));
}

#[test]
fn deleted_records_stay_deleted_after_a_power_cut() {
    let bench = Bench::new(6, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    for _ in 0..10 {
        partition.append(&batch(1, 10)).unwrap();
    }
    store.sync_queued();
    assert!(matches!(store.delete_records(&partition, 11), Err(LogError::OffsetOutOfRange { .. })));
    assert_eq!(store.delete_records(&partition, 4).unwrap(), 4);
    assert_eq!(store.delete_records(&partition, 2).unwrap(), 4);
    assert!(matches!(read(&partition, 3, 1), Err(LogError::OffsetOutOfRange { log_start_offset: 4, .. })));
    drop(store);
    bench.fs.power_cut();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    partition.open().unwrap();
    assert_eq!((partition.log_start_offset(), partition.high_watermark()), (4, 10));
    assert_eq!(store.delete_records(&partition, -1).unwrap(), 10);
    assert_eq!(read(&partition, 10, 1).unwrap().slices.len(), 0);
    assert_eq!(partition.append(&batch(1, 10)).unwrap().base_offset, 10);
}

#[test]
fn retention_by_time_never_touches_a_topic_that_only_compacts() {
    let bench = Bench::new(7, FsyncPolicy::None);
    let store = bench.open().unwrap();
    for (name, policy) in
        [("deletes", "delete"), ("compacts", "compact"), ("both", "compact,delete"), ("keeps", "")]
    {
        create(&store, name, 1, [("cleanup.policy", policy), ("retention.ms", "1000")]).unwrap();
        store.partition(name, 0).unwrap().append(&batch(1, 10)).unwrap();
    }
    assert_eq!(store.apply_retention().unwrap(), 0);
    bench.clock.advance_ms(2000);
    assert_eq!(store.apply_retention().unwrap(), 2);
    let start = |name| store.partition(name, 0).unwrap().log_start_offset();
    assert_eq!(["deletes", "compacts", "both", "keeps"].map(start), [1, 0, 1, 0]);
}

#[test]
fn a_new_topic_has_nothing_of_what_a_stale_checkpoint_says_of_an_old_one() {
    let bench = Bench::new(51, FsyncPolicy::Group);
    let (store, partition) = bench.with_topic([]);
    partition.append(&batch(5, 10)).unwrap();
    store.sync_queued();
    store.write_checkpoints().unwrap();
    let path = Path::new("data").join(crate::checkpoint::RECOVERY_POINT_FILE);
    let stale = crate::fs::read_file(&bench.fs, &path, 1 << 20).unwrap().unwrap();
    store.delete_topic(store.topic("t").unwrap().id).unwrap();
    drop((store, partition));
    // The deletion seemed to fail, and another checkpoint was written before the process ended.
    bench.fs.kill();
    crate::fs::replace_file(&bench.fs, &path, &stale, crate::fs::Durable::Yes).unwrap();
    let store = bench.open().unwrap();
    create(&store, "t", 1, []).unwrap();
    drop(store);
    bench.fs.kill();
    let store = bench.open().unwrap();
    let partition = store.partition("t", 0).unwrap();
    assert_eq!(partition.append(&batch(1, 10)).unwrap().base_offset, 0);
}
