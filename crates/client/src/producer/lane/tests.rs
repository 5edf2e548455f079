//! A lane against a model of a broker and of a network that loses connections at any point.
//!
//! The model broker does what Kafka's does: it takes the next sequence, recognises the last five batches, takes
//! anything from a producer that it does not know, and refuses the rest. Requests of a lost connection may still be
//! applied later.

use std::collections::BTreeSet;

use millstream_wire::compression::Compressor;
use millstream_wire::records::BatchBuilder;
use proptest::prelude::*;

use super::super::delivery::Deliveries;
use super::super::identity::IdentityCell;
use super::super::memory::Memory;
use super::super::split;
use super::*;

const WINDOW_MAX: usize = 5;

/// What a broker remembers of a partition.
#[derive(Debug)]
struct ModelBroker {
    /// The largest batch that it takes.
    records_max: u32,
    /// First timestamps of the batches in the log, which number them; and their numbers of records.
    log: Vec<(i64, u32)>,
    /// Epoch of the producer, once it is known.
    epoch: Option<i16>,
    /// The last batches: first and last sequence.
    recent: VecDeque<(i32, i32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Ok,
    OutOfOrder,
    TooLarge,
}

impl ModelBroker {
    fn append(&mut self, batch: &Sent) -> Reply {
        if batch.records > self.records_max {
            return Reply::TooLarge;
        }
        let (first, last) =
            (batch.stamp.base_sequence, advance(batch.stamp.base_sequence, batch.records - 1));
        if self.epoch.is_some_and(|epoch| batch.stamp.producer_epoch < epoch) {
            return Reply::OutOfOrder;
        }
        let is_new_epoch = self.epoch != Some(batch.stamp.producer_epoch);
        if !is_new_epoch && self.recent.contains(&(first, last)) {
            return Reply::Ok;
        }
        let expected = self.recent.back().map(|(_, last)| advance(*last, 1));
        let is_next = if is_new_epoch { self.epoch.is_none() || first == 0 } else { expected == Some(first) };
        if !is_next {
            return Reply::OutOfOrder;
        }
        if is_new_epoch {
            self.recent.clear();
        }
        self.epoch = Some(batch.stamp.producer_epoch);
        self.recent.push_back((first, last));
        if self.recent.len() > WINDOW_MAX {
            self.recent.pop_front();
        }
        self.log.push((batch.number, batch.records));
        Reply::Ok
    }
}

/// What the broker sees of a batch.
#[derive(Debug, Clone, Copy)]
struct Sent {
    number: i64,
    records: u32,
    stamp: ProducerStamp,
}

impl Sent {
    fn new(batch: &Stamped) -> Self {
        Self { number: batch.info.first_timestamp_ms, records: batch.info.records, stamp: batch.stamp }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Push {
        records: u32,
    },
    Send,
    /// The broker takes the oldest request of the connection and answers it.
    Answer,
    /// The broker is not the leader just now.
    Refuse,
    /// The connection is lost; of its requests so many are applied at once, so many later.
    Lose {
        applied: usize,
        late: usize,
    },
    /// The broker comes to the oldest request of lost connections.
    Late,
    /// The oldest batch that is not under way is given up.
    Expire,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u32..9).prop_map(|records| Step::Push { records }),
        6 => Just(Step::Send),
        6 => Just(Step::Answer),
        1 => Just(Step::Refuse),
        2 => (0usize..6, 0usize..6).prop_map(|(applied, late)| Step::Lose { applied, late }),
        2 => Just(Step::Late),
    ]
}

struct Model {
    lane: LaneState,
    identity: IdentityCell,
    broker: ModelBroker,
    /// Requests of the open connection, oldest first.
    connection: VecDeque<Stamped>,
    late: VecDeque<Sent>,
    deliveries: Arc<Deliveries>,
    memory: Arc<Memory>,
    next_number: i64,
    given_up: BTreeSet<i64>,
}

impl Model {
    fn new() -> Self {
        Self::with_records_max(u32::MAX)
    }

    fn with_records_max(records_max: u32) -> Self {
        Self {
            lane: LaneState::default(),
            identity: IdentityCell::new(Identity { producer_id: 1, epoch: 0 }),
            broker: ModelBroker { records_max, log: Vec::new(), epoch: None, recent: VecDeque::new() },
            connection: VecDeque::new(),
            late: VecDeque::new(),
            deliveries: Arc::new(Deliveries::new()),
            memory: Arc::new(Memory::new(1 << 20)),
            next_number: 0,
            given_up: BTreeSet::new(),
        }
    }

    fn push(&mut self, records: u32) {
        let mut builder = BatchBuilder::new(1 << 10);
        let first_timestamp_ms = self.next_number;
        for _ in 0..records {
            builder.append(self.next_number, None, Some(b"value"), &[]).unwrap();
            self.next_number += 1;
        }
        let batch = builder.seal(Default::default(), None, &mut Compressor::default()).unwrap();
        let info = BatchTicket {
            ticket: self.deliveries.issue(),
            _charge: Arc::new(self.memory.charge(batch.size_bytes())),
            sealed_at: Instant::now(),
            records,
            first_timestamp_ms,
        };
        self.lane.push(Waiting { batch, info });
    }

    fn send(&mut self) {
        loop {
            match self.lane.take(self.identity.current(), usize::MAX, WINDOW_MAX) {
                Take::Batch(batch) => return self.connection.push_back(batch),
                Take::NeedsIdentity(lost) => assert!(self.identity.leave(lost)),
                Take::Nothing => return,
                other => panic!("{other:?}"),
            }
        }
    }

    fn settle(&mut self, batch: Stamped, outcome: Outcome) {
        if let Answered::GivenUp(batch) = self.lane.answered(batch, outcome) {
            let first = batch.info.first_timestamp_ms;
            self.given_up.extend(first..first + i64::from(batch.info.records));
        }
    }

    fn answer(&mut self) {
        let Some(batch) = self.connection.pop_front() else { return };
        match self.broker.append(&Sent::new(&batch)) {
            Reply::Ok => self.settle(batch, Outcome::Acknowledged),
            Reply::OutOfOrder => self.settle(batch, Outcome::OutOfOrder),
            Reply::TooLarge => {
                let parts = split::halves(&batch).unwrap().unwrap();
                self.settle(batch, Outcome::Split(parts));
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push { records } => self.push(records),
            Step::Send => self.send(),
            Step::Answer => self.answer(),
            Step::Refuse => {
                if let Some(batch) = self.connection.pop_front() {
                    self.settle(batch, Outcome::Retry);
                }
            }
            Step::Lose { applied, late } => {
                let requests: Vec<Sent> = self.connection.iter().map(Sent::new).collect();
                for request in requests.iter().take(applied) {
                    self.broker.append(request);
                }
                self.late.extend(requests.iter().skip(applied).take(late));
                for batch in std::mem::take(&mut self.connection) {
                    self.settle(batch, Outcome::Retry);
                }
            }
            Step::Late => {
                if let Some(request) = self.late.pop_front() {
                    self.broker.append(&request);
                }
            }
            Step::Expire => {
                for expired in self.lane.expire(Instant::now()) {
                    let first = expired.info.first_timestamp_ms;
                    self.given_up.extend(first..first + i64::from(expired.info.records));
                }
            }
        }
    }

    /// Lets everything come to an end on a sound connection.
    fn finish(&mut self) {
        for _ in 0..10_000 {
            self.send();
            if self.connection.is_empty() {
                break;
            }
            self.answer();
        }
        assert!(self.connection.is_empty() && !self.lane.is_sendable(WINDOW_MAX), "it never came to an end");
    }

    fn logged(&self) -> Vec<i64> {
        self.broker.log.iter().flat_map(|&(first, records)| first..first + i64::from(records)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_record_is_in_the_log_once_and_in_order(
        steps in prop::collection::vec(any_step(), 1..120),
        records_max in 1u32..9,
    ) {
        let mut model = Model::with_records_max(records_max);
        steps.into_iter().for_each(|step| model.step(step));
        model.finish();
        while !model.late.is_empty() {
            model.step(Step::Late);
        }
        prop_assert!(model.given_up.is_empty());
        prop_assert_eq!(model.logged(), (0..model.next_number).collect::<Vec<_>>());
        prop_assert_eq!(model.identity.current().epoch, 0, "no sequence was ever lost");
        prop_assert!(model.lane.window.is_empty());
    }

    /// A batch that is given up may be in the log or not; the others are, once and in order.
    #[test]
    fn giving_up_costs_only_what_is_given_up(
        steps in prop::collection::vec(prop_oneof![9 => any_step(), 1 => Just(Step::Expire)], 1..120),
        records_max in 1u32..9,
    ) {
        let mut model = Model::with_records_max(records_max);
        steps.into_iter().for_each(|step| model.step(step));
        model.finish();
        let logged = model.logged();
        prop_assert!(logged.is_sorted_by(|one, other| one < other), "{logged:?}");
        let logged: BTreeSet<i64> = logged.into_iter().collect();
        for number in 0..model.next_number {
            prop_assert!(logged.contains(&number) || model.given_up.contains(&number), "{number} is lost");
        }
    }
}

/// Two batches went through behind three whose answers were lost: with new ones behind them, the first of the three was
/// no longer among the five that a broker recognises, came back as out of order, and was appended twice.
#[test]
fn a_batch_in_the_log_is_never_older_than_what_a_broker_recognises() {
    let mut model = Model::new();
    (0..12).for_each(|_| model.push(1));
    model.send();
    model.answer();
    (0..3).for_each(|_| model.send());
    let lost: Vec<Stamped> = model.connection.drain(..).collect();
    for batch in &lost {
        assert_eq!(model.broker.append(&Sent::new(batch)), Reply::Ok);
    }
    // Sent on the next connection before the loss of the first is known.
    (0..2).for_each(|_| model.send());
    (0..2).for_each(|_| model.answer());
    lost.into_iter().for_each(|batch| model.settle(batch, Outcome::Retry));
    (0..5).for_each(|_| model.send());
    model.step(Step::Lose { applied: 5, late: 0 });
    model.finish();
    assert_eq!(model.logged(), (0..12).collect::<Vec<_>>());
    assert_eq!(model.identity.current().epoch, 0);
}

/// The broker of a new topic was not yet its leader for the first batch and took the second: a broker that knows nothing of a
/// producer takes any sequence.
#[test]
fn the_first_batch_goes_alone() {
    let mut model = Model::new();
    model.push(1);
    model.push(1);
    model.send();
    model.send();
    assert_eq!(model.connection.len(), 1);
    model.step(Step::Refuse);
    model.finish();
    assert_eq!(model.logged(), [0, 1]);
}

#[test]
fn sequences_wrap_as_kafkas_do() {
    assert_eq!(advance(i32::MAX - 1, 1), i32::MAX);
    assert_eq!(advance(i32::MAX, 1), 0);
    assert_eq!(advance(i32::MAX - 2, 5), 2);
}

/// A broker that lost the end of its log, and with it sequences that it had acknowledged.
#[test]
fn a_gap_is_closed_under_a_higher_epoch() {
    let mut model = Model::new();
    (0..6).for_each(|_| model.push(2));
    for _ in 0..3 {
        model.send();
        model.answer();
    }
    model.broker.log.pop();
    model.broker.recent.pop_back();
    model.finish();
    assert_eq!(model.logged(), (0..4).chain(6..12).collect::<Vec<_>>());
    assert_eq!(model.identity.current().epoch, 1);
}
