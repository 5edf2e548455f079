//! The binary under test as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// For what takes seconds, on a machine that does other things too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// The binary with the repository's root as its directory, where the examples' paths begin.
pub(crate) fn millstream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    command.env_remove("MILLSTREAM_BOOTSTRAP_SERVER").stdin(Stdio::null());
    command
}

/// What an ended process said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Its only line on standard error.
    pub(crate) fn error_line(&self) -> &str {
        let line = self.stderr.trim_end();
        assert!(
            line.starts_with("error: ") && !line.contains('\n'),
            "not one line of error: {}",
            self.stderr
        );
        line
    }
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    let mut process = Process::spawn(arguments);
    process.wait()
}

/// A file of SQL in `directory`.
pub(crate) fn file(directory: &Path, name: &str, sql: &str) -> String {
    let path: PathBuf = directory.join(name);
    std::fs::write(&path, sql).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A running process. Dropping it is kill -9.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    stdout: String,
    stderr: Receiver<String>,
    /// `HOST:PORT` of the Kafka listener, once it is ready.
    pub(crate) kafka: String,
    /// `HOST:PORT` of the HTTP listener, once it is ready.
    pub(crate) http: String,
}

impl Process {
    pub(crate) fn spawn(arguments: &[&str]) -> Self {
        let mut command = millstream();
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let (sender, stderr) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            sender.send(text)
        });
        let (kafka, http) = (String::new(), String::new());
        Self { child, lines, stdout: String::new(), stderr, kafka, http }
    }

    /// `start` or `run --follow` on a data directory with ports of its own, ready.
    pub(crate) fn ready(data_dir: &Path, arguments: &[&str]) -> Self {
        let data_dir = data_dir.to_str().unwrap();
        let ports = ["--kafka-listener", "127.0.0.1:0", "--http-listener", "127.0.0.1:0"];
        let mut process = Self::spawn(&[arguments, &["--data-dir", data_dir], &ports].concat());
        let line = process.line("millstream ready");
        let address =
            |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)).unwrap().to_owned();
        (process.kafka, process.http) = (address("kafka="), address("http="));
        process
    }

    /// A broker on a data directory.
    pub(crate) fn broker(data_dir: &Path) -> Self {
        Self::ready(data_dir, &["start"])
    }

    /// A pipeline that stays, with its broker.
    pub(crate) fn follow(data_dir: &Path, file: &str) -> Self {
        Self::ready(data_dir, &["run", "--follow", file])
    }

    /// Waits for a line of standard output with this in it.
    pub(crate) fn line(&mut self, part: &str) -> String {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => {
                    self.stdout.push_str(&line);
                    self.stdout.push('\n');
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(error) => {
                    let _ = self.child.kill();
                    let said = self.stderr.recv_timeout(DEADLINE).unwrap_or_default();
                    panic!("no line with {part:?} ({error})\n{}\n{said}", self.stdout);
                }
            }
        }
    }

    /// SIGTERM, and what the process said.
    pub(crate) fn terminate(mut self) -> Ended {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        self.wait()
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> Ended {
        let stderr =
            self.stderr.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("has not ended: {}", self.stdout));
        self.stdout.extend(self.lines.iter().flat_map(|line| [line, "\n".to_owned()]));
        let code = self.child.wait().unwrap().code();
        Ended { code, stdout: std::mem::take(&mut self.stdout), stderr }
    }

    /// What `/metrics` says.
    pub(crate) fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
