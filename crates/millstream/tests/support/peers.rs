//! Clients, servers and independent computations that are not ours, by the scripts in the repository's `tests/`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::process::{Process, millstream, repository};

/// For a script that may have to download a peer first.
const INSTALL_DEADLINE: Duration = Duration::from_secs(900);

/// The exit code of a script whose peer's toolchain is missing.
const SKIPPED: i32 = 77;

/// A path below the repository's `tests/`.
pub(crate) fn in_tests(path: &str) -> String {
    repository().join("tests").join(path).to_str().expect("a path of text").to_owned()
}

/// Runs a script below the repository's `tests/` for a peer: its standard output, or `None` where the peer is skipped.
pub(crate) fn peer(script: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(in_tests(script));
    command.args(arguments);
    let ended = Process::spawn_group(command).wait_for(INSTALL_DEADLINE);
    if ended.code == Some(SKIPPED) {
        let line = ended.stderr.lines().find(|line| line.starts_with("skipped: ")).unwrap_or("skipped");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs every peer: {line}");
        eprintln!("{line}");
        return None;
    }
    Some(ended.success(&format!("{script} {arguments:?}")))
}

/// Apache Kafka or Apache Flink on a port of its own.
pub(crate) struct Peer {
    script: &'static str,
    port: String,
    /// `HOST:PORT`
    pub(crate) address: String,
}

impl Peer {
    /// One KRaft node with nothing in it.
    pub(crate) fn kafka() -> Option<Self> {
        Self::start("peers/kafka.sh")
    }

    /// A JobManager and a TaskManager with two slots.
    pub(crate) fn flink() -> Option<Self> {
        Self::start("peers/flink.sh")
    }

    fn start(script: &'static str) -> Option<Self> {
        let address = peer(script, &["start", "0"])?.trim().to_owned();
        let port = address.rsplit(':').next().expect("HOST:PORT").to_owned();
        Some(Self { script, port, address })
    }

    /// Creates a topic on a Kafka.
    pub(crate) fn create_topic(&self, topic: &str, partitions: u32) {
        let partitions = partitions.to_string();
        let class = "org.apache.kafka.tools.TopicCommand";
        let arguments =
            ["--create", "--topic", topic, "--partitions", &partitions, "--bootstrap-server", &self.address];
        peer(self.script, &[&["tool", class], &arguments[..]].concat());
    }

    /// Runs a file of statements on a Flink.
    pub(crate) fn sql(&self, file: &Path) {
        peer(self.script, &["sql", &self.port, file.to_str().expect("a path of text")]);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for command in ["stop", "wipe"] {
            let _ = Command::new(in_tests(self.script)).args([command, &self.port]).status();
        }
    }
}

/// What a topic holds, as a client that is not ours reads it: JSON lines with partition, offset, key and value.
pub(crate) fn records(broker: &str, topic: &str) -> Option<String> {
    peer("peers/python.sh", &["clients", &in_tests("oracle/topic.py"), broker, topic])
}

/// A producer of a script in `tests/kill/`, whose lines are what the broker acknowledged. Dropping it ends it.
pub(crate) struct VerifiedProducer(Process);

impl VerifiedProducer {
    /// Starts producing; the environment must have been installed (see [`peer`]).
    pub(crate) fn start(script: &str, broker: &str, topic: &str, round: u32) -> Self {
        let mut command = Command::new(in_tests("peers/python.sh"));
        let script = in_tests(script);
        command.args(["clients", &script, "produce", broker, topic, &round.to_string()]);
        Self(Process::spawn_group(command))
    }

    /// Waits for this many more lines.
    pub(crate) fn acknowledge(&mut self, lines: usize) {
        for _ in 0..lines {
            assert!(!self.0.next_line().is_empty(), "the producer ended: {:?}", self.0.wait());
        }
    }

    /// Ends it and gives all lines that it printed; the last may be cut off.
    pub(crate) fn finish(self) -> String {
        self.0.kill_and_read()
    }
}

/// Compares results of the weather example with an independent computation: `kind` is `raw` or `agg`.
pub(crate) fn assert_weather(kind: &str, lines: &str) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let file = crate::support::process::file(scratch.path(), "results.jsonl", lines);
    peer("peers/python.sh", &["oracle", &in_tests("oracle/weather.py"), kind, &file]);
}

/// Runs the weather example with its rows as JSON lines.
pub(crate) fn run_weather(options: &[&str]) -> String {
    let command =
        millstream(&[&["run", "--output", "json"], options, &["examples/weather/weather.sql"]].concat());
    Process::spawn(command).wait().success("millstream run")
}
