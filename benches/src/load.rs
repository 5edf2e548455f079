//! Fills a topic with one of the inputs, as fast as one thread generates it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use millstream_wire::compression::{Compression, Compressor};
use millstream_wire::murmur2::partition_for_key;
use millstream_wire::records::{BatchBuilder, FinishOptions};

use crate::generate::{Record, Workload};
use crate::kafka::Connection;

/// `batch.size` of the other measurements, too.
const BATCH_BYTES_MAX: usize = 256 << 10;
/// As the Java client's `max.in.flight.requests.per.connection`.
const REQUESTS_IN_FLIGHT_MAX: i32 = 5;

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
        let loaded = load(connection, topic, self.partitions, self.compression, self.workload, self.events)?;
        let (events, average) = (loaded.events, loaded.value_bytes_average());
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
        None => load(connection, topic, partitions, Compression::None, workload, events)?,
    };
    Ok(())
}

/// Creates the topic, fills it and counts what the broker has then.
fn load(
    connection: Connection,
    topic: &str,
    partitions: u32,
    compression: Compression,
    workload: Workload,
    events: u64,
) -> anyhow::Result<Loaded> {
    let mut loader = Loader::create(connection, topic, partitions, compression)?;
    let loaded = loader.load(workload, events)?;
    let found = loader.connection.record_count(topic)?;
    ensure!(found == Some(events), "wrote {events} events to {topic}, but the broker counts {found:?}");
    Ok(loaded)
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded {
    events: u64,
    value_bytes: u64,
    wall: Duration,
}

impl Loaded {
    fn value_bytes_average(&self) -> f64 {
        self.value_bytes as f64 / self.events.max(1) as f64
    }
}

/// Gathers records into a batch per partition and sends the full ones.
struct Loader {
    connection: Connection,
    topic: String,
    partitions: Vec<BatchBuilder>,
    options: FinishOptions,
    compressor: Compressor,
    /// Where records without a key go, until that batch is full.
    sticky: usize,
}

impl Loader {
    fn create(
        mut connection: Connection,
        topic: &str,
        partitions: u32,
        compression: Compression,
    ) -> anyhow::Result<Self> {
        connection.create_topic(topic, partitions)?;
        Ok(Self {
            connection,
            topic: topic.to_owned(),
            partitions: (0..partitions).map(|_| BatchBuilder::new(BATCH_BYTES_MAX)).collect(),
            options: FinishOptions { compression, ..FinishOptions::default() },
            compressor: Compressor::default(),
            sticky: 0,
        })
    }

    fn load(&mut self, workload: Workload, events: u64) -> anyhow::Result<Loaded> {
        let started = Instant::now();
        // Record timestamps are the wall clock's: at the events' own, retention would delete them.
        let now_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_millis()
                as i64;
        let (mut generator, mut value_bytes) = (workload.generator(), 0);
        for _ in 0..events {
            let record = generator.next_record();
            value_bytes += record.value.len() as u64;
            self.append(record, now_ms)?;
        }
        for partition in 0..self.partitions.len() {
            self.send(partition)?;
        }
        self.connection.await_produced(0)?;
        Ok(Loaded { events, value_bytes, wall: started.elapsed() })
    }

    fn append(&mut self, record: Record<'_>, now_ms: i64) -> anyhow::Result<()> {
        let mut partition = self.partition_of(record);
        while !self.partitions[partition].append(now_ms, record.key, Some(record.value), &[])? {
            self.send(partition)?;
            self.sticky = (self.sticky + 1) % self.partitions.len();
            partition = self.partition_of(record);
        }
        Ok(())
    }

    fn partition_of(&self, record: Record<'_>) -> usize {
        record.key.map_or(self.sticky, |key| partition_for_key(key, self.partitions.len() as u32) as usize)
    }

    fn send(&mut self, partition: usize) -> anyhow::Result<()> {
        if self.partitions[partition].is_empty() {
            return Ok(());
        }
        let batch = self.partitions[partition].finish(&self.options, &mut self.compressor)?;
        self.connection.await_produced(REQUESTS_IN_FLIGHT_MAX - 1)?;
        self.connection.produce(&self.topic, partition as u32, batch)
    }
}
