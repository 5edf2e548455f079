//! The whole broker on the simulated file system: everything below the sockets, stopped at every operation of its disk, again and again.
//!
//! Each seed is one data directory that lives through several brokers. Clients in the process produce (plain, idempotent, in transactions),
//! commit offsets, are members of groups, create, grow, empty and delete topics and change configurations, while checkpoints, retention and compaction run; then the power
//! fails inside an operation, or the disk does, and the next broker is asked for everything that clients were told. The fsync policy is
//! `group`. What must hold:
//!
//! - a record that was acknowledged, or shown to any reader, is at its offset for ever, once, and in no other place;
//! - a transaction is visible as a whole or not at all: not at all unless its commit was asked for, as a whole if that was acknowledged; the
//!   offsets in it go with it;
//! - committed offsets are the last acknowledged ones, or later ones that were asked for;
//! - a batch of an idempotent producer that is sent again after a crash is in the log once;
//! - producer ids have one owner, and an epoch of one is given once;
//! - whoever was told that he is a member of a group still is one, in the same generation;
//! - topics, their partitions and configurations are as acknowledged; deleted records stay deleted, and so do a deleted topic's offsets.
//!
//! Disks are worked by hand ([`crate::storage::DisksByHand`]), so a seed is one order of events but for the order in which hash maps give their
//! entries; its number repeats most failures, and all of them after a few tries:
//!
//! ```text
//! cargo test --release -p millstream-broker simulation                                    # about 700 crashes
//! MILLSTREAM_CRASH_SEEDS=25000 cargo test --release -p millstream-broker simulation       # more than 100,000 of each kind
//! MILLSTREAM_CRASH_SEEDS=4711..4712 cargo test -p millstream-broker simulation            # one
//! ```

mod client;
mod machine;
mod member;
mod offline;
mod offset;
mod reader;
mod sweep;
mod topics;
mod worker;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{join, join5};
use millstream_log::fs::sim::{Fault, SplitMix};

use client::{Client, Identities};
use machine::{Machine, Running};
use member::Member;
use reader::{Found, Reader};
use topics::TopicKeeper;
use worker::Worker;

/// Seeds that `cargo test` plays.
const SEEDS: u64 = 60;
/// Brokers that a seed's data directory goes through.
const LIVES: u32 = 4;

/// What clients were told, over all lives of a data directory.
struct Story {
    seed: u64,
    machine: Machine,
    random: SplitMix,
    clients: Clients,
    crashes: u64,
}

/// Everybody who uses the broker.
struct Clients {
    workers: [Worker; 2],
    keeper: TopicKeeper,
    members: [Member; 2],
    reader: Reader,
    identities: Identities,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let mut part = || SplitMix::new(random.next_u64());
        Self {
            seed,
            machine: Machine::new(part()),
            clients: Clients {
                workers: [Worker::new(0, part()), Worker::new(1, part())],
                keeper: TopicKeeper::new(part()),
                members: Member::both(part()),
                reader: Reader::new(part()),
                identities: Identities::default(),
            },
            random,
            crashes: 0,
        }
    }

    /// A broker that may not get far, then one that must start and know everything, and then fails.
    fn live(&mut self, life: u32, fault: Option<(u64, Fault)>) {
        if self.random.below(4) == 0 {
            self.machine.fs.inject(self.random.below(80), Fault::Stop);
            self.machine.run(async |_| ());
            self.crash();
        }
        let story = format!("seed {}, life {life}, {fault:?}", self.seed);
        let close = self.random.below(5) == 0;
        let Self { machine, clients, random, .. } = self;
        let fs = machine.fs.clone();
        let played = machine.run(async |running| {
            clients.check(running, &story).await;
            if let Some((after, fault)) = fault {
                tracing::info!(after, ?fault, "clients come");
                fs.inject(after, fault);
            }
            clients.play(running, random).await;
            if !fs.is_stopped() && close {
                running.pump.settle().await;
                running.close = true;
            }
        });
        assert!(played || self.machine.fs.is_stopped(), "{story}: the broker does not start");
        self.crash();
    }

    fn crash(&mut self) {
        self.crashes += 1;
        let power_cut = self.random.below(3) > 0;
        tracing::info!(power_cut, "the machine stops");
        if power_cut { self.machine.fs.power_cut() } else { self.machine.fs.kill() }
    }

    /// Gives the number of crashes, of records and of committed transactions.
    fn play(mut self, fault: impl Fn(&mut SplitMix) -> Fault) -> [u64; 3] {
        for life in 0..LIVES {
            let fault = fault(&mut self.random);
            let after =
                if self.random.below(4) == 0 { self.random.below(30) } else { self.random.below(400) };
            self.live(life, Some((after, fault)));
        }
        self.live(LIVES, None);
        let [records, transactions] = self.clients.tally();
        [self.crashes, records, transactions]
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} failed after {} crashes", self.seed, self.crashes);
        }
    }
}

impl Clients {
    /// They work side by side until they are done, or nobody answers any more.
    async fn play(&mut self, running: &mut Running, random: &mut SplitMix) {
        let Self { workers: [first, second], keeper, members: [classic, consumer], reader, identities } =
            self;
        let mut connections = [(); 6].map(|()| Client::connect(&running.broker));
        let [one, two, three, four, five, six] = &mut connections;
        let core = running.broker.core.clone();
        let steps = 5 + random.below(40);
        let all = join5(
            first.work(one, identities, steps),
            second.work(two, identities, steps),
            keeper.work(three, &core, steps / 2),
            reader.work(four, steps / 2),
            join(classic.work(five, steps / 3), consumer.work(six, steps / 3)),
        );
        let finished = running.pump.drive(all).await;
        assert!(finished.is_some() || running.pump.is_stopped(), "somebody was never answered");
    }

    /// Asks a broker that has just started for everything.
    async fn check(&mut self, running: &mut Running, story: &str) {
        let Self { workers: [first, second], keeper, members, reader, identities } = self;
        let mut client = Client::connect(&running.broker);
        let core = running.broker.core.clone();
        let checked = running.pump.drive(async {
            keeper.check(&mut client, &core, story).await;
            let found = Found::read(&mut client, story).await;
            reader.check_shown(&found, story);
            first.check_records(&found, false, story);
            second.check_records(&found, false, story);
            let mut other = Client::connect(&running.broker);
            let settled = first.settle(&mut client, identities, story);
            join(settled, second.settle(&mut other, identities, story)).await;
            let found = Found::read_stable(&mut client, story).await;
            reader.check_shown(&found, story);
            for worker in [first, second] {
                worker.check_records(&found, true, story);
                worker.check_offsets(&mut client, story).await;
            }
            for member in members {
                member.check(&mut client, story).await;
            }
        });
        assert!(checked.await.is_some(), "{story}: a question was never answered");
    }

    /// Records that are known to be in the log, and transactions that are known to be committed.
    fn tally(&self) -> [u64; 2] {
        let [first, second] = self.workers.each_ref().map(Worker::tally);
        [first[0] + second[0], first[1] + second[1]]
    }
}

/// Plays seeds on two threads: `default`, or what `MILLSTREAM_CRASH_SEEDS` says (`COUNT`, or `FROM..TO`). Says what became of them, and sees to
/// it that it was not nothing.
fn play_seeds(default: Range<u64>, play: impl Fn(u64) -> [u64; 3] + Sync) {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("MILLSTREAM_CRASH_SEEDS: {text:?}"));
    let seeds =
        std::env::var("MILLSTREAM_CRASH_SEEDS").map_or(default, |asked| match asked.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&asked),
        });
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        _ = tracing_subscriber::fmt().with_env_filter(filter).without_time().try_init();
    }
    let sums = [0; 3].map(AtomicU64::new);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (seeds, play, sums) = (seeds.clone(), &play, &sums);
            scope.spawn(move || {
                for seed in seeds.skip(thread).step_by(2) {
                    for (sum, more) in sums.iter().zip(play(seed)) {
                        sum.fetch_add(more, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let [crashes, records, transactions] = sums.map(AtomicU64::into_inner);
    eprintln!("{crashes} crashes, {records} records kept, {transactions} transactions committed");
    assert!(crashes < 100 || (records > crashes && transactions > crashes / 4), "too little went on");
}

#[test]
fn everything_that_clients_were_told_is_true_after_every_crash() {
    play_seeds(0..SEEDS, |seed| Story::new(seed).play(|_| Fault::Stop));
}

#[test]
fn everything_that_clients_were_told_is_true_after_every_failure_of_the_disk() {
    let faults = [Fault::Device, Fault::NoSpace, Fault::ShortWrite];
    play_seeds(0..SEEDS, |seed| Story::new(seed).play(|random| faults[random.below(3) as usize]));
}
