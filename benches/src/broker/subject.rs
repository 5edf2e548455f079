//! A broker that runs, whichever it is, under the load of a cell: the same clients, the same settings.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use super::cells::Cell;
use crate::kafka::Connection;
use crate::millstream::Fsync;
use crate::peers::kafka_tool;
use crate::process;

/// What is written ahead of a measurement beyond what it writes itself, in percent: headers, checksums, indexes.
const WARM_PERCENT: u64 = 125;
const WARM_CHUNK_BYTES: usize = 1 << 20;

/// A broker to measure.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) address: String,
    pub(crate) pid: u32,
    /// Settings that its topics get.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    /// Where memory is written to before each measurement.
    pub(crate) directory: PathBuf,
    /// How often it was measured: topics and groups are named by it.
    pub(crate) runs: u64,
    /// A topic that stays.
    pub(crate) kept: Option<String>,
}

impl Subject {
    pub(crate) fn new(address: &str, pid: u32, directory: PathBuf) -> Self {
        let address = address.to_owned();
        Self { address, pid, settings: Vec::new(), directory, runs: 0, kept: None }
    }

    /// Gives its topics settings.
    pub(crate) fn with_topic_settings(mut self, settings: Vec<(&'static str, &'static str)>) -> Self {
        self.settings = settings;
        self
    }

    /// Produces to a topic, fetches it, and deletes it unless it stays.
    pub(crate) fn measure(&mut self, cell: &Cell, amount: u64) -> anyhow::Result<Vec<f64>> {
        self.runs += 1;
        let records = cell.records(amount);
        let megabytes = (records * cell.record_bytes) as f64 / 1e6;
        let mut connection = Connection::open(&self.address)?;
        let topic = self.topic(cell, &mut connection)?;
        let before = connection.record_count(&topic)?.unwrap_or(0);
        self.warm_memory(megabytes as u64)?;

        let (produced, per_second) = self.cpu_seconds(|subject| subject.produce(cell, &topic, records))?;
        let found = connection.record_count(&topic)?;
        ensure!(found == Some(before + records), "{} has {found:?} of {records} records", self.address);
        let work = if cell.is_single() { records as f64 / 1e3 } else { megabytes };
        let mut figures = vec![work / produced];
        if cell.fsync != Fsync::None {
            figures.push(work / records as f64 * per_second);
        }
        if !cell.is_single() {
            let (fetched, ()) = self.cpu_seconds(|subject| subject.fetch(&topic, records))?;
            figures.push(megabytes / fetched);
        }
        if self.kept.is_none() {
            connection.delete_topic(&topic)?;
        }
        Ok(figures)
    }

    fn topic(&mut self, cell: &Cell, connection: &mut Connection) -> anyhow::Result<String> {
        if let Some(topic) = &self.kept {
            return Ok(topic.clone());
        }
        let topic = format!("{}-{}", cell.name, self.runs);
        connection.create_topic_with(&topic, cell.partitions, &self.settings)?;
        if cell.keeps_topic() {
            self.kept = Some(topic.clone());
        }
        Ok(topic)
    }

    /// Writes a file and removes it, so that the page cache gets memory which was in use a moment ago. Under a hypervisor that takes back
    /// free memory, writing to other memory costs up to five times as much, whoever writes.
    pub(crate) fn warm_memory(&self, megabytes: u64) -> anyhow::Result<()> {
        let path = self.directory.join("warm");
        let mut file = std::fs::File::create(&path)?;
        let chunk = vec![0; WARM_CHUNK_BYTES];
        for _ in 0..megabytes * WARM_PERCENT / 100 {
            file.write_all(&chunk)?;
        }
        std::fs::remove_file(path)?;
        Ok(())
    }

    fn cpu_seconds<T>(&self, work: impl FnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<(f64, T)> {
        let before = process::cpu_time(self.pid)?;
        let done = work(self)?;
        Ok(((process::cpu_time(self.pid)? - before).as_secs_f64(), done))
    }

    /// Returns the records per second that the producer counted.
    pub(crate) fn produce(&self, cell: &Cell, topic: &str, records: u64) -> anyhow::Result<f64> {
        let (records, size) = (records.to_string(), cell.record_bytes.to_string());
        let batch = format!("batch.size={}", cell.batch_bytes);
        let linger = format!("linger.ms={}", if cell.is_single() { 0 } else { 5 });
        let compression = format!("compression.type={}", cell.compression.name());
        let mut arguments = vec!["--bootstrap-server", &self.address, "--topic", topic];
        arguments.extend(["--num-records", &records, "--record-size", &size, "--throughput", "-1"]);
        arguments.extend(["--command-property", "acks=1", &linger, &batch, &compression]);
        let printed = kafka_tool("org.apache.kafka.tools.ProducerPerformance", &arguments)?;
        records_per_second(&printed).with_context(|| format!("the producer printed {printed:?}"))
    }

    pub(crate) fn fetch(&self, topic: &str, records: u64) -> anyhow::Result<()> {
        let (records, group) = (records.to_string(), format!("{topic}-{}", self.runs));
        let arguments = ["--bootstrap-server", &self.address, "--topic", topic, "--group", &group];
        let amount = ["--num-records", &records, "--timeout", "60000"];
        kafka_tool("org.apache.kafka.tools.ConsumerPerformance", &[&arguments[..], &amount[..]].concat())?;
        Ok(())
    }
}

/// Of `500000 records sent, 52137.6 records/sec (50.92 MB/sec), …`, which is the last line.
fn records_per_second(printed: &str) -> Option<f64> {
    let (before, _) = printed.lines().last()?.split_once(" records/sec")?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
