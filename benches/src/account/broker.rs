//! Where the broker's CPU time goes, by samples of its stacks (`perf record`) under the loads of `broker`: which system call a sample fell
//! into, or which part of the program.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::stacks::{PARTS, part, stacks};
use crate::broker::cells::Cell;
use crate::broker::subject::Subject;
use crate::kafka::Connection;
use crate::millstream::{Binary, Fsync, Server};
use crate::process;

/// Samples per second of CPU time.
const FREQUENCY: &str = "999";
const TOPIC: &str = "account";

/// The broker, under loads of `broker`, by `perf`
#[derive(Debug, Args)]
pub(crate) struct Broker {
    /// The loads
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        value_parser = Cell::named,
        default_values = ["100b", "1kib", "single"]
    )]
    cells: Vec<Cell>,
    /// MB of records to produce and fetch (`single`: thousand records)
    #[arg(long, default_value_t = 500)]
    amount: u64,
    #[command(flatten)]
    binary: Binary,
}

/// The shares of all parts, in their order, and how many samples they are shares of.
struct Profile {
    label: String,
    shares: Vec<f64>,
    samples: usize,
}

impl Broker {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let directory = tempfile::tempdir()?;
        let directory = directory.path();
        let mut profiles = Vec::new();
        for cell in &self.cells {
            let data = directory.join(cell.name);
            let server = Server::start_with_fsync(&self.binary, &data, cell.fsync)?;
            let mut subject = Subject::new(server.address(), server.pid(), directory.to_owned());
            // Memory and code that are used for the first time are not what is looked for.
            subject.measure(cell, self.amount / 10)?;
            self.profile(cell, &subject, &mut profiles)?;
        }
        print(&profiles);
        Ok(())
    }

    fn profile(&self, cell: &Cell, subject: &Subject, profiles: &mut Vec<Profile>) -> anyhow::Result<()> {
        let records = cell.records(self.amount);
        let megabytes = records * cell.record_bytes / 1_000_000;
        let mut connection = Connection::open(&subject.address)?;
        connection.create_topic(TOPIC, cell.partitions)?;
        subject.warm_memory(megabytes)?;
        let label = format!("produce {}", cell.name);
        profiles.push(record(subject, label, |subject| subject.produce(cell, TOPIC, records).map(drop))?);
        if !cell.is_single() && cell.fsync == Fsync::None {
            let label = format!("fetch {}", cell.name);
            profiles.push(record(subject, label, |subject| subject.fetch(TOPIC, records))?);
        }
        connection.delete_topic(TOPIC)
    }
}

/// Samples the broker's stacks while it is given work.
fn record(
    subject: &Subject,
    label: String,
    work: impl FnOnce(&Subject) -> anyhow::Result<()>,
) -> anyhow::Result<Profile> {
    let data = subject.directory.join("perf.data");
    let mut perf = Recording::start(subject.pid, &data)?;
    work(subject)?;
    perf.end();
    let script = Command::new("perf")
        .args(["script", "--fields", "ip,sym", "--input"])
        .arg(&data)
        .stderr(Stdio::null())
        .output()?;
    ensure!(script.status.success(), "perf script ended with {}", script.status);
    let text = String::from_utf8_lossy(&script.stdout);
    let mut counts = vec![0; PARTS.len() + 1];
    let mut samples = 0;
    for stack in stacks(&text) {
        counts[part(&stack)] += 1;
        samples += 1;
    }
    ensure!(samples > 0, "perf saw nothing of {label}");
    let shares = counts.iter().map(|count| f64::from(*count) / samples as f64 * 100.0).collect();
    Ok(Profile { label, shares, samples })
}

/// `perf record` of a running process; it ends with its handle.
struct Recording(Child);

impl Recording {
    fn start(pid: u32, data: &Path) -> anyhow::Result<Self> {
        let child = Command::new("perf")
            .args(["record", "--quiet", "--call-graph", "fp", "--freq", FREQUENCY, "--output"])
            .arg(data)
            .args(["--pid", &pid.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot run perf")?;
        Ok(Self(child))
    }

    /// Has it write what it has.
    fn end(&mut self) {
        process::terminate(&mut self.0);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.end();
    }
}

/// A column for each profile, as a Markdown table.
fn print(profiles: &[Profile]) {
    let row = |name: &str, cell: &dyn Fn(&Profile) -> String| {
        let cells: Vec<String> = profiles.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    row("part", &|profile| profile.label.clone());
    let names = PARTS.iter().map(|part| part.name).chain(["other"]);
    for (at, name) in names.enumerate() {
        row(name, &|profile| format!("{:.0} %", profile.shares[at]));
    }
    row("samples", &|profile| profile.samples.to_string());
}
