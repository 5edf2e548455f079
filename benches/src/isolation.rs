//! What bad neighbours cost a producer that behaves: latency of its requests beside each of them, and without any.
//!
//! The load is open: a request is due at its time whatever became of the one before, and its latency counts from then on, so a
//! broker that stands still is charged for everything that it kept waiting. Each neighbour is told in `neighbours`. With
//! `--polls`, the price of consumers that wait for records is measured instead: memory and CPU time of the broker while
//! all of them hold a long poll, and CPU time for each poll that expires.

mod neighbours;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::Args;
use millstream_wire::compression::Compressor;
use millstream_wire::records::{BatchBuilder, FinishOptions};

use crate::comparison::{Metric, Rounds, Side, compare, number};
use crate::kafka::Connection;
use crate::millstream::{Binary, Server};
use crate::process;
use neighbours::{NEIGHBOURS, Neighbour, Place};

/// The topic of the producer that is measured.
const HOT_TOPIC: &str = "hot";
/// The topic of neighbours that read what no cache holds.
const COLD_TOPIC: &str = "cold";
const RECORD_BYTES: usize = 1_024;
const COLD_BATCH_BYTES: usize = 900_000;

/// Latency of a producer beside bad neighbours, and the price of waiting consumers
#[derive(Debug, Args)]
pub(crate) struct Isolation {
    /// Neighbours to measure beside; all by default
    #[arg(value_parser = neighbours::by_name)]
    neighbours: Vec<Neighbour>,
    /// How long each is measured, in seconds
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Requests a second of the producer
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// What is there for cold readers, in MiB
    #[arg(long, default_value_t = 4_096)]
    cold_mib: u64,
    /// Measures so many consumers that wait for records, instead
    #[arg(long, value_name = "CONSUMERS")]
    polls: Option<usize>,
    #[command(flatten)]
    rounds: Rounds,
    #[command(flatten)]
    binary: Binary,
}

impl Isolation {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if let Some(consumers) = self.polls {
            return self.measure_polls(consumers);
        }
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let mut chosen = self.neighbours.clone();
        if chosen.is_empty() {
            chosen = NEIGHBOURS.to_vec();
        }
        self.fill(&data, chosen.iter().any(|neighbour| neighbour.reads_cold))?;
        let mut sides = vec![Side::new("alone", || self.measure(&data, None))];
        for neighbour in chosen {
            let data = &data;
            let this = &self;
            sides.push(Side::new(neighbour.name, move || this.measure(data, Some(neighbour))));
        }
        let metrics = ["p50", "p99", "p99.9"].map(|name| Metric::lower(format!("produce {name}"), "ms"));
        compare("latency beside neighbours", self.rounds, metrics.into(), sides)
    }

    fn fill(&self, data: &Path, with_cold: bool) -> anyhow::Result<()> {
        let server = Server::start(&self.binary, data)?;
        let mut connection = Connection::open(server.address())?;
        connection.create_topic(HOT_TOPIC, 1)?;
        connection.create_topic(COLD_TOPIC, 1)?;
        let cold = record(COLD_BATCH_BYTES)?;
        // Readers that do not read need something to be answered with, whatever there is for cold ones.
        let wanted = if with_cold { self.cold_mib << 20 } else { 256 << 20 };
        for _ in 0..wanted / COLD_BATCH_BYTES as u64 {
            connection.produce_to_each(COLD_TOPIC, 1, &cold)?;
        }
        Ok(())
    }

    fn measure(&self, data: &Path, neighbour: Option<Neighbour>) -> anyhow::Result<Vec<f64>> {
        if neighbour.is_none_or(|neighbour| neighbour.reads_cold) {
            forget_cached(data)?;
        }
        let server = Server::start(&self.binary, data)?;
        let place = Place { address: server.address().to_owned(), cold_topic: COLD_TOPIC };
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let ready = neighbour.map(|neighbour| {
                let (ready, is_ready) = std::sync::mpsc::channel();
                let (place, stop) = (&place, &stop);
                let running = scope.spawn(move || (neighbour.run)(place, stop, &ready));
                (running, is_ready)
            });
            let running = match ready {
                // Whoever cannot even begin says so when it is joined.
                Some((running, is_ready)) => {
                    let _ = is_ready.recv();
                    Some(running)
                }
                None => None,
            };
            let measured = self.latencies(server.address());
            stop.store(true, Ordering::Relaxed);
            if let Some(running) = running {
                running.join().map_err(|_| anyhow::anyhow!("the neighbour panicked"))??;
            }
            measured
        })
    }

    /// Latencies of an open load: p50, p99 and p99.9 in ms.
    fn latencies(&self, address: &str) -> anyhow::Result<Vec<f64>> {
        let mut connection = Connection::open(address)?;
        let record = record(RECORD_BYTES)?;
        // The first requests open files.
        for _ in 0..100 {
            connection.produce_to_each(HOT_TOPIC, 1, &record)?;
        }
        let interval = Duration::from_secs(1) / self.rate;
        let count = self.rate * u32::try_from(self.seconds)?;
        let begun = Instant::now();
        let mut latencies = Vec::with_capacity(count as usize);
        for number in 0..count {
            let due = begun + interval * number;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            connection.produce_to_each(HOT_TOPIC, 1, &record)?;
            latencies.push(due.elapsed().as_secs_f64() * 1e3);
        }
        latencies.sort_unstable_by(f64::total_cmp);
        Ok([0.5, 0.99, 0.999].map(|share| quantile(&latencies, share)).into())
    }

    fn measure_polls(&self, consumers: usize) -> anyhow::Result<()> {
        const LONG: Duration = Duration::from_secs(60);
        const SHORT: Duration = Duration::from_secs(2);
        let directory = tempfile::tempdir()?;
        let server = Server::start(&self.binary, &directory.path().join("data"))?;
        Connection::open(server.address())?.create_topic(HOT_TOPIC, 1)?;
        let empty = process::resident_bytes(server.pid())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for (wait, watched) in [(LONG, LONG + LONG), (SHORT, SHORT * 5)] {
            let usage = || process::cpu_time(server.pid());
            let watched = runtime.block_on(neighbours::long_polls(
                server.address(),
                HOT_TOPIC,
                consumers,
                wait,
                watched,
                &usage,
            ))?;
            let cpu = watched.cpu.as_secs_f64();
            println!(
                "{consumers} consumers, polls of {wait:?}: {} MB resident ({} MB before), {} % of a core, {} polls expired, {} µs of CPU each",
                number(process::resident_bytes(server.pid())? as f64 / 1e6),
                number(empty as f64 / 1e6),
                number(100.0 * cpu / watched.lasted.as_secs_f64()),
                watched.expired,
                number(1e6 * cpu / watched.expired.max(1) as f64),
            );
        }
        Ok(())
    }
}

fn record(bytes: usize) -> anyhow::Result<Bytes> {
    let mut builder = BatchBuilder::new(bytes + 200);
    ensure!(builder.append(0, None, Some(&vec![b'x'; bytes]), &[])?, "the record does not fit");
    Ok(builder.finish(&FinishOptions::default(), &mut Compressor::default())?)
}

/// The value below which `share` of the sorted ones lie.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Has the page cache forget the files below a directory.
fn forget_cached(directory: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            forget_cached(&path)?;
            continue;
        }
        let file = std::fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        // Only what is on the disk can be forgotten.
        file.sync_data()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! Quantiles.
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let measured: Vec<f64> = (1..=1_000).map(f64::from).collect();
        assert_eq!([0.5, 0.99, 0.999].map(|share| quantile(&measured, share)), [500.0, 990.0, 999.0]);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
    }
}
