//! Every fault at every operation of the disk: a fixed scenario, played once for each.
//!
//! A broker is set up, used by everybody for everything, stopped in order, opened and used again; the fault strikes somewhere on that
//! way. Then the machine is killed or loses power, and the next broker must know what clients were told, serve all that is asked of it
//! and come up once more. `cargo test` tries every [`STEP`]th operation, another one each time a fault kind or an ending changes;
//! `MILLSTREAM_FAULT_STEP=1 cargo test --release -p millstream-broker simulation::sweep` tries all.

use millstream_log::fs::sim::Fault;

use super::client::Client;
use super::member;
use super::topics::{Change, Chore};
use super::worker::Step::{
    CommitOffset, CommitOffsetInTransaction, EndTransaction, LookAtOffset, WriteInTransaction, WriteNumbered,
    WritePlain,
};
use super::{Clients, Story};
use crate::Broker;

/// How many operations lie between two tries in `cargo test`.
const STEP: u64 = 293;
/// All scenarios differ by nothing but their faults.
const SEED: u64 = 1;
const FAULTS: [Fault; 4] = [Fault::ShortWrite, Fault::NoSpace, Fault::Device, Fault::Stop];

/// Without a journal, one that is full after a few rounds, and one that never is.
const JOURNAL_BYTES: [u64; 3] = [0, 4 << 10, 1 << 20];

/// How the machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Kill,
    PowerCut,
}

impl Clients {
    /// Does everything that can be done, one thing after the other; less when the broker refuses to begin or ends.
    async fn follow_script(&mut self, broker: &Broker) -> Option<()> {
        let Self { workers, keeper, members, identities, .. } = self;
        let client = &mut Client::connect(broker);
        let core = &broker.core;
        if core.store.topic(super::client::TOPIC).is_none() {
            keeper.create_shared(client).await?.ok()?;
        }
        let round = [
            WritePlain,
            WriteNumbered,
            WriteInTransaction,
            CommitOffsetInTransaction,
            WriteInTransaction,
            EndTransaction { committed: true },
            CommitOffset,
            WriteNumbered,
            WriteInTransaction,
            WriteInTransaction,
            EndTransaction { committed: false },
            LookAtOffset,
        ];
        let changes = [
            [Change::Write, Change::Write, Change::CommitOffset, Change::Grow],
            [Change::Write, Change::Write, Change::DeleteRecords, Change::Configure],
            [Change::Delete, Change::Write, Change::Write, Change::CommitOffset],
        ];
        let chores = [
            [Chore::WriteCheckpoints, Chore::Compact],
            [Chore::RemoveDiscarded, Chore::ApplyRetention],
            [Chore::Transactions, Chore::ExpireOffsets],
        ];
        for (changes, chores) in changes.into_iter().zip(chores) {
            for step in round {
                workers[0].take(step, client, identities).await?;
            }
            workers[1].take(WriteInTransaction, client, identities).await?;
            for change in changes {
                keeper.change(client, 0, change).await?;
                keeper.change(client, 1, change).await?;
            }
            for member in members.iter_mut() {
                // The first makes it a member.
                for step in [member::Step::Beat, member::Step::Commit, member::Step::Beat] {
                    member.take(step, client).await?;
                }
            }
            for chore in chores {
                keeper.maintain(core, chore).await?;
            }
        }
        members[1].take(member::Step::Leave, client).await
    }
}

impl Story {
    /// A broker that may fail at any time; it is stopped in order if it can be.
    fn use_broker(&mut self, name: &str) {
        let Self { machine, clients, .. } = self;
        let fs = machine.fs.clone();
        machine.run(async |running| {
            let followed = running.pump.drive(clients.follow_script(&running.broker)).await;
            assert!(followed.is_some() || fs.is_stopped(), "{name}: somebody was never answered");
            if !fs.is_stopped() {
                running.pump.settle().await;
                running.close = true;
            }
        });
    }

    /// A broker that knows everything and does everything.
    fn check_broker(&mut self, name: &str) {
        let Self { machine, clients, .. } = self;
        let before = clients.tally();
        let started = machine.run(async |running| {
            clients.check(running, name).await;
            let followed = running.pump.drive(clients.follow_script(&running.broker)).await;
            assert_eq!(followed, Some(Some(())), "{name}: the broker does not work");
            running.pump.settle().await;
            running.close = true;
        });
        assert!(started, "{name}: the broker does not start");
        let after = clients.tally();
        assert!(after[0] >= before[0] + 20 && after[1] >= before[1] + 3, "{name}: too little was written");
    }

    /// Says whether there was an operation for the fault to strike.
    fn suffer(mut self, fault: Fault, at: u64, ending: Ending, journal_bytes: u64) -> bool {
        let name = format!("{fault:?} at operation {at}, then {ending:?}, journal of {journal_bytes} bytes");
        self.machine.journal_bytes = journal_bytes;
        let fs = self.machine.fs.clone();
        fs.inject(at, fault);
        self.use_broker(&name);
        let mut struck = fs.has_struck();
        if !struck {
            // The process has ended; the fault comes later.
            fs.kill();
            fs.inject(at - fs.operations(), fault);
            self.use_broker(&name);
            struck = fs.has_struck();
        }
        match ending {
            Ending::Kill => fs.kill(),
            Ending::PowerCut => fs.power_cut(),
        }
        self.check_broker(&name);
        fs.kill();
        self.check_broker(&name);
        struck
    }
}

#[test]
fn no_fault_at_any_operation_of_the_disk_breaks_a_promise() {
    let step = std::env::var("MILLSTREAM_FAULT_STEP").map_or(STEP, |step| step.parse().unwrap());
    std::thread::scope(|scope| {
        for ending in [Ending::Kill, Ending::PowerCut] {
            scope.spawn(move || {
                let ways = FAULTS.into_iter().flat_map(|fault| JOURNAL_BYTES.map(|bytes| (fault, bytes)));
                for (index, (fault, journal_bytes)) in ways.enumerate() {
                    let first = (index as u64 * 2 + ending as u64) * 7 % step;
                    let tries = (first..).step_by(step as usize);
                    let suffer = |at: &u64| Story::new(SEED).suffer(fault, *at, ending, journal_bytes);
                    let struck = tries.take_while(suffer).count();
                    eprintln!(
                        "{fault:?}, then {ending:?}, journal of {journal_bytes} bytes: {struck} operations"
                    );
                    assert!(struck as u64 * step > 500, "the scenario is hardly there");
                }
            });
        }
    });
}
