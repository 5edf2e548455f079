//! Records through a network that fails: every one is accounted for, once and in order.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use millstream_broker::{Broker, BrokerConfig, FsyncPolicy, ListenerConfig};
use millstream_client::*;
use support::proxy::{Proxy, ThroughProxy};
use support::*;

const PARTITIONS: u64 = 3;
const RECORDS: u64 = 150_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_before_apache_kafka() {
    let Some(kafka) = Kafka::start("faults_before_apache_kafka") else { return };
    for seed in [1, 2] {
        nothing_is_lost_doubled_or_reordered(&kafka.address, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_before_millstream() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(directory.path());
    config.fsync = FsyncPolicy::None;
    config.listeners.push(ListenerConfig::plaintext("127.0.0.1:0"));
    let broker = Broker::start(config).await.unwrap();
    let address = broker.listeners()[0].address.to_string().parse().unwrap();
    for seed in [3, 4, 5] {
        nothing_is_lost_doubled_or_reordered(&address, seed).await;
    }
    broker.shutdown().await.unwrap();
}

/// Settings that make many small requests and lose patience soon.
fn impatient(address: &BrokerAddress, proxy: &Arc<Proxy>) -> ClientConfig {
    let mut config = config(address).with_dialer(Arc::new(ThroughProxy(Arc::clone(proxy))));
    config.request_timeout = Duration::from_millis(500);
    config.connect_timeout = Duration::from_secs(1);
    config.retry_backoff = Backoff { initial: Duration::from_millis(5), max: Duration::from_millis(50) };
    config.reconnect_backoff = config.retry_backoff;
    config
}

async fn nothing_is_lost_doubled_or_reordered(address: &BrokerAddress, seed: u64) {
    let direct = Client::connect(config(address)).await.unwrap();
    let topic = fresh_topic(&direct, "faults", PARTITIONS as i32).await;
    let proxy = Proxy::start(address, seed).await;
    let client = Client::new(impatient(address, &proxy));
    let settings = ProducerConfig {
        batch_size_bytes: 1500,
        request_bytes_max: 6000,
        linger: Duration::from_millis(1),
        request_timeout: Duration::from_millis(500),
        ..ProducerConfig::default()
    };
    let producer = Producer::new(client.clone(), settings).await.unwrap();
    let mut writer = client_writer(&producer, &topic).await;
    let fetched = tokio::spawn(fetch_everything(Client::new(impatient(address, &proxy)), topic.clone()));
    append_numbered(&mut writer, 0..RECORDS).await;
    // The end comes through faults as well, if it does.
    let mark = writer.seal().unwrap();
    let flushed = std::future::poll_fn(|context| writer.poll_flushed(mark, context));
    match tokio::time::timeout(Duration::from_secs(5), flushed).await {
        Ok(flushed) => flushed.unwrap(),
        Err(_) => {
            proxy.mend();
            writer.flush().await.unwrap();
        }
    }
    assert_all_once(&direct, &topic, PARTITIONS, RECORDS).await;
    proxy.mend();
    let fetched = tokio::time::timeout(Duration::from_secs(60), fetched).await.unwrap().unwrap();
    for (partition, got) in (0..PARTITIONS).zip(fetched) {
        let expected = (0..RECORDS).filter(|number| number % PARTITIONS == partition);
        assert!(
            got.into_iter().eq(expected.map(|number| format!("value-{number}"))),
            "partition {partition}"
        );
    }
    assert!(proxy.connections() > 5, "seed {seed} broke nothing");
}

/// Through the proxy even the first question may need several attempts.
async fn client_writer(producer: &Producer, topic: &str) -> BatchWriter {
    loop {
        match producer.writer(topic).await {
            Ok(writer) => return writer,
            Err(error) => assert!(error.is_retriable(), "{error}"),
        }
    }
}

async fn fetch_everything(client: Client, topic: String) -> Vec<Vec<String>> {
    let settings = FetcherConfig {
        max_partition_bytes: 5000,
        max_wait: Duration::from_millis(100),
        ..FetcherConfig::default()
    };
    let fetcher = Fetcher::new(client, settings).unwrap();
    let reads = (0..PARTITIONS).map(|partition| {
        let stop = (0..RECORDS).filter(|number| number % PARTITIONS == partition).count() as i64;
        let partition = TopicPartition::new(topic.as_str(), partition as i32);
        let mut reader = fetcher.read(partition, Start::Earliest, Some(stop));
        async move { drain(&mut reader).await }
    });
    futures_util::future::join_all(reads).await
}
