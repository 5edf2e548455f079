//! Nexmark from an external broker's topic of nested JSON into a blackhole, beside Apache Flink: events per CPU-second.
//!
//! The same SQL file runs on both sides. What counts is the CPU time of our process alone, from its start to its end, and of
//! Flink's TaskManager alone, which is warm and stays up. The broker's CPU time is nobody's.

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::comparison::{Metric, Rounds, Side, compare};
use crate::generate::Workload;
use crate::load::ensure_loaded;
use crate::millstream::Binary;
use crate::peers::{Broker, Flink, repository};
use crate::process::Usage;

const PARTITIONS: u32 = 4;

/// Nexmark's queries beside Apache Flink, in events per CPU-second
#[derive(Debug, Args)]
pub(crate) struct Nexmark {
    /// The query
    query: Query,
    /// How many events the topic holds; 100,000 are a second of event time
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// A broker to use instead of an Apache Kafka of our own; a topic `nexmark` it has must hold that many events
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_server: Option<String>,
    /// Measure Flink alone
    #[arg(long)]
    peer_only: bool,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

/// The queries that run so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Query {
    /// Bids as they are
    Q0,
    /// Bids per bidder and 10 s of processing time
    Q12,
}

impl Query {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Q0 => "q0",
            Self::Q12 => "q12",
        }
    }

    /// How many times as much as Flink we mean to do per CPU-second.
    fn goal(self) -> f64 {
        match self {
            Self::Q0 => 9.0,
            Self::Q12 => 7.0,
        }
    }
}

impl Nexmark {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        ensure!(self.events > 0, "a topic without events cannot be measured");
        if !self.peer_only {
            self.binary.path()?;
        }
        let broker = Broker::at(self.bootstrap_server.clone())?;
        ensure_loaded(broker.address(), Workload::Nexmark, self.events, PARTITIONS)?;
        let flink = Flink::start()?;
        let name = self.query.name();
        let sql = repository(&format!("benches/sql/nexmark_{name}.sql"));

        let mut sides = Vec::new();
        if !self.peer_only {
            sides.push(Side::new("millstream", || {
                Ok(figures(self.events, self.binary.run(&sql, broker.address(), self.events)?))
            }));
        }
        sides.push(Side::new("flink", || Ok(figures(self.events, flink.run(&sql, broker.address())?))));
        let metrics = vec![
            Metric::higher("throughput", "thousand events per CPU-second").goal("flink", self.query.goal()),
            Metric::lower("largest resident memory", "MB"),
        ];
        compare(&format!("nexmark {name}, {} events", self.events), self.rounds, metrics, sides)
    }
}

/// Thousand events per CPU-second and resident MB.
pub(crate) fn figures(events: u64, usage: Usage) -> Vec<f64> {
    vec![events as f64 / usage.cpu.as_secs_f64() / 1e3, usage.resident_bytes_max as f64 / 1e6]
}
