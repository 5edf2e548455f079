use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use millstream_wire::compression::Decompressor;
use millstream_wire::frame::RequestFrame;
use millstream_wire::messages::InitProducerIdResponse;
use millstream_wire::messages::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use millstream_wire::messages::produce_request::ProduceRequest;
use millstream_wire::records::{Batch, BatchHeader, Header, Records};
use millstream_wire::{ApiKey, ErrorCode};

use super::*;
use crate::error::ErrorKind;
use crate::scripted_broker::{Reaction, answer, config, metadata};

/// A log of values per partition, behind a rule of error codes.
#[derive(Debug, Default)]
struct Log {
    values: Mutex<BTreeMap<i32, Vec<String>>>,
    requests: AtomicUsize,
}

impl Log {
    fn values(&self, partition: i32) -> Vec<String> {
        self.values.lock().get(&partition).cloned().unwrap_or_default()
    }

    /// Appends a batch unless `judge` gives it another code than 0.
    fn append(
        &self,
        index: i32,
        bytes: &bytes::Bytes,
        judge: impl Fn(&BatchHeader) -> i16,
    ) -> PartitionProduceResponse {
        let batch = Batch::parse(bytes).unwrap();
        batch.view().check_crc().unwrap();
        batch.header().check_produced().unwrap();
        let error_code = judge(batch.header());
        let mut values = self.values.lock();
        let log = values.entry(index).or_default();
        let base_offset = if error_code == 0 { log.len() as i64 } else { -1 };
        if error_code == 0 {
            let body = batch.body(&mut Decompressor::default(), 1 << 20).unwrap();
            log.extend(
                Records::new(&body, batch.header())
                    .map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap()),
            );
        }
        PartitionProduceResponse { index, error_code, base_offset, ..Default::default() }
    }

    fn produce(&self, request: &RequestFrame, judge: impl Fn(&BatchHeader) -> i16) -> Option<Reaction> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let request_body = request.decode_body::<ProduceRequest>().unwrap();
        let topics = request_body.topic_data.iter().map(|topic| TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses: topic
                .partition_data
                .iter()
                .map(|data| self.append(data.index, data.records.as_ref().unwrap(), &judge))
                .collect(),
        });
        let response = ProduceResponse { responses: topics.collect(), ..Default::default() };
        if request_body.acks == 0 { Some(Reaction::Silence) } else { Some(answer(request, &response)) }
    }
}

async fn open(
    settings: ProducerConfig,
    script: impl Fn(&RequestFrame) -> Option<Reaction> + Send + Sync + 'static,
) -> BatchWriter {
    let script = move |request: &RequestFrame| match request.api_key {
        ApiKey::InitProducerId => {
            Some(answer(request, &InitProducerIdResponse { producer_id: 5, ..Default::default() }))
        }
        ApiKey::Metadata => Some(answer(request, &metadata(2, 0))),
        ApiKey::Produce => script(request),
        _ => None,
    };
    let client = Client::connect(config(script)).await.unwrap();
    Producer::new(client, settings).await.unwrap().writer("t").await.unwrap()
}

fn append(writer: &mut BatchWriter, partition: i32, values: std::ops::Range<u32>) {
    let mut appender = writer.appender();
    for value in values {
        let text = value.to_string();
        appender.append(partition, i64::from(value), Some(b"key"), Some(text.as_bytes()), &[]).unwrap();
    }
}

fn texts(values: std::ops::Range<u32>) -> Vec<String> {
    values.map(|value| value.to_string()).collect()
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    let log = Arc::new(Log::default());
    let broker = Arc::clone(&log);
    let mut writer = open(ProducerConfig::default(), move |request| {
        let too_large = ErrorCode::MessageTooLarge.code();
        broker.produce(request, |header| if header.record_count > 10 { too_large } else { 0 })
    })
    .await;
    writer.keep_deliveries();
    append(&mut writer, 0, 0..75);
    writer.flush().await.unwrap();
    assert_eq!(log.values(0), texts(0..75));
    let deliveries = writer.take_deliveries();
    assert!(deliveries.iter().all(|delivery| delivery.records <= 10));
    assert_eq!(deliveries.iter().map(|delivery| delivery.records).sum::<u32>(), 75);
}

#[tokio::test]
async fn a_batch_that_is_given_up_fails_its_writer_for_good() {
    let log = Arc::new(Log::default());
    let mut writer = open(ProducerConfig::default(), move |request| {
        log.produce(request, |_| ErrorCode::TopicAuthorizationFailed.code())
    })
    .await;
    append(&mut writer, 1, 3..5);
    let error = writer.flush().await.unwrap_err();
    let ClientError::Delivery { partition, records: 2, first_timestamp_ms: 3, first_key: Some(key), .. } =
        &error
    else {
        panic!("{error}")
    };
    assert_eq!((partition, &key[..]), (&TopicPartition::new("t", 1), &b"key"[..]));
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(writer.flush().await.is_err());
    assert!(writer.ready().await.is_err());
    assert!(writer.append(0, 0, None, Some(b"later"), &[]).is_err());
}

#[tokio::test]
async fn errors_that_pass_are_tried_again_in_order() {
    let log = Arc::new(Log::default());
    let broker = Arc::clone(&log);
    let settings = ProducerConfig { batch_size_bytes: 200, ..ProducerConfig::default() };
    let mut writer = open(settings, move |request| {
        // In no order that a retry could fall in step with.
        let turn = (broker.requests.load(Ordering::Relaxed) as u32).wrapping_mul(0x9e37_79b9) >> 7;
        let expected = broker.values(0).len() as i32;
        broker.produce(request, |header| match turn % 4 {
            1 => ErrorCode::NotLeaderOrFollower.code(),
            3 => ErrorCode::NotEnoughReplicas.code(),
            _ if header.base_sequence != expected => ErrorCode::OutOfOrderSequenceNumber.code(),
            _ => 0,
        })
    })
    .await;
    append(&mut writer, 0, 0..500);
    writer.flush().await.unwrap();
    assert_eq!(log.values(0), texts(0..500));
}

#[tokio::test]
async fn order_holds_without_idempotence_and_duplicates_count_as_done() {
    for acks in [Acks::Leader, Acks::All] {
        let log = Arc::new(Log::default());
        let broker = Arc::clone(&log);
        let settings =
            ProducerConfig { acks, idempotence: Some(false), batch_size_bytes: 200, ..Default::default() };
        let mut writer = open(settings, move |request| {
            let turn = broker.requests.load(Ordering::Relaxed);
            broker.produce(request, |header| {
                assert_eq!((header.producer_id, header.base_sequence), (-1, -1));
                if turn % 3 == 1 { ErrorCode::RequestTimedOut.code() } else { 0 }
            })
        })
        .await;
        append(&mut writer, 0, 0..300);
        writer.flush().await.unwrap();
        assert_eq!(log.values(0), texts(0..300));
    }
    let log = Arc::new(Log::default());
    let mut writer = open(ProducerConfig::default(), move |request| {
        log.produce(request, |_| ErrorCode::DuplicateSequenceNumber.code())
    })
    .await;
    append(&mut writer, 0, 0..3);
    writer.flush().await.unwrap();
}

#[tokio::test]
async fn without_acknowledgement_a_flush_waits_for_the_write_only() {
    let log = Arc::new(Log::default());
    let broker = Arc::clone(&log);
    let settings = ProducerConfig { acks: Acks::None, ..ProducerConfig::default() };
    let mut writer = open(settings, move |request| broker.produce(request, |_| 0)).await;
    append(&mut writer, 0, 0..10);
    writer.flush().await.unwrap();
    while log.values(0).len() < 10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_full_buffer_holds_the_writer_back_until_answers_come() {
    let is_open = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let gate = Arc::clone(&is_open);
    let log = Arc::new(Log::default());
    let broker = Arc::clone(&log);
    let settings = ProducerConfig {
        buffer_memory_bytes: 1_000,
        batch_size_bytes: 300,
        request_timeout: Duration::from_millis(20),
        ..ProducerConfig::default()
    };
    let mut writer = open(settings, move |request| {
        if gate.load(Ordering::Relaxed) { broker.produce(request, |_| 0) } else { Some(Reaction::Silence) }
    })
    .await;
    assert!(matches!(writer.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
    append(&mut writer, 0, 0..200);
    assert!(writer.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending());
    is_open.store(true, Ordering::Relaxed);
    writer.ready().await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(log.values(0), texts(0..200));
}

#[tokio::test]
async fn what_lingers_is_sent_without_further_calls() {
    let log = Arc::new(Log::default());
    let broker = Arc::clone(&log);
    let settings = ProducerConfig { linger: Duration::from_millis(1), ..ProducerConfig::default() };
    let mut writer = open(settings, move |request| broker.produce(request, |_| 0)).await;
    writer.keep_deliveries();
    append(&mut writer, 0, 0..3);
    while log.values(0).len() < 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_delivery_that_takes_too_long_is_given_up() {
    let settings = ProducerConfig {
        delivery_timeout: Duration::from_millis(50),
        request_timeout: Duration::from_millis(20),
        ..ProducerConfig::default()
    };
    let mut writer = open(settings, |_| Some(Reaction::Silence)).await;
    append(&mut writer, 0, 0..3);
    let error = writer.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn records_and_settings_that_cannot_work_are_refused_at_once() {
    let settings = ProducerConfig { request_bytes_max: 2_000, ..ProducerConfig::default() };
    let mut writer = open(settings, |_| None).await;
    let value = [0; 1_500];
    let error = writer.append(0, 0, None, Some(&value), &[]).unwrap_err();
    assert!(matches!(error, ClientError::RecordTooLarge { .. }), "{error}");
    let headers = [Header { key: b"h", value: Some(&value) }];
    assert!(writer.append(0, 0, None, None, &headers).is_err());
    let error = writer.append(2, 0, None, None, &[]).unwrap_err();
    assert!(matches!(error, ClientError::NoSuchPartition { partition: 2, count: 2, .. }), "{error}");
    for wrong in [
        ProducerConfig { acks: Acks::Leader, idempotence: Some(true), ..Default::default() },
        ProducerConfig { in_flight_requests_max: 6, ..Default::default() },
        ProducerConfig { compression_level: Some(3), ..Default::default() },
    ] {
        assert_eq!(wrong.check().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
