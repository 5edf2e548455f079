//! Compaction on the simulated file system, stopped at every operation: what a reader makes of a compacted log is always what it
//! would have made of everything that was written.
//!
//! Each seed appends keyed records, plain and in transactions, and compacts now and then, until the machine stops inside an
//! operation, often one of compaction's. What the next start finds must be a prefix of what was written (all that was acknowledged under
//! `group`, all of it after a kill): each record found is the one that was sent, in order, and the newest committed value of each key is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_log::{EndTransaction, LogStore, PartitionLog, ReadBound, ReadRequest, Result};
use millstream_wire::compression::{Compression, Compressor, Decompressor};
use millstream_wire::records::{BatchBuilder, Batches, FinishOptions, ProducerStamp, Records, Tail};

use super::machine::{CommittedReader, Machine, play_seeds};

/// Seeds that `cargo test` plays.
const SEEDS: u64 = 200;
const PRODUCER_ID: i64 = 9;

type Value = Option<u64>;

/// One record as it was sent; its offset is its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Record { key: u64, value: Value, epoch: Option<i16> },
    Marker { epoch: i16, end: EndTransaction },
}

struct Run {
    machine: Machine,
    sent: Vec<Sent>,
    returned: usize,
    acknowledged: i64,
}

impl Run {
    fn new(seed: u64) -> Self {
        Self { machine: Machine::new(seed, 0xc1ea), sent: Vec::new(), returned: 0, acknowledged: 0 }
    }

    fn open(&self) -> Result<(Arc<LogStore>, Arc<PartitionLog>)> {
        self.machine.open_partition(&[
            ("cleanup.policy", "compact"),
            ("min.cleanable.dirty.ratio", "0"),
            ("delete.retention.ms", "40"),
            ("file.delete.delay.ms", "30"),
            ("index.interval.bytes", "60"),
            ("segment.index.bytes", "80"),
        ])
    }

    /// Epoch of the producer, and its next sequence if its transaction is open.
    fn producer(&self) -> (i16, Option<i32>) {
        let mut state = (0, None);
        for sent in &self.sent {
            match *sent {
                Sent::Record { epoch: Some(epoch), .. } => state = (epoch, Some(state.1.unwrap_or(0) + 1)),
                Sent::Marker { epoch, .. } => state = (epoch, None),
                Sent::Record { .. } => {}
            }
        }
        state
    }

    fn play(&mut self, store: &LogStore, partition: &Arc<PartitionLog>) -> Result<()> {
        for _ in 0..80 {
            self.machine.clock.advance_ms(3);
            match self.machine.random.below(24) {
                0 => store.write_checkpoints()?,
                1 => store.remove_discarded()?,
                2..4 => _ = store.compact(),
                4..9 => _ = store.sync_queued(),
                _ => self.write(partition)?,
            }
            if self.machine.fs.is_stopped() {
                return Ok(());
            }
            self.acknowledged = self.acknowledged.max(partition.high_watermark());
        }
        Ok(())
    }

    fn write(&mut self, partition: &Arc<PartitionLog>) -> Result<()> {
        let (epoch, open_sequence) = self.producer();
        let before = self.sent.len();
        let outcome = match (self.machine.random.below(6), open_sequence) {
            (0, Some(_)) => {
                let end =
                    [EndTransaction::Commit, EndTransaction::Abort][self.machine.random.below(2) as usize];
                self.sent.push(Sent::Marker { epoch: epoch + 1, end });
                partition.append_marker(PRODUCER_ID, epoch + 1, end, 0)
            }
            (choice, _) => {
                let epoch = (choice < 3).then_some(epoch);
                for _ in 0..1 + self.machine.random.below(if epoch.is_some() { 1 } else { 4 }) {
                    let value = (self.machine.random.below(4) > 0).then(|| self.machine.random.below(1000));
                    self.sent.push(Sent::Record { key: self.machine.random.below(10), value, epoch });
                }
                let stamp = |producer_epoch| ProducerStamp {
                    producer_id: PRODUCER_ID,
                    producer_epoch,
                    base_sequence: open_sequence.unwrap_or(0),
                };
                if let Some(epoch) = epoch {
                    partition.enrol(PRODUCER_ID, epoch)?;
                }
                let codec = Compression::ALL[self.machine.random.below(5) as usize];
                partition.append(&batch(
                    &self.sent[before..],
                    codec,
                    epoch.map_or(ProducerStamp::NONE, stamp),
                ))
            }
        };
        assert_eq!(outcome?.base_offset as usize, before);
        self.returned = self.sent.len();
        Ok(())
    }

    /// The newest committed value of each key among the records before `end`.
    fn newest(&self, end: usize) -> BTreeMap<u64, Value> {
        let mut newest = BTreeMap::new();
        for (offset, sent) in self.sent[..end].iter().enumerate() {
            let Sent::Record { key, value, epoch } = *sent else { continue };
            let ended = self.sent[offset..].iter().find_map(|sent| match *sent {
                Sent::Marker { end, .. } => Some(end),
                Sent::Record { .. } => None,
            });
            if epoch.is_none() || ended == Some(EndTransaction::Commit) {
                newest.insert(key, value);
            }
        }
        newest.retain(|_, value| value.is_some());
        newest
    }

    fn check(&mut self, partition: &PartitionLog, power_cut: bool, story: &str) {
        let end = partition.log_end_offset();
        let least = self.machine.least_end(power_cut, self.returned as i64, self.acknowledged);
        assert!(
            (least..=self.sent.len() as i64).contains(&end),
            "{story}: ends at {end}, {least} acknowledged"
        );
        self.sent.truncate(end as usize);
        let mut found = BTreeMap::new();
        for (offset, key, value) in committed(partition) {
            match self.sent[offset as usize] {
                Sent::Record { key: sent_key, value: sent_value, .. } => {
                    assert_eq!((key, value), (sent_key, sent_value), "{story}: offset {offset}");
                }
                Sent::Marker { .. } => panic!("{story}: a marker was sent at {offset}"),
            }
            found.insert(key, value);
        }
        found.retain(|_, value| value.is_some());
        assert_eq!(found, self.newest(partition.last_stable_offset() as usize), "{story}");
        (self.returned, self.acknowledged) = (self.sent.len(), end);
    }
}

fn batch(records: &[Sent], compression: Compression, producer: ProducerStamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1 << 16);
    for record in records {
        let Sent::Record { key, value, .. } = record else { continue };
        let value = value.map(u64::to_be_bytes);
        let value = value.as_ref().map(|value| &value[..]);
        assert!(builder.append(1_700_000_000_000, Some(&key.to_be_bytes()), value, &[]).unwrap());
    }
    let transactional = producer != ProducerStamp::NONE;
    let options = FinishOptions { compression, producer, transactional, ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).unwrap().to_vec()
}

/// Offset, key and value of what a consumer with `isolation.level=read_committed` delivers.
fn committed(partition: &PartitionLog) -> Vec<(i64, u64, Value)> {
    let bound = ReadBound::LastStableOffset;
    let request = ReadRequest { offset: 0, max_bytes: u64::MAX, at_least_one_batch: true, bound };
    let read = partition.read(&request).unwrap();
    let mut reader = CommittedReader::new(read.aborted.as_ref().unwrap());
    let (mut delivered, mut next_offset) = (Vec::new(), 0);
    for view in Batches::new(&read.read().unwrap(), Tail::MustBeWhole) {
        let view = view.unwrap();
        view.check_crc().unwrap();
        let header = view.header();
        assert!(header.base_offset >= next_offset);
        next_offset = header.next_offset();
        if !reader.delivers(&view) || header.record_count == 0 {
            continue;
        }
        let codec = header.attributes.compression();
        let body = Decompressor::default().decompress(codec, view.body(), 1 << 20).unwrap();
        for record in Records::new(&body, header) {
            let record = record.unwrap();
            let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
            let offset = header.base_offset + i64::from(record.offset_delta);
            delivered.push((offset, number(record.key.unwrap()), record.value.map(number)));
        }
    }
    delivered
}

fn play_seed(seed: u64) {
    let mut run = Run::new(seed);
    for life in 0..5 {
        run.machine.stop_within(20, 300);
        let outcome = run.open().and_then(|(store, partition)| {
            run.play(&store, &partition)?;
            run.machine.close_sometimes(&store)
        });
        let stopped = run.machine.stop(seed, life, outcome);
        let story = &stopped.story;
        let (store, partition) = run.open().unwrap_or_else(|error| panic!("{story}: {error}"));
        run.check(&partition, stopped.power_cut, story);
        store.compact();
        run.check(&partition, false, &format!("{story}, compacted"));
        drop((store, partition));
        run.machine.fs.kill();
    }
}

#[test]
fn the_newest_of_every_key_survives_wherever_compaction_stops() {
    play_seeds(SEEDS, play_seed);
}
