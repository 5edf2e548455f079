//! The APIs through the in-process transport: the same frames, order and handlers as over a socket.

mod admin;
mod broker_configs;
mod compression;
mod consumer_groups;
mod errors;
mod group_configs;
mod groups;
mod offered;
mod one_node;
mod pitfalls;
mod quotas;
mod records;
mod telemetry;
mod transactions;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use millstream_log::{Clock, FsyncPolicy};
use millstream_wire::compression::{Compression, Compressor};
use millstream_wire::frame;
use millstream_wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use millstream_wire::messages::fetch_response::{FetchResponse, PartitionData};
use millstream_wire::messages::produce::PartitionProduceResponse;
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::protocol::{Message as _, Request};
use millstream_wire::records::{BatchBuilder, FinishOptions, ProducerStamp};

use crate::{Broker, BrokerConfig, InProcessConnection};

/// A broker in a directory of its own, with one connection.
struct TestBroker {
    broker: Broker,
    client: TestClient,
    directory: tempfile::TempDir,
}

/// A wall clock that moves when it is told to.
#[derive(Debug)]
struct HeldClock(AtomicI64);

impl HeldClock {
    fn advance_ms(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for HeldClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One connection.
struct TestClient {
    connection: InProcessConnection,
    correlation_id: i32,
}

fn config(directory: &Path) -> BrokerConfig {
    BrokerConfig { fsync: FsyncPolicy::None, disk_threads: 2, ..BrokerConfig::new(directory) }
}

impl TestBroker {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut BrokerConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        change(&mut config);
        let broker = Broker::start(config).await.unwrap();
        let client = TestClient::connect(&broker);
        Self { broker, client, directory }
    }

    /// A broker whose wall clock stands still.
    async fn start_held() -> (Self, Arc<HeldClock>) {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(HeldClock(AtomicI64::new(now_ms())));
        let held = Arc::clone(&clock) as Arc<dyn Clock>;
        let broker = Broker::start_with_clock(config(directory.path()), held).await.unwrap();
        let client = TestClient::connect(&broker);
        (Self { broker, client, directory }, clock)
    }

    /// Stops in order, and starts again on the same directory.
    async fn restart(self) -> Self {
        let Self { broker, directory, .. } = self;
        broker.shutdown().await.unwrap();
        let broker = Broker::start(config(directory.path())).await.unwrap();
        let client = TestClient::connect(&broker);
        Self { broker, client, directory }
    }

    async fn ask<R: Request>(&mut self, version: i16, request: R) -> R::Response {
        self.client.ask(version, request).await
    }

    async fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        });
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
        let response = self.ask(7, request).await;
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
    }

    async fn produce(&mut self, topic: &str, partition: i32, batch: Bytes) -> PartitionProduceResponse {
        let response = self.ask(12, produce_request(topic, partition, batch, -1)).await;
        response.responses[0].partition_responses[0].clone()
    }

    async fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        let response = self.ask(12, fetch_request(topic, &[(partition, offset)])).await;
        assert_eq!(response.error_code, 0);
        response.responses[0].partitions[0].clone()
    }
}

impl TestClient {
    fn connect(broker: &Broker) -> Self {
        Self { connection: broker.connect_in_process(), correlation_id: 0 }
    }

    /// Sends a request and waits for its answer.
    async fn ask<R: Request>(&mut self, version: i16, request: R) -> R::Response {
        let correlation_id = self.send(version, request).await;
        self.answer::<R>(version, correlation_id).await
    }

    /// Sends a request; gives its correlation id.
    async fn send<R: Request>(&mut self, version: i16, request: R) -> i32 {
        self.correlation_id += 1;
        let client = Some("test".into());
        let bytes = frame::encode_request(&request, version, self.correlation_id, client.as_ref()).unwrap();
        self.connection.requests.send(bytes.slice(frame::LENGTH_BYTES..)).await.unwrap();
        self.correlation_id
    }

    async fn answer<R: Request>(&mut self, version: i16, correlation_id: i32) -> R::Response {
        let answer = self.connection.responses.recv().await.expect("the connection is open");
        frame::decode_response::<R>(answer, version, correlation_id).unwrap()
    }
}

/// A batch of records with keys and values.
fn batch(records: &[(Option<&str>, &str)]) -> Bytes {
    batch_with(records, now_ms(), &FinishOptions::default())
}

fn batch_with(records: &[(Option<&str>, &str)], timestamp_ms: i64, options: &FinishOptions) -> Bytes {
    let mut builder = BatchBuilder::new(1 << 20);
    for (key, value) in records {
        let key = key.map(str::as_bytes);
        assert!(builder.append(timestamp_ms, key, Some(value.as_bytes()), &[]).unwrap());
    }
    builder.finish(options, &mut Compressor::default()).unwrap()
}

fn compressed(records: &[(Option<&str>, &str)], compression: Compression) -> Bytes {
    batch_with(records, now_ms(), &FinishOptions { compression, ..FinishOptions::default() })
}

fn idempotent(value: &str, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Bytes {
    let producer = ProducerStamp { producer_id, producer_epoch, base_sequence };
    batch_with(&[(None, value)], now_ms(), &FinishOptions { producer, ..FinishOptions::default() })
}

fn now_ms() -> i64 {
    use millstream_log::Clock as _;
    millstream_log::SystemClock.now_ms()
}

fn produce_request(topic: &str, partition: i32, batch: Bytes, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: 1000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData { index: partition, records: Some(batch) }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

/// A request without a session that does not wait.
fn fetch_request(topic: &str, places: &[(i32, i64)]) -> FetchRequest {
    let partitions = places.iter().map(|&(partition, fetch_offset)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    });
    FetchRequest {
        max_bytes: 1 << 24,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: partitions.collect(),
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}

/// The values of all records in an answer, with their offsets.
fn values(partition: &PartitionData) -> Vec<(i64, String)> {
    use millstream_wire::compression::Decompressor;
    use millstream_wire::records::{BATCH_HEADER_LEN, Records, SharedBatches, Tail};
    let bytes = partition.records.clone().unwrap_or_default();
    let mut values = Vec::new();
    for batch in SharedBatches::new(bytes, Tail::MustBeWhole) {
        let batch = batch.unwrap();
        batch.view().check_crc().unwrap();
        assert!(batch.bytes().len() > BATCH_HEADER_LEN);
        let body = batch.body(&mut Decompressor::default(), 1 << 24).unwrap();
        for record in Records::new(&body, batch.header()) {
            let record = record.unwrap();
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            values.push((batch.header().base_offset + i64::from(record.offset_delta), value));
        }
    }
    values
}

fn partition_of(response: &FetchResponse, topic: usize, partition: usize) -> &PartitionData {
    &response.responses[topic].partitions[partition]
}
