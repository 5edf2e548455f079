//! What the tests of the binary share: starting it, starting peers, running programs with a deadline.
//!
//! A peer is an unmodified client or server that the scripts in `tests/peers/` of the repository install and start. Where its toolchain is
//! missing, a script ends with code 77: the test then prints `skipped: NAME: reason` and passes, except where CI=true, which requires all
//! peers. Every server that a test starts ends with the value that stands for it.
//!
//! Nothing here waits for a time to pass: deadlines only turn a hang into a failure.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// For a program that does its work in seconds, on a machine that does other things too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

/// For a script that may have to download a peer first.
pub(crate) const INSTALL_DEADLINE: Duration = Duration::from_secs(900);

/// The exit code of a script whose peer's toolchain is missing.
const SKIPPED: i32 = 77;

/// The root of the repository, where the examples' paths begin.
pub(crate) fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the crate lies in the repository")
}

/// The binary under test with the repository's root as its directory.
pub(crate) fn millstream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.current_dir(repository());
    command
}

/// What an ended program said. A program that a signal ended has no code.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The standard output of a program that must succeed.
    pub(crate) fn success(self, what: &str) -> String {
        assert_eq!(self.code, Some(0), "{what} failed\n{}\n{}", tail(&self.stdout), tail(&self.stderr));
        self.stdout
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn collect(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// Runs a program to its end. After the deadline it is killed with everything that it started, and the test fails.
pub(crate) fn run(command: &mut Command, deadline: Duration) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stdout = collect(child.stdout.take().expect("piped"));
    let stderr = collect(child.stderr.take().expect("piped"));
    let Ok(stdout) = stdout.recv_timeout(deadline) else {
        kill_group(&child);
        let said = stderr.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
        panic!("{command:?} has not ended after {deadline:?}\n{}", tail(&said));
    };
    let status = child.wait().expect("the child was not waited for");
    let stderr = stderr.recv_timeout(deadline).unwrap_or_default();
    Ended { code: status.code(), stdout, stderr }
}

fn process_id(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process id")
}

fn kill_group(child: &Child) {
    let _ = rustix::process::kill_process_group(process_id(child), Signal::KILL);
}

/// Runs a script below the repository's `tests/` for a peer: its standard output, or `None` where the peer is skipped.
pub(crate) fn peer(script: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(repository().join("tests").join(script));
    let ended = run(command.args(arguments), INSTALL_DEADLINE);
    if ended.code == Some(SKIPPED) {
        let line = ended.stderr.lines().find(|line| line.starts_with("skipped: ")).unwrap_or("skipped");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs every peer: {line}");
        eprintln!("{line}");
        return None;
    }
    Some(ended.success(&format!("{script} {arguments:?}")))
}

/// `millstream start` or `millstream run --follow` with its listeners on free ports of 127.0.0.1. Dropping it is kill -9.
pub(crate) struct Server {
    child: Child,
    // Kept so that the server can go on writing to it; none once it is asked to stop.
    stdout: Option<BufReader<ChildStdout>>,
    /// `HOST:PORT` of the Kafka listener.
    pub(crate) kafka: String,
    /// `HOST:PORT` of the HTTP listener.
    pub(crate) http: String,
}

impl Server {
    /// Starts a broker on a data directory and waits until it is ready.
    pub(crate) fn start(data_dir: &Path, options: &[&str]) -> Self {
        let mut command = millstream();
        command.arg("start").arg("--data-dir").arg(data_dir).args(options);
        Self::ready(command)
    }

    /// Starts a pipeline that stays, with its broker, and waits until the broker is ready.
    pub(crate) fn follow(data_dir: &Path, file: &str) -> Self {
        let mut command = millstream();
        command.args(["run", "--follow", "--data-dir"]).arg(data_dir).arg(file);
        Self::ready(command)
    }

    fn ready(mut command: Command) -> Self {
        command.args(["--kafka-listener", "127.0.0.1:0", "--http-listener", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the binary was built with the test");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.starts_with("millstream ready ") {
            line.clear();
            let read = stdout.read_line(&mut line).expect("text on standard output");
            assert!(read > 0, "{command:?} ended before it was ready: {:?}", child.wait());
        }
        let address = |name: &str| {
            let field = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            field.unwrap_or_else(|| panic!("no {name} in the line {line:?}")).to_owned()
        };
        let (kafka, http) = (address("kafka="), address("http="));
        Self { child, stdout: Some(stdout), kafka, http }
    }

    /// kill -9, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and the exit code of the clean stop.
    pub(crate) fn stop(mut self) -> Option<i32> {
        rustix::process::kill_process(process_id(&self.child), Signal::TERM).expect("the server runs");
        if let Some(stdout) = self.stdout.take() {
            let ended = collect(stdout).recv_timeout(DEADLINE);
            assert!(ended.is_ok(), "the server has not stopped {DEADLINE:?} after SIGTERM");
        }
        self.child.wait().expect("the server was not waited for").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
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
        let script = repository().join("tests").join(self.script);
        for command in ["stop", "wipe"] {
            let _ = Command::new(&script).args([command, &self.port]).status();
        }
    }
}

/// What a topic holds, as a client that is not ours reads it: JSON lines with partition, offset, key and value.
pub(crate) fn records(broker: &str, topic: &str) -> Option<String> {
    peer("peers/python.sh", &["clients", &in_tests("oracle/topic.py"), broker, topic])
}

/// A producer of `tests/kill/verify.py`, whose lines are what the broker acknowledged. Dropping it ends it.
pub(crate) struct VerifiedProducer {
    child: Child,
    lines: BufReader<ChildStdout>,
    acknowledged: String,
}

impl VerifiedProducer {
    /// Starts producing; the environment must have been installed (see [`peer`]).
    pub(crate) fn start(broker: &str, topic: &str, round: u32) -> Self {
        let mut command = Command::new(in_tests("peers/python.sh"));
        let script = in_tests("kill/verify.py");
        command.args(["clients", &script, "produce", broker, topic, &round.to_string()]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the script is there");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines, acknowledged: String::new() }
    }

    /// Waits until this many more records are acknowledged.
    pub(crate) fn acknowledge(&mut self, records: usize) {
        for _ in 0..records {
            let read = self.lines.read_line(&mut self.acknowledged).expect("text");
            assert!(read > 0, "the producer ended: {:?}", self.child.wait());
        }
    }

    /// Ends it and gives all lines that it printed; the last may be cut off.
    pub(crate) fn finish(mut self) -> String {
        let _ = self.child.kill();
        let _ = self.lines.read_to_string(&mut self.acknowledged);
        std::mem::take(&mut self.acknowledged)
    }
}

impl Drop for VerifiedProducer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Compares results of the weather example with an independent computation: `kind` is `raw` or `agg`.
pub(crate) fn assert_weather(kind: &str, lines: &str) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let file = scratch.path().join("results.jsonl");
    std::fs::write(&file, lines).expect("a temporary file");
    peer("peers/python.sh", &["oracle", &in_tests("oracle/weather.py"), kind, file.to_str().expect("text")]);
}

/// A path below the repository's `tests/`.
pub(crate) fn in_tests(path: &str) -> String {
    repository().join("tests").join(path).to_str().expect("a path of text").to_owned()
}

/// Runs the weather example with its rows as JSON lines.
pub(crate) fn run_weather(options: &[&str]) -> String {
    let mut command = millstream();
    command.args(["run", "--output", "json"]).args(options).arg("examples/weather/weather.sql");
    run(&mut command, DEADLINE).success("millstream run")
}
