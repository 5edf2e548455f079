//! Transactions on the simulated file system, stopped at every operation: what readers of committed records were shown stays
//! true, nothing aborted is ever among it, and nothing committed is missing.
//!
//! Each seed plays producers that begin, write, commit and abort, against a list of what was sent. After a stop the log must be a
//! prefix of that list (all of what was acknowledged under `group`, all of it after a kill), and a consumer that follows the
//! answers of the log as Kafka's does must get exactly what the list says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use millstream_log::fs::sim::{Fault, SimFileSystem, SplitMix};
use millstream_log::{
    EndTransaction, FsyncPolicy, HeldClock, LogStore, NewTopic, PartitionLog, ReadBound, ReadRequest, Result,
    StoreOptions,
};
use millstream_wire::compression::Compressor;
use millstream_wire::records::{
    BatchBuilder, Batches, ControlRecord, FinishOptions, ProducerStamp, Tail, parse_control,
};

/// Seeds that `cargo test` plays; `MILLSTREAM_CRASH_SEEDS` asks for more.
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
    fs: SimFileSystem,
    clock: Arc<HeldClock>,
    fsync: FsyncPolicy,
    random: SplitMix,
    sent: Vec<Sent>,
    /// Batches whose append returned.
    returned: usize,
    /// What was acknowledged, and up to where committed records were shown.
    acknowledged: i64,
    shown: i64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let fsync = [FsyncPolicy::Group, FsyncPolicy::Group, FsyncPolicy::None, FsyncPolicy::Interval];
        Self {
            fs: SimFileSystem::new(seed ^ 0x7a11),
            clock: Arc::new(HeldClock::new(1_700_000_000_000)),
            fsync: fsync[random.below(4) as usize],
            random,
            sent: Vec::new(),
            returned: 0,
            acknowledged: 0,
            shown: 0,
        }
    }

    fn open(&self) -> Result<(Arc<LogStore>, Arc<PartitionLog>)> {
        let options = StoreOptions {
            fsync: self.fsync,
            sync_thread: false,
            cluster_id: Some("cluster".to_owned()),
            fs: Arc::new(self.fs.clone()),
            clock: self.clock.clone(),
            ..StoreOptions::default()
        };
        let store = LogStore::open(Path::new("data"), options)?;
        if store.topic("t").is_none() {
            let configs = [("index.interval.bytes", "60"), ("segment.index.bytes", "60")];
            let configs =
                configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            store.create_topic(NewTopic { name: "t".to_owned(), partitions: 1, configs })?;
        }
        let partition = store.partition("t", 0).unwrap();
        partition.open()?;
        Ok((store, partition))
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
            self.clock.advance_ms(3);
            match self.random.below(20) {
                0 => store.write_checkpoints()?,
                1..5 => _ = store.sync_queued(),
                _ => self.write(partition)?,
            }
            if self.fs.is_stopped() {
                return Ok(());
            }
            self.acknowledged = self.acknowledged.max(partition.high_watermark());
            self.shown = self.shown.max(partition.last_stable_offset());
        }
        Ok(())
    }

    fn write(&mut self, partition: &Arc<PartitionLog>) -> Result<()> {
        let producer_id = self.random.below(PRODUCERS) as i64;
        let (epoch, sequence, is_open) = self.producer(producer_id);
        let (sent, outcome) = match self.random.below(6) {
            0 => {
                self.sent.push(Sent::Plain);
                (Sent::Plain, partition.append(&batch(ProducerStamp::NONE)))
            }
            1 | 2 if is_open => {
                let end = [EndTransaction::Commit, EndTransaction::Abort][self.random.below(2) as usize];
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
        let least = match (power_cut, self.fsync) {
            (false, _) => self.returned as i64,
            (true, FsyncPolicy::Group) => self.acknowledged,
            (true, _) => 0,
        };
        assert!(
            (least..=self.sent.len() as i64).contains(&end),
            "{story}: ends at {end}, {least} acknowledged"
        );
        self.sent.truncate(end as usize);
        let undecided = (0..self.sent.len()).find(|&offset| self.is_delivered(offset).is_none());
        let stable = undecided.map_or(end, |offset| offset as i64);
        assert_eq!(partition.last_stable_offset(), stable, "{story}");
        if !power_cut || self.fsync == FsyncPolicy::Group {
            assert!(stable >= self.shown, "{story}: {} was shown, {stable} is stable", self.shown);
        }
        let expected: Vec<i64> =
            (0..stable).filter(|&offset| self.is_delivered(offset as usize) == Some(true)).collect();
        for max_bytes in [u64::MAX, 1, 100 + self.random.below(2000)] {
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
        let listed = found.aborted.as_ref().unwrap();
        assert!(listed.is_sorted_by_key(|aborted| aborted.first_offset));
        let (mut waiting, mut skipped) = (listed.iter().peekable(), HashSet::new());
        for view in Batches::new(&found.read().unwrap(), Tail::MustBeWhole) {
            let view = view.unwrap();
            let header = view.header();
            offset = header.next_offset();
            while let Some(aborted) = waiting.next_if(|aborted| aborted.first_offset <= header.last_offset())
            {
                skipped.insert(aborted.producer_id);
            }
            if header.attributes.is_control() {
                let record = view.records().unwrap().next().unwrap().unwrap();
                let control = parse_control(&record).unwrap();
                if matches!(control, ControlRecord::EndTransaction { committed: false, .. }) {
                    skipped.remove(&header.producer_id);
                }
            } else if !header.attributes.is_transactional() || !skipped.contains(&header.producer_id) {
                delivered.push(header.base_offset);
            }
        }
    }
}

fn play_seed(seed: u64) {
    let mut run = Run::new(seed);
    for life in 0..4 {
        let stop_after = match run.random.below(4) {
            0 => run.random.below(15),
            _ => run.random.below(200),
        };
        run.fs.inject(stop_after, Fault::Stop);
        let outcome = run.open().and_then(|(store, partition)| {
            run.play(&store, &partition)?;
            if !run.fs.is_stopped() && run.random.below(4) == 0 { store.close() } else { Ok(()) }
        });
        if let Err(error) = outcome {
            assert!(run.fs.is_stopped(), "seed {seed}, life {life}: {error}");
        }
        let power_cut = run.random.below(3) > 0;
        if power_cut {
            run.fs.power_cut()
        } else {
            run.fs.kill()
        }
        let story = format!("seed {seed}, life {life}, {:?}, power cut {power_cut}", run.fsync);
        let (store, partition) = run.open().unwrap_or_else(|error| panic!("{story}: {error}"));
        run.check(&partition, power_cut, &story);
        drop((store, partition));
        run.fs.kill();
    }
}

#[test]
fn nothing_aborted_is_shown_and_nothing_committed_lost_wherever_the_machine_stops() {
    let seeds =
        std::env::var("MILLSTREAM_CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || (thread..seeds).step_by(2).for_each(play_seed));
        }
    });
}
