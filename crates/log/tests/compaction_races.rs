//! Appends, reads and searches go on while segments are compacted, retained and removed under them, on a real file system.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream_log::fs::sim::SplitMix;
use millstream_log::{
    FsyncPolicy, LogError, LogStore, NewTopic, OffsetSpec, PartitionLog, ReadBound, ReadRequest, StoreOptions,
};
use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchBuilder, Batches, FinishOptions, Tail};

const APPENDS: u64 = 4000;
const KEYS: u64 = 50;

fn append(partition: &Arc<PartitionLog>, serial: u64) {
    let mut builder = BatchBuilder::new(1 << 20);
    for record in 0..4 {
        let key = ((serial * 7 + record) % KEYS).to_be_bytes();
        assert!(builder.append(serial as i64, Some(&key), Some(&[serial as u8; 100]), &[]).unwrap());
    }
    let batch = builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap();
    partition.append(&batch).unwrap();
}

/// Reads from a random offset on, in reads of random sizes, to the end.
fn follow(partition: &PartitionLog, random: &mut SplitMix) {
    let mut offset = random.below(partition.log_end_offset() as u64 + 1) as i64;
    let until = partition.high_watermark();
    while offset < until {
        let max_bytes = random.below(60_000);
        let bound = ReadBound::HighWatermark;
        let found = match partition.read(&ReadRequest { offset, max_bytes, at_least_one_batch: true, bound })
        {
            Err(LogError::OffsetOutOfRange { log_start_offset, .. }) => {
                offset = log_start_offset;
                continue;
            }
            found => found.unwrap(),
        };
        let bytes = found.read().unwrap();
        assert!(!bytes.is_empty(), "nothing at {offset} below {until}");
        for view in Batches::new(&bytes, Tail::MustBeWhole) {
            let view = view.unwrap();
            view.check_crc().unwrap();
            assert!(view.header().next_offset() > offset, "{offset}: {:?}", view.header());
            offset = view.header().next_offset();
        }
    }
}

#[test]
fn readers_and_appends_go_on_while_segments_are_replaced() {
    let temporary = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        fsync: FsyncPolicy::None,
        open_files_max: Some(8),
        sync_thread: false,
        ..StoreOptions::default()
    };
    let store = LogStore::open(temporary.path(), options).unwrap();
    let configs = [
        ("cleanup.policy", "compact,delete"),
        ("min.cleanable.dirty.ratio", "0"),
        ("retention.ms", "-1"),
        ("index.interval.bytes", "1000"),
        ("segment.index.bytes", "200"),
    ];
    let configs = configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    store.create_topic(NewTopic { name: "t".to_owned(), partitions: 1, configs }).unwrap();
    let partition = store.partition("t", 0).unwrap();
    append(&partition, 0);
    let done = AtomicBool::new(false);
    let mut compactions = 0;
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (partition, done) = (&partition, &done);
            scope.spawn(move || {
                let mut random = SplitMix::new(seed);
                while !done.load(Ordering::Relaxed) {
                    follow(partition, &mut random);
                    let spec = OffsetSpec::Timestamp(random.below(APPENDS) as i64);
                    partition.find_offset(spec).unwrap();
                }
            });
        }
        let writer = scope.spawn(|| (1..APPENDS).for_each(|serial| append(&partition, serial)));
        while !writer.is_finished() {
            compactions += store.compact();
            if compactions % 5 == 4 {
                let start = (partition.log_start_offset() + 200).min(partition.high_watermark());
                store.delete_records(&partition, start).unwrap();
            }
            store.write_checkpoints().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(compactions > 0 && !partition.is_offline());
    store.compact();
    let mut random = SplitMix::new(9);
    (0..20).for_each(|_| follow(&partition, &mut random));
    store.close().unwrap();
}
