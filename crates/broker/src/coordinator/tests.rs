//! The coordinator over a log in memory, with time held still.

use std::time::Instant;

use parking_lot::Mutex;
use uuid::Uuid;

use super::*;

/// Keeps records, and acknowledges them when told to.
#[derive(Default)]
struct MemoryLog {
    state: Mutex<MemoryState>,
}

#[derive(Default)]
struct MemoryState {
    records: Vec<(i32, EncodedRecord)>,
    waiting: Vec<AppendDone>,
}

impl CoordinatorLog for MemoryLog {
    fn append(&self, partition: i32, batch: CoordinatorBatch, done: AppendDone) {
        let mut state = self.state.lock();
        state.records.extend(batch.records.into_iter().map(|record| (partition, record)));
        state.waiting.push(done);
    }

    fn replay(&self, partition: i32, visit: &mut dyn FnMut(Replayed<'_>)) -> Result<(), ErrorCode> {
        for (_, record) in self.state.lock().records.iter().filter(|(place, _)| *place == partition) {
            visit(Replayed::Record { key: &record.key, value: record.value.as_deref(), transaction: None });
        }
        Ok(())
    }
}

impl MemoryLog {
    fn acknowledge(&self) {
        loop {
            let waiting = std::mem::take(&mut self.state.lock().waiting);
            if waiting.is_empty() {
                return;
            }
            for done in waiting {
                done(Ok(()));
            }
        }
    }
}

struct Model {
    log: Arc<MemoryLog>,
    coordinator: Arc<GroupCoordinator>,
    now: Arc<Mutex<Now>>,
}

impl Model {
    fn new(log: Arc<MemoryLog>, wall_ms: i64) -> Self {
        let limits = GroupLimits {
            initial_rebalance_delay: Duration::ZERO,
            members_max: 100,
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(1800),
        };
        let offsets_retention = Duration::from_secs(60);
        let consumer = consumer::tests::settings();
        let config = CoordinatorConfig { limits, consumer, metadata_bytes_max: 10, offsets_retention };
        let now = Arc::new(Mutex::new(Now { instant: Instant::now(), wall_ms }));
        let clock = Arc::clone(&now);
        let offsets_log = Arc::clone(&log) as Arc<dyn CoordinatorLog>;
        let topics = ["t", "t2", "old", "new"].map(|name| (name, 1));
        let topics = Arc::new(consumer::tests::FakeTopics::with(&topics));
        let coordinator =
            GroupCoordinator::new(config, 50, offsets_log, topics, Arc::new(move || *clock.lock()));
        for partition in 0..50 {
            coordinator.load_shard(partition);
        }
        Self { log, coordinator, now }
    }

    /// Commits an offset without being a member; acknowledged or not.
    async fn commit(&self, group: &str, topic: &str, offset: i64) {
        let request = self.commit_unacknowledged(group, topic, offset);
        self.log.acknowledge();
        assert_eq!(request.await.unwrap(), Ok(vec![ErrorCode::None]));
    }

    fn commit_unacknowledged(
        &self,
        group: &str,
        topic: &str,
        offset: i64,
    ) -> tokio::task::JoinHandle<Result<Vec<ErrorCode>, ErrorCode>> {
        self.commit_with_id(group, topic, Uuid::nil(), offset)
    }

    fn commit_with_id(
        &self,
        group: &str,
        topic: &str,
        topic_id: Uuid,
        offset: i64,
    ) -> tokio::task::JoinHandle<Result<Vec<ErrorCode>, ErrorCode>> {
        let commit = CommitOffset {
            topic: topic.to_owned(),
            topic_id,
            partition: 0,
            offset,
            leader_epoch: -1,
            metadata: String::new(),
        };
        let request = CommitRequest {
            member_id: String::new(),
            group_instance_id: None,
            generation_id: -1,
            retention_ms: None,
            version: 8,
            offsets: vec![commit],
        };
        let (coordinator, group) = (Arc::clone(&self.coordinator), group.to_owned());
        let before = self.log.state.lock().waiting.len();
        let task = tokio::spawn(async move { coordinator.commit(&group, request).await });
        // The task gets as far as the log in its first turns.
        let log = Arc::clone(&self.log);
        tokio::task::block_in_place(|| {
            while log.state.lock().waiting.len() == before {
                std::thread::yield_now();
            }
        });
        task
    }

    async fn committed(&self, group: &str, topic: &str) -> Option<i64> {
        let places = Some(vec![(topic.to_owned(), vec![0])]);
        let request = FetchRequest { member_id: None, member_epoch: -1, places };
        let fetched = self.coordinator.fetch_offsets(group, request).await.unwrap();
        fetched[0].committed.as_ref().map(|committed| committed.offset)
    }

    fn restart(&self) -> Self {
        Self::new(Arc::clone(&self.log), self.now.lock().wall_ms)
    }

    fn pass(&self, time: Duration) {
        let mut now = self.now.lock();
        now.instant += time;
        now.wall_ms += i64::try_from(time.as_millis()).unwrap();
    }
}

#[test]
fn groups_lie_where_kafka_puts_them() {
    // Java: "console-consumer-1".hashCode(), "".hashCode(), "é😀".hashCode()
    assert_eq!(java_hash("console-consumer-1"), 35_782_224);
    assert_eq!(java_hash(""), 0);
    assert_eq!(java_hash("é😀"), 1_996_812);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_is_visible_when_it_is_safe_and_not_before() {
    let model = Model::new(Arc::default(), 0);
    let waiting = model.commit_unacknowledged("g", "t", 5);
    assert_eq!(model.committed("g", "t").await, None);
    model.log.acknowledge();
    assert_eq!(waiting.await.unwrap(), Ok(vec![ErrorCode::None]));
    assert_eq!(model.committed("g", "t").await, Some(5));
    assert_eq!(model.restart().committed("g", "t").await, Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_under_way_are_applied_in_the_order_of_the_log() {
    let model = Model::new(Arc::default(), 0);
    let first = model.commit_unacknowledged("g", "t", 5);
    let second = model.commit_unacknowledged("g", "t", 6);
    model.log.acknowledge();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(model.committed("g", "t").await, Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_offsets_go_and_then_the_group() {
    let model = Model::new(Arc::default(), 0);
    model.commit("g", "old", 1).await;
    model.pass(Duration::from_secs(40));
    model.commit("g", "new", 2).await;
    model.pass(Duration::from_secs(30));
    model.coordinator.expire();
    model.log.acknowledge();
    assert_eq!(model.committed("g", "old").await, None);
    assert_eq!(model.committed("g", "new").await, Some(2));
    model.pass(Duration::from_secs(40));
    model.coordinator.expire();
    model.log.acknowledge();
    model.coordinator.expire();
    model.log.acknowledge();
    assert!(model.coordinator.list().await.unwrap().is_empty());
    assert!(model.restart().coordinator.list().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_deletion_overtook_lives_on_as_in_the_log() {
    let model = Model::new(Arc::default(), 0);
    model.commit("g", "t", 1).await;
    let late = model.commit_unacknowledged("g", "t2", 7);
    let coordinator = Arc::clone(&model.coordinator);
    let before = model.log.state.lock().waiting.len();
    let deleted = tokio::spawn(async move { coordinator.delete_group("g").await });
    while model.log.state.lock().waiting.len() == before {
        tokio::task::yield_now().await;
    }
    model.log.acknowledge();
    late.await.unwrap().unwrap();
    deleted.await.unwrap().unwrap();
    for model in [&model, &model.restart()] {
        assert_eq!(model.committed("g", "t").await, None);
        assert_eq!(model.committed("g", "t2").await, Some(7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_record_is_passed_over() {
    let model = Model::new(Arc::default(), 0);
    model.commit("g", "t", 1).await;
    let partition = model.coordinator.partition_of("g");
    let garbage = EncodedRecord { key: bytes::Bytes::from_static(b"\0\x01\x7f"), value: None };
    model.log.state.lock().records.push((partition, garbage));
    model.commit("g", "t", 2).await;
    assert_eq!(model.restart().committed("g", "t").await, Some(2));
}

/// A broker that ended between the deletion of a topic and the tombstones of its offsets gave them to the next topic of that name.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_a_topic_that_is_gone_are_taken_back_by_the_next_start() {
    let model = Model::new(Arc::default(), 0);
    let of_another = model.commit_with_id("g", "t", Uuid::from_u128(99), 5);
    model.log.acknowledge();
    of_another.await.unwrap().unwrap();
    assert_eq!(model.committed("g", "t").await, None, "nor are they shown before");
    model.commit("g", "gone", 6).await;
    model.commit("g", "t2", 7).await;
    let next = model.restart();
    assert_eq!(next.committed("g", "gone").await, None, "nor until that is written");
    model.log.acknowledge();
    for model in [&next, &next.restart()] {
        assert_eq!(model.committed("g", "gone").await, None);
        assert_eq!(model.committed("g", "t").await, None);
        assert_eq!(model.committed("g", "t2").await, Some(7));
        let all = FetchRequest { member_id: None, member_epoch: -1, places: None };
        assert_eq!(model.coordinator.fetch_offsets("g", all).await.unwrap().len(), 1);
    }
}

/// A log whose reading is a defect.
struct BrokenLog;

impl CoordinatorLog for BrokenLog {
    fn append(&self, _: i32, _: CoordinatorBatch, done: AppendDone) {
        done(Err(ErrorCode::UnknownServerError));
    }

    fn replay(&self, _: i32, _: &mut dyn FnMut(Replayed<'_>)) -> Result<(), ErrorCode> {
        panic!("a defect");
    }
}

/// Everybody who asked for a group of such a partition waited for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_whose_loading_panics_answers_with_an_error() {
    let model = Model::new(Arc::default(), 0);
    let (config, topics) = (model.coordinator.config.clone(), Arc::clone(&model.coordinator.topics));
    let clock = Arc::clone(&model.coordinator.clock);
    let broken = GroupCoordinator::new(config, 1, Arc::new(BrokenLog), topics, clock);
    let loader = Arc::clone(&broken);
    std::thread::spawn(move || loader.load_shard(0)).join().unwrap_err();
    let all = FetchRequest { member_id: None, member_epoch: -1, places: None };
    assert_eq!(broken.fetch_offsets("g", all).await.unwrap_err(), ErrorCode::UnknownServerError);
}
