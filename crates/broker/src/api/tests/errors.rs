//! What is refused, with which code, and what is harmed by it: nothing else.

use millstream_wire::ErrorCode;
use millstream_wire::messages::init_producer_id::InitProducerIdRequest;
use millstream_wire::records::Attributes;

use super::*;

/// Sets a byte of a batch and makes its checksum fit again.
fn with_byte(batch: &Bytes, place: usize, value: u8) -> Bytes {
    let mut bytes = batch.to_vec();
    bytes[place] = value;
    let crc = millstream_wire::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

#[tokio::test]
async fn batches_that_break_a_rule_are_refused_one_by_one() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[("max.message.bytes", "500")]).await;
    let good = batch(&[(None, "a"), (None, "b")]);
    let mut damaged = good.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let twice = [&good[..], &good[..]].concat();
    let control = Attributes::new(Compression::None).with_control(true).bits();
    let large = batch(&[(None, &"x".repeat(600))]);
    let future = batch_with(&[(None, "v")], now_ms() + 2 * 3_600_000, &FinishOptions::default());
    let transactional = {
        let producer = ProducerStamp { producer_id: 1, producer_epoch: 0, base_sequence: 0 };
        let options = FinishOptions { producer, transactional: true, ..FinishOptions::default() };
        batch_with(&[(None, "v")], now_ms(), &options)
    };
    let cases = [
        ("none at all", Bytes::new(), ErrorCode::InvalidRecord),
        ("cut short", good.slice(..good.len() - 1), ErrorCode::InvalidRecord),
        ("a header cut short", good.slice(..40), ErrorCode::InvalidRecord),
        ("two batches", twice.into(), ErrorCode::InvalidRecord),
        ("damaged", damaged.into(), ErrorCode::CorruptMessage),
        ("magic 1", with_byte(&good, 16, 1), ErrorCode::InvalidRecord),
        ("an unknown codec", with_byte(&good, 22, 7), ErrorCode::UnsupportedCompressionType),
        ("a control batch", with_byte(&good, 22, control as u8), ErrorCode::InvalidRecord),
        ("a wrong count", with_byte(&good, 60, 3), ErrorCode::InvalidRecord),
        ("too large", large, ErrorCode::MessageTooLarge),
        ("from the future", future, ErrorCode::InvalidTimestamp),
        ("transactional", transactional, ErrorCode::TransactionalIdAuthorizationFailed),
    ];
    for (what, bytes, expected) in cases {
        let refused = test.produce("t", 0, bytes).await;
        assert_eq!(ErrorCode::from_code(refused.error_code), Some(expected), "{what}");
        assert!(refused.error_message.is_some_and(|message| !message.is_empty()), "{what}");
    }
    assert_eq!(test.produce("t", 0, good).await.base_offset, 0, "nothing of it was appended");
}

#[tokio::test]
async fn a_compacted_topic_needs_keys_in_compressed_batches_as_well() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[("cleanup.policy", "compact")]).await;
    let records = [(Some("k"), "v"), (None, "w")];
    for bytes in [batch(&records), compressed(&records, Compression::Lz4)] {
        let refused = test.produce("t", 0, bytes).await;
        assert_eq!(refused.error_code, ErrorCode::InvalidRecord.code());
        assert_eq!(refused.record_errors[0].batch_index, 1);
    }
    assert_eq!(test.produce("t", 0, compressed(&records[..1], Compression::Lz4)).await.error_code, 0);
}

#[tokio::test]
async fn requests_that_cannot_be_served_say_so() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let mut code = async |version, request: ProduceRequest| {
        let response = test.ask(version, request).await;
        ErrorCode::from_code(response.responses[0].partition_responses[0].error_code).unwrap()
    };
    let good = batch(&[(None, "v")]);
    let missing = produce_request("missing", 0, good.clone(), 1);
    assert_eq!(code(12, missing).await, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code(12, produce_request("t", 1, good.clone(), 1)).await, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code(12, produce_request("t", -1, good.clone(), 1)).await, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(code(12, produce_request("t", 0, good.clone(), 2)).await, ErrorCode::InvalidRequiredAcks);
    let zstd = compressed(&[(None, "v")], Compression::Zstd);
    assert_eq!(code(6, produce_request("t", 0, zstd, 1)).await, ErrorCode::UnsupportedCompressionType);
    test.client.ask(3, super::groups::find_request("g")).await;
    let internal = test.produce("__consumer_offsets", 0, good).await;
    assert_eq!(internal.error_code, ErrorCode::InvalidTopicException.code());
    let halves = InitProducerIdRequest { producer_id: 5, producer_epoch: -1, ..idempotent_only() };
    assert_eq!(test.ask(4, halves).await.error_code, ErrorCode::InvalidRequest.code());
}

fn idempotent_only() -> InitProducerIdRequest {
    InitProducerIdRequest { transactional_id: None, ..InitProducerIdRequest::default() }
}

#[tokio::test]
async fn producer_ids_are_never_given_twice() {
    let mut test = TestBroker::start().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        for _ in 0..3 {
            let given = test.ask(4, idempotent_only()).await;
            assert_eq!((given.error_code, given.producer_epoch), (0, 0));
            assert!(seen.insert(given.producer_id));
        }
        test = test.restart().await;
    }
}

#[tokio::test]
async fn a_failed_acks_0_closes_the_connection_and_a_good_one_is_silent() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let good = batch(&[(None, "v")]);
    test.client.send(12, produce_request("t", 0, good.clone(), 0)).await;
    assert_eq!(test.produce("t", 0, good.clone()).await.base_offset, 1, "no answer came in between");
    test.client.send(12, produce_request("missing", 0, good.clone(), 0)).await;
    assert_eq!(test.client.connection.responses.recv().await, None);
    test.client = TestClient::connect(&test.broker);
    assert_eq!(test.produce("t", 0, good).await.base_offset, 2);
}

#[tokio::test]
async fn frames_that_are_no_requests_close_their_connection_only() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let whole = frame::encode_request(&fetch_request("t", &[(0, 0)]), 12, 1, None).unwrap();
    let whole = whole.slice(frame::LENGTH_BYTES..);
    let garbage = [
        Bytes::new(),
        Bytes::from_static(b"\0\x01"),
        Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"),
        Bytes::from_static(&[0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        // Produce in a version that is advertised and not served.
        Bytes::from_static(&[0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff]),
        // LeaderAndIsr, which clients have no business with.
        Bytes::from_static(&[0, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        whole.slice(..whole.len() - 5),
    ];
    for bytes in garbage {
        let mut hostile = TestClient::connect(&test.broker);
        hostile.connection.requests.send(bytes.clone()).await.unwrap();
        assert_eq!(hostile.connection.responses.recv().await, None, "{bytes:?}");
    }
    assert_eq!(test.produce("t", 0, batch(&[(None, "v")])).await.error_code, 0);
}

/// Of three batches the second is hurt while the broker is down: consumers get the first, hear of the second, and go on behind it.
#[tokio::test]
async fn a_damaged_batch_is_not_served_and_its_neighbours_are() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    for value in ["one", "two", "six"] {
        assert_eq!(test.produce("t", 0, batch(&[(None, value)])).await.error_code, 0);
    }
    let TestBroker { broker, directory, .. } = test;
    broker.shutdown().await.unwrap();
    let path = directory.path().join("t-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let broker = Broker::start(config(directory.path())).await.unwrap();
    let client = TestClient::connect(&broker);
    let mut test = TestBroker { broker, client, directory };
    assert_eq!(values(&test.fetch("t", 0, 0).await), [(0, "one".to_owned())]);
    let damaged = test.fetch("t", 0, 1).await;
    assert_eq!(damaged.error_code, ErrorCode::CorruptMessage.code());
    assert!(damaged.records.unwrap_or_default().is_empty());
    assert_eq!(values(&test.fetch("t", 0, 2).await), [(2, "six".to_owned())]);
    let mut registry = prometheus_client::registry::Registry::default();
    test.broker.register_metrics(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("millstream_broker_damaged_batches{topic=\"t\",partition=\"0\"} 1"), "{text}");
}
