//! Our broker beside Apache Kafka and beside the floor: MB of records per CPU-second of the broker, produced and fetched.
//!
//! The client is the same for all three: Kafka's own performance tools, acks 1. All stay up through all rounds of a cell, so that
//! Kafka is warm. Fetches are those of a consumer group that reads what was just produced, from the page cache. In the `single` cells each
//! record is a batch of its own (`batch.size=0`), of which Java's producer puts one for each partition into a request. Where our
//! broker syncs, so does Kafka: every append before it is acknowledged (`flush.messages=1`) or every second (`flush.ms=1000`).

use std::path::Path;

use clap::Args;

use crate::comparison::{Rounds, Side, compare_to_rows};
use crate::floor;
use crate::millstream::{Binary, Fsync, Server};
use crate::peers::Kafka;
use cells::{CELLS, Cell, Compression, PLAIN, SINGLE};
use subject::Subject;

pub(crate) mod cells;
pub(crate) mod subject;

/// How often Kafka serves each kind of load before the first cell.
const WARM_UPS: usize = 2;

/// Our broker beside Apache Kafka, per CPU-second of the broker
#[derive(Debug, Args)]
pub(crate) struct Broker {
    /// Which cells to measure; all of them by default, or `1kib` when the options below change one
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = Cell::named)]
    cells: Vec<Cell>,
    /// MB of records to produce and fetch in a round (`single`: thousand records)
    #[arg(long, default_value_t = 500)]
    amount: u64,
    /// Leave our side out
    #[arg(long)]
    peer_only: bool,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

/// What is other than the cells say; they lose their goals then.
#[derive(Debug, Args)]
struct Changes {
    /// Size of a record's value
    #[arg(long)]
    record_bytes: Option<u64>,
    /// `batch.size`; 0 for one record a batch
    #[arg(long)]
    batch_bytes: Option<u32>,
    /// `compression.type`
    #[arg(long, value_enum)]
    compression: Option<Compression>,
    /// Partitions of the topic
    #[arg(long)]
    partitions: Option<u32>,
    /// When both brokers sync
    #[arg(long, value_enum)]
    fsync: Option<Fsync>,
}

impl Changes {
    fn is_none(&self) -> bool {
        let Self { record_bytes, batch_bytes, compression, partitions, fsync } = self;
        record_bytes.is_none()
            && batch_bytes.is_none()
            && compression.is_none()
            && partitions.is_none()
            && fsync.is_none()
    }

    fn apply(&self, cell: Cell) -> Cell {
        if self.is_none() {
            return cell;
        }
        Cell {
            record_bytes: self.record_bytes.unwrap_or(cell.record_bytes),
            batch_bytes: self.batch_bytes.unwrap_or(cell.batch_bytes),
            compression: self.compression.unwrap_or(cell.compression),
            partitions: self.partitions.unwrap_or(cell.partitions),
            fsync: self.fsync.unwrap_or(cell.fsync),
            goals: &[],
            ..cell
        }
    }
}

/// The sides of a cell, as far as they are the same for several.
#[derive(Debug)]
struct Brokers {
    kafka: Kafka,
    floor: floor::Server,
    /// Ours, by policy, since they are a setting of the whole broker.
    ours: Vec<(Fsync, Server)>,
}

impl Brokers {
    fn start(directory: &Path) -> anyhow::Result<Self> {
        // Without the first, Kafka never looks for topics whose time to sync has come.
        let kafka = Kafka::start_with(&[("log.flush.scheduler.interval.ms", "1000")])?;
        Ok(Self { kafka, floor: floor::Server::start(&directory.join("floor"))?, ours: Vec::new() })
    }

    /// Has Kafka serve what makes it compile most of what the cells need: its first minute costs three times as much.
    fn warm_up(&self, directory: &Path, amount: u64) -> anyhow::Result<()> {
        let mut subject = Subject::new(self.kafka.address(), self.kafka.pid()?, directory.to_owned())
            .with_topic_settings(Kafka::topic_settings(Fsync::None));
        for cell in [SINGLE, PLAIN].into_iter().cycle().take(2 * WARM_UPS) {
            subject.measure(&cell, amount)?;
        }
        Ok(())
    }

    /// Our broker under a policy, started when it is first asked for.
    fn ours(&mut self, binary: &Binary, directory: &Path, fsync: Fsync) -> anyhow::Result<(String, u32)> {
        if !self.ours.iter().any(|(policy, _)| *policy == fsync) {
            let server = Server::start_with_fsync(binary, &directory.join(fsync.name()), fsync)?;
            self.ours.push((fsync, server));
        }
        let found = self.ours.iter().find(|(policy, _)| *policy == fsync);
        found
            .map(|(_, server)| (server.address().to_owned(), server.pid()))
            .ok_or_else(|| anyhow::anyhow!("our broker did not start"))
    }
}

impl Broker {
    fn chosen(&self) -> anyhow::Result<Vec<Cell>> {
        let cells = match (self.cells.is_empty(), self.changes.is_none()) {
            (false, _) => self.cells.clone(),
            (true, true) => CELLS.to_vec(),
            (true, false) => vec![Cell::named("1kib").map_err(anyhow::Error::msg)?],
        };
        Ok(cells.into_iter().map(|cell| self.changes.apply(cell)).collect())
    }

    pub(crate) fn run(self) -> anyhow::Result<()> {
        let cells = self.chosen()?;
        let directory = tempfile::tempdir()?;
        let directory = directory.path();
        let mut brokers = Brokers::start(directory)?;
        brokers.warm_up(directory, self.amount)?;
        let mut rows = Vec::new();
        for cell in cells {
            let amount = self.amount;
            let side = |name, mut subject: Subject| Side::new(name, move || subject.measure(&cell, amount));
            let subject = |address: &str, pid| Subject::new(address, pid, directory.to_owned());
            let mut sides = Vec::new();
            if !self.peer_only {
                let (address, pid) = brokers.ours(&self.binary, directory, cell.fsync)?;
                sides.push(side("millstream", subject(&address, pid)));
            }
            let kafka = &brokers.kafka;
            let peer = subject(kafka.address(), kafka.pid()?);
            sides.push(side("kafka", peer.with_topic_settings(Kafka::topic_settings(cell.fsync))));
            if cell.has_floor() {
                sides.push(side("floor", subject(brokers.floor.address(), brokers.floor.pid())));
            }
            rows.push(compare_to_rows(cell.name, &cell.title(), self.rounds, cell.metrics(), sides)?);
        }
        println!("\n{}", rows.concat());
        Ok(())
    }
}
