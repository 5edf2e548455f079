//! The binary under test, and programs of others, as processes: started, fed, read line by line, stopped, killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// For a program that does its work in seconds, on a machine that does other things too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

/// How many lines of a process wait to be read, before it has to.
const LINES_MAX: usize = 16;

/// The root of the repository, where the examples' paths begin.
pub(crate) fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the crate lies in the repository")
}

/// The binary under test with the repository's root as its directory and nothing from the environment.
pub(crate) fn millstream(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(arguments).current_dir(repository());
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("MILLSTREAM_") || name.starts_with("KAFKA_") {
            command.env_remove(&variable);
        }
    }
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    Process::spawn(millstream(arguments)).wait()
}

/// Runs the binary to its end with something on its standard input.
pub(crate) fn run_with(arguments: &[&str], input: &[u8]) -> Ended {
    let mut process = Process::spawn(millstream(arguments));
    let mut stdin = process.stdin.take().expect("piped");
    thread::scope(|scope| {
        // A command that fails early leaves its input unread.
        scope.spawn(move || drop(stdin.write_all(input)));
        process.wait()
    })
}

/// A file of text in `directory`.
pub(crate) fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a directory that can be written to");
    path.to_str().expect("a path of text").to_owned()
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

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// A running process. Dropping it is kill -9.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Whether what it starts ends with it: scripts start servers.
    leads_group: bool,
    /// Open until taken or the end is waited for.
    pub(crate) stdin: Option<ChildStdin>,
    /// Lines of standard output with their ends; the last may have none. Dropping it closes the pipe.
    lines: Option<Receiver<String>>,
    /// What was read of them.
    stdout: String,
    stderr: Receiver<String>,
    /// `HOST:PORT` of the Kafka listener, once it is ready.
    pub(crate) kafka: String,
    /// `HOST:PORT` of the HTTP listener, once it is ready.
    pub(crate) http: String,
}

impl Process {
    /// Starts a program, its three streams piped.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (line_sender, lines) = mpsc::sync_channel(LINES_MAX);
        thread::spawn(move || each_line(stdout, |line| line_sender.send(line).is_ok()));
        let (sender, errors) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            each_line(stderr, |line| {
                text.push_str(&line);
                true
            });
            drop(sender.send(text));
        });
        Self {
            stdin: child.stdin.take(),
            child,
            leads_group: false,
            lines: Some(lines),
            stdout: String::new(),
            stderr: errors,
            kafka: String::new(),
            http: String::new(),
        }
    }

    /// Starts a program that may start others, which end with it.
    pub(crate) fn spawn_group(mut command: Command) -> Self {
        command.process_group(0);
        let mut process = Self::spawn(command);
        process.leads_group = true;
        process
    }

    /// `start` or `run --follow` on a data directory with ports of its own, ready.
    pub(crate) fn ready(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut command = millstream(arguments);
        command.arg("--data-dir").arg(data_dir);
        command.args(["--kafka-listener", "127.0.0.1:0", "--http-listener", "127.0.0.1:0"]);
        let mut process = Self::spawn(command);
        let line = process.line("millstream ready ");
        let address = |name: &str| {
            let field = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            field.unwrap_or_else(|| panic!("no {name} in the line {line:?}")).to_owned()
        };
        (process.kafka, process.http) = (address("kafka="), address("http="));
        process
    }

    /// A broker on a data directory.
    pub(crate) fn broker(data_dir: &Path, options: &[&str]) -> Self {
        Self::ready(data_dir, &[&["start"], options].concat())
    }

    /// A pipeline that stays, with its broker.
    pub(crate) fn follow(data_dir: &Path, file: &str) -> Self {
        Self::ready(data_dir, &["run", "--follow", file])
    }

    /// The next line of standard output with its end; empty when there is none to come.
    pub(crate) fn next_line(&mut self) -> String {
        let lines = self.lines.as_ref().expect("standard output is open");
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => {
                self.stdout.push_str(&line);
                line
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => String::new(),
            Err(mpsc::RecvTimeoutError::Timeout) => self.fail("has said nothing more"),
        }
    }

    /// Waits for a line of standard output with this in it.
    pub(crate) fn line(&mut self, part: &str) -> String {
        loop {
            let line = self.next_line();
            if line.contains(part) {
                return line;
            }
            if line.is_empty() {
                self.fail(&format!("has ended without a line with {part:?}"));
            }
        }
    }

    fn fail(&mut self, what: &str) -> ! {
        self.end();
        let said = self.stderr.recv_timeout(DEADLINE).unwrap_or_default();
        panic!("a process {what}\n{}\n{}", tail(&self.stdout), tail(&said));
    }

    /// Closes the pipe of its standard output.
    pub(crate) fn close_stdout(&mut self) {
        self.lines = None;
    }

    /// SIGTERM, and what the process said.
    pub(crate) fn terminate(mut self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// What Ctrl-C sends, and what the process said. Its input stays open: that it ends is the signal's doing.
    pub(crate) fn interrupt(mut self) -> Ended {
        let _input = self.stdin.take();
        self.signal(Signal::INT);
        self.wait()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the process runs");
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// kill -9, and what was written before; the last line may be cut off.
    pub(crate) fn kill_and_read(mut self) -> String {
        self.end();
        while !self.next_line().is_empty() {}
        std::mem::take(&mut self.stdout)
    }

    /// Waits for the end, with nothing more on standard input.
    pub(crate) fn wait(&mut self) -> Ended {
        self.wait_for(DEADLINE)
    }

    /// Waits for the end of a process that may be silent for so long.
    pub(crate) fn wait_for(&mut self, silence: Duration) -> Ended {
        self.stdin = None;
        while let Some(lines) = &self.lines {
            match lines.recv_timeout(silence) {
                Ok(line) => self.stdout.push_str(&line),
                Err(mpsc::RecvTimeoutError::Disconnected) => self.lines = None,
                Err(mpsc::RecvTimeoutError::Timeout) => self.fail("has not ended"),
            }
        }
        let Ok(stderr) = self.stderr.recv_timeout(silence) else { self.fail("has not ended") };
        let code = self.child.wait().expect("a child").code();
        Ended { code, stdout: std::mem::take(&mut self.stdout), stderr }
    }

    fn end(&mut self) {
        if self.leads_group {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// What `/metrics` says.
    pub(crate) fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.http).expect("the server listens");
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Hands on every line with its end, until there are no more or they are not wanted.
fn each_line(mut stream: impl BufRead, mut take: impl FnMut(String) -> bool) {
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if !take(String::from_utf8_lossy(&line).into_owned()) {
            return;
        }
        line.clear();
    }
}
