//! Compaction on the simulated file system, stopped at every operation: what a reader makes of a compacted log is always what it
//! would have made of everything that was written.
//!
//! Each seed appends keyed records, plain and in transactions, and compacts now and then, until the machine stops inside an
//! operation, often one of compaction's. What the next start finds must be a prefix of what was written (all that was acknowledged under
//! `group`, all of it after a kill): each record found is the one that was sent, in order, and the newest committed value of each key is there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use millstream_log::fs::sim::{Fault, SimFileSystem, SplitMix};
use millstream_log::{
    EndTransaction, FsyncPolicy, HeldClock, LogStore, NewTopic, PartitionLog, ReadBound, ReadRequest, Result,
    StoreOptions,
};
use millstream_wire::compression::{Compression, Compressor, Decompressor};
use millstream_wire::records::{
    BatchBuilder, Batches, ControlRecord, FinishOptions, ProducerStamp, Records, Tail, parse_control,
};

/// Seeds that `cargo test` plays; `MILLSTREAM_CRASH_SEEDS` asks for more.
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
    fs: SimFileSystem,
    clock: Arc<HeldClock>,
    fsync: FsyncPolicy,
    random: SplitMix,
    sent: Vec<Sent>,
    returned: usize,
    acknowledged: i64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let fsync = [FsyncPolicy::Group, FsyncPolicy::Group, FsyncPolicy::None, FsyncPolicy::Interval];
        Self {
            fs: SimFileSystem::new(seed ^ 0xc1ea),
            clock: Arc::new(HeldClock::new(1_700_000_000_000)),
            fsync: fsync[random.below(4) as usize],
            random,
            sent: Vec::new(),
            returned: 0,
            acknowledged: 0,
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
            let configs = [
                ("cleanup.policy", "compact"),
                ("min.cleanable.dirty.ratio", "0"),
                ("delete.retention.ms", "40"),
                ("file.delete.delay.ms", "30"),
                ("index.interval.bytes", "60"),
                ("segment.index.bytes", "80"),
            ];
            let configs =
                configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            store.create_topic(NewTopic { name: "t".to_owned(), partitions: 1, configs })?;
        }
        let partition = store.partition("t", 0).unwrap();
        partition.open()?;
        Ok((store, partition))
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
            self.clock.advance_ms(3);
            match self.random.below(24) {
                0 => store.write_checkpoints()?,
                1 => store.remove_discarded()?,
                2..4 => _ = store.compact(),
                4..9 => _ = store.sync_queued(),
                _ => self.write(partition)?,
            }
            if self.fs.is_stopped() {
                return Ok(());
            }
            self.acknowledged = self.acknowledged.max(partition.high_watermark());
        }
        Ok(())
    }

    fn write(&mut self, partition: &Arc<PartitionLog>) -> Result<()> {
        let (epoch, open_sequence) = self.producer();
        let before = self.sent.len();
        let outcome = match (self.random.below(6), open_sequence) {
            (0, Some(_)) => {
                let end = [EndTransaction::Commit, EndTransaction::Abort][self.random.below(2) as usize];
                self.sent.push(Sent::Marker { epoch: epoch + 1, end });
                partition.append_marker(PRODUCER_ID, epoch + 1, end, 0)
            }
            (choice, _) => {
                let epoch = (choice < 3).then_some(epoch);
                for _ in 0..1 + self.random.below(if epoch.is_some() { 1 } else { 4 }) {
                    let value = (self.random.below(4) > 0).then(|| self.random.below(1000));
                    self.sent.push(Sent::Record { key: self.random.below(10), value, epoch });
                }
                let stamp = |producer_epoch| ProducerStamp {
                    producer_id: PRODUCER_ID,
                    producer_epoch,
                    base_sequence: open_sequence.unwrap_or(0),
                };
                if let Some(epoch) = epoch {
                    partition.enrol(PRODUCER_ID, epoch)?;
                }
                let codec = Compression::ALL[self.random.below(5) as usize];
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
    let (mut waiting, mut skipped) = (read.aborted.iter().flatten().peekable(), HashSet::new());
    let (mut delivered, mut next_offset) = (Vec::new(), 0);
    for view in Batches::new(&read.read().unwrap(), Tail::MustBeWhole) {
        let view = view.unwrap();
        view.check_crc().unwrap();
        let header = view.header();
        assert!(header.base_offset >= next_offset);
        next_offset = header.next_offset();
        while let Some(aborted) = waiting.next_if(|aborted| aborted.first_offset <= header.last_offset()) {
            skipped.insert(aborted.producer_id);
        }
        if header.record_count == 0 {
            continue;
        }
        if header.attributes.is_control() {
            let record = view.records().unwrap().next().unwrap().unwrap();
            if matches!(
                parse_control(&record).unwrap(),
                ControlRecord::EndTransaction { committed: false, .. }
            ) {
                skipped.remove(&header.producer_id);
            }
            continue;
        }
        if header.attributes.is_transactional() && skipped.contains(&header.producer_id) {
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
        let stop_after = match run.random.below(4) {
            0 => run.random.below(20),
            _ => run.random.below(300),
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
        store.compact();
        run.check(&partition, false, &format!("{story}, compacted"));
        drop((store, partition));
        run.fs.kill();
    }
}

#[test]
fn the_newest_of_every_key_survives_wherever_compaction_stops() {
    let seeds =
        std::env::var("MILLSTREAM_CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || (thread..seeds).step_by(2).for_each(play_seed));
        }
    });
}
