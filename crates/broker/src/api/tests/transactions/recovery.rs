//! What a restart finds of transactions.

use millstream_wire::ErrorCode;

use super::offsets::{group_offset, stable_offset};
use super::*;

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
