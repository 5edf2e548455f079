//! A store on the simulated file system, stopped at every one of its operations, by a kill or a power cut, again and again.
//!
//! Each seed plays a random history (appends of several kinds, syncs, checkpoints, deletions of records and topics, retention)
//! against a model, until the machine stops inside an operation. What the next store finds must be:
//!
//! - under `group`: everything acknowledged; under any policy after a kill: everything appended;
//! - beyond that a prefix of what was appended, batch for batch, with nothing torn, twice or out of order;
//! - topics as before or after the change that was interrupted;
//! - the same when it is opened once more; with indexes that find every offset, and duplicates still recognised.

use std::sync::Arc;

use millstream_log::fs::sim::Fault;
use millstream_log::{FsyncPolicy, LogError, LogStore, PartitionLog, ReadBound, ReadRequest, Result};
use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchBuilder, Batches, FinishOptions, ProducerStamp, Tail};

use super::machine::{Machine, play_seeds, topic};

/// Seeds that `cargo test` plays.
const SEEDS: u64 = 400;
const PARTITIONS: i32 = 2;
const PRODUCER_ID: i64 = 77;

/// One batch as it was sent.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    base_offset: i64,
    last_offset: i64,
    /// Everything behind the bytes that an append replaces.
    rest: Vec<u8>,
    bytes: Vec<u8>,
    sequence: Option<i32>,
}

#[derive(Debug, Default, Clone)]
struct PartitionModel {
    sent: Vec<Sent>,
    /// The batch whose append did not return.
    interrupted: Option<Sent>,
    acknowledged: i64,
    /// The log's start, and the one that an interrupted deletion may have set.
    start: i64,
    start_possible: i64,
    next_sequence: i32,
    /// Offset after the last batch whose append returned.
    end: i64,
}

#[derive(Debug, Default)]
struct Model {
    topic: Option<(String, Vec<PartitionModel>)>,
    /// Whether a create or delete did not return.
    topic_uncertain: bool,
    serial: u64,
}

struct Run {
    machine: Machine,
    model: Model,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self { machine: Machine::new(seed, 0xabcd), model: Model::default() }
    }

    fn open(&self) -> Result<Arc<LogStore>> {
        self.machine.open(Some(4))
    }

    /// Plays until the machine stops or the history ends.
    fn play(&mut self, store: &LogStore) -> Result<()> {
        for _ in 0..60 {
            self.machine.clock.advance_ms(7);
            match self.machine.random.below(40) {
                0 => self.change_topic(store)?,
                1 => store.write_checkpoints()?,
                2 => store.remove_discarded()?,
                3 => _ = store.apply_retention()?,
                4 => self.delete_records(store)?,
                5..12 => self.sync(store)?,
                _ => self.append(store)?,
            }
            if self.machine.fs.is_stopped() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn change_topic(&mut self, store: &LogStore) -> Result<()> {
        self.model.topic_uncertain = true;
        if store.topic("t").is_some() && self.machine.random.below(3) > 0 {
            self.model.topic_uncertain = false;
            return Ok(());
        }
        match store.topic("t") {
            Some(topic) => {
                store.delete_topic(topic.id)?;
                self.model.topic = None;
            }
            None => {
                let configs = [
                    ("index.interval.bytes", "60"),
                    ("segment.index.bytes", "40"),
                    ("file.delete.delay.ms", "20"),
                ];
                let topic = store.create_topic(topic(PARTITIONS, &configs))?;
                self.model.topic =
                    Some((topic.id.to_string(), vec![PartitionModel::default(); PARTITIONS as usize]));
            }
        }
        self.model.topic_uncertain = false;
        Ok(())
    }

    fn partition(&mut self, store: &LogStore) -> Option<(Arc<PartitionLog>, usize)> {
        let index = self.machine.random.below(PARTITIONS as u64) as usize;
        self.model.topic.as_ref()?;
        store.partition("t", index as i32).map(|partition| (partition, index))
    }

    fn append(&mut self, store: &LogStore) -> Result<()> {
        let Some((partition, index)) = self.partition(store) else { return self.change_topic(store) };
        let count = 1 + self.machine.random.below(3);
        let idempotent = self.machine.random.below(3) == 0;
        let batches = if idempotent { 1 } else { 1 + self.machine.random.below(3) };
        partition.open()?;
        let mut next = partition.log_end_offset();
        let mut sent = Vec::new();
        for _ in 0..batches {
            self.model.serial += 1;
            let Some((_, models)) = &mut self.model.topic else { return Ok(()) };
            let sequence = idempotent.then_some(models[index].next_sequence);
            let bytes = batch(self.model.serial, count, self.machine.random.below(300) as usize, sequence);
            let (base_offset, last_offset) = (next, next + count as i64 - 1);
            next = last_offset + 1;
            sent.push(Sent { base_offset, last_offset, rest: bytes[16..].to_vec(), bytes, sequence });
        }
        let bytes: Vec<u8> = sent.iter().flat_map(|sent| sent.bytes.clone()).collect();
        let outcome = partition.append(&bytes);
        let Some((_, models)) = &mut self.model.topic else { return Ok(()) };
        let model = &mut models[index];
        match outcome {
            Ok(appended) => {
                assert_eq!((appended.base_offset, appended.last_offset + 1), (sent[0].base_offset, next));
                model.next_sequence += if idempotent { count as i32 } else { 0 };
                model.sent.extend(sent);
                model.end = next;
                model.acknowledged = model.acknowledged.max(partition.high_watermark());
                Ok(())
            }
            Err(LogError::OutOfOrderSequence { last, .. }) if self.machine.fsync != FsyncPolicy::Group => {
                // The batches after which it would have come were lost, and the records before them deleted.
                model.next_sequence = last + 1;
                Ok(())
            }
            Err(error) => {
                // With several batches, any number of the first ones may be there.
                model.sent.extend(sent);
                model.interrupted = model.sent.pop();
                Err(error)
            }
        }
    }

    fn sync(&mut self, store: &LogStore) -> Result<()> {
        store.sync_queued();
        let Some((_, models)) = &mut self.model.topic else { return Ok(()) };
        for (index, model) in models.iter_mut().enumerate() {
            if let Some(partition) = store.partition("t", index as i32) {
                model.acknowledged = model.acknowledged.max(partition.high_watermark());
            }
        }
        Ok(())
    }

    fn delete_records(&mut self, store: &LogStore) -> Result<()> {
        let Some((partition, index)) = self.partition(store) else { return Ok(()) };
        partition.open()?;
        let offset = self.machine.random.below(partition.high_watermark() as u64 + 1) as i64;
        if let Some((_, models)) = &mut self.model.topic {
            models[index].start_possible = models[index].start_possible.max(offset);
        }
        let start = store.delete_records(&partition, offset)?;
        if let Some((_, models)) = &mut self.model.topic {
            models[index].start = models[index].start.max(start);
        }
        Ok(())
    }

    /// Compares what a store finds after a stop with the model, and takes it over.
    fn check(&mut self, store: &LogStore, power_cut: bool, story: &str) {
        let found = store.topic("t").map(|topic| topic.id.to_string());
        let known = self.model.topic.as_ref().map(|(id, _)| id.clone());
        if self.model.topic_uncertain && found != known {
            // The interrupted change took place: a topic that was created is empty.
            self.model.topic = found.map(|id| (id, vec![PartitionModel::default(); PARTITIONS as usize]));
        } else {
            assert_eq!(found, known, "{story}");
        }
        self.model.topic_uncertain = false;
        let Some((_, models)) = &mut self.model.topic else { return };
        for (index, model) in models.iter_mut().enumerate() {
            let partition = store.partition("t", index as i32).unwrap();
            partition.open().unwrap_or_else(|error| panic!("{story}: partition {index}: {error}"));
            let story = format!("{story}: partition {index}");
            check_partition(&self.machine, &partition, model, power_cut, &story);
        }
    }
}

/// A batch with a body like no other.
fn batch(serial: u64, count: u64, value_len: usize, sequence: Option<i32>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1 << 20);
    for record in 0..count {
        let value: Vec<u8> = (0..value_len).map(|at| (serial as usize * 31 + at) as u8).collect();
        let key = [serial.to_be_bytes(), record.to_be_bytes()].concat();
        assert!(builder.append(1_700_000_000_000 + serial as i64, Some(&key), Some(&value), &[]).unwrap());
    }
    let stamp = |base_sequence| ProducerStamp { producer_id: PRODUCER_ID, producer_epoch: 0, base_sequence };
    let options =
        FinishOptions { producer: sequence.map_or(ProducerStamp::NONE, stamp), ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).unwrap().to_vec()
}

fn read_from(partition: &PartitionLog, offset: i64) -> Vec<Sent> {
    let request =
        ReadRequest { offset, max_bytes: u64::MAX, at_least_one_batch: true, bound: ReadBound::LogEnd };
    let bytes = partition.read(&request).unwrap().read().unwrap();
    Batches::new(&bytes, Tail::MustBeWhole)
        .map(|view| {
            let view = view.unwrap();
            view.check_crc().unwrap();
            let header = view.header();
            Sent {
                base_offset: header.base_offset,
                last_offset: header.last_offset(),
                rest: view.bytes()[16..].to_vec(),
                bytes: Vec::new(),
                sequence: Some(header.base_sequence).filter(|&sequence| sequence >= 0),
            }
        })
        .collect()
}

fn check_partition(
    machine: &Machine,
    partition: &PartitionLog,
    model: &mut PartitionModel,
    power_cut: bool,
    story: &str,
) {
    let (start, end) = (partition.log_start_offset(), partition.log_end_offset());
    let least = machine.least_end(power_cut, model.end, model.acknowledged);
    assert!(end >= least, "{story}: ends at {end}, acknowledged {least}");
    assert_eq!(partition.high_watermark(), end, "{story}");
    if !power_cut || machine.fsync == FsyncPolicy::Group {
        assert!(start >= model.start, "{story}: starts at {start}, deleted up to {}", model.start);
        assert!(start <= model.start_possible.max(model.start), "{story}: starts at {start}");
    }
    model.sent.extend(model.interrupted.take());
    model.sent.retain(|sent| sent.last_offset < end);
    // A deletion is durable at once: it may outlive records that were never synced, and leave an empty log.
    let model_end = model.sent.last().map_or(start, |sent| sent.last_offset + 1);
    assert!(model_end == end || (start == end && model_end < end), "{story}: ends at {end}, not {model_end}");
    let found = read_from(partition, start);
    let expected: Vec<_> = model.sent.iter().filter(|sent| sent.last_offset >= start).collect();
    let first_kept = found.first().map_or(end, |found| found.base_offset);
    assert!(
        first_kept <= start.max(expected.first().map_or(start, |sent| sent.base_offset)),
        "{story}: first"
    );
    let tail = &found[found.len() - expected.len().min(found.len())..];
    assert_eq!(tail.len(), expected.len(), "{story}: batches from {start} to {end}");
    for (found, expected) in tail.iter().zip(expected) {
        assert_eq!((found.base_offset, &found.rest), (expected.base_offset, &expected.rest), "{story}");
        // The indexes lead to each of them.
        let direct = read_from(partition, expected.last_offset.max(start));
        assert_eq!(direct[0].base_offset, expected.base_offset, "{story}");
    }
    model.start = start;
    model.start_possible = start;
    model.end = end;
    model.acknowledged = end;
    let numbered = model.sent.iter().rev().find(|sent| sent.sequence.is_some());
    model.next_sequence =
        numbered.map_or(0, |sent| sent.sequence.unwrap() + (sent.last_offset - sent.base_offset) as i32 + 1);
}

/// Batches of the producer that are still in the log must be known as duplicates.
fn check_duplicates(store: &LogStore, model: &Model, story: &str) {
    let Some((_, models)) = &model.topic else { return };
    for (index, model) in models.iter().enumerate() {
        let partition = store.partition("t", index as i32).unwrap();
        let start = partition.log_start_offset();
        let numbered =
            model.sent.iter().rev().filter(|sent| sent.sequence.is_some() && sent.base_offset >= start);
        for sent in numbered.take(5) {
            if sent.bytes.is_empty() {
                continue;
            }
            match partition.append(&sent.bytes) {
                Ok(again) => {
                    assert!(again.duplicate && again.base_offset == sent.base_offset, "{story}: {again:?}")
                }
                Err(error) => panic!("{story}: partition {index} batch at {}: {error}", sent.base_offset),
            }
        }
    }
}

fn play_seed(seed: u64) {
    let mut run = Run::new(seed);
    for life in 0..4 {
        run.machine.stop_within(12, 150);
        let outcome = run.open().and_then(|store| {
            run.play(&store)?;
            run.machine.close_sometimes(&store)
        });
        let stopped = run.machine.stop(seed, life, outcome);
        let story = &stopped.story;
        // Processes that have opened no partition leave what a power cut has done to them to the next, however they end.
        for _ in 0..run.machine.random.below(3) {
            let store = run.open().unwrap_or_else(|error| panic!("{story}: {error}"));
            if run.machine.random.flip() {
                store.close().unwrap();
            }
            drop(store);
            run.machine.fs.kill();
        }
        let store = run.open().unwrap_or_else(|error| panic!("{story}: {error}"));
        run.check(&store, stopped.power_cut, story);
        check_duplicates(&store, &run.model, story);
        drop(store);
        run.machine.fs.kill();
        let store = run.open().unwrap();
        run.check(&store, false, &format!("{story}, opened again"));
        drop(store);
        run.machine.fs.kill();
    }
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_machine_stops() {
    play_seeds(SEEDS, play_seed);
}

/// Faults that do not stop the machine: what the store answers must still be true after the next start.
#[test]
fn faults_of_the_device_lose_nothing_that_was_acknowledged() {
    for seed in 0..SEEDS {
        let mut run = Run::new(seed);
        let fault = [Fault::Device, Fault::NoSpace, Fault::ShortWrite][run.machine.random.below(3) as usize];
        let store = run.open().unwrap();
        run.machine.fs.inject(run.machine.random.below(200), fault);
        for _ in 0..3 {
            // An operation that met the fault fails; the store goes on with what is not offline.
            if let Err(error) = run.play(&store) {
                assert!(!matches!(error, LogError::Corrupt { .. }), "seed {seed}: {error}");
                break;
            }
        }
        run.machine.fs.clear_fault();
        run.sync(&store).unwrap();
        drop(store);
        let mut story = format!("seed {seed}, {fault:?}, {:?}", run.machine.fsync);
        if run.machine.random.flip() {
            // What a failed sync left in the page cache is shown by the next process, and must be on the disk by then.
            run.machine.fs.kill();
            story += ", killed";
            let store = run.open().unwrap();
            run.check(&store, false, &story);
            run.sync(&store).unwrap();
        }
        run.machine.fs.power_cut();
        let store = run.open().unwrap();
        run.check(&store, true, &story);
    }
}
