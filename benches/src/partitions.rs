//! Many partitions and few open files: how long our broker takes to be ready after `kill -9`, and what it takes in memory then.
//!
//! Every partition has a record that no checkpoint knows of, so each has a tail to be checked. Ready is as for `startup`; memory is
//! resident memory three seconds later.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchBuilder, FinishOptions};

use crate::comparison::{Metric, Rounds, Side, compare};
use crate::kafka::Connection;
use crate::millstream::{Binary, Server};
use crate::startup::{figures, wait_until_ready};

const TOPIC: &str = "many";
const RECORD_BYTES: usize = 100;

/// Time to ready and memory after kill -9 with many partitions
#[derive(Debug, Args)]
pub(crate) struct Partitions {
    /// How many partitions the topic has
    #[arg(long, default_value_t = 10_000)]
    partitions: u32,
    /// How many files the broker may have open
    #[arg(long, default_value_t = 1_024)]
    open_files: u32,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

impl Partitions {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let server = self.start(&data)?;
        Connection::open(server.address())?.create_topic(TOPIC, self.partitions)?;
        drop(server);
        let sides = vec![Side::new("millstream", || self.measure(&data))];
        let metrics = vec![Metric::lower("time to ready", "ms"), Metric::lower("resident memory", "MB")];
        compare(&format!("kill -9 with {} partitions", self.partitions), self.rounds, metrics, sides)
    }

    fn start(&self, data: &Path) -> anyhow::Result<Server> {
        Server::start_with_files(&self.binary, data, self.open_files)
    }

    fn measure(&self, data: &Path) -> anyhow::Result<Vec<f64>> {
        let mut builder = BatchBuilder::new(1 << 10);
        builder.append(0, None, Some(&[b'x'; RECORD_BYTES]), &[])?;
        let record = builder.finish(&FinishOptions::default(), &mut Compressor::default())?;
        let server = self.start(data)?;
        Connection::open(server.address())?.produce_to_each(TOPIC, self.partitions, &record)?;
        server.kill()?;
        let started = Instant::now();
        let server = self.start(data)?;
        wait_until_ready(server.address(), started)?;
        figures(started.elapsed(), &[server.pid()])
    }
}
