//! A broker of the binary under test, and its commands against that broker.

use tempfile::TempDir;

use crate::support::process::{Ended, Process, millstream, run_with};

/// A broker of its own on ports of its own; ends with the test.
pub(crate) struct Broker {
    process: Process,
    _data: TempDir,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        Self { process: Process::broker(data.path(), &[]), _data: data }
    }

    /// `HOST:PORT` of its Kafka listener.
    pub(crate) fn address(&self) -> &str {
        &self.process.kafka
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, b"")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        run_with(&[arguments, &["-b", self.address()]].concat(), input)
    }

    /// What a command prints that succeeds.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        self.output_with(arguments, b"")
    }

    pub(crate) fn output_with(&self, arguments: &[&str], input: &[u8]) -> String {
        self.run_with(arguments, input).success(&format!("{arguments:?}"))
    }

    /// A command that is left running.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn(millstream(&[arguments, &["-b", self.address()]].concat()))
    }
}
