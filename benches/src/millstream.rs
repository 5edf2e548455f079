//! Our side: the binary, as a user runs it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use crate::process::{self, Usage};

/// Which binary is measured.
#[derive(Debug, Clone, Args)]
pub(crate) struct Binary {
    /// The binary to measure; by default the one beside this program, which `cargo build --release` makes
    #[arg(long = "millstream", value_name = "PATH")]
    path: Option<PathBuf>,
}

impl Binary {
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("millstream"),
        };
        ensure!(path.is_file(), "there is no {}: run `cargo build --release` first", path.display());
        Ok(path)
    }

    /// Runs a SQL file to its end against the broker at `address`, where it has to read `events` rows. The usage is that of the whole
    /// process.
    pub(crate) fn run(&self, sql: &Path, address: &str, events: u64) -> anyhow::Result<Usage> {
        let mut command = Command::new(self.path()?);
        command.arg("run").arg(sql).args(["--bootstrap-server", address]);
        let (usage, printed) = process::run_to_end(&mut command)?;
        let summary = printed.lines().next().unwrap_or_default();
        ensure!(
            summary.contains(&format!(": {events} rows in,")) && summary.contains(" 0 late, 0 bad"),
            "{} should have read {events} rows without late or bad ones: {summary}",
            sql.display()
        );
        Ok(usage)
    }
}

/// When records are synced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fsync {
    /// When the system wants to, as Apache Kafka does by default
    None,
    /// Every second
    Interval,
    /// Before they are acknowledged
    Group,
}

impl Fsync {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Interval => "interval",
            Self::Group => "group",
        }
    }
}

/// A running `millstream start` with ports that the system picked; it ends with its handle.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts on a data directory and waits for the line that says it is ready. Data is not synced.
    pub(crate) fn start(binary: &Binary, data: &Path) -> anyhow::Result<Self> {
        Self::start_with_fsync(binary, data, Fsync::None)
    }

    /// As [`Server::start`], with another policy.
    pub(crate) fn start_with_fsync(binary: &Binary, data: &Path, fsync: Fsync) -> anyhow::Result<Self> {
        Self::spawn(Command::new(binary.path()?), data, fsync)
    }

    /// As [`Server::start`], with at most so many files open at a time.
    pub(crate) fn start_with_files(binary: &Binary, data: &Path, files_max: u32) -> anyhow::Result<Self> {
        let mut command = Command::new("bash");
        command.args(["-c", &format!(r#"ulimit -n {files_max} && exec "$0" "$@""#)]).arg(binary.path()?);
        Self::spawn(command, data, Fsync::None)
    }

    fn spawn(mut command: Command, data: &Path, fsync: Fsync) -> anyhow::Result<Self> {
        let mut child = command
            .args(["start", "--kafka-listener", "127.0.0.1:0", "--http-listener", "127.0.0.1:0"])
            .args(["--fsync", fsync.name()])
            .arg("--data-dir")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("no standard output")?;
        let mut server = Self { child, address: String::new() };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        server.address =
            kafka_address(&line).with_context(|| format!("millstream start printed {line:?}"))?.to_owned();
        Ok(server)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a chance to write anything.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// HOST:PORT of `millstream ready kafka=HOST:PORT http=HOST:PORT`.
fn kafka_address(line: &str) -> Option<&str> {
    line.strip_prefix("millstream ready ")?.split_whitespace().find_map(|part| part.strip_prefix("kafka="))
}

impl Drop for Server {
    fn drop(&mut self) {
        process::terminate(&mut self.child);
    }
}

#[cfg(test)]
mod tests;
