//! Where the CPU time of Nexmark q0 goes, from the socket to the sink, two ways.
//!
//! By stages: the same topic is read several times, each time doing more: receive (fetch whole batches), check CRCs, walk the
//! records, decode the columns that q0 needs, and last the whole of `millstream run`. What a stage adds to the one before is the
//! price of that step, on the same machine and in the same minutes. By samples: with `--perf`, `perf record` of the whole, its
//! functions sorted into the same parts.

use anyhow::{Context as _, ensure};
use clap::Args;
use millstream_client::{BrokerAddress, Client, ClientConfig, FetchedBatches, Fetcher, FetcherConfig};
use millstream_client::{ReaderSet, RecordDecoder, Start, TopicPartition};
use millstream_formats::{Format, Projection, RowDecoder};
use millstream_wire::records::range_in;
use tokio::runtime::Runtime;

use super::samples;
use crate::comparison::{Metric, Rounds, Side, medians};
use crate::formats::nexmark_schema;
use crate::generate::Workload;
use crate::kafka::Connection;
use crate::load::ensure_loaded;
use crate::millstream::Binary;
use crate::peers::{Broker, repository};
use crate::process;

const PARTITIONS: u32 = 4;
/// Rows of a batch, as the engine's sources make them.
const BATCH_ROWS: usize = 4_096;
/// What q0 reads of an event: the bid's columns, and for the computed time attribute the type and the two other times.
const FIELDS: [&str; 8] = [
    "event_type",
    "person.dateTime",
    "auction.dateTime",
    "bid.auction",
    "bid.bidder",
    "bid.price",
    "bid.dateTime",
    "bid.extra",
];

/// Nexmark q0, from the socket to the sink
#[derive(Debug, Args)]
pub(crate) struct Q0 {
    /// How many events the topic holds
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// A broker to use instead of an Apache Kafka of our own; a topic `nexmark` it has must hold that many events
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_server: Option<String>,
    /// Sample the whole with `perf record` as well
    #[arg(long)]
    perf: bool,
    /// The stages without the whole, which needs the binary
    #[arg(long)]
    stages_only: bool,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

/// How far a reading of the topic goes; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Receive,
    Crc,
    Records,
    Decode,
}

impl Q0 {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if !self.stages_only {
            self.binary.path()?;
        }
        let broker = Broker::at(self.bootstrap_server.clone())?;
        let address = broker.address();
        ensure_loaded(address, Workload::Nexmark, self.events, PARTITIONS)?;
        let sql = repository("benches/sql/nexmark_q0.sql");
        let runtime = Runtime::new()?;

        let stage = |name, stage| {
            let (runtime, events) = (&runtime, self.events);
            Side::new(name, move || stage_nanos(runtime, address, stage, events))
        };
        let mut sides = vec![
            stage("receive", Stage::Receive),
            stage("+ CRC", Stage::Crc),
            stage("+ records", Stage::Records),
            stage("+ decode", Stage::Decode),
        ];
        if !self.stages_only {
            sides.push(Side::new("whole", || {
                let usage = self.binary.run(&sql, address, self.events)?;
                Ok(vec![usage.cpu.as_nanos() as f64 / self.events as f64])
            }));
        }
        let metric = Metric::lower("CPU time", "ns per event");
        let title = format!("account of nexmark q0, {} events", self.events);
        print_increments(&medians(&title, self.rounds, metric, sides)?);
        if self.perf && !self.stages_only {
            samples::record(&self.binary, &sql, address)?;
        }
        Ok(())
    }
}

/// Prints each stage beside what it adds to the one before.
fn print_increments(stages: &[(&'static str, f64)]) {
    let whole = stages.last().map_or(1.0, |(_, nanos)| *nanos);
    let mut before = 0.0;
    println!("{:<12} {:>10} {:>10} {:>7}", "stage", "ns/event", "adds", "share");
    for (name, nanos) in stages {
        let adds = nanos - before;
        println!("{name:<12} {nanos:>10.0} {adds:>10.0} {:>6.0}%", adds / whole * 100.0);
        before = *nanos;
    }
}

/// CPU time of this process per event for reading the topic as far as `stage`.
fn stage_nanos(runtime: &Runtime, address: &str, stage: Stage, events: u64) -> anyhow::Result<Vec<f64>> {
    let pid = std::process::id();
    let before = process::cpu_time(pid)?;
    let rows = runtime.block_on(read(address, stage))?;
    let used = process::cpu_time(pid)? - before;
    // Receiving and checking do not look into batches.
    let expected = if stage >= Stage::Records { events } else { 0 };
    ensure!(rows == expected, "read {rows} of {expected} events");
    Ok(vec![used.as_nanos() as f64 / events as f64])
}

async fn read(address: &str, stage: Stage) -> anyhow::Result<u64> {
    let topic = Workload::Nexmark.topic();
    let ends = Connection::open(address)?.end_offsets(topic)?;
    let client = Client::connect(ClientConfig::new(BrokerAddress::parse_list(address)?)).await?;
    let fetcher = Fetcher::new(client, FetcherConfig::default())?;
    let reader =
        |index: i32, end: i64| fetcher.read(TopicPartition::new(topic, index), Start::Earliest, Some(end));
    let readers = ends.iter().map(|end| reader(end.partition_index, end.offset)).collect();
    let mut readers = ReaderSet::new(readers);
    let mut work = Work::new(stage)?;
    while let Some(fetched) = readers.next().await? {
        work.take(&fetched)?;
    }
    Ok(work.rows)
}

/// What is done with the batches of a fetch.
struct Work {
    stage: Stage,
    records: RecordDecoder,
    rows_decoder: RowDecoder,
    rows: u64,
}

impl Work {
    fn new(stage: Stage) -> anyhow::Result<Self> {
        let fields = FIELDS.iter().map(|path| path.split('.').map(str::to_owned).collect());
        let format = Format::from_options("json", [])?;
        Ok(Self {
            stage,
            records: RecordDecoder::new().with_check_crcs(stage >= Stage::Crc),
            rows_decoder: format.decoder(&nexmark_schema(), &Projection::of(fields))?,
            rows: 0,
        })
    }

    fn take(&mut self, fetched: &FetchedBatches) -> anyhow::Result<()> {
        for batch in self.records.batches(fetched) {
            let batch = batch?;
            if self.stage < Stage::Records {
                continue;
            }
            self.rows_decoder.share(batch.body());
            for record in batch.records() {
                let value = record?.value.context("an event without a value")?;
                if self.stage >= Stage::Decode {
                    let place = range_in(batch.body(), value).context("a value outside its batch")?;
                    self.rows_decoder.push_range(place)?;
                    if self.rows_decoder.len() == BATCH_ROWS {
                        std::hint::black_box(self.rows_decoder.finish()?);
                        self.rows_decoder.share(batch.body());
                    }
                } else {
                    std::hint::black_box(value);
                }
                self.rows += 1;
            }
            std::hint::black_box(self.rows_decoder.finish()?);
        }
        Ok(())
    }
}
