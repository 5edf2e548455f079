//! The peers: Apache Kafka, Apache Flink and Quix Streams, by the scripts in `tests/peers/`, which install them on first use.
//!
//! A server that was started here ends with its handle, also when the measurement fails or is interrupted with Ctrl-C.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use crate::millstream::Fsync;
use crate::process::{self, Usage};

/// Where Kafka tables of the SQL files say that the broker is.
pub(crate) const ADDRESS_IN_SQL: &str = "localhost:9092";
const INTERRUPTED: i32 = 130;
/// As for Nexmark's published figures of Flink: RocksDB, mini-batches, object reuse, checkpoints every 3 minutes.
const FLINK_TASK_HEAP_MB: &str = "2172";
const FLINK_MANAGED_MB: &str = "2048";

/// Servers to stop on Ctrl-C: the script and the port of each.
static RUNNING: Mutex<Vec<(&'static str, u16)>> = Mutex::new(Vec::new());

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Stops what was started here when the user interrupts the measurement, then ends the process.
pub(crate) fn stop_on_interrupt() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            let running = RUNNING.lock().map(|mut running| std::mem::take(&mut *running)).unwrap_or_default();
            for (script, port) in running {
                stop(script, port);
            }
            std::process::exit(INTERRUPTED);
        }
    });
    Ok(())
}

fn script(name: &str) -> Command {
    let mut command = Command::new(repository("tests/peers").join(name));
    command.stdin(Stdio::null());
    command
}

/// Runs a script to its end and returns what it printed.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{} ended with {}", command.get_program().display(), output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A server of a script that knows `start PORT`, `stop PORT` and `wipe PORT`.
#[derive(Debug)]
struct Server {
    script: &'static str,
    address: String,
    port: u16,
}

impl Server {
    fn start(name: &'static str, arguments: &[&OsStr], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut command = script(name);
        command.args(["start", "0"]).args(arguments).envs(environment.iter().copied());
        let address = output(&mut command)?;
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port = port.with_context(|| format!("{name} printed {address:?} instead of HOST:PORT"))?;
        if let Ok(mut running) = RUNNING.lock() {
            running.push((name, port));
        }
        Ok(Self { script: name, address, port })
    }

    fn pid(&self, command: &str) -> anyhow::Result<u32> {
        Ok(output(script(self.script).args([command, &self.port.to_string()]))?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut running) = RUNNING.lock() {
            running.retain(|(_, port)| *port != self.port);
        }
        stop(self.script, self.port);
    }
}

/// Ends a server and removes its data; a failure is the script's to report.
fn stop(name: &str, port: u16) {
    for command in ["stop", "wipe"] {
        let _ = output(script(name).args([command, &port.to_string()]));
    }
}

/// A single node of Apache Kafka with an empty data directory.
#[derive(Debug)]
pub(crate) struct Kafka(Server);

impl Kafka {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As [`Kafka::start`], with settings of the node.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let lines: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Ok(Self(Server::start("kafka.sh", &[], &[("KAFKA_SETTINGS", &lines.join("\n"))])?))
    }

    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.0.pid("pid")
    }

    /// Settings of its topics that promise as much durability as ours under a policy, and delete files at once.
    pub(crate) fn topic_settings(fsync: Fsync) -> Vec<(&'static str, &'static str)> {
        let mut settings = vec![("file.delete.delay.ms", "0")];
        match fsync {
            Fsync::None => {}
            Fsync::Interval => settings.push(("flush.ms", "1000")),
            Fsync::Group => settings.push(("flush.messages", "1")),
        }
        settings
    }

    /// Ends the node and returns the command that starts it again on its data.
    pub(crate) fn stop_for_restart(&mut self) -> anyhow::Result<Vec<String>> {
        let command = std::fs::read(format!("/proc/{}/cmdline", self.pid()?))?;
        output(script(self.0.script).args(["stop", &self.0.port.to_string()]))?;
        let command = String::from_utf8(command)?;
        Ok(command.split_terminator('\0').map(str::to_owned).collect())
    }
}

/// The broker of a measurement: the user's, or a Kafka of our own.
#[derive(Debug)]
pub(crate) enum Broker {
    Given(String),
    Started(Kafka),
}

impl Broker {
    pub(crate) fn at(address: Option<String>) -> anyhow::Result<Self> {
        address.map_or_else(|| Kafka::start().map(Self::Started), |address| Ok(Self::Given(address)))
    }

    pub(crate) fn address(&self) -> &str {
        match self {
            Self::Given(address) => address,
            Self::Started(kafka) => kafka.address(),
        }
    }
}

/// Runs one of Kafka's programs; it has to succeed. What it prints is returned.
pub(crate) fn kafka_tool(class: &str, arguments: &[&str]) -> anyhow::Result<String> {
    output(script("kafka.sh").args(["tool", class]).args(arguments))
}

/// A Flink of one JobManager and one TaskManager with two slots, with the settings of the published figures.
#[derive(Debug)]
pub(crate) struct Flink {
    server: Server,
    task_manager: u32,
}

impl Flink {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let settings = repository("benches/peers/nexmark-flink.yaml");
        let memory = [("FLINK_TASK_HEAP_MB", FLINK_TASK_HEAP_MB), ("FLINK_MANAGED_MB", FLINK_MANAGED_MB)];
        let server = Server::start("flink.sh", &[settings.as_os_str()], &memory)?;
        let task_manager = server.pid("taskmanager-pid")?;
        Ok(Self { server, task_manager })
    }

    /// The JobManager's and the TaskManager's.
    pub(crate) fn pids(&self) -> anyhow::Result<[u32; 2]> {
        Ok([self.server.pid("jobmanager-pid")?, self.task_manager])
    }

    /// Runs a file of statements against the broker at `address`. The usage is that of the TaskManager from submission to end; its
    /// memory is the most since its start.
    pub(crate) fn run(&self, sql: &Path, address: &str) -> anyhow::Result<Usage> {
        let statements =
            std::fs::read_to_string(sql).with_context(|| format!("cannot read {}", sql.display()))?;
        let file = tempfile::NamedTempFile::new()?;
        let statements = statements.replace(ADDRESS_IN_SQL, address);
        // Without this the client ends when the job begins.
        std::fs::write(file.path(), format!("SET 'table.dml-sync' = 'true';\n\n{statements}"))?;
        let cpu = process::cpu_time(self.task_manager)?;
        output(script("flink.sh").args(["sql", &self.server.port.to_string()]).arg(file.path()))?;
        Ok(Usage {
            cpu: process::cpu_time(self.task_manager)? - cpu,
            resident_bytes_max: process::resident_bytes_max(self.task_manager)?,
        })
    }
}

/// What the program of a Python peer prints about itself.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct PythonUsage {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes_max: u64,
}

/// The sensor job in Quix Streams. It counts its own CPU time, without importing and connecting.
pub(crate) fn quix_sensors(address: &str, events: u64) -> anyhow::Result<PythonUsage> {
    let program = repository("benches/peers/quix_sensors.py");
    let mut command = script("python.sh");
    command.arg("quix").arg(program).args([address, &events.to_string()]);
    // Its packages warn about each other.
    let printed = output(command.env("PYTHONWARNINGS", "ignore"))?;
    match printed.lines().last().map(serde_json::from_str) {
        Some(Ok(usage)) => Ok(usage),
        _ => bail!("quix_sensors.py printed {printed:?} instead of a line of JSON"),
    }
}
