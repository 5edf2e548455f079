//! Our broker beside Apache Kafka and beside the floor: MB of records per CPU-second of the broker, produced and fetched.
//!
//! The client is the same for both brokers: Kafka's own performance tools, acks 1, `linger.ms=5`, `batch.size=256 KiB`, four
//! partitions; neither broker syncs. Both stay up through all rounds, so that Kafka is warm. Fetches are those of a consumer group that
//! reads what was just produced, from the page cache. `single` sends each record in a batch of its own
//! (`batch.size=0`), which Java's producer puts into requests with one for each partition.

use std::path::Path;

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::comparison::{Metric, Rounds, Side, compare};
use crate::floor;
use crate::kafka::Connection;
use crate::millstream::{Binary, Server};
use crate::peers::{Kafka, kafka_tool};
use crate::process;

const PARTITIONS: u32 = 4;
const SINGLE_RECORD_BYTES: u64 = 100;

/// Our broker beside Apache Kafka, in MB per CPU-second of the broker
#[derive(Debug, Args)]
pub(crate) struct Broker {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["small", "large", "single"])]
    loads: Vec<Load>,
    /// MB of records to produce and fetch in a round (`single`: thousand records)
    #[arg(long, default_value_t = 1_000)]
    amount: u64,
    /// Leave our side out
    #[arg(long)]
    peer_only: bool,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Records of 100 bytes
    Small,
    /// Records of 1 KiB
    Large,
    /// Batches of one record of 100 bytes
    Single,
}

impl Load {
    fn record_bytes(self) -> u64 {
        match self {
            Self::Small | Self::Single => SINGLE_RECORD_BYTES,
            Self::Large => 1_024,
        }
    }

    fn records(self, amount: u64) -> u64 {
        match self {
            Self::Small | Self::Large => amount * 1_000_000 / self.record_bytes(),
            Self::Single => amount * 1_000,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Small => "broker, records of 100 bytes",
            Self::Large => "broker, records of 1 KiB",
            Self::Single => "broker, batches of one record of 100 bytes",
        }
    }

    fn metrics(self) -> Vec<Metric> {
        let produce = Metric::higher("produce", "MB per CPU-second");
        let fetch = Metric::higher("fetch", "MB per CPU-second").goal("kafka", 1.0).goal("floor", 0.95);
        match self {
            Self::Small => vec![produce.goal("kafka", 3.5), fetch],
            Self::Large => vec![produce.goal("floor", 0.75), fetch],
            Self::Single => {
                vec![Metric::higher("produce", "thousand records per CPU-second").goal("kafka", 5.0)]
            }
        }
    }
}

/// A broker that runs.
#[derive(Debug)]
struct Subject {
    address: String,
    pid: u32,
    topics: u64,
}

impl Subject {
    /// Produces to a new topic, fetches it, and deletes it.
    fn measure(&mut self, load: Load, amount: u64) -> anyhow::Result<Vec<f64>> {
        self.topics += 1;
        let topic = format!("bench-{}", self.topics);
        let records = load.records(amount);
        let mut connection = Connection::open(&self.address)?;
        connection.create_topic(&topic, PARTITIONS)?;

        let produced = self.cpu_seconds(|subject| subject.produce(load, &topic, records))?;
        let found = connection.record_count(&topic)?;
        ensure!(found == Some(records), "{} has {found:?} of {records} records", self.address);
        let megabytes = (records * load.record_bytes()) as f64 / 1e6;
        let figures = match load {
            Load::Single => vec![records as f64 / 1e3 / produced],
            Load::Small | Load::Large => {
                let fetched = self.cpu_seconds(|subject| subject.fetch(&topic, records))?;
                vec![megabytes / produced, megabytes / fetched]
            }
        };
        connection.delete_topic(&topic)?;
        Ok(figures)
    }

    fn cpu_seconds(&self, work: impl FnOnce(&Self) -> anyhow::Result<()>) -> anyhow::Result<f64> {
        let before = process::cpu_time(self.pid)?;
        work(self)?;
        Ok((process::cpu_time(self.pid)? - before).as_secs_f64())
    }

    fn produce(&self, load: Load, topic: &str, records: u64) -> anyhow::Result<()> {
        let (records, size) = (records.to_string(), load.record_bytes().to_string());
        let batching = match load {
            Load::Small | Load::Large => ["linger.ms=5", "batch.size=262144"],
            Load::Single => ["linger.ms=0", "batch.size=0"],
        };
        let mut arguments = vec!["--bootstrap-server", &self.address, "--topic", topic];
        arguments.extend(["--num-records", &records, "--record-size", &size, "--throughput", "-1"]);
        arguments.extend(["--command-property", "acks=1"]);
        arguments.extend(batching);
        kafka_tool("org.apache.kafka.tools.ProducerPerformance", &arguments)?;
        Ok(())
    }

    fn fetch(&self, topic: &str, records: u64) -> anyhow::Result<()> {
        let records = records.to_string();
        let arguments = ["--bootstrap-server", &self.address, "--topic", topic, "--group", topic];
        let amount = ["--num-records", &records, "--timeout", "60000"];
        kafka_tool("org.apache.kafka.tools.ConsumerPerformance", &[&arguments[..], &amount[..]].concat())?;
        Ok(())
    }
}

/// The same bytes through the floor.
fn measure_floor(directory: &Path, load: Load, amount: u64) -> anyhow::Result<Vec<f64>> {
    let file = directory.join("floor");
    if load == Load::Single {
        let requests = load.records(amount) as usize / floor::REQUEST_BATCHES;
        let answered = floor::measure_answer(&file, requests)?.cpu.as_secs_f64();
        std::fs::remove_file(&file)?;
        return Ok(vec![(requests * floor::REQUEST_BATCHES) as f64 / 1e3 / answered]);
    }
    let chunks = (load.records(amount) * load.record_bytes()) as usize / floor::CHUNK_BYTES;
    let megabytes = (chunks * floor::CHUNK_BYTES) as f64 / 1e6;
    let received = floor::measure_receive(&file, chunks)?.cpu.as_secs_f64();
    let sent = floor::measure_send(&file)?.cpu.as_secs_f64();
    std::fs::remove_file(&file)?;
    Ok(vec![megabytes / received, megabytes / sent])
}

impl Broker {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let ours = if self.peer_only {
            None
        } else {
            Some(Server::start(&self.binary, &directory.path().join("data"))?)
        };
        let kafka = Kafka::start()?;
        for load in &self.loads {
            let (load, amount) = (*load, self.amount);
            let mut sides = Vec::new();
            if let Some(ours) = &ours {
                let mut subject = Subject { address: ours.address().to_owned(), pid: ours.pid(), topics: 0 };
                sides.push(Side::new("millstream", move || subject.measure(load, amount)));
            }
            let mut peer = Subject { address: kafka.address().to_owned(), pid: kafka.pid()?, topics: 0 };
            sides.push(Side::new("kafka", move || peer.measure(load, amount)));
            sides.push(Side::new("floor", || measure_floor(directory.path(), load, amount)));
            compare(load.title(), self.rounds, load.metrics(), sides)?;
        }
        Ok(())
    }
}
