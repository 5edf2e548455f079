//! Our client alone: millions of records per CPU-second, appended and sent, fetched and walked.
//!
//! `in process` has a broker that keeps nothing behind the in-process transport: what remains is the client above the socket. The broker's
//! thread is not counted. With `--bootstrap-server` the same work goes through a socket to a broker that keeps records, and
//! the CPU time is that of this whole process, system calls included.

mod null_broker;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use millstream_client::admin::NewTopic;
use millstream_client::{
    Admin, BrokerAddress, Client as Kafka, ClientConfig, Fetcher, FetcherConfig, Producer, ProducerConfig,
    ReaderSet, RecordDecoder, Start, TopicPartition,
};
use rustix::time::{ClockId, clock_gettime};

use crate::comparison::{Metric, Rounds, Side, compare};
use null_broker::NullBroker;

/// Appends between two questions for room.
const APPENDS_PER_TURN: u64 = 1_000;
const PARTITIONS: i32 = 4;

/// Our client, in millions of records per CPU-second
#[derive(Debug, Args)]
pub(crate) struct Client {
    /// Millions of records to produce and to fetch in a round
    #[arg(long, default_value_t = 10)]
    millions: u64,
    /// Size of a record's value
    #[arg(long, default_value_t = 100)]
    record_bytes: usize,
    /// `batch.size` in KiB
    #[arg(long, default_value_t = 128)]
    batch_kilobytes: usize,
    /// A broker to measure with as well
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_server: Option<BrokerAddress>,
    #[command(flatten)]
    rounds: Rounds,
}

impl Client {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let (records, record_bytes) = (self.millions * 1_000_000, self.record_bytes);
        let batch_bytes = self.batch_kilobytes << 10;
        let null = NullBroker::start(record_bytes, batch_bytes)?;
        let in_process = Subject { records, record_bytes, batch_bytes, null: Some(null), address: None };
        let mut sides = vec![Side::new("in process", move || in_process.measure())];
        if let Some(address) = self.bootstrap_server {
            let tcp = Subject { records, record_bytes, batch_bytes, null: None, address: Some(address) };
            sides.push(Side::new("tcp", move || tcp.measure()));
        }
        let unit = "million records per CPU-second";
        let metrics = vec![Metric::higher("produce", unit), Metric::higher("fetch", unit)];
        compare(&format!("client, records of {record_bytes} bytes"), self.rounds, metrics, sides)
    }
}

/// A broker and the load for it.
struct Subject {
    records: u64,
    record_bytes: usize,
    batch_bytes: usize,
    null: Option<NullBroker>,
    address: Option<BrokerAddress>,
}

impl Subject {
    fn measure(&self) -> anyhow::Result<Vec<f64>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let config = match &self.null {
            Some(null) => ClientConfig::new(vec![BrokerAddress::new("null", 1)]).with_dialer(null.dialer()),
            None => ClientConfig::new(self.address.iter().cloned().collect()),
        };
        let client = runtime.block_on(Kafka::connect(config))?;
        let topic = runtime.block_on(self.topic(&client))?;
        let produced = self.cpu(|| runtime.block_on(self.produce(&client, &topic)))?;
        let fetched = self.cpu(|| runtime.block_on(self.fetch(&client, &topic)))?;
        if self.null.is_none() {
            let deleted = runtime.block_on(Admin::new(client).delete_topics(&[&topic]))?;
            deleted.into_iter().try_for_each(|(_, outcome)| outcome)?;
        }
        let millions = self.records as f64 / 1e6;
        Ok(vec![millions / produced.as_secs_f64(), millions / fetched.as_secs_f64()])
    }

    async fn topic(&self, client: &Kafka) -> anyhow::Result<String> {
        if self.null.is_some() {
            return Ok(null_broker::TOPIC.to_owned());
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let topic = format!("bench-client-{}", now.as_millis());
        Admin::new(client.clone()).create_topic(&NewTopic::new(&topic).with_partitions(PARTITIONS)).await?;
        client.wait_for_topic(&topic, Duration::from_secs(20)).await?;
        Ok(topic)
    }

    /// The CPU time that the work takes in this process, without that of the broker's thread.
    fn cpu(&self, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
        let now = || {
            let used = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))?;
            let of_broker = self.null.as_ref().map_or(Ok(Duration::ZERO), NullBroker::cpu)?;
            used.checked_sub(of_broker).context("the broker's thread used more than its process")
        };
        let before = now()?;
        work()?;
        Ok(now()? - before)
    }

    async fn produce(&self, client: &Kafka, topic: &str) -> anyhow::Result<()> {
        let settings = ProducerConfig {
            batch_size_bytes: self.batch_bytes,
            request_bytes_max: 4 << 20,
            ..ProducerConfig::default()
        };
        let producer = Producer::new(client.clone(), settings).await?;
        let mut writer = producer.writer(topic).await?;
        let value = vec![b'x'; self.record_bytes];
        let timestamp_ms = 1_700_000_000_000;
        let mut left = self.records;
        while left > 0 {
            writer.ready().await?;
            let turn = left.min(APPENDS_PER_TURN);
            let mut appender = writer.appender();
            for record in 0..turn {
                let partition = appender.partition_for(None, self.record_bytes);
                appender.append(partition, timestamp_ms + record as i64, None, Some(&value), &[])?;
            }
            left -= turn;
        }
        writer.flush().await?;
        Ok(())
    }

    async fn fetch(&self, client: &Kafka, topic: &str) -> anyhow::Result<()> {
        let fetcher = Fetcher::new(client.clone(), FetcherConfig::default())?;
        let read = |partition| fetcher.read(TopicPartition::new(topic, partition), Start::at(0), None);
        let mut readers = ReaderSet::new((0..PARTITIONS).map(read).collect());
        let mut decoder = RecordDecoder::new();
        let (mut records, mut bytes) = (0, 0);
        while records < self.records {
            let fetched = readers.next().await?.context("the topic ended")?;
            for batch in decoder.batches(&fetched) {
                for record in batch?.records() {
                    let record = record?;
                    bytes += record.value.map_or(0, <[u8]>::len);
                    records += 1;
                }
            }
        }
        ensure!(bytes == records as usize * self.record_bytes, "values were lost on the way");
        Ok(())
    }
}
