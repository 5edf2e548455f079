//! How long until a broker answers, and what it takes in memory when idle: ours beside Apache Kafka and Apache Flink.
//!
//! Both brokers start on data directories that they have used before and that hold no topics. Ready is the moment at which a
//! Metadata request is answered with a broker in it, asked every millisecond from the start of the process. A Flink is ready when its
//! TaskManager has registered, looked at every quarter of a second; its memory is that of both its processes.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;

use crate::comparison::{Metric, Rounds, Side, compare};
use crate::kafka::Connection;
use crate::millstream::{Binary, Server};
use crate::peers::{Flink, Kafka};
use crate::process;

/// Work that a start leaves behind has ended by then.
const IDLE_AFTER: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(1);
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Time to ready and idle memory, beside Apache Kafka and Apache Flink
#[derive(Debug, Args)]
pub(crate) struct Startup {
    /// Leave our side out
    #[arg(long)]
    peer_only: bool,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

impl Startup {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let mut kafka = Kafka::start()?;
        let kafka_command = kafka.stop_for_restart()?;
        let mut sides = Vec::new();
        if !self.peer_only {
            drop(Server::start(&self.binary, &data)?);
            sides.push(Side::new("millstream", || measure_ours(&self.binary, &data)));
        }
        sides.push(Side::new("kafka", || measure_kafka(&kafka_command, kafka.address())));
        sides.push(Side::new("flink", measure_flink));
        let metrics = vec![Metric::lower("time to ready", "ms"), Metric::lower("idle resident memory", "MB")];
        compare("start-up", self.rounds, metrics, sides)
    }
}

fn measure_ours(binary: &Binary, data: &Path) -> anyhow::Result<Vec<f64>> {
    let started = Instant::now();
    let server = Server::start(binary, data)?;
    wait_until_ready(server.address(), started)?;
    figures(started.elapsed(), &[server.pid()])
}

fn measure_kafka(command: &[String], address: &str) -> anyhow::Result<Vec<f64>> {
    let started = Instant::now();
    let (program, arguments) = command.split_first().ok_or_else(|| anyhow::anyhow!("no command of Kafka"))?;
    let output = || Stdio::null();
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output())
        .stderr(output())
        .spawn()?;
    let child = Ended(child);
    wait_until_ready(address, started)?;
    figures(started.elapsed(), &[child.0.id()])
}

fn measure_flink() -> anyhow::Result<Vec<f64>> {
    let started = Instant::now();
    let flink = Flink::start()?;
    let ready = started.elapsed();
    figures(ready, &flink.pids()?)
}

pub(crate) fn figures(ready: Duration, pids: &[u32]) -> anyhow::Result<Vec<f64>> {
    std::thread::sleep(IDLE_AFTER);
    let mut resident_bytes = 0;
    for pid in pids {
        resident_bytes += process::resident_bytes(*pid)?;
    }
    Ok(vec![ready.as_secs_f64() * 1e3, resident_bytes as f64 / 1e6])
}

pub(crate) fn wait_until_ready(address: &str, started: Instant) -> anyhow::Result<()> {
    while !Connection::open(address).and_then(|mut connection| connection.is_ready()).unwrap_or(false) {
        ensure!(started.elapsed() < READY_WITHIN, "{address} is not ready after {READY_WITHIN:?}");
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// A process that ends with its handle.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        process::terminate(&mut self.0);
    }
}
