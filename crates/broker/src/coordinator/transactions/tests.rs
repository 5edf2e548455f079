//! The coordinator over a log in memory, with time held still.

use std::collections::VecDeque;
use std::time::Instant;

use millstream_wire::ErrorCode as E;
use parking_lot::Mutex;

use super::TransactionVersion as V;
use super::*;
use crate::coordinator::{AppendDone, CoordinatorBatch, EncodedRecord, Replayed};

/// Keeps records, and acknowledges them when told to.
#[derive(Default)]
struct MemoryLog {
    records: Mutex<Vec<(i32, EncodedRecord)>>,
    waiting: Mutex<VecDeque<AppendDone>>,
}

impl CoordinatorLog for MemoryLog {
    fn append(&self, partition: i32, batch: CoordinatorBatch, done: AppendDone) {
        assert!(batch.transaction.is_none());
        self.records.lock().extend(batch.records.into_iter().map(|record| (partition, record)));
        self.waiting.lock().push_back(done);
    }

    fn replay(&self, partition: i32, visit: &mut dyn FnMut(Replayed<'_>)) -> Result<(), E> {
        for (_, record) in self.records.lock().iter().filter(|(place, _)| *place == partition) {
            visit(Replayed::Record { key: &record.key, value: record.value.as_deref(), transaction: None });
        }
        Ok(())
    }
}

/// Notes what the coordinator does to partitions.
#[derive(Default)]
struct Partitions {
    events: Mutex<Vec<String>>,
    markers: Mutex<VecDeque<MarkerDone>>,
    last_producer_id: Mutex<i64>,
}

impl TransactionHost for Partitions {
    fn new_producer_id(&self) -> NewProducerId {
        let mut last = self.last_producer_id.lock();
        *last += 1;
        let id = *last;
        Box::pin(async move { Ok(id) })
    }

    fn enrol(&self, topic: &str, partition: i32, producer: ProducerIdentity) {
        let event = format!("enrol {topic}-{partition} {}/{}", producer.id, producer.epoch);
        self.events.lock().push(event);
    }

    fn write_marker(&self, topic: &str, partition: i32, marker: Marker, done: MarkerDone) {
        let Marker { producer, committed, coordinator_epoch, .. } = marker;
        assert_eq!(coordinator_epoch, 5);
        let end = if committed { "commit" } else { "abort" };
        let event = format!("{end} {topic}-{partition} {}/{}", producer.id, producer.epoch);
        self.events.lock().push(event);
        self.markers.lock().push_back(done);
    }
}

struct Model {
    log: Arc<MemoryLog>,
    partitions: Arc<Partitions>,
    coordinator: Arc<TransactionCoordinator>,
    wall_ms: Arc<Mutex<i64>>,
}

impl Model {
    fn new(log: Arc<MemoryLog>, partitions: Arc<Partitions>, wall_ms: i64) -> Self {
        let wall_ms = Arc::new(Mutex::new(wall_ms));
        let (clock, instant) = (Arc::clone(&wall_ms), Instant::now());
        let config = TransactionConfig {
            timeout_max: Duration::from_secs(900),
            id_expiration: Duration::from_secs(3600),
            coordinator_epoch: 5,
        };
        let coordinator = TransactionCoordinator::new(
            config,
            50,
            Arc::clone(&log) as Arc<dyn CoordinatorLog>,
            Arc::clone(&partitions) as Arc<dyn TransactionHost>,
            Arc::new(move || Now { instant, wall_ms: *clock.lock() }),
        );
        coordinator.load();
        coordinator.roll_forward();
        Self { log, partitions, coordinator, wall_ms }
    }

    fn start() -> Self {
        Self::new(Arc::default(), Arc::default(), 0)
    }

    /// Another process on what this one has written. What was under way is lost.
    fn restart(&self) -> Self {
        self.log.waiting.lock().clear();
        self.partitions.markers.lock().clear();
        let wall_ms = *self.wall_ms.lock();
        Self::new(Arc::clone(&self.log), Arc::clone(&self.partitions), wall_ms)
    }

    /// Acknowledges the oldest append, as `outcome` says.
    fn acknowledge(&self, outcome: Result<(), E>) {
        let done = self.log.waiting.lock().pop_front().expect("something is being appended");
        done(outcome);
    }

    /// Tells what became of the oldest marker.
    fn marker(&self, outcome: MarkerOutcome) {
        let done = self.partitions.markers.lock().pop_front().expect("a marker is being written");
        done(outcome);
    }

    /// Lets everything happen that can.
    fn settle(&self) {
        loop {
            let append = self.log.waiting.lock().pop_front();
            let marker = self.partitions.markers.lock().pop_front();
            if append.is_none() && marker.is_none() {
                return;
            }
            if let Some(done) = append {
                done(Ok(()));
            }
            if let Some(done) = marker {
                done(MarkerOutcome::Written);
            }
        }
    }

    /// Asks for something, and lets everything happen that can until the answer is there.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        let mut answer = tokio::spawn(question);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer.unwrap(),
                () = tokio::task::yield_now() => self.settle(),
            }
        }
    }

    async fn init(&self, id: &'static str) -> Result<ProducerIdentity, E> {
        let coordinator = Arc::clone(&self.coordinator);
        self.ask(async move { coordinator.init_producer_id(id, 60_000, None).await }).await
    }

    async fn add(&self, id: &'static str, producer: ProducerIdentity, partition: i32) -> Result<(), E> {
        let coordinator = Arc::clone(&self.coordinator);
        let places = TopicPartitions::from_iter([("t", partition)]);
        self.ask(async move { coordinator.add_partitions(id, producer, places, V::V2).await }).await
    }

    /// Ends a transaction; what follows from the decision has not happened yet.
    async fn end(
        &self,
        id: &'static str,
        producer: ProducerIdentity,
        committed: bool,
    ) -> Result<ProducerIdentity, E> {
        let coordinator = Arc::clone(&self.coordinator);
        let mut answer = tokio::spawn(async move { coordinator.end(id, producer, committed, V::V2).await });
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer.unwrap(),
                () = tokio::task::yield_now() => {
                    let append = self.log.waiting.lock().pop_front();
                    if let Some(done) = append {
                        done(Ok(()));
                    }
                }
            }
        }
    }

    /// Asks for a partition without waiting; the answer is noted among the events.
    fn enrol(&self, id: &str, producer: ProducerIdentity, partition: i32, name: &'static str) {
        let partitions = Arc::clone(&self.partitions);
        let then = move |outcome: Result<(), E>| partitions.events.lock().push(format!("{name} {outcome:?}"));
        let places = TopicPartitions::from_iter([("t", partition)]);
        self.coordinator.enrol(id, producer, places, V::V2, Box::new(then));
    }

    fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.partitions.events.lock())
    }

    fn state(&self, id: &str) -> &'static str {
        self.coordinator.describe(id).unwrap().state.name()
    }
}

#[tokio::test]
async fn a_transaction_from_its_beginning_to_its_end() {
    let model = Model::start();
    let producer = model.init("a").await.unwrap();
    assert_eq!(producer, ProducerIdentity { id: 1, epoch: 0 });
    model.add("a", producer, 0).await.unwrap();
    model.add("a", producer, 1).await.unwrap();
    assert_eq!(model.events(), ["enrol t-0 1/0", "enrol t-1 1/0"]);
    let next = model.end("a", producer, true).await.unwrap();
    assert_eq!(next, ProducerIdentity { id: 1, epoch: 1 });
    assert_eq!(model.state("a"), "PrepareCommit");
    assert_eq!(model.events(), ["commit t-0 1/1", "commit t-1 1/1"]);
    model.settle();
    assert_eq!(model.state("a"), "CompleteCommit");
    assert_eq!(model.end("a", producer, true).await, Ok(next), "the same request again");
    assert_eq!(model.add("a", producer, 0).await, Err(E::ProducerFenced));
    model.add("a", next, 0).await.unwrap();
    assert_eq!(model.events(), ["enrol t-0 1/1"]);
}

#[tokio::test]
async fn nothing_counts_before_it_is_written() {
    let model = Model::start();
    let producer = model.init("a").await.unwrap();
    model.enrol("a", producer, 0, "first");
    assert_eq!((model.state("a"), model.events().len()), ("Empty", 0));
    model.acknowledge(Ok(()));
    assert_eq!(model.events(), ["enrol t-0 1/0", "first Ok(())"]);
    let coordinator = Arc::clone(&model.coordinator);
    let ending = tokio::spawn(async move { coordinator.end("a", producer, true, V::V2).await });
    while model.log.waiting.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!((model.state("a"), model.events().len()), ("Ongoing", 0));
    model.acknowledge(Err(E::NotCoordinator));
    assert_eq!(ending.await.unwrap(), Err(E::NotCoordinator));
    assert_eq!(model.state("a"), "Ongoing");
    assert!(model.end("a", producer, true).await.is_ok(), "it can be tried again");
}

#[tokio::test]
async fn who_wants_partitions_waits_in_line() {
    let model = Model::start();
    let producer = model.init("a").await.unwrap();
    model.enrol("a", producer, 0, "first");
    model.enrol("a", producer, 1, "second");
    model.enrol("a", producer, 0, "third");
    model.settle();
    let expected = ["enrol t-0 1/0", "first Ok(())", "enrol t-1 1/0", "second Ok(())", "third Ok(())"];
    assert_eq!(model.events(), expected);
    // While the transaction ends the next one waits; it is under the epoch that the client was told.
    let next = model.end("a", producer, true).await.unwrap();
    model.enrol("a", next, 2, "fourth");
    assert_eq!(model.events(), ["commit t-0 1/1", "commit t-1 1/1"]);
    model.marker(MarkerOutcome::Written);
    model.marker(MarkerOutcome::Written);
    assert!(model.events().is_empty());
    model.acknowledge(Ok(()));
    assert!(model.events().is_empty());
    model.acknowledge(Ok(()));
    assert_eq!(model.events(), ["enrol t-2 1/1", "fourth Ok(())"]);
}

#[tokio::test]
async fn a_failed_write_is_told_to_everybody_who_waits_for_it() {
    let model = Model::start();
    let producer = model.init("a").await.unwrap();
    model.enrol("a", producer, 0, "first");
    model.enrol("a", producer, 0, "second");
    model.acknowledge(Err(E::CoordinatorNotAvailable));
    let refused = "Err(CoordinatorNotAvailable)";
    assert_eq!(model.events(), [format!("first {refused}"), format!("second {refused}")]);
    assert_eq!(model.state("a"), "Empty");
}

#[tokio::test]
async fn a_new_producer_aborts_what_the_one_before_has_open() {
    let model = Model::start();
    let zombie = model.init("a").await.unwrap();
    model.add("a", zombie, 0).await.unwrap();
    model.events();
    assert_eq!(model.init("a").await, Err(E::ConcurrentTransactions));
    model.settle();
    assert_eq!(model.events(), ["abort t-0 1/1"]);
    assert_eq!(model.init("a").await, Ok(ProducerIdentity { id: 1, epoch: 2 }));
    assert_eq!(model.add("a", zombie, 0).await, Err(E::ProducerFenced));
    assert_eq!(model.end("a", zombie, true).await, Err(E::ProducerFenced));
}

#[tokio::test]
async fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let model = Model::start();
    let producer = model.init("a").await.unwrap();
    model.add("a", producer, 0).await.unwrap();
    model.events();
    *model.wall_ms.lock() = 60_000;
    model.coordinator.on_time();
    model.settle();
    assert_eq!(model.state("a"), "Ongoing");
    *model.wall_ms.lock() = 60_001;
    model.coordinator.on_time();
    model.settle();
    assert_eq!((model.state("a"), model.events()), ("CompleteAbort", vec!["abort t-0 1/1".to_owned()]));
    assert_eq!(model.add("a", producer, 0).await, Err(E::ProducerFenced));
    assert_eq!(model.end("a", producer, true).await, Err(E::InvalidTxnState));
}

#[tokio::test]
async fn a_marker_that_fails_is_written_again_and_nobody_waits_meanwhile() {
    let model = Model::start();
    let producer = model.init("a").await.unwrap();
    model.add("a", producer, 0).await.unwrap();
    model.add("a", producer, 1).await.unwrap();
    let next = model.end("a", producer, true).await.unwrap();
    model.enrol("a", next, 2, "waits");
    model.events();
    model.marker(MarkerOutcome::Failed(E::KafkaStorageError));
    model.marker(MarkerOutcome::Gone);
    model.coordinator.markers_settled().await;
    assert_eq!(model.events(), ["waits Err(ConcurrentTransactions)"]);
    assert_eq!(model.state("a"), "PrepareCommit");
    assert_eq!(model.add("a", next, 2).await, Err(E::ConcurrentTransactions));
    model.coordinator.on_time();
    assert_eq!(model.events(), ["commit t-0 1/1"]);
    model.marker(MarkerOutcome::Written);
    // That it is over cannot be written at first.
    model.acknowledge(Err(E::NotCoordinator));
    assert_eq!(model.state("a"), "PrepareCommit");
    model.coordinator.on_time();
    model.settle();
    assert_eq!(model.state("a"), "CompleteCommit");
    assert!(model.add("a", next, 2).await.is_ok());
}

#[tokio::test]
async fn a_restart_goes_on_with_what_was_decided_and_enrols_what_is_open() {
    let model = Model::start();
    let (open, ending, over) =
        (model.init("a").await.unwrap(), model.init("b").await.unwrap(), model.init("c").await.unwrap());
    model.add("a", open, 0).await.unwrap();
    model.add("b", ending, 1).await.unwrap();
    model.add("c", over, 2).await.unwrap();
    model.end("c", over, true).await.unwrap();
    model.settle();
    model.end("b", ending, true).await.unwrap();
    model.events();
    let model = model.restart();
    assert_eq!(model.events(), ["commit t-1 2/1", "enrol t-0 1/0"].map(str::to_owned).to_vec().sorted());
    model.settle();
    model.coordinator.markers_settled().await;
    assert_eq!(["a", "b", "c"].map(|id| model.state(id)), ["Ongoing", "CompleteCommit", "CompleteCommit"]);
    assert!(model.end("a", open, true).await.is_ok());
    assert_eq!(model.end("c", over, true).await, Ok(ProducerIdentity { id: 3, epoch: 1 }), "a retry");
}

/// Events of different ids come in any order.
trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for Vec<String> {
    fn sorted(mut self) -> Self {
        self.sort_unstable_by(|one, other| other.cmp(one));
        self
    }
}

#[tokio::test]
async fn ids_that_nobody_uses_are_forgotten() {
    let model = Model::start();
    let producer = model.init("a").await.unwrap();
    model.init("b").await.unwrap();
    model.add("a", producer, 0).await.unwrap();
    *model.wall_ms.lock() = 3_600_000;
    model.coordinator.expire();
    model.settle();
    assert_eq!(model.coordinator.describe("b").err(), Some(E::TransactionalIdNotFound));
    assert_eq!(model.state("a"), "Ongoing");
    assert_eq!(model.restart().coordinator.describe("b").err(), Some(E::TransactionalIdNotFound));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let model = Model::start();
    let init = |timeout_ms, expected| {
        let coordinator = Arc::clone(&model.coordinator);
        async move { coordinator.init_producer_id("a", timeout_ms, expected).await }
    };
    assert_eq!(init(0, None).await, Err(E::InvalidTransactionTimeout));
    assert_eq!(init(900_001, None).await, Err(E::InvalidTransactionTimeout));
    let nobody = ProducerIdentity { id: 9, epoch: 0 };
    assert_eq!(model.add("a", nobody, 0).await, Err(E::InvalidProducerIdMapping));
    assert_eq!(model.add("", nobody, 0).await, Err(E::InvalidRequest));
    assert_eq!(model.end("a", nobody, true).await, Err(E::InvalidProducerIdMapping));
    assert_eq!(model.end("", nobody, true).await, Err(E::InvalidRequest));
    model.init("a").await.unwrap();
    assert_eq!(init(1000, Some(nobody)).await, Err(E::ProducerFenced));
}

#[tokio::test]
async fn lists_are_filtered() {
    let model = Model::start();
    let producer = model.init("orders-1").await.unwrap();
    model.init("orders-2").await.unwrap();
    model.init("other").await.unwrap();
    *model.wall_ms.lock() = 100;
    model.add("orders-1", producer, 0).await.unwrap();
    *model.wall_ms.lock() = 200;
    let list = |producers: &[i64], states: &[&str], duration_ms, pattern| {
        let states = states.iter().map(|state| (*state).to_owned()).collect();
        let filter = TransactionFilter::new(producers.to_vec(), states, duration_ms, pattern).unwrap();
        let mut ids: Vec<_> =
            model.coordinator.list(&filter).unwrap().into_iter().map(|(id, ..)| id).collect();
        ids.sort_unstable();
        (ids, filter.unknown_states())
    };
    assert_eq!(list(&[], &[], -1, None).0, ["orders-1", "orders-2", "other"]);
    assert_eq!(list(&[3], &[], -1, None).0, ["other"]);
    assert_eq!(
        list(&[], &["Ongoing", "Dead", "Odd"], -1, None),
        (vec!["orders-1".to_owned()], vec!["Odd".to_owned()])
    );
    assert_eq!(list(&[], &["Ongoing"], 99, None).0, ["orders-1"]);
    assert_eq!(list(&[], &["Ongoing"], 100, None).0, [""; 0]);
    assert_eq!(list(&[], &[], -1, Some("orders-.")).0, ["orders-1", "orders-2"]);
    assert_eq!(list(&[], &[], -1, Some("orders")).0, [""; 0]);
    let bad = TransactionFilter::new(Vec::new(), Vec::new(), -1, Some("("));
    assert_eq!(bad.err(), Some(E::InvalidRegularExpression));
}
