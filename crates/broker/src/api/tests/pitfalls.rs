//! Where other brokers have gone wrong, beside what the other tests show; and that `docs/pitfalls.md` names tests that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use millstream_wire::ErrorCode;
use millstream_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millstream_wire::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use super::transactions::{Producer, WRITING};
use super::*;

impl TestBroker {
    /// Ends as by a kill, and starts again on the same directory.
    async fn crash(self) -> Self {
        let Self { broker, directory, client } = self;
        drop((broker, client));
        // Whoever still holds a part of the old one keeps the directory locked until its next turn.
        let broker = loop {
            match Broker::start(config(directory.path())).await {
                Ok(broker) => break broker,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let client = TestClient::connect(&broker);
        Self { broker, directory, client }
    }

    async fn metadata(&mut self, version: i16, operations: bool) -> MetadataResponse {
        let topic = MetadataRequestTopic { name: Some("t".into()), ..MetadataRequestTopic::default() };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            include_topic_authorized_operations: operations,
            include_cluster_authorized_operations: operations && version <= 10,
            ..MetadataRequest::default()
        };
        self.ask(version, request).await
    }
}

/// The last offset with its leader epoch.
async fn latest(test: &mut TestBroker) -> (i64, i32) {
    let asked = ListOffsetsPartition { timestamp: -1, ..ListOffsetsPartition::default() };
    let topics = vec![ListOffsetsTopic { name: "t".into(), partitions: vec![asked] }];
    let response = test.ask(9, ListOffsetsRequest { topics, ..ListOffsetsRequest::default() }).await;
    let found = &response.topics[0].partitions[0];
    assert_eq!(found.error_code, 0);
    (found.offset, found.leader_epoch)
}

/// Where an epoch ends.
async fn end_of(test: &mut TestBroker, leader_epoch: i32) -> (i32, i64) {
    let asked = OffsetForLeaderPartition { leader_epoch, ..OffsetForLeaderPartition::default() };
    let topics = vec![OffsetForLeaderTopic { topic: "t".into(), partitions: vec![asked] }];
    let request = OffsetForLeaderEpochRequest { topics, ..OffsetForLeaderEpochRequest::default() };
    let response = test.ask(4, request).await;
    let end = &response.topics[0].partitions[0];
    assert_eq!(end.error_code, 0);
    (end.leader_epoch, end.end_offset)
}

#[tokio::test]
async fn the_leader_epoch_is_one_everywhere_and_fences_after_a_crash() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    test.produce("t", 0, batch(&[(None, "before")])).await;
    let first = test.metadata(12, false).await.topics[0].partitions[0].leader_epoch;
    let mut test = test.crash().await;
    test.produce("t", 0, batch(&[(None, "after")])).await;
    let epoch = test.metadata(12, false).await.topics[0].partitions[0].leader_epoch;
    assert!(first >= 0 && epoch > first, "{first}, then {epoch}");
    assert_eq!(latest(&mut test).await, (2, epoch));
    assert_eq!(end_of(&mut test, first).await, (first, 1));
    assert_eq!(end_of(&mut test, epoch).await, (epoch, 2));
    let mut code = async |current_leader_epoch| {
        let mut request = fetch_request("t", &[(0, 1)]);
        request.topics[0].partitions[0].current_leader_epoch = current_leader_epoch;
        let response = test.ask(12, request).await;
        let fetched = partition_of(&response, 0, 0);
        if fetched.error_code == 0 {
            // The epoch stands in the batch itself, behind its offset and length.
            let records = fetched.records.clone().unwrap();
            assert_eq!(records[12..16], epoch.to_be_bytes());
        }
        ErrorCode::from_code(fetched.error_code).unwrap()
    };
    assert_eq!(code(epoch).await, ErrorCode::None);
    assert_eq!(code(-1).await, ErrorCode::None);
    assert_eq!(code(first).await, ErrorCode::FencedLeaderEpoch);
    assert_eq!(code(epoch + 1).await, ErrorCode::UnknownLeaderEpoch);
    let partition = OffsetCommitRequestPartition {
        committed_offset: 2,
        committed_leader_epoch: epoch,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".into(),
        partitions: vec![partition],
        ..OffsetCommitRequestTopic::default()
    };
    let commit = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    assert_eq!(test.ask(9, commit).await.topics[0].partitions[0].error_code, 0);
    let topics = OffsetFetchRequestTopics {
        name: "t".into(),
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: "g".into(),
        topics: Some(vec![topics]),
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
    let response = test.ask(8, request).await;
    let committed = &response.groups[0].topics[0].partitions[0];
    assert_eq!((committed.committed_offset, committed.committed_leader_epoch), (2, epoch));
}

#[tokio::test]
async fn metadata_keeps_its_ids_and_says_what_was_not_asked() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let before = test.metadata(10, false).await;
    assert!(before.brokers.iter().any(|broker| broker.node_id == before.controller_id));
    assert_eq!(before.cluster_authorized_operations, i32::MIN);
    assert_eq!(before.topics[0].topic_authorized_operations, i32::MIN);
    assert!(!before.topics[0].topic_id.is_nil());
    let asked = test.metadata(10, true).await;
    assert!(asked.cluster_authorized_operations > 0 && asked.topics[0].topic_authorized_operations > 0);
    let mut test = test.restart().await;
    let after = test.metadata(10, false).await;
    assert_eq!(after.cluster_id, before.cluster_id);
    assert_eq!(after.topics[0].topic_id, before.topics[0].topic_id);
}

#[tokio::test]
async fn a_long_poll_for_committed_records_is_not_ended_by_open_transactions() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    let mut open = Producer::init(&mut test, "a").await;
    let mut waiting = TestClient::connect(&test.broker);
    let request = FetchRequest {
        isolation_level: 1,
        max_wait_ms: 600_000,
        min_bytes: 1,
        ..fetch_request("t", &[(0, 0)])
    };
    let correlation_id = waiting.send(12, request).await;
    assert_eq!(open.produce(&mut test, WRITING, 0, "first").await, 0);
    assert_eq!(open.produce(&mut test, WRITING, 0, "second").await, 0);
    assert!(waiting.connection.responses.try_recv().is_err(), "nothing is committed");
    assert_eq!(open.end(&mut test, 5, true).await.error_code, 0);
    let response = waiting.answer::<FetchRequest>(12, correlation_id).await;
    let fetched = partition_of(&response, 0, 0);
    assert_eq!(
        (fetched.last_stable_offset, fetched.records.as_ref().is_some_and(|it| !it.is_empty())),
        (3, true)
    );
}

/// Redpanda tells them in the order in which they were aborted; clients that walk the list once deliver aborted records then.
#[tokio::test]
async fn aborted_transactions_are_told_in_the_order_of_their_first_offsets() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    let mut first = Producer::init(&mut test, "first").await;
    let mut second = Producer::init(&mut test, "second").await;
    let ids = [first.id, second.id];
    assert_eq!(first.produce(&mut test, WRITING, 0, "0").await, 0);
    assert_eq!(second.produce(&mut test, WRITING, 0, "1").await, 0);
    for producer in [&mut second, &mut first] {
        assert_eq!(producer.end(&mut test, 5, false).await.error_code, 0);
        while super::transactions::state(&mut test, producer.transactional_id).await.starts_with("Prepare") {}
    }
    let request = FetchRequest { isolation_level: 1, ..fetch_request("t", &[(0, 0)]) };
    let response = test.ask(12, request).await;
    let aborted = partition_of(&response, 0, 0).aborted_transactions.clone().unwrap();
    let told: Vec<_> = aborted.iter().map(|it| (it.first_offset, it.producer_id)).collect();
    assert_eq!(told, [(0, ids[0]), (1, ids[1])]);
}

#[tokio::test]
async fn nobody_is_throttled_without_a_quota() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    for _ in 0..20 {
        let produced = test.ask(12, produce_request("t", 0, batch(&[(None, &"x".repeat(100_000))]), 1)).await;
        assert_eq!(produced.throttle_time_ms, 0);
        assert_eq!(test.ask(12, fetch_request("t", &[(0, 0)])).await.throttle_time_ms, 0);
        assert_eq!(test.metadata(12, false).await.throttle_time_ms, 0);
    }
}

/// The functions that tests are, in all sources of the workspace.
fn tests_of_the_workspace() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut open: Vec<PathBuf> = ["crates", "fuzz/targets"].map(|directory| root.join(directory)).into();
    let mut names = BTreeSet::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                if let (true, Some((_, declared))) = (is_test, line.split_once("fn ")) {
                    names.extend(declared.split_once('(').map(|(name, _)| name.to_owned()));
                    is_test = false;
                }
            }
        }
    }
    names
}

/// The table in `docs/pitfalls.md`: `| pitfall | what is done | tests |`, each test between backticks.
#[test]
fn the_document_of_pitfalls_names_tests_that_exist() {
    let document = include_str!("../../../../../docs/pitfalls.md");
    let known = tests_of_the_workspace();
    let mut rows = 0;
    for line in document.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, pitfall, done, tests, _] = cells[..] else { panic!("not three cells: {line}") };
        assert!(!pitfall.is_empty() && !done.is_empty(), "{line}");
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test stands against: {pitfall}");
        for name in named {
            assert!(known.contains(name), "{name}, which is to stand against {pitfall}, is no test");
        }
        rows += 1;
    }
    assert!(rows >= 22, "only {rows} pitfalls");
}
