//! Produce, Fetch and ListOffsets.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_wire::ErrorCode;
use millstream_wire::messages::fetch::ForgottenTopic;
use millstream_wire::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::messages::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

use millstream_wire::records::BatchView;

use super::*;

#[tokio::test]
async fn what_is_produced_is_fetched_as_it_was() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    let sent = batch(&[(Some("k"), "a"), (None, "b")]);
    let appended = test.produce("t", 1, sent.clone()).await;
    assert_eq!((appended.error_code, appended.base_offset, appended.log_append_time_ms), (0, 0, -1));
    let codecs = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for (codec, offset) in codecs.into_iter().zip(2..) {
        let appended = test.produce("t", 1, compressed(&[(None, codec.name())], codec)).await;
        assert_eq!((appended.error_code, appended.base_offset), (0, offset), "{codec:?}");
    }
    let fetched = test.fetch("t", 1, 0).await;
    assert_eq!((fetched.high_watermark, fetched.last_stable_offset, fetched.log_start_offset), (6, 6, 0));
    assert_eq!(fetched.aborted_transactions, None);
    let expected = ["a", "b", "gzip", "snappy", "lz4", "zstd"];
    let expected: Vec<_> = (0..).zip(expected.map(str::to_owned)).collect();
    assert_eq!(values(&fetched), expected);
    // Offset and leader epoch are the broker's; all else is the producer's, byte for byte.
    let stored = fetched.records.unwrap();
    assert_eq!(stored[16..sent.len()], sent[16..]);
    assert!(values(&test.fetch("t", 0, 0).await).is_empty());
}

#[tokio::test]
async fn a_fetch_from_within_a_batch_gives_the_whole_batch() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    test.produce("t", 0, batch(&[(None, "a"), (None, "b"), (None, "c")])).await;
    assert_eq!(values(&test.fetch("t", 0, 2).await).len(), 3);
    let beyond = test.ask(12, fetch_request("t", &[(0, 4)])).await;
    assert_eq!(partition_of(&beyond, 0, 0).error_code, ErrorCode::OffsetOutOfRange.code());
}

#[tokio::test]
async fn the_first_batch_comes_whatever_its_size_and_limits_hold_for_the_rest() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    for partition in [0, 1] {
        for _ in 0..3 {
            test.produce("t", partition, batch(&[(None, &"x".repeat(1000))])).await;
        }
    }
    let mut request = fetch_request("t", &[(0, 0), (1, 0)]);
    request.max_bytes = 1;
    let response = test.ask(12, request.clone()).await;
    assert_eq!(values(partition_of(&response, 0, 0)).len(), 1);
    assert!(values(partition_of(&response, 0, 1)).is_empty());
    request.max_bytes = 1 << 20;
    request.topics[0].partitions[0].partition_max_bytes = 2500;
    let response = test.ask(12, request).await;
    assert_eq!(values(partition_of(&response, 0, 0)).len(), 2);
    assert_eq!(values(partition_of(&response, 0, 1)).len(), 3);
}

#[tokio::test]
async fn topic_ids_serve_as_names_and_a_recreated_topic_has_another() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let id = topic_id(&mut test, "t").await;
    assert!(!id.is_nil());
    let mut produce = produce_request("", 0, batch(&[(None, "v")]), 1);
    produce.topic_data[0].topic_id = id;
    let response = test.ask(13, produce.clone()).await;
    assert_eq!(response.responses[0].topic_id, id);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    let mut fetch = fetch_request("", &[(0, 0)]);
    fetch.topics[0].topic_id = id;
    let response = test.ask(18, fetch.clone()).await;
    assert_eq!((response.responses[0].topic_id, values(partition_of(&response, 0, 0)).len()), (id, 1));
    super::admin::delete_topic(&mut test, "t").await;
    test.create_topic("t", 1, &[]).await;
    assert_ne!(topic_id(&mut test, "t").await, id);
    let unknown = ErrorCode::UnknownTopicId.code();
    assert_eq!(partition_of(&test.ask(18, fetch).await, 0, 0).error_code, unknown);
    assert_eq!(test.ask(13, produce).await.responses[0].partition_responses[0].error_code, unknown);
    assert!(values(&test.fetch("t", 0, 0).await).is_empty(), "the new topic has none of the old records");
}

async fn topic_id(test: &mut TestBroker, name: &str) -> uuid::Uuid {
    let topic = MetadataRequestTopic { name: Some(name.into()), ..MetadataRequestTopic::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    test.ask(12, request).await.topics[0].topic_id
}

#[tokio::test]
async fn pipelined_produce_requests_append_and_answer_in_order() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let mut sent = Vec::new();
    for number in 0..40 {
        let acks = [1, -1, 0][number % 3];
        let request = produce_request("t", 0, batch(&[(None, &number.to_string())]), acks);
        sent.push((number, acks, test.client.send(12, request).await));
        // The channels are bounded on purpose: take answers as a client would.
        if number % 10 == 9 {
            for (number, acks, correlation_id) in sent.drain(..) {
                if acks != 0 {
                    let answer = test.client.answer::<ProduceRequest>(12, correlation_id).await;
                    assert_eq!(answer.responses[0].partition_responses[0].base_offset, number as i64);
                }
            }
        }
    }
    let expected: Vec<_> = (0..40).map(|number| (number, number.to_string())).collect();
    assert_eq!(values(&test.fetch("t", 0, 0).await), expected);
}

#[tokio::test]
async fn a_duplicate_gets_the_original_offset_and_a_gap_is_refused() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    for sequence in 0..6 {
        let appended = test.produce("t", 0, idempotent("v", 9, 0, sequence)).await;
        assert_eq!((appended.error_code, appended.base_offset), (0, i64::from(sequence)));
    }
    let again = test.produce("t", 0, idempotent("v", 9, 0, 2)).await;
    assert_eq!((again.error_code, again.base_offset), (0, 2));
    let gap = test.produce("t", 0, idempotent("v", 9, 0, 8)).await;
    assert_eq!(gap.error_code, ErrorCode::OutOfOrderSequenceNumber.code());
    let next_epoch = test.produce("t", 0, idempotent("v", 9, 1, 0)).await;
    assert_eq!((next_epoch.error_code, next_epoch.base_offset), (0, 6));
    let fenced = test.produce("t", 0, idempotent("v", 9, 0, 6)).await;
    assert_eq!(fenced.error_code, ErrorCode::InvalidProducerEpoch.code());
    let mut test = test.restart().await;
    let again = test.produce("t", 0, idempotent("v", 9, 1, 0)).await;
    assert_eq!((again.error_code, again.base_offset), (0, 6), "known across a restart");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_record_it_waits_for() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    let mut waiting = TestClient::connect(&test.broker);
    let mut request = fetch_request("t", &[(0, 0), (1, 0)]);
    (request.max_wait_ms, request.min_bytes) = (600_000, 1);
    let correlation_id = waiting.send(12, request).await;
    test.produce("t", 1, batch(&[(None, "v")])).await;
    let response = waiting.answer::<FetchRequest>(12, correlation_id).await;
    assert_eq!(values(partition_of(&response, 0, 1)), [(0, "v".to_owned())]);
}

#[tokio::test]
async fn a_long_poll_waits_for_min_bytes_or_its_time() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    test.produce("t", 0, batch(&[(None, "v")])).await;
    let mut request = fetch_request("t", &[(0, 0)]);
    (request.max_wait_ms, request.min_bytes) = (50, 1 << 20);
    let begun = tokio::time::Instant::now();
    let response = test.ask(12, request).await;
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert_eq!(values(partition_of(&response, 0, 0)).len(), 1, "what there is comes in the end");
}

#[tokio::test]
async fn a_stopping_broker_answers_those_who_wait() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let mut waiting = TestClient::connect(&test.broker);
    let mut request = fetch_request("t", &[(0, 0)]);
    (request.max_wait_ms, request.min_bytes) = (600_000, 1);
    let correlation_id = waiting.send(12, request).await;
    // The same connection answers in order: once a later connection was served, the request above has begun or will
    // find the broker stopping.
    test.ask(12, MetadataRequest::default()).await;
    let stopped = tokio::spawn(test.broker.shutdown());
    let answer = waiting.connection.responses.recv().await;
    if let Some(answer) = answer {
        frame::decode_response::<FetchRequest>(answer, 12, correlation_id).unwrap();
    }
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn sessions_name_partitions_once_and_answer_news_only() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 2, &[]).await;
    test.produce("t", 0, batch(&[(None, "a")])).await;
    let mut first = fetch_request("t", &[(0, 0), (1, 0)]);
    first.session_epoch = 0;
    let response = test.ask(12, first).await;
    let session_id = response.session_id;
    assert_ne!(session_id, 0);
    assert_eq!(response.responses[0].partitions.len(), 2, "the first answer has everything");
    let incremental =
        |session_epoch| FetchRequest { session_id, session_epoch, ..fetch_request("t", &[(0, 1)]) };
    let response = test.ask(12, incremental(1)).await;
    assert!(response.responses.is_empty(), "nothing is new");
    test.produce("t", 1, batch(&[(None, "b")])).await;
    let response = test.ask(12, FetchRequest { topics: Vec::new(), ..incremental(2) }).await;
    assert_eq!(response.responses[0].partitions.len(), 1);
    assert_eq!(values(partition_of(&response, 0, 0)), [(0, "b".to_owned())]);
    let repeated = test.ask(12, incremental(2)).await;
    assert_eq!(repeated.error_code, ErrorCode::InvalidFetchSessionEpoch.code());
    let forget = ForgottenTopic { topic: "t".into(), partitions: vec![1], ..ForgottenTopic::default() };
    let mut request = FetchRequest { topics: Vec::new(), ..incremental(3) };
    request.forgotten_topics_data = vec![forget];
    assert!(test.ask(12, request).await.responses.is_empty());
    let end = FetchRequest { session_epoch: -1, ..incremental(-1) };
    assert_eq!(test.ask(12, end).await.session_id, 0);
    let gone = test.ask(12, incremental(4)).await;
    assert_eq!(gone.error_code, ErrorCode::FetchSessionIdNotFound.code());
}

#[tokio::test]
async fn offsets_are_found_by_time() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    let start = now_ms() - 10_000;
    for (number, timestamp_ms) in [start, start + 2000, start + 1000].into_iter().enumerate() {
        let sent = batch_with(&[(None, &number.to_string())], timestamp_ms, &FinishOptions::default());
        assert_eq!(test.produce("t", 0, sent).await.error_code, 0);
    }
    assert_eq!(list(&mut test, -2).await, (0, 0, -1));
    assert_eq!(list(&mut test, -1).await, (0, 3, -1));
    assert_eq!(list(&mut test, -3).await, (0, 1, start + 2000));
    assert_eq!(list(&mut test, -4).await, (0, 0, -1));
    assert_eq!(list(&mut test, -5).await, (0, -1, -1));
    assert_eq!(list(&mut test, start + 1).await, (0, 1, start + 2000));
    assert_eq!(list(&mut test, start + 2001).await, (0, -1, -1));
    assert_eq!(list(&mut test, -9).await.0, ErrorCode::UnsupportedVersion.code());
}

async fn list(test: &mut TestBroker, timestamp: i64) -> (i16, i64, i64) {
    let partition = ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { topics: vec![topic], ..ListOffsetsRequest::default() };
    let response = test.ask(11, request).await;
    let found = &response.topics[0].partitions[0];
    (found.error_code, found.offset, found.timestamp)
}

#[tokio::test]
async fn leader_epochs_are_checked_and_their_ends_known() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[]).await;
    test.produce("t", 0, batch(&[(None, "v")])).await;
    let mut request = fetch_request("t", &[(0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = 5;
    let response = test.ask(12, request).await;
    assert_eq!(partition_of(&response, 0, 0).error_code, ErrorCode::UnknownLeaderEpoch.code());
    let mut ask = async |leader_epoch| {
        let partition = OffsetForLeaderPartition { leader_epoch, ..OffsetForLeaderPartition::default() };
        let topic = OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] };
        let request = OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() };
        let response = test.ask(4, request).await;
        let end = &response.topics[0].partitions[0];
        (end.error_code, end.leader_epoch, end.end_offset)
    };
    assert_eq!(ask(0).await, (0, 0, 1));
    assert_eq!(ask(3).await, (0, -1, -1));
}

#[tokio::test]
async fn log_append_time_is_the_brokers_and_is_answered() {
    let mut test = TestBroker::start().await;
    test.create_topic("t", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    let before = now_ms();
    let sent = batch_with(&[(None, "v")], 1, &FinishOptions::default());
    let appended = test.produce("t", 0, sent).await;
    assert_eq!(appended.error_code, 0);
    assert!(appended.log_append_time_ms >= before);
    assert_eq!(values(&test.fetch("t", 0, 0).await).len(), 1, "the checksum was made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn compacted_topics_are_compacted_by_themselves() {
    let settings = BTreeMap::from([("log.cleaner.backoff.ms".to_owned(), "10".to_owned())]);
    let mut test = TestBroker::start_with(|config| assert_eq!(config.apply(&settings).unwrap(), [])).await;
    fill_compacted(&mut test).await;
    until_compacted(&mut test).await;
    test.broker.shutdown().await.unwrap();
}

/// Fills the topic `latest` with segments that compaction empties.
pub(super) async fn fill_compacted(test: &mut TestBroker) {
    let configs = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0"), ("segment.ms", "1")];
    test.create_topic("latest", 1, &configs).await;
    for offset in 0..20 {
        // A segment ends when a record comes that is newer than its first by more than segment.ms.
        let records = [(Some("key"), "value"), (Some(["a", "b"][offset % 2]), "value")];
        let timestamp_ms = now_ms() + 10 * offset as i64;
        let sent =
            test.produce("latest", 0, batch_with(&records, timestamp_ms, &FinishOptions::default())).await;
        assert_eq!((sent.error_code, sent.base_offset), (0, 2 * offset as i64));
    }
}

/// Returns when what [`fill_compacted`] made is compacted.
pub(super) async fn until_compacted(test: &mut TestBroker) {
    // Of the finished segments, only the newest records are left: the first batch that is found is a late one.
    loop {
        let found = test.fetch("latest", 0, 0).await.records.unwrap();
        if BatchView::parse(&found).unwrap().header().last_offset() > 20 {
            break;
        }
        tokio::task::yield_now().await;
    }
}
