//! A data directory whose files were damaged: `file, position, bytes` again and again. Opening and reading it give
//! errors or records with good checksums, and what opens can be appended to.
#![no_main]
#![allow(clippy::expect_used, reason = "what cannot fail and does is a finding")]

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use millstream_fuzz::Input;
use millstream_log::fs::sim::SimFileSystem;
use millstream_log::fs::{FileSystem, OpenMode};
use millstream_log::{FsyncPolicy, HeldClock, LogStore, NewTopic, ReadBound, ReadRequest, StoreOptions};
use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchBuilder, Batches, FinishOptions, ProducerStamp, Tail};

const NOW_MS: i64 = 1_700_000_000_000;

fn options(fs: &SimFileSystem) -> StoreOptions {
    StoreOptions {
        fsync: FsyncPolicy::Group,
        sync_thread: false,
        cluster_id: Some("fuzz".to_owned()),
        fs: Arc::new(fs.clone()),
        clock: Arc::new(HeldClock::new(NOW_MS)),
        ..StoreOptions::default()
    }
}

fn batch(sequence: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1 << 12);
    for value in 0..3_u8 {
        builder.append(NOW_MS, Some(b"key"), Some(&[value; 9]), &[]).expect("it fits");
    }
    let producer = ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: sequence };
    let options = FinishOptions { producer, ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).expect("a batch").to_vec()
}

/// A directory with two segments of a topic, stopped in order or not.
fn directory(is_clean: bool) -> SimFileSystem {
    let fs = SimFileSystem::new(1);
    let store = LogStore::open(Path::new("data"), options(&fs)).expect("a store");
    let configs = [("segment.bytes".to_owned(), "1048576".to_owned())].into();
    store.create_topic(NewTopic { name: "t".to_owned(), partitions: 1, configs }).expect("a topic");
    let partition = store.partition("t", 0).expect("a partition");
    for append in 0..4 {
        partition.append(&batch(append * 3)).expect("an append");
    }
    store.sync_queued();
    if is_clean {
        store.close().expect("a stop");
    }
    drop((partition, store));
    if !is_clean {
        fs.kill();
    }
    fs
}

fn files(fs: &SimFileSystem, directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs.read_dir(directory).unwrap_or_default() {
        let path = directory.join(&entry.name);
        if entry.is_dir { files(fs, &path, found) } else { found.push(path) }
    }
}

fn damage(fs: &SimFileSystem, input: &mut Input<'_>) {
    let mut found = Vec::new();
    files(fs, Path::new("data"), &mut found);
    found.sort();
    while !input.is_empty() && !found.is_empty() {
        let path = &found[usize::from(input.byte()) % found.len()];
        let file = fs.open(path, OpenMode::Existing).expect("it is listed");
        let (position, bytes) = (u64::from(input.short()), input.piece());
        if bytes.is_empty() {
            file.set_size(position).expect("a size");
        } else {
            file.write_vectored_at(&[IoSlice::new(bytes)], position).expect("a write");
        }
        file.sync_data().expect("a sync");
    }
}

fn read_all(store: &LogStore) {
    let Some(partition) = store.partition("t", 0) else { return };
    if partition.open().is_err() {
        return;
    }
    let mut offset = partition.log_start_offset();
    while offset < partition.high_watermark() {
        let bound = ReadBound::HighWatermark;
        let request = ReadRequest { offset, max_bytes: 1 << 20, at_least_one_batch: true, bound };
        let Ok(found) = partition.read(&request) else { return };
        let bytes = found.read().expect("slices lie in their files");
        let mut next = offset;
        for view in Batches::new(&bytes, Tail::MustBeWhole) {
            let view = view.expect("whole batches are served");
            view.check_crc().expect("damaged records are never served");
            next = view.header().next_offset();
        }
        if next <= offset {
            break;
        }
        offset = next;
    }
    let _ = partition.append(&batch(100));
    store.sync_queued();
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let fs = directory(input.byte() % 2 == 0);
    damage(&fs, &mut input);
    if let Ok(store) = LogStore::open(Path::new("data"), options(&fs)) {
        read_all(&store);
        let _ = store.close();
    }
});
