//! The machine that a simulated broker runs on: its disk, its clock, and whatever its threads would do.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Once};
use std::task::Poll;
use std::time::Duration;

use millstream_log::fs::sim::{SimFileSystem, SplitMix};
use millstream_log::{Clock, CompactionOptions, FsyncPolicy, HeldClock, LogStore, StoreOptions};

use crate::broker::open_store;
use crate::storage::{DiskThreads, DisksByHand};
use crate::{Broker, BrokerConfig, BrokerError};

/// Turns without anything to do after which whoever waits is forgotten.
const IDLE_TURNS_MAX: u32 = 400;

pub(super) struct Machine {
    pub(super) fs: SimFileSystem,
    clock: Arc<HeldClock>,
    /// Of each file of the journal; 0 for none.
    /// Of each file of the journal; 0 for none.
    pub(super) journal_bytes: u64,
    random: SplitMix,
}

/// A broker, and what turns its wheels.
pub(super) struct Running {
    pub(super) broker: Broker,
    pub(super) pump: Pump,
    /// Whether it is to be stopped in order.
    pub(super) close: bool,
}

/// Does the work of the disk threads and of the one that syncs, in an order that follows from the seed.
pub(super) struct Pump {
    disks: DisksByHand,
    store: Arc<LogStore>,
    fs: SimFileSystem,
    clock: Arc<HeldClock>,
    random: SplitMix,
}

impl Machine {
    pub(super) fn new(mut random: SplitMix) -> Self {
        let fs = SimFileSystem::new(random.next_u64());
        // None, one that is full after a few rounds, and one that never is.
        let journal_bytes = [0, 4 << 10, 16 << 10, 1 << 20][random.below(4) as usize];
        Self { fs, clock: Arc::new(HeldClock::new(1_700_000_000_000)), journal_bytes, random }
    }

    /// Starts a broker and lets `act` use it; false if it did not start. What is left of it afterwards is gone, as in a crash.
    pub(super) fn run(&mut self, act: impl AsyncFnOnce(&mut Running)) -> bool {
        let panics = panics_here();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let Some(mut running) = self.start().await else { return false };
            act(&mut running).await;
            assert_eq!(panics_here(), panics, "something panicked");
            if running.close {
                let Running { broker, .. } = running;
                // Where the disk fails now, it was no stop in order, and the next start recovers.
                let stopped = broker.shutdown().await;
                assert!(!matches!(stopped, Err(BrokerError::DiskThreadLost)), "the stop panicked");
            }
            true
        })
    }

    async fn start(&mut self) -> Option<Running> {
        let config = config();
        let platform = StoreOptions {
            cluster_id: Some("cluster".to_owned()),
            open_files_max: Some(16),
            sync_thread: false,
            journal_bytes: self.journal_bytes,
            fs: Arc::new(self.fs.clone()),
            clock: self.clock.clone(),
            ..StoreOptions::default()
        };
        let store = match open_store(&config, platform) {
            Ok(store) => store,
            Err(error) => {
                assert!(self.fs.has_struck(), "the data directory does not open: {error}");
                return None;
            }
        };
        let (threads, disks) = DiskThreads::by_hand(2);
        let random = SplitMix::new(self.random.next_u64());
        let (fs, clock) = (self.fs.clone(), self.clock.clone());
        let mut pump = Pump { disks, store: store.clone(), fs, clock, random };
        let clock: Arc<dyn Clock> = self.clock.clone();
        let started = pump.drive(Broker::run(config, Vec::new(), store, threads, clock)).await;
        match started {
            Some(Ok(broker)) => Some(Running { broker, pump, close: false }),
            Some(Err(error)) => {
                assert!(self.fs.has_struck(), "the broker does not start: {error}");
                None
            }
            None => {
                assert!(self.fs.is_stopped(), "the broker never starts");
                None
            }
        }
    }
}

impl Pump {
    /// Turns the wheels until `future` is done; none if it is not although nothing is left to do.
    pub(super) async fn drive<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut idle_turns = 0;
        while idle_turns < IDLE_TURNS_MAX {
            let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
            if let Poll::Ready(done) = polled {
                return Some(done);
            }
            idle_turns = if self.step() { 0 } else { idle_turns + 1 };
            tokio::task::yield_now().await;
        }
        None
    }

    /// Lets everything come to its end that needs nobody from outside.
    pub(super) async fn settle(&mut self) {
        self.drive(std::future::pending::<()>()).await;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.fs.is_stopped()
    }

    fn step(&mut self) -> bool {
        self.clock.advance_ms(1);
        let sync_first = self.random.below(4) == 0 && self.store.sync_queued() > 0;
        sync_first || self.disks.step(&mut self.random) || self.store.sync_queued() > 0
    }
}

/// Few partitions, and segments and indexes so small that a few records fill them.
fn config() -> BrokerConfig {
    let topic_defaults = [
        ("log.index.interval.bytes", "200"),
        ("log.index.size.max.bytes", "96"),
        ("log.cleaner.min.cleanable.ratio", "0"),
        ("log.segment.delete.delay.ms", "20"),
    ];
    let topic_defaults = topic_defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
    BrokerConfig {
        fsync: FsyncPolicy::Group,
        offsets_partitions: 2,
        transactions_partitions: 2,
        topic_defaults: topic_defaults.into(),
        compaction: CompactionOptions { map_bytes: 1 << 16, ..CompactionOptions::default() },
        auto_create_topics: false,
        group_initial_rebalance_delay: Duration::ZERO,
        ..BrokerConfig::new("data")
    }
}

/// How many panics this thread has seen: what runs in tasks and in jobs of disks hides its own.
fn panics_here() -> u64 {
    thread_local! {
        static PANICS: Cell<u64> = const { Cell::new(0) };
    }
    static COUNTED: Once = Once::new();
    COUNTED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.get()
}
