//! What it costs to sync before acknowledging: our broker under each policy, with many producers over many partitions.
//!
//! The producers send small requests as fast as they are answered, five at a time each, so that one sync has many to acknowledge; the
//! disk is busy with syncs, not with bytes. The topic's files are made in the round that does not count.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::comparison::{Metric, Rounds, Side, compare};
use crate::kafka::Connection;
use crate::millstream::{Binary, Fsync, Server};
use crate::process;
use crate::producers::{Requests, saturate};

const TOPIC: &str = "durability";

/// Throughput of our broker under each fsync policy
#[derive(Debug, Args)]
pub(crate) struct Durability {
    /// Connections that produce
    #[arg(long, default_value_t = 64)]
    producers: u32,
    /// Partitions, shared out among them
    #[arg(long, default_value_t = 1_000)]
    partitions: u32,
    /// Records in a request
    #[arg(long, default_value_t = 10)]
    records: usize,
    /// Size of a record's value
    #[arg(long, default_value_t = 100)]
    record_bytes: usize,
    /// How long a measurement lasts
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

impl Durability {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let mut sides = Vec::new();
        for fsync in [Fsync::Group, Fsync::None, Fsync::Interval] {
            let server = self.start(directory.path(), fsync)?;
            Connection::open(server.address())?.create_topic(TOPIC, self.partitions)?;
            let options = &self;
            sides.push(Side::new(fsync.name(), move || options.measure(&server)));
        }
        let metrics = vec![
            Metric::higher("produce", "thousand requests per second").goal("none", 0.9),
            Metric::higher("produce", "thousand requests per CPU-second"),
        ];
        let bytes = self.record_bytes * self.records;
        let (producers, partitions) = (self.producers, self.partitions);
        let title = format!("{producers} producers, {partitions} partitions, requests of {bytes} bytes");
        compare(&title, self.rounds, metrics, sides)
    }

    fn start(&self, directory: &Path, fsync: Fsync) -> anyhow::Result<Server> {
        Server::start_with_fsync(&self.binary, &directory.join(fsync.name()), fsync)
    }

    fn measure(&self, server: &Server) -> anyhow::Result<Vec<f64>> {
        let requests = Requests { record_bytes: self.record_bytes, records: self.records };
        let duration = Duration::from_secs(self.seconds);
        let before = process::cpu_time(server.pid())?;
        let counts = (self.producers, self.partitions);
        let answered = saturate(server.address(), TOPIC, counts, requests, duration)? as f64 / 1e3;
        let cpu = process::cpu_time(server.pid())? - before;
        Ok(vec![answered / duration.as_secs_f64(), answered / cpu.as_secs_f64()])
    }
}
