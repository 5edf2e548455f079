//! Transactions as clients of both versions have them: producers that name their partitions first, and those that just write.

mod administration;
mod offsets;
mod recovery;

use millstream_wire::ErrorCode;
use millstream_wire::messages::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use millstream_wire::messages::describe_producers::{DescribeProducersRequest, ProducerState, TopicRequest};
use millstream_wire::messages::describe_transactions::DescribeTransactionsRequest;
use millstream_wire::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
use millstream_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use millstream_wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
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

pub(super) async fn state(test: &mut TestBroker, id: &str) -> String {
    let request = DescribeTransactionsRequest { transactional_ids: vec![id.into()] };
    test.ask(0, request).await.transaction_states[0].transaction_state.clone()
}

pub(super) async fn producers(test: &mut TestBroker, partition: i32) -> Vec<ProducerState> {
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
