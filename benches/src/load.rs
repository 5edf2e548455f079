//! Fills a topic with one of the inputs by our own producer, as fast as one thread generates it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use millstream_client::{BrokerAddress, Client, ClientConfig, Producer, ProducerConfig};
use millstream_wire::compression::Compression;
use tokio::runtime::Runtime;

use crate::generate::{Record, Workload};
use crate::kafka::Connection;

/// `batch.size` of the other measurements, too.
const BATCH_BYTES_MAX: usize = 256 << 10;
/// Records between two looks at the producer's memory.
const RUN_RECORDS: usize = 1_000;

/// Fill a topic with Nexmark events or sensor readings
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// What to write
    workload: Workload,
    /// The broker, a single node
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9092")]
    bootstrap_server: String,
    /// The topic to create; by default the workload's name
    #[arg(long)]
    topic: Option<String>,
    /// How many events to write
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// How many partitions to create; keyed records go where Java's client puts them, others batch by batch in turn
    #[arg(long, default_value_t = 4)]
    partitions: u32,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, default_value = "none", value_parser = compression)]
    compression: Compression,
    /// Delete the topic first if it exists
    #[arg(long)]
    replace: bool,
}

fn compression(name: &str) -> Result<Compression, String> {
    Compression::from_name(name).ok_or_else(|| "none, gzip, snappy, lz4 or zstd".to_owned())
}

impl Load {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let topic = self.topic.as_deref().unwrap_or(self.workload.topic());
        let mut connection = Connection::open(&self.bootstrap_server)?;
        match connection.record_count(topic)? {
            Some(_) if self.replace => connection.delete_topic(topic)?,
            Some(found) => {
                bail!(
                    "the topic {topic} exists with {found} records: pass --replace to delete it, or --topic for another"
                )
            }
            None => {}
        }
        let input = Input { workload: self.workload, events: self.events };
        let loaded =
            load(connection, &self.bootstrap_server, topic, self.partitions, self.compression, input)?;
        let (events, average) = (self.events, loaded.value_bytes as f64 / self.events.max(1) as f64);
        println!("{topic}: {events} events of {average:.0} bytes in {:.1} s", loaded.wall.as_secs_f64());
        Ok(())
    }
}

/// The workload's own topic with `events` events: as it stands when it holds that many, else created and filled.
pub(crate) fn ensure_loaded(
    address: &str,
    workload: Workload,
    events: u64,
    partitions: u32,
) -> anyhow::Result<()> {
    let topic = workload.topic();
    let mut connection = Connection::open(address)?;
    match connection.record_count(topic)? {
        Some(found) if found == events => return Ok(()),
        Some(found) => {
            bail!(
                "the topic {topic} at {address} holds {found} events, not {events}: delete it or pass --events {found}"
            )
        }
        None => load(connection, address, topic, partitions, Compression::None, Input { workload, events })?,
    };
    Ok(())
}

/// Creates the topic, fills it and counts what the broker has then.
fn load(
    mut connection: Connection,
    address: &str,
    topic: &str,
    partitions: u32,
    compression: Compression,
    input: Input,
) -> anyhow::Result<Loaded> {
    connection.create_topic(topic, partitions)?;
    let loaded = Runtime::new()?.block_on(produce(address, topic, compression, input))?;
    let (events, found) = (input.events, connection.record_count(topic)?);
    ensure!(found == Some(events), "wrote {events} events to {topic}, but the broker counts {found:?}");
    Ok(loaded)
}

/// What to write.
#[derive(Debug, Clone, Copy)]
struct Input {
    workload: Workload,
    events: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy)]
struct Loaded {
    value_bytes: u64,
    wall: Duration,
}

async fn produce(
    address: &str,
    topic: &str,
    compression: Compression,
    input: Input,
) -> anyhow::Result<Loaded> {
    let client = Client::connect(ClientConfig::new(BrokerAddress::parse_list(address)?)).await?;
    let config =
        ProducerConfig { compression, batch_size_bytes: BATCH_BYTES_MAX, ..ProducerConfig::default() };
    let mut writer = Producer::new(client, config).await?.writer(topic).await?;
    let started = Instant::now();
    // Record timestamps are the wall clock's: at the events' own, retention would delete them.
    let now_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_millis() as i64;
    let (mut generator, mut value_bytes) = (input.workload.generator(), 0);
    for run in (0..input.events).step_by(RUN_RECORDS) {
        writer.ready().await?;
        let mut appender = writer.appender();
        for _ in run..input.events.min(run + RUN_RECORDS as u64) {
            let Record { key, value } = generator.next_record();
            let partition = appender.partition_for(key, value.len());
            appender.append(partition, now_ms, key, Some(value), &[])?;
            value_bytes += value.len() as u64;
        }
    }
    writer.flush().await?;
    Ok(Loaded { value_bytes, wall: started.elapsed() })
}
