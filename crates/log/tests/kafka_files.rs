//! The files are Kafka's: what Apache Kafka 4.3 wrote is read here, and what is written here is read by Kafka's own dump
//! tool, with its index checks.
//!
//! `golden/golden-0` is a partition directory of Apache Kafka 4.3.0 after a clean stop: 100 keyed records by three idempotent
//! producers, uncompressed, zstd and lz4, in three segments (`segment.ms=1500`, `index.interval.bytes=200`).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use millstream_log::{
    EndTransaction, FsyncPolicy, LogStore, NewTopic, OffsetSpec, PartitionLog, ReadBound, ReadRequest,
    StoreOptions, parse_id,
};
use millstream_wire::compression::{Compression, Compressor, Decompressor};
use millstream_wire::records::{
    BATCH_HEADER_LEN, BatchBuilder, Batches, FinishOptions, ProducerStamp, Records, Tail, set_producer,
};

const GOLDEN_TOPIC_ID: &str = "wbQ9ZNfVTfSuCDmwlxtjqg";

fn new_topic(name: &str, configs: &[(&str, &str)]) -> NewTopic {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    NewTopic { name: name.to_owned(), partitions: 1, configs }
}

fn open(path: &Path) -> Arc<LogStore> {
    let options = StoreOptions { fsync: FsyncPolicy::Group, sync_thread: false, ..StoreOptions::default() };
    LogStore::open(path, options).unwrap()
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A store that has Kafka's partition directory for its own.
fn golden_store(root: &Path) -> (Arc<LogStore>, Arc<PartitionLog>) {
    let store = open(root);
    let configs = [("index.interval.bytes", "200"), ("segment.ms", "1500"), ("retention.ms", "-1")];
    store.create_topic_with_id(new_topic("golden", &configs), parse_id(GOLDEN_TOPIC_ID).unwrap()).unwrap();
    copy_directory(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/golden-0"),
        &root.join("golden-0"),
    );
    let partition = store.partition("golden", 0).unwrap();
    partition.open().unwrap();
    (store, partition)
}

/// Offset, key and timestamp of every record from `offset` on.
fn records(partition: &PartitionLog, offset: i64) -> Vec<(i64, String, i64)> {
    let request =
        ReadRequest { offset, max_bytes: u64::MAX, at_least_one_batch: true, bound: ReadBound::LogEnd };
    let bytes = partition.read(&request).unwrap().read().unwrap();
    let mut records = Vec::new();
    for view in Batches::new(&bytes, Tail::MustBeWhole) {
        let view = view.unwrap();
        view.check_crc().unwrap();
        let header = view.header();
        let codec = header.attributes.compression();
        let body =
            Decompressor::default().decompress(codec, &view.bytes()[BATCH_HEADER_LEN..], 1 << 20).unwrap();
        for record in Records::new(&body, header) {
            let record = record.unwrap();
            let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
            let offset = header.base_offset + i64::from(record.offset_delta);
            records.push((offset, key, header.record_timestamp(record.timestamp_delta)));
        }
    }
    records
}

#[test]
fn a_partition_that_kafka_wrote_is_read_from_every_offset_and_time() {
    let temporary = tempfile::tempdir().unwrap();
    let (store, partition) = golden_store(temporary.path());
    assert_eq!((partition.log_start_offset(), partition.log_end_offset()), (0, 100));
    let all = records(&partition, 0);
    let expected: Vec<_> = (0..100).map(|offset| (offset, format!("key-{}", offset + 1))).collect();
    assert_eq!(all.iter().map(|(offset, key, _)| (*offset, key.clone())).collect::<Vec<_>>(), expected);
    for (offset, _, timestamp_ms) in &all {
        let first = records(&partition, *offset)[0].0;
        assert!(first <= *offset && *offset - first < 40);
        let found = partition.find_offset(OffsetSpec::Timestamp(*timestamp_ms)).unwrap().unwrap();
        let expected = all.iter().find(|(_, _, other)| other >= timestamp_ms).unwrap();
        assert_eq!((found.offset, found.timestamp_ms, found.leader_epoch), (expected.0, expected.2, Some(0)));
    }
    let appended = partition.append(&batch(1, Compression::None, ProducerStamp::NONE, 1)).unwrap();
    assert_eq!(appended.base_offset, 100);
    store.close().unwrap();
}

#[test]
fn producers_that_kafka_knew_are_known() {
    let temporary = tempfile::tempdir().unwrap();
    let (_store, partition) = golden_store(temporary.path());
    let request =
        ReadRequest { offset: 80, max_bytes: u64::MAX, at_least_one_batch: true, bound: ReadBound::LogEnd };
    let bytes = partition.read(&request).unwrap().read().unwrap();
    let last = Batches::new(&bytes, Tail::MustBeWhole).last().unwrap().unwrap();
    assert!(last.header().has_producer_id());
    let again = partition.append(last.bytes()).unwrap();
    assert!(again.duplicate);
    assert_eq!((again.base_offset, again.last_offset), (last.header().base_offset, 99));
}

#[test]
fn indexes_made_anew_are_kafkas_byte_for_byte() {
    let temporary = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/golden-0");
    let root = temporary.path();
    let store = open(root);
    let configs = [("index.interval.bytes", "200"), ("segment.ms", "1500"), ("retention.ms", "-1")];
    store.create_topic_with_id(new_topic("golden", &configs), parse_id(GOLDEN_TOPIC_ID).unwrap()).unwrap();
    let partition = store.partition("golden", 0).unwrap();
    // Kafka's batches, appended one by one as its producers sent them: the same segments must come out.
    let names = ["00000000000000000000", "00000000000000000040", "00000000000000000080"];
    for name in names {
        let bytes = fs::read(golden.join(format!("{name}.log"))).unwrap();
        for view in Batches::new(&bytes, Tail::MustBeWhole) {
            partition.append(view.unwrap().bytes()).unwrap();
        }
    }
    store.close().unwrap();
    for name in names {
        for kind in ["log", "index", "timeindex"] {
            let file = format!("{name}.{kind}");
            let ours = fs::read(root.join("golden-0").join(&file)).unwrap();
            let kafkas = fs::read(golden.join(&file)).unwrap();
            assert_eq!(ours, kafkas, "{file}");
        }
    }
    for file in ["leader-epoch-checkpoint", "partition.metadata"] {
        assert_eq!(
            fs::read(root.join("golden-0").join(file)).unwrap(),
            fs::read(golden.join(file)).unwrap(),
            "{file}"
        );
    }
}

fn batch(count: u32, compression: Compression, producer: ProducerStamp, timestamp_ms: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1 << 20);
    for record in 0..count {
        let value = [b'v'; 60];
        let key = format!("key-{record}");
        assert!(
            builder
                .append(timestamp_ms + i64::from(record), Some(key.as_bytes()), Some(&value), &[])
                .unwrap()
        );
    }
    let options = FinishOptions { compression, producer, ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).unwrap().to_vec()
}

/// Runs a program of Apache Kafka; `None` where its toolchain is missing, which is an error in CI.
fn kafka_tool(arguments: &[&str]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/kafka.sh");
    let output = Command::new("bash").arg(script).arg("tool").args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(77) {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{errors}");
        println!("{}", errors.trim());
        return None;
    }
    assert!(output.status.success(), "{arguments:?}: {errors}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &errors)
}

fn files_with(directory: &Path, extension: &str) -> Vec<String> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn kafkas_dump_tool_reads_what_is_written_here() {
    let temporary = tempfile::tempdir().unwrap();
    let store = open(temporary.path());
    let configs = [("index.interval.bytes", "200"), ("segment.index.bytes", "80"), ("retention.ms", "-1")];
    store.create_topic(new_topic("dump", &configs)).unwrap();
    let partition = store.partition("dump", 0).unwrap();
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    let mut written = 0;
    for step in 0..100 {
        let producer = match step % 3 {
            0 => ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: step / 3 * 4 },
            _ => ProducerStamp::NONE,
        };
        let bytes =
            batch(4, codecs[step as usize % 5], producer, 1_700_000_000_000 + i64::from(step * 37 % 50));
        partition.append(&bytes).unwrap();
        written += 4;
    }
    store.sync_queued();
    store.close().unwrap();
    let directory = temporary.path().join("dump-0");
    let (logs, snapshots) = (files_with(&directory, "log"), files_with(&directory, "snapshot"));
    assert!(logs.len() > 2 && !snapshots.is_empty(), "{logs:?} {snapshots:?}");
    let tool = "org.apache.kafka.tools.DumpLogSegments";
    let Some(records) = kafka_tool(&[tool, "--deep-iteration", "--files", &logs.join(",")]) else { return };
    assert_eq!(records.matches("| offset: ").count(), written, "{records}");
    assert!(!records.contains("isvalid: false"), "{records}");
    let indexes = [files_with(&directory, "index"), files_with(&directory, "timeindex")].concat().join(",");
    for check in [&["--files", &indexes][..], &["--index-sanity-check", "--files", &indexes]] {
        let said = kafka_tool(&[&[tool][..], check].concat()).unwrap();
        for complaint in ["mismatch", "out of order", "corrupt", "Exception", "not found", "failed"] {
            assert!(!said.contains(complaint), "{complaint}: {said}");
        }
        assert!(said.contains("Dumping"), "{said}");
    }
    let producers = kafka_tool(&[tool, "--files", &snapshots.join(",")]).unwrap();
    assert!(producers.contains("producerId: 7"), "{producers}");
}

#[test]
fn kafkas_dump_tool_reads_transactions_written_here() {
    let temporary = tempfile::tempdir().unwrap();
    let store = open(temporary.path());
    store.create_topic(new_topic("transactions", &[("retention.ms", "-1")])).unwrap();
    let partition = store.partition("transactions", 0).unwrap();
    for (epoch, end) in
        [EndTransaction::Abort, EndTransaction::Commit, EndTransaction::Abort].into_iter().enumerate()
    {
        let producer = ProducerStamp { producer_id: 41, producer_epoch: epoch as i16, base_sequence: 0 };
        let mut bytes = batch(3, Compression::Lz4, producer, 1_700_000_000_000);
        set_producer(&mut bytes, producer, true).unwrap();
        partition.enrol(41, epoch as i16).unwrap();
        partition.append(&bytes).unwrap();
        partition.append_marker(41, epoch as i16 + 1, end, 6).unwrap();
    }
    store.close().unwrap();
    let directory = temporary.path().join("transactions-0");
    let tool = "org.apache.kafka.tools.DumpLogSegments";
    let indexes = files_with(&directory, "txnindex");
    assert_eq!(indexes.len(), 1);
    let Some(said) = kafka_tool(&[tool, "--files", &indexes[0]]) else { return };
    for entry in [
        "firstOffset: 0 lastOffset: 3 lastStableOffset: 4",
        "firstOffset: 8 lastOffset: 11 lastStableOffset: 12",
    ] {
        assert!(said.contains(&format!("producerId: 41 {entry}")), "{said}");
    }
    let logs = files_with(&directory, "log").join(",");
    let records = kafka_tool(&[tool, "--deep-iteration", "--files", &logs]).unwrap();
    assert_eq!(records.matches("endTxnMarker: ABORT coordinatorEpoch: 6").count(), 2, "{records}");
    assert_eq!(records.matches("endTxnMarker: COMMIT coordinatorEpoch: 6").count(), 1, "{records}");
    let producers = kafka_tool(&[tool, "--files", &files_with(&directory, "snapshot").join(",")]).unwrap();
    assert!(producers.contains("producerId: 41 producerEpoch: 3 coordinatorEpoch: 6"), "{producers}");
}

#[test]
fn kafkas_dump_tool_reads_what_was_compacted_here() {
    let temporary = tempfile::tempdir().unwrap();
    let store = open(temporary.path());
    let configs = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0"),
        ("index.interval.bytes", "200"),
        ("segment.index.bytes", "120"),
    ];
    store.create_topic(new_topic("compacted", &configs)).unwrap();
    let partition = store.partition("compacted", 0).unwrap();
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for step in 0..100 {
        let producer = match step % 3 {
            0 => ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: step / 3 * 4 },
            _ => ProducerStamp::NONE,
        };
        let count = if producer == ProducerStamp::NONE { 1 + step as u32 % 9 } else { 4 };
        let bytes = batch(count, codecs[step as usize % 5], producer, 1_700_000_000_000 + i64::from(step));
        partition.append(&bytes).unwrap();
    }
    store.sync_queued();
    assert!(store.compact() > 0);
    let end = partition.log_end_offset();
    store.close().unwrap();
    let directory = temporary.path().join("compacted-0");
    let tool = "org.apache.kafka.tools.DumpLogSegments";
    let logs = files_with(&directory, "log");
    assert!(logs.len() > 1 && logs.len() < 30, "{logs:?}");
    let Some(records) = kafka_tool(&[tool, "--deep-iteration", "--files", &logs.join(",")]) else { return };
    assert!(!records.contains("isvalid: false"), "{records}");
    let count = records.matches("| offset: ").count();
    assert!(count > 9 && (count as i64) < end / 2, "{count} of {end} records are left");
    let indexes = [files_with(&directory, "index"), files_with(&directory, "timeindex")].concat().join(",");
    let said = kafka_tool(&[tool, "--files", &indexes]).unwrap();
    for complaint in ["mismatch", "out of order", "corrupt", "Exception", "not found", "failed"] {
        assert!(!said.contains(complaint), "{complaint}: {said}");
    }
}
