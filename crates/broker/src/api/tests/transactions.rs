//! Transactions as clients of both versions have them: producers that name their partitions first, and those that just write.

use millstream_wire::ErrorCode;
use millstream_wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use millstream_wire::messages::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use millstream_wire::messages::api_versions::ApiVersionsRequest;
use millstream_wire::messages::describe_producers::{DescribeProducersRequest, ProducerState, TopicRequest};
use millstream_wire::messages::describe_transactions::DescribeTransactionsRequest;
use millstream_wire::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use millstream_wire::messages::find_coordinator::FindCoordinatorRequest;
use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
use millstream_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use millstream_wire::messages::list_transactions::ListTransactionsRequest;
use millstream_wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use millstream_wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use millstream_wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use millstream_wire::messages::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
};

use super::*;

/// The highest version of Produce that names its partitions first, and the lowest that just writes.
const NAMING: i16 = 11;
pub(super) const WRITING: i16 = 12;

/// A transactional producer, as a client of either version has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Producer {
    pub(super) transactional_id: &'static str,
    pub(super) id: i64,
    epoch: i16,
    /// The next one of each partition.
    sequences: [i32; 2],
}

impl Producer {
    pub(super) async fn init(test: &mut TestBroker, transactional_id: &'static str) -> Self {
        loop {
            let request = InitProducerIdRequest {
                transactional_id: Some(transactional_id.into()),
                transaction_timeout_ms: 60_000,
                ..InitProducerIdRequest::default()
            };
            let response = test.ask(5, request).await;
            if response.error_code == ErrorCode::ConcurrentTransactions.code() {
                continue;
            }
            assert_eq!(response.error_code, 0);
            let (id, epoch) = (response.producer_id, response.producer_epoch);
            return Self { transactional_id, id, epoch, sequences: [0; 2] };
        }
    }

    fn batch(&mut self, partition: i32, value: &str) -> Bytes {
        let sequence = &mut self.sequences[partition as usize];
        let (producer_id, producer_epoch) = (self.id, self.epoch);
        let producer = ProducerStamp { producer_id, producer_epoch, base_sequence: *sequence };
        *sequence += 1;
        let options = FinishOptions { producer, transactional: true, ..FinishOptions::default() };
        batch_with(&[(None, value)], now_ms(), &options)
    }

    fn request(&mut self, partition: i32, value: &str) -> ProduceRequest {
        let transactional_id = Some(self.transactional_id.into());
        ProduceRequest {
            transactional_id,
            ..produce_request("t", partition, self.batch(partition, value), -1)
        }
    }

    pub(super) async fn produce(
        &mut self,
        test: &mut TestBroker,
        version: i16,
        partition: i32,
        value: &str,
    ) -> i16 {
        let request = self.request(partition, value);
        test.ask(version, request).await.responses[0].partition_responses[0].error_code
    }

    async fn add_partition(&self, test: &mut TestBroker, partition: i32) -> i16 {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.transactional_id.into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: "t".into(),
                partitions: vec![partition],
            }],
            ..AddPartitionsToTxnRequest::default()
        };
        let response = test.ask(3, request).await;
        response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    }

    pub(super) async fn end(
        &mut self,
        test: &mut TestBroker,
        version: i16,
        committed: bool,
    ) -> EndTxnResponse {
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        };
        let response = test.ask(version, request).await;
        if version >= 5 && response.error_code == 0 {
            (self.id, self.epoch, self.sequences) = (response.producer_id, response.producer_epoch, [0; 2]);
        }
        response
    }

    fn offsets(&self, group: &str, offset: i64) -> TxnOffsetCommitRequest {
        TxnOffsetCommitRequest {
            transactional_id: self.transactional_id.into(),
            group_id: group.into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "t".into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: 0,
                    committed_offset: offset,
                    ..TxnOffsetCommitRequestPartition::default()
                }],
            }],
            ..TxnOffsetCommitRequest::default()
        }
    }
}

/// A broker with the topic `t` of two partitions.
async fn broker() -> TestBroker {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    test
}

/// What a reader of committed records sees of a partition once its last stable offset is `until`: values, aborted ones left out.
async fn committed_values(test: &mut TestBroker, partition: i32, until: i64) -> Vec<String> {
    let request = FetchRequest {
        isolation_level: 1,
        max_wait_ms: 10_000,
        min_bytes: 1,
        ..fetch_request("t", &[(partition, 0)])
    };
    let fetched = loop {
        let response = test.ask(12, request.clone()).await;
        let fetched = partition_of(&response, 0, 0).clone();
        if fetched.last_stable_offset >= until {
            break fetched;
        }
    };
    let aborted = fetched.aborted_transactions.clone().expect("told to readers of committed records");
    delivered(&fetched, aborted.iter().map(|aborted| (aborted.first_offset, aborted.producer_id)).collect())
}

/// As a consumer does it: skips the records of aborted transactions until their markers.
fn delivered(fetched: &PartitionData, mut aborted: Vec<(i64, i64)>) -> Vec<String> {
    use millstream_wire::records::{Records, SharedBatches, Tail};
    assert!(aborted.is_sorted());
    let mut skipped: Vec<i64> = Vec::new();
    let mut values = Vec::new();
    for batch in SharedBatches::new(fetched.records.clone().unwrap(), Tail::MustBeWhole) {
        let batch = batch.unwrap();
        let header = batch.header();
        while aborted.first().is_some_and(|(first, _)| *first <= header.last_offset()) {
            skipped.push(aborted.remove(0).1);
        }
        if header.attributes.is_control() {
            skipped.retain(|id| *id != header.producer_id);
        } else if !skipped.contains(&header.producer_id) {
            for record in Records::new(batch.view().body(), header) {
                values.push(String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap());
            }
        }
    }
    values
}

/// What a group has committed for partition 0, and the error, with stable offsets wanted or not.
async fn group_offset(test: &mut TestBroker, require_stable: bool) -> (i64, i16) {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".into(),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: "t".into(),
                partition_indexes: vec![0],
                ..OffsetFetchRequestTopics::default()
            }]),
            ..OffsetFetchRequestGroup::default()
        }],
        require_stable,
        ..OffsetFetchRequest::default()
    };
    let response = test.ask(8, request).await;
    let partition = &response.groups[0].topics[0].partitions[0];
    (partition.committed_offset, partition.error_code)
}

/// Waits until a group's offset is stable, and gives it.
async fn stable_offset(test: &mut TestBroker) -> i64 {
    loop {
        match group_offset(test, true).await {
            (offset, 0) => return offset,
            (_, error) => assert_eq!(error, ErrorCode::UnstableOffsetCommit.code()),
        }
    }
}

pub(super) async fn state(test: &mut TestBroker, id: &str) -> String {
    let request = DescribeTransactionsRequest { transactional_ids: vec![id.into()] };
    test.ask(0, request).await.transaction_states[0].transaction_state.clone()
}

async fn producers(test: &mut TestBroker, partition: i32) -> Vec<ProducerState> {
    let topic = TopicRequest { name: "t".into(), partition_indexes: vec![partition] };
    let response = test.ask(0, DescribeProducersRequest { topics: vec![topic] }).await;
    let partition = &response.topics[0].partitions[0];
    assert_eq!(partition.error_code, 0, "{:?}", partition.error_message);
    partition.active_producers.clone()
}

#[tokio::test]
async fn a_producer_that_names_its_partitions_commits_and_aborts() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    assert_eq!(producer.produce(&mut test, NAMING, 0, "early").await, ErrorCode::TransactionAbortable.code());
    producer.sequences = [0; 2];
    for (value, committed) in [("one", true), ("two", false), ("three", true)] {
        assert_eq!(producer.add_partition(&mut test, 0).await, 0);
        assert_eq!(producer.produce(&mut test, NAMING, 0, value).await, 0);
        assert_eq!(producer.end(&mut test, 4, committed).await.error_code, 0);
    }
    assert_eq!(committed_values(&mut test, 0, 6).await, ["one", "three"]);
    assert_eq!((producer.id, producer.epoch), (0, 0), "the epoch stays");
}

#[tokio::test]
async fn a_producer_that_just_writes_commits_and_aborts() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    let first = producer;
    for (value, is_committed) in [("one", true), ("two", false), ("three", true)] {
        for partition in [0, 1, 0] {
            assert_eq!(producer.produce(&mut test, WRITING, partition, value).await, 0);
        }
        assert_eq!(producer.end(&mut test, 5, is_committed).await.error_code, 0);
    }
    assert_eq!(committed_values(&mut test, 0, 9).await, ["one", "one", "three", "three"]);
    assert_eq!(committed_values(&mut test, 1, 6).await, ["one", "three"]);
    assert_eq!((producer.id, producer.epoch), (first.id, first.epoch + 3), "an epoch for each");
    // A repeated request is answered as before, once the transaction has ended; one of an older producer is not.
    while state(&mut test, "a").await != "CompleteCommit" {
        tokio::task::yield_now().await;
    }
    let mut repeated = Producer { epoch: first.epoch + 2, ..first };
    let response = repeated.end(&mut test, 5, true).await;
    assert_eq!((response.error_code, response.producer_epoch), (0, producer.epoch));
    let mut late = Producer { epoch: first.epoch + 1, ..first };
    assert_eq!(late.end(&mut test, 5, true).await.error_code, ErrorCode::ProducerFenced.code());
    let late = late.produce(&mut test, WRITING, 0, "late").await;
    assert_eq!(late, ErrorCode::InvalidProducerEpoch.code());
}

#[tokio::test]
async fn requests_in_flight_keep_their_order_while_partitions_are_enrolled() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    for round in 0..20 {
        let mut asked = Vec::new();
        for sequence in 0..5 {
            let request = producer.request(0, &format!("{round}-{sequence}"));
            asked.push(test.client.send(WRITING, request).await);
        }
        for correlation_id in asked {
            let response = test.client.answer::<ProduceRequest>(WRITING, correlation_id).await;
            assert_eq!(response.responses[0].partition_responses[0].error_code, 0, "round {round}");
        }
        assert_eq!(producer.end(&mut test, 5, true).await.error_code, 0);
    }
    let expected = (0..20).flat_map(|round| (0..5).map(move |sequence| format!("{round}-{sequence}")));
    assert_eq!(committed_values(&mut test, 0, 120).await, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn readers_of_committed_records_see_nothing_of_an_open_transaction() {
    let mut test = broker().await;
    let mut open = Producer::init(&mut test, "open").await;
    test.produce("t", 0, batch(&[(None, "before")])).await;
    assert_eq!(open.produce(&mut test, WRITING, 0, "inside").await, 0);
    test.produce("t", 0, batch(&[(None, "after")])).await;
    assert_eq!(committed_values(&mut test, 0, 1).await, ["before"]);
    let all = test.fetch("t", 0, 0).await;
    assert_eq!((all.high_watermark, all.last_stable_offset, values(&all).len()), (3, 1, 3));
    assert_eq!(all.aborted_transactions, None);
    let mut latest = async |isolation_level| {
        let asked = ListOffsetsPartition { partition_index: 0, current_leader_epoch: -1, timestamp: -1 };
        let topics = vec![ListOffsetsTopic { name: "t".into(), partitions: vec![asked] }];
        let request = ListOffsetsRequest { isolation_level, topics, ..ListOffsetsRequest::default() };
        test.ask(7, request).await.topics[0].partitions[0].offset
    };
    assert_eq!((latest(0).await, latest(1).await), (3, 1));
    let described = producers(&mut test, 0).await;
    let described: Vec<_> =
        described.iter().map(|it| (it.producer_id, it.current_txn_start_offset)).collect();
    assert_eq!(described, [(open.id, 1)]);
    open.end(&mut test, 5, true).await;
    assert_eq!(committed_values(&mut test, 0, 4).await, ["before", "inside", "after"]);
}

#[tokio::test]
async fn batches_that_belong_to_no_open_transaction_are_refused() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    let mut code = async |version, request: ProduceRequest| {
        let response = test.ask(version, request).await;
        ErrorCode::from_code(response.responses[0].partition_responses[0].error_code).unwrap()
    };
    // Before version 11 clients do not know TRANSACTION_ABORTABLE.
    assert_eq!(code(10, producer.request(0, "v")).await, ErrorCode::InvalidTxnState);
    producer.sequences = [0; 2];
    let without_id = ProduceRequest { transactional_id: None, ..producer.request(0, "v") };
    assert_eq!(code(WRITING, without_id).await, ErrorCode::TransactionalIdAuthorizationFailed);
    let mut stranger = Producer { id: 77, sequences: [0; 2], ..producer };
    assert_eq!(code(WRITING, stranger.request(0, "v")).await, ErrorCode::InvalidProducerIdMapping);
    let mut unknown = Producer { transactional_id: "unknown", sequences: [0; 2], ..producer };
    assert_eq!(code(WRITING, unknown.request(0, "v")).await, ErrorCode::InvalidProducerIdMapping);
    producer.sequences = [0; 2];
    assert_eq!(code(WRITING, producer.request(0, "v")).await, ErrorCode::None);
    let outside = idempotent("v", producer.id, producer.epoch, 1);
    assert_eq!(code(WRITING, produce_request("t", 0, outside, -1)).await, ErrorCode::InvalidTxnState);
}

#[tokio::test]
async fn offsets_in_a_transaction_count_when_it_is_committed() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    for (version, committed, offset, then) in [(5, true, 10, 10), (5, false, 20, 10), (3, true, 30, 30)] {
        while state(&mut test, "a").await.starts_with("Prepare") {}
        if version < 5 {
            let early = test.ask(version, producer.offsets("g", offset)).await;
            assert_eq!(early.topics[0].partitions[0].error_code, ErrorCode::InvalidTxnState.code());
            let request = AddOffsetsToTxnRequest {
                transactional_id: "a".into(),
                producer_id: producer.id,
                producer_epoch: producer.epoch,
                group_id: "g".into(),
            };
            assert_eq!(test.ask(3, request).await.error_code, 0);
        }
        let before = stable_offset(&mut test).await;
        let response = test.ask(version, producer.offsets("g", offset)).await;
        assert_eq!(response.topics[0].partitions[0].error_code, 0);
        assert_eq!(group_offset(&mut test, false).await, (before, 0));
        assert_eq!(group_offset(&mut test, true).await, (-1, ErrorCode::UnstableOffsetCommit.code()));
        producer.end(&mut test, 5, committed).await;
        assert_eq!(stable_offset(&mut test).await, then);
    }
    let mut test = test.restart().await;
    assert_eq!(stable_offset(&mut test).await, 30);
}

#[tokio::test]
async fn a_commit_outside_overtakes_what_an_open_transaction_has_committed() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    test.ask(5, producer.offsets("g", 10)).await;
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 99,
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".into(),
        partitions: vec![partition],
        ..OffsetCommitRequestTopic::default()
    };
    let outside = OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    assert_eq!(test.ask(8, outside).await.topics[0].partitions[0].error_code, 0);
    producer.end(&mut test, 5, true).await;
    assert_eq!(stable_offset(&mut test).await, 99);
    assert_eq!(stable_offset(&mut test.restart().await).await, 99);
}

#[tokio::test]
async fn offsets_of_a_generation_that_is_over_are_refused() {
    let mut test = broker().await;
    let producer = Producer::init(&mut test, "a").await;
    let request =
        TxnOffsetCommitRequest { generation_id: 3, member_id: "m".into(), ..producer.offsets("g", 1) };
    let response = test.ask(5, request).await;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::IllegalGeneration.code());
    let missing = TxnOffsetCommitRequest { group_id: String::new(), ..producer.offsets("g", 1) };
    let response = test.ask(5, missing).await;
    assert_eq!(response.topics[0].partitions[0].error_code, ErrorCode::InvalidGroupId.code());
}

#[tokio::test]
async fn a_restart_keeps_what_is_open_and_what_was_committed() {
    let mut test = broker().await;
    let mut open = Producer::init(&mut test, "open").await;
    let mut done = Producer::init(&mut test, "done").await;
    assert_eq!(done.produce(&mut test, WRITING, 0, "done").await, 0);
    done.end(&mut test, 5, true).await;
    assert_eq!(open.produce(&mut test, WRITING, 0, "open").await, 0);
    test.ask(5, open.offsets("g", 7)).await;
    let mut test = test.restart().await;
    assert_eq!(state(&mut test, "open").await, "Ongoing");
    assert_eq!(group_offset(&mut test, true).await, (-1, ErrorCode::UnstableOffsetCommit.code()));
    assert_eq!(open.produce(&mut test, WRITING, 0, "more").await, 0);
    assert_eq!(open.produce(&mut test, WRITING, 1, "else").await, 0);
    open.end(&mut test, 5, true).await;
    assert_eq!(committed_values(&mut test, 0, 5).await, ["done", "open", "more"]);
    assert_eq!(stable_offset(&mut test).await, 7);
}

/// Writes the decision to commit into `__transaction_state` as a coordinator does that crashes before it writes markers. Only Kafka's
/// administrative client may.
async fn decide_to_commit(test: &mut TestBroker, producer: &Producer) {
    use millstream_wire::messages::transaction_log_record::{
        PartitionsSchema, TransactionLogKey, TransactionLogValue,
    };
    use millstream_wire::protocol::CoordinatorKey as _;
    let topics = [("t", 0), ("__consumer_offsets", crate::coordinator::java_hash("g") % 50)];
    let topics = topics
        .map(|(topic, partition)| PartitionsSchema { topic: topic.into(), partition_ids: vec![partition] });
    let value = TransactionLogValue {
        producer_id: producer.id,
        producer_epoch: producer.epoch + 1,
        transaction_timeout_ms: 60_000,
        transaction_status: 2,
        transaction_partitions: Some(topics.to_vec()),
        client_transaction_version: 2,
        ..TransactionLogValue::default()
    };
    let key = TransactionLogKey { transactional_id: producer.transactional_id.into() };
    let mut builder = BatchBuilder::new(1 << 16);
    let value = value.encode_with_version(1).unwrap();
    assert!(builder.append(now_ms(), Some(&key.encode_key().unwrap()), Some(&value), &[]).unwrap());
    let record = builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap();
    let partition = crate::coordinator::java_hash(producer.transactional_id) % 50;
    let request = produce_request("__transaction_state", partition, record, -1);
    let client_id = Some("__admin_client".into());
    let bytes = frame::encode_request(&request, WRITING, 1_000_000, client_id.as_ref()).unwrap();
    test.client.connection.requests.send(bytes.slice(frame::LENGTH_BYTES..)).await.unwrap();
    let response = test.client.answer::<ProduceRequest>(WRITING, 1_000_000).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

#[tokio::test]
async fn what_was_decided_before_a_crash_is_done_before_anybody_connects() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    assert_eq!(producer.produce(&mut test, WRITING, 0, "v").await, 0);
    test.ask(5, producer.offsets("g", 7)).await;
    decide_to_commit(&mut test, &producer).await;
    let mut test = test.restart().await;
    let fetched = test.fetch("t", 0, 0).await;
    assert_eq!((fetched.high_watermark, fetched.last_stable_offset), (2, 2));
    assert_eq!(group_offset(&mut test, true).await, (7, 0));
    let fenced = producer.produce(&mut test, WRITING, 0, "late").await;
    assert_eq!(fenced, ErrorCode::InvalidProducerEpoch.code());
    let next = Producer::init(&mut test, "a").await;
    assert_eq!((next.id, next.epoch), (producer.id, producer.epoch + 2));
}

#[tokio::test]
async fn administrators_see_transactions_and_end_those_that_hang() {
    let mut test = broker().await;
    let mut producer = Producer::init(&mut test, "a").await;
    assert_eq!(producer.produce(&mut test, WRITING, 0, "v").await, 0);
    let request = DescribeTransactionsRequest { transactional_ids: vec!["a".into(), "b".into()] };
    let described = test.ask(0, request).await.transaction_states;
    assert_eq!((described[0].transaction_state.as_str(), described[0].producer_id), ("Ongoing", producer.id));
    assert_eq!((described[0].topics[0].topic.as_str(), &described[0].topics[0].partitions), ("t", &vec![0]));
    assert_eq!(described[1].error_code, ErrorCode::TransactionalIdNotFound.code());
    let listed = test.ask(2, ListTransactionsRequest::default()).await;
    assert_eq!(listed.transaction_states[0].transactional_id, "a");
    let odd = ListTransactionsRequest { state_filters: vec!["Odd".into()], ..Default::default() };
    assert_eq!(test.ask(2, odd).await.unknown_state_filters, ["Odd"]);
    // A transaction that the coordinator knows nothing of.
    let marker = |topic: &str| WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic { name: topic.into(), partition_indexes: vec![0] }],
            ..WritableTxnMarker::default()
        }],
    };
    let (hanging, missing) = (marker("t"), marker("missing"));
    let written = test.ask(1, hanging).await;
    assert_eq!(written.markers[0].topics[0].partitions[0].error_code, 0);
    let written = test.ask(1, missing).await;
    let code = written.markers[0].topics[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!(producers(&mut test, 0).await[0].current_txn_start_offset, -1);
    assert_eq!(committed_values(&mut test, 0, 2).await, [""; 0]);
}

#[tokio::test]
async fn partitions_that_do_not_exist_spoil_the_whole_request() {
    let mut test = broker().await;
    let producer = Producer::init(&mut test, "a").await;
    let topics = vec![
        AddPartitionsToTxnTopic { name: "t".into(), partitions: vec![0, 9] },
        AddPartitionsToTxnTopic { name: "__consumer_offsets".into(), partitions: vec![0] },
    ];
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: "a".into(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        verify_only: true,
        topics: topics.clone(),
    };
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: "a".into(),
        v3_and_below_producer_id: producer.id,
        v3_and_below_producer_epoch: producer.epoch,
        v3_and_below_topics: topics,
        ..AddPartitionsToTxnRequest::default()
    };
    let response = test.ask(3, request).await.results_by_topic_v3_and_below;
    let codes = response.iter().flat_map(|topic| &topic.results_by_partition);
    let codes: Vec<_> =
        codes.map(|result| ErrorCode::from_code(result.partition_error_code).unwrap()).collect();
    let expected = [
        ErrorCode::OperationNotAttempted,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::TopicAuthorizationFailed,
    ];
    assert_eq!(codes, expected);
    let request = AddPartitionsToTxnRequest { transactions: vec![transaction], ..Default::default() };
    let verified = test.ask(5, request).await.results_by_transaction;
    let code = verified[0].topic_results[0].results_by_partition[0].partition_error_code;
    assert_eq!(code, ErrorCode::TransactionAbortable.code());
}

#[tokio::test]
async fn clients_are_told_of_the_coordinator_and_of_version_2() {
    let mut test = broker().await;
    let request =
        FindCoordinatorRequest { key_type: 1, coordinator_keys: vec!["a".into()], ..Default::default() };
    let found = test.ask(4, request).await;
    assert_eq!((found.coordinators[0].error_code, found.coordinators[0].node_id), (0, 1));
    for (version, supported) in [(3, 0), (4, 1)] {
        let request =
            ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1".into() };
        let offered = test.ask(version, request).await;
        let is_transactions = |name: &str| name == "transaction.version";
        let found = offered.finalized_features.iter().find(|feature| is_transactions(&feature.name)).unwrap();
        assert_eq!((found.min_version_level, found.max_version_level), (2, 2));
        assert!(offered.finalized_features_epoch >= 0);
        let count =
            offered.supported_features.iter().filter(|feature| is_transactions(&feature.name)).count();
        assert_eq!(count, supported, "version {version}");
    }
}
