//! The machine that a history is played on, and how it stops and starts again.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use millstream_log::fs::sim::{Fault, SimFileSystem, SplitMix};
use millstream_log::{
    AbortedTransaction, FsyncPolicy, HeldClock, LogStore, NewTopic, PartitionLog, Result, StoreOptions,
};
use millstream_wire::records::{BatchView, ControlRecord, parse_control};

/// A disk, a clock and a policy, with the generator that everything random about a history comes from.
pub(crate) struct Machine {
    pub(crate) fs: SimFileSystem,
    pub(crate) clock: Arc<HeldClock>,
    pub(crate) fsync: FsyncPolicy,
    journal_bytes: u64,
    pub(crate) random: SplitMix,
}

/// How one life of a machine ended.
pub(crate) struct Stopped {
    /// Whether unsynced bytes may be gone; the page cache survives a kill.
    pub(crate) power_cut: bool,
    /// What a failed check says.
    pub(crate) story: String,
}

impl Machine {
    /// The machine of a seed. `salt` keeps the choices of the disk apart from those of other tests.
    pub(crate) fn new(seed: u64, salt: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let policies = [FsyncPolicy::Group, FsyncPolicy::Group, FsyncPolicy::None, FsyncPolicy::Interval];
        Self {
            fs: SimFileSystem::new(seed ^ salt),
            clock: Arc::new(HeldClock::new(1_700_000_000_000)),
            fsync: policies[random.below(4) as usize],
            // None, one that is full after a few rounds, and one that never is.
            journal_bytes: [0, 3 << 10, 3 << 10, 1 << 20][random.below(4) as usize],
            random,
        }
    }

    /// Opens the data directory, with at most `open_files_max` files open at a time.
    pub(crate) fn open(&self, open_files_max: Option<usize>) -> Result<Arc<LogStore>> {
        let options = StoreOptions {
            fsync: self.fsync,
            journal_bytes: self.journal_bytes,
            sync_thread: false,
            open_files_max,
            cluster_id: Some("cluster".to_owned()),
            fs: Arc::new(self.fs.clone()),
            clock: self.clock.clone(),
            ..StoreOptions::default()
        };
        LogStore::open(Path::new("data"), options)
    }

    /// As [`Self::open`], with the topic `t` of one open partition.
    pub(crate) fn open_partition(
        &self,
        configs: &[(&str, &str)],
    ) -> Result<(Arc<LogStore>, Arc<PartitionLog>)> {
        let store = self.open(None)?;
        if store.topic("t").is_none() {
            store.create_topic(topic(1, configs))?;
        }
        let partition = store.partition("t", 0).unwrap();
        partition.open()?;
        Ok((store, partition))
    }

    /// Lets the machine stop inside one of its next operations: early in a quarter of its lives, while it still recovers.
    pub(crate) fn stop_within(&mut self, early: u64, late: u64) {
        let after =
            if self.random.below(4) == 0 { self.random.below(early) } else { self.random.below(late) };
        self.fs.inject(after, Fault::Stop);
    }

    /// Closes the store in order now and then, if the machine has not stopped.
    pub(crate) fn close_sometimes(&mut self, store: &LogStore) -> Result<()> {
        if !self.fs.is_stopped() && self.random.below(4) == 0 { store.close() } else { Ok(()) }
    }

    /// Ends a life: nothing but the stop may have failed in it.
    pub(crate) fn stop(&mut self, seed: u64, life: u32, outcome: Result<()>) -> Stopped {
        if let Err(error) = outcome {
            assert!(self.fs.is_stopped(), "seed {seed}, life {life}: {error}");
        }
        let power_cut = self.random.below(3) > 0;
        if power_cut {
            self.fs.power_cut()
        } else {
            self.fs.kill()
        }
        let story = format!("seed {seed}, life {life}, {:?}, power cut {power_cut}", self.fsync);
        Stopped { power_cut, story }
    }

    /// The offset that a log must at least reach after a stop: `returned` is where it ended, `acknowledged` its high watermark.
    pub(crate) fn least_end(&self, power_cut: bool, returned: i64, acknowledged: i64) -> i64 {
        match (power_cut, self.fsync) {
            (false, _) => returned,
            (true, FsyncPolicy::Group) => acknowledged,
            (true, _) => 0,
        }
    }
}

/// A topic `t` to create.
pub(crate) fn topic(partitions: i32, configs: &[(&str, &str)]) -> NewTopic {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    NewTopic { name: "t".to_owned(), partitions, configs: configs.collect() }
}

/// Plays seeds on two threads: `default` of them, or what `MILLSTREAM_CRASH_SEEDS` says (`COUNT`, or `FROM..TO`).
pub(crate) fn play_seeds(default: u64, play: impl Fn(u64) + Sync) {
    let asked = std::env::var("MILLSTREAM_CRASH_SEEDS");
    let seeds = asked.map_or(0..default, |asked| parse_seeds(&asked));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (seeds, play) = (seeds.clone(), &play);
            scope.spawn(move || seeds.skip(thread).step_by(2).for_each(play));
        }
    });
}

fn parse_seeds(text: &str) -> Range<u64> {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("MILLSTREAM_CRASH_SEEDS: {text:?}"));
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(text),
    }
}

/// Which batches a consumer with `isolation.level=read_committed` delivers of an answer, as Kafka's clients decide it.
pub(crate) struct CommittedReader<'a> {
    waiting: std::iter::Peekable<std::slice::Iter<'a, AbortedTransaction>>,
    skipped: HashSet<i64>,
}

impl<'a> CommittedReader<'a> {
    /// For an answer with these aborted transactions.
    pub(crate) fn new(aborted: &'a [AbortedTransaction]) -> Self {
        assert!(aborted.is_sorted_by_key(|aborted| aborted.first_offset));
        Self { waiting: aborted.iter().peekable(), skipped: HashSet::new() }
    }

    /// Whether the records of the next batch are delivered.
    pub(crate) fn delivers(&mut self, view: &BatchView<'_>) -> bool {
        let header = view.header();
        while let Some(aborted) = self.waiting.next_if(|aborted| aborted.first_offset <= header.last_offset())
        {
            self.skipped.insert(aborted.producer_id);
        }
        if !header.attributes.is_control() {
            return !header.attributes.is_transactional() || !self.skipped.contains(&header.producer_id);
        }
        // Compaction leaves control batches without their record.
        if header.record_count > 0 {
            let record = view.records().unwrap().next().unwrap().unwrap();
            let control = parse_control(&record).unwrap();
            if matches!(control, ControlRecord::EndTransaction { committed: false, .. }) {
                self.skipped.remove(&header.producer_id);
            }
        }
        false
    }
}
