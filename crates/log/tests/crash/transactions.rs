//! Transactions on the simulated file system, stopped at every operation: what readers of committed records were shown stays
//! true, nothing aborted is ever among it, and nothing committed is missing.
//!
//! Each seed plays producers that begin, write, commit and abort, against a list of what was sent. After a stop the log must be a
//! prefix of that list (all of what was acknowledged under `group`, all of it after a kill), and a consumer that follows the
//! answers of the log as Kafka's does must get exactly what the list says.

use std::sync::Arc;

use millstream_log::{EndTransaction, FsyncPolicy, LogStore, PartitionLog, ReadBound, ReadRequest, Result};
use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchBuilder, Batches, FinishOptions, ProducerStamp, Tail};

use super::machine::{CommittedReader, Machine, play_seeds};

/// Seeds that `cargo test` plays.
const SEEDS: u64 = 300;
const PRODUCERS: u64 = 3;

/// One batch of one record; its offset is its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Plain,
    Data { producer_id: i64, epoch: i16 },
    Marker { producer_id: i64, epoch: i16, end: EndTransaction },
}

struct Run {
    machine: Machine,
    sent: Vec<Sent>,
    /// Batches whose append returned.
    returned: usize,
    /// What was acknowledged, and up to where committed records were shown.
    acknowledged: i64,
    shown: i64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let machine = Machine::new(seed, 0x7a11);
        Self { machine, sent: Vec::new(), returned: 0, acknowledged: 0, shown: 0 }
    }

    fn open(&self) -> Result<(Arc<LogStore>, Arc<PartitionLog>)> {
        self.machine.open_partition(&[("index.interval.bytes", "60"), ("segment.index.bytes", "60")])
    }

    /// Epoch and next sequence of a producer, and whether its transaction is open.
    fn producer(&self, producer_id: i64) -> (i16, i32, bool) {
        let mut state = (0, 0, false);
        for sent in &self.sent {
            match *sent {
                Sent::Data { producer_id: id, epoch } if id == producer_id => {
                    state = (epoch, state.1 + 1, true)
                }
                Sent::Marker { producer_id: id, epoch, .. } if id == producer_id => state = (epoch, 0, false),
                _ => {}
            }
        }
        state
    }

    fn play(&mut self, store: &LogStore, partition: &Arc<PartitionLog>) -> Result<()> {
        for _ in 0..80 {
            self.machine.clock.advance_ms(3);
            match self.machine.random.below(20) {
                0 => store.write_checkpoints()?,
                1..5 => _ = store.sync_queued(),
                _ => self.write(partition)?,
            }
            if self.machine.fs.is_stopped() {
                return Ok(());
            }
            self.acknowledged = self.acknowledged.max(partition.high_watermark());
            self.shown = self.shown.max(partition.last_stable_offset());
        }
        Ok(())
    }

    fn write(&mut self, partition: &Arc<PartitionLog>) -> Result<()> {
        let producer_id = self.machine.random.below(PRODUCERS) as i64;
        let (epoch, sequence, is_open) = self.producer(producer_id);
        let (sent, outcome) = match self.machine.random.below(6) {
            0 => {
                self.sent.push(Sent::Plain);
                (Sent::Plain, partition.append(&batch(ProducerStamp::NONE)))
            }
            1 | 2 if is_open => {
                let end =
                    [EndTransaction::Commit, EndTransaction::Abort][self.machine.random.below(2) as usize];
                self.sent.push(Sent::Marker { producer_id, epoch: epoch + 1, end });
                (self.sent[self.sent.len() - 1], partition.append_marker(producer_id, epoch + 1, end, 0))
            }
            _ => {
                partition.enrol(producer_id, epoch)?;
                self.sent.push(Sent::Data { producer_id, epoch });
                let stamp = ProducerStamp { producer_id, producer_epoch: epoch, base_sequence: sequence };
                (self.sent[self.sent.len() - 1], partition.append(&batch(stamp)))
            }
        };
        let appended = outcome?;
        assert_eq!(appended.base_offset as usize, self.sent.len() - 1, "{sent:?}");
        self.returned = self.sent.len();
        Ok(())
    }

    /// What a record at an offset came to: `None` while its transaction is open.
    fn is_delivered(&self, offset: usize) -> Option<bool> {
        let Sent::Data { producer_id, .. } = self.sent[offset] else {
            return Some(self.sent[offset] == Sent::Plain);
        };
        self.sent[offset..].iter().find_map(|sent| match *sent {
            Sent::Marker { producer_id: id, end, .. } if id == producer_id => {
                Some(end == EndTransaction::Commit)
            }
            _ => None,
        })
    }

    fn check(&mut self, partition: &PartitionLog, power_cut: bool, story: &str) {
        let end = partition.log_end_offset();
        let least = self.machine.least_end(power_cut, self.returned as i64, self.acknowledged);
        assert!(
            (least..=self.sent.len() as i64).contains(&end),
            "{story}: ends at {end}, {least} acknowledged"
        );
        self.sent.truncate(end as usize);
        let undecided = (0..self.sent.len()).find(|&offset| self.is_delivered(offset).is_none());
        let stable = undecided.map_or(end, |offset| offset as i64);
        assert_eq!(partition.last_stable_offset(), stable, "{story}");
        if !power_cut || self.machine.fsync == FsyncPolicy::Group {
            assert!(stable >= self.shown, "{story}: {} was shown, {stable} is stable", self.shown);
        }
        let expected: Vec<i64> =
            (0..stable).filter(|&offset| self.is_delivered(offset as usize) == Some(true)).collect();
        for max_bytes in [u64::MAX, 1, 100 + self.machine.random.below(2000)] {
            assert_eq!(consume(partition, max_bytes), expected, "{story}");
        }
        (self.returned, self.acknowledged, self.shown) = (self.sent.len(), end, stable);
    }
}

/// A batch of one record.
fn batch(producer: ProducerStamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1 << 10);
    assert!(builder.append(1_700_000_000_000, Some(b"key"), Some(&[7; 20]), &[]).unwrap());
    let transactional = producer != ProducerStamp::NONE;
    let options = FinishOptions { producer, transactional, ..FinishOptions::default() };
    builder.finish(&options, &mut Compressor::default()).unwrap().to_vec()
}

/// Offsets that a consumer with `isolation.level=read_committed` delivers, in reads of `max_bytes`.
fn consume(partition: &PartitionLog, max_bytes: u64) -> Vec<i64> {
    let (mut offset, mut delivered) = (0, Vec::new());
    loop {
        let bound = ReadBound::LastStableOffset;
        let found =
            partition.read(&ReadRequest { offset, max_bytes, at_least_one_batch: true, bound }).unwrap();
        if found.slices.is_empty() {
            return delivered;
        }
        let mut reader = CommittedReader::new(found.aborted.as_ref().unwrap());
        for view in Batches::new(&found.read().unwrap(), Tail::MustBeWhole) {
            let view = view.unwrap();
            offset = view.header().next_offset();
            if reader.delivers(&view) {
                delivered.push(view.header().base_offset);
            }
        }
    }
}

fn play_seed(seed: u64) {
    let mut run = Run::new(seed);
    for life in 0..4 {
        run.machine.stop_within(15, 200);
        let outcome = run.open().and_then(|(store, partition)| {
            run.play(&store, &partition)?;
            run.machine.close_sometimes(&store)
        });
        let stopped = run.machine.stop(seed, life, outcome);
        let (store, partition) = run.open().unwrap_or_else(|error| panic!("{}: {error}", stopped.story));
        run.check(&partition, stopped.power_cut, &stopped.story);
        drop((store, partition));
        run.machine.fs.kill();
    }
}

#[test]
fn nothing_aborted_is_shown_and_nothing_committed_lost_wherever_the_machine_stops() {
    play_seeds(SEEDS, play_seed);
}
