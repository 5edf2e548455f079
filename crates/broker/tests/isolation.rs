//! A client that is slow, half-open or malicious harms no other: the others' requests are answered, and memory stays within its bounds.
//!
//! Every test plays the bad neighbours first, leaves them as they are, and then has a good one produce, fetch and ask. What
//! their neighbourhood costs in time is measured by `benches isolation`.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use millstream_broker::{Broker, BrokerConfig, FsyncPolicy, ListenerConfig};
use millstream_wire::compression::Compressor;
use millstream_wire::frame;
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use millstream_wire::protocol::Request;
use millstream_wire::records::{BatchBuilder, FinishOptions};

/// Long enough for any answer, short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);
const MIB: usize = 1024 * 1024;

/// A broker whose budgets are small, with the topic `t`.
struct Fixture {
    broker: Broker,
    _directory: tempfile::TempDir,
}

impl Fixture {
    async fn start(change: impl FnOnce(&mut BrokerConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = BrokerConfig::new(directory.path());
        config.fsync = FsyncPolicy::None;
        config.disk_threads = 2;
        config.in_flight_bytes_max = 4 * MIB;
        config.connection_in_flight_bytes_max = 2 * MIB;
        config.topic_defaults.insert("message.max.bytes".into(), (8 * MIB).to_string());
        config.listeners.push(ListenerConfig::plaintext("127.0.0.1:0"));
        change(&mut config);
        let broker = Broker::start(config).await.unwrap();
        let fixture = Self { broker, _directory: directory };
        let topic = MetadataRequestTopic { name: Some("t".into()), ..MetadataRequestTopic::default() };
        let create = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
        assert_eq!(fixture.connect().ask(12, &create).topics[0].error_code, 0);
        fixture
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.broker.listeners()[0].address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream, sent: 0 }
    }

    /// A client that behaves produces small and large batches, reads them and asks, all on connections of its own.
    fn a_good_client_is_served(&self) {
        for size in [10, 200_000, 3 * MIB] {
            let appended = self.connect().ask(12, &produce(&batch(size)));
            let appended = &appended.responses[0].partition_responses[0];
            assert_eq!(appended.error_code, 0);
            let fetched = self.connect().ask(12, &fetch(appended.base_offset, 0));
            let fetched = &fetched.responses[0].partitions[0];
            assert!(fetched.records.as_ref().unwrap().len() > size, "{size}");
        }
        assert_eq!(self.connect().ask(12, &MetadataRequest::default()).brokers.len(), 1);
    }

    /// A figure of the metrics.
    fn metric(&self, name: &str) -> u64 {
        let mut registry = prometheus_client::registry::Registry::default();
        self.broker.register_metrics(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    }
}

struct Client {
    stream: TcpStream,
    sent: i32,
}

impl Client {
    fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.sent += 1;
        self.stream.write_all(&frame::encode_request(request, version, self.sent, None).unwrap()).unwrap();
    }

    /// Sends a request and reads its answer.
    fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut body = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        frame::decode_response::<R>(body.into(), version, self.sent).unwrap()
    }

    /// Announces a frame, and sends some of it.
    fn announce(&mut self, length: usize, sent: usize) {
        self.stream.write_all(&i32::try_from(length).unwrap().to_be_bytes()).unwrap();
        self.stream.write_all(&vec![0; sent]).unwrap();
    }

    /// Whether the broker has closed the connection; waits until there is something to read.
    fn is_closed(&mut self) -> bool {
        self.stream.read(&mut [0; 1]).map_or(true, |read| read == 0)
    }
}

fn batch(value_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(value_bytes + 200);
    assert!(builder.append(1, None, Some(&vec![b'x'; value_bytes]), &[]).unwrap());
    builder.finish(&FinishOptions::default(), &mut Compressor::default()).unwrap()
}

fn produce(batch: &Bytes) -> ProduceRequest {
    let partition = PartitionProduceData { index: 0, records: Some(batch.clone()) };
    let topic =
        TopicProduceData { name: "t".into(), partition_data: vec![partition], ..TopicProduceData::default() };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..ProduceRequest::default() }
}

fn fetch(fetch_offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition =
        FetchPartition { fetch_offset, partition_max_bytes: i32::MAX, ..FetchPartition::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: i32::MAX,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}

/// A long poll whose request is large.
fn large_poll(partitions: usize) -> FetchRequest {
    let mut request = fetch(1 << 40, 600_000);
    request.topics[0].partitions = vec![request.topics[0].partitions[0].clone(); partitions];
    request
}

/// Three of these, four bytes each, once kept everybody else waiting until they were idle for too long.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_and_not_sent_takes_nothing_from_others() {
    let fixture = Fixture::start(|_| {}).await;
    let mut announced: Vec<Client> = (0..40).map(|_| fixture.connect()).collect();
    for (number, client) in announced.iter_mut().enumerate() {
        client.announce(100 * MIB, 1000 * number);
    }
    fixture.a_good_client_is_served();
    assert!(fixture.metric("millstream_broker_in_flight_bytes ") <= 4 * MIB as u64);
    fixture.broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_that_stop_halfway_let_others_pass() {
    let fixture = Fixture::start(|_| {}).await;
    // Together these want five times what there is.
    let mut stopped: Vec<Client> = (0..10).map(|_| fixture.connect()).collect();
    let senders = stopped.iter_mut().map(|client| {
        let mut stream = client.stream.try_clone().unwrap();
        std::thread::spawn(move || {
            stream.write_all(&i32::try_from(2 * MIB).unwrap().to_be_bytes()).unwrap();
            // Where there is no room for it, it stays in the socket's buffers, or its connection is closed.
            _ = stream.write_all(&vec![0; MIB]);
        })
    });
    senders.collect::<Vec<_>>().into_iter().for_each(|sender| sender.join().unwrap());
    fixture.a_good_client_is_served();
    let in_flight = fixture.metric("millstream_broker_in_flight_bytes ");
    assert!(in_flight <= 5 * MIB as u64, "{in_flight}");
    fixture.broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_memory_that_others_wait_for_is_cut_off() {
    let fixture = Fixture::start(|config| config.in_flight_bytes_max = MIB).await;
    // This one alone overdraws the budget, so nobody else may.
    let mut stopped = fixture.connect();
    stopped.announce(4 * MIB, 3 * MIB);
    assert!(stopped.is_closed());
    fixture.a_good_client_is_served();
    assert_eq!(fixture.metric("millstream_broker_in_flight_bytes "), 0);
    fixture.broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn long_polls_keep_nobody_waiting_whatever_their_requests_size() {
    let fixture = Fixture::start(|_| {}).await;
    let mut waiting: Vec<Client> = (0..10).map(|_| fixture.connect()).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        // Small ones, and some of half a megabyte: more than the budget holds.
        client.send(12, &large_poll(if number % 2 == 0 { 1 } else { 16_000 }));
    }
    fixture.a_good_client_is_served();
    fixture.broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_not_answered_any_further() {
    let fixture = Fixture::start(|_| {}).await;
    let large = fixture.connect().ask(12, &produce(&batch(MIB)));
    assert_eq!(large.responses[0].partition_responses[0].error_code, 0);
    // Each asks for the first batch, a megabyte, again and again.
    let request = FetchRequest { max_bytes: 1, ..fetch(0, 0) };
    let mut deaf: Vec<Client> = (0..2).map(|_| fixture.connect()).collect();
    for client in &mut deaf {
        for _ in 0..100 {
            client.send(12, &request);
        }
        for _ in 0..10 {
            client.send(12, &produce(&batch(1000)));
        }
    }
    fixture.a_good_client_is_served();
    // What the socket's buffers take, and a little more: the rest is not even begun.
    let begun = fixture.metric("millstream_broker_requests_total{api=\"Fetch\"} ");
    assert!(begun < 100, "{begun} of 200 are begun");
    // Whoever reads at last gets everything.
    for mut client in deaf {
        for expected in 1..=110 {
            let mut head = [0; 8];
            client.stream.read_exact(&mut head).unwrap();
            assert_eq!(head[4..], i32::to_be_bytes(expected));
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
            std::io::copy(&mut (&client.stream).take(u64::from(length) - 4), &mut std::io::sink()).unwrap();
        }
    }
    fixture.broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_leave_others_a_share_of_the_memory() {
    let fixture = Fixture::start(|config| config.fetched_bytes_max = 16 * MIB).await;
    for _ in 0..16 {
        fixture.connect().ask(12, &produce(&batch(MIB)));
    }
    let mut slow: Vec<Client> = (0..8).map(|_| fixture.connect()).collect();
    for client in &mut slow {
        client.send(12, &fetch(0, 0));
        // The answer has begun to come.
        client.stream.read_exact(&mut [0; 4]).unwrap();
    }
    let fetched = fixture.connect().ask(12, &fetch(0, 0));
    assert!(fetched.responses[0].partitions[0].records.as_ref().unwrap().len() > MIB);
    fixture.a_good_client_is_served();
    fixture.broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_many_connections_is_counted_and_harms_nobody() {
    let fixture = Fixture::start(|_| {}).await;
    let mut garbage: Vec<Client> = (0..200).map(|_| fixture.connect()).collect();
    let mut silent: Vec<Client> = (0..200).map(|_| fixture.connect()).collect();
    for client in &mut garbage {
        client.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }
    for client in &mut garbage {
        assert!(client.is_closed());
    }
    fixture.a_good_client_is_served();
    assert_eq!(fixture.metric("millstream_broker_malformed_requests_total "), 200);
    for client in &mut silent {
        assert_eq!(client.ask(12, &MetadataRequest::default()).brokers.len(), 1);
    }
    fixture.broker.shutdown().await.unwrap();
}

/// Sets a configuration of the broker while it runs.
fn set(client: &mut Client, name: &str, value: &str) -> i16 {
    let config = AlterableConfig { name: name.into(), config_operation: 0, value: Some(value.into()) };
    let resource =
        AlterConfigsResource { resource_type: 4, resource_name: "1".into(), configs: vec![config] };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    client.ask(1, &request).responses[0].error_code
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_no_more_connections_than_it_may() {
    let fixture = Fixture::start(|config| {
        config.topic_defaults.insert("max.connections.per.ip".into(), "3".into());
    })
    .await;
    // The one that has created the topic goes first.
    while fixture.metric("millstream_broker_connections ") > 0 {
        tokio::task::yield_now().await;
    }
    let mut served: Vec<Client> = (0..3).map(|_| fixture.connect()).collect();
    for client in &mut served {
        assert_eq!(client.ask(12, &MetadataRequest::default()).brokers.len(), 1);
    }
    assert!(fixture.connect().is_closed());
    // As in Kafka, the limits change while the broker runs, and those of single addresses go before.
    assert_eq!(set(&mut served[0], "max.connections.per.ip.overrides", "10.0.0.1"), 40);
    assert_eq!(set(&mut served[0], "max.connections.per.ip.overrides", "127.0.0.1:4"), 0);
    let mut fourth = fixture.connect();
    assert_eq!(fourth.ask(12, &MetadataRequest::default()).brokers.len(), 1);
    assert!(fixture.connect().is_closed());
    assert_eq!(fixture.metric("millstream_broker_connections_refused_total "), 2);
    fixture.broker.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_wait_while_there_are_as_many_connections_as_there_may_be() {
    let fixture = Fixture::start(|_| {}).await;
    let mut first = fixture.connect();
    assert_eq!(set(&mut first, "max.connections", "2"), 0);
    let mut second = fixture.connect();
    assert_eq!(second.ask(12, &MetadataRequest::default()).brokers.len(), 1);
    let mut third = fixture.connect();
    third.send(12, &MetadataRequest::default());
    // The system has taken the connection, and the broker has not: nothing of it is counted.
    assert_eq!(first.ask(12, &MetadataRequest::default()).brokers.len(), 1);
    assert_eq!(fixture.metric("millstream_broker_connections "), 2);
    drop(second);
    let mut answered = [0; 8];
    third.stream.read_exact(&mut answered).unwrap();
    assert_eq!(answered[4..], 1_i32.to_be_bytes());
    fixture.broker.shutdown().await.unwrap();
}
