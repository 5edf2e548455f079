//! An Apache Kafka for this test, stopped when dropped.

use std::path::PathBuf;
use std::process::{Command, Stdio};

pub(crate) struct Kafka {
    /// `HOST:PORT`
    pub(crate) address: String,
}

fn script() -> Command {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/kafka.sh"));
    let mut command = Command::new("bash");
    command.arg(path);
    command
}

impl Kafka {
    pub(crate) fn start() -> Option<Self> {
        let output = script().args(["start", "0"]).stderr(Stdio::piped()).output().unwrap();
        if output.status.code() == Some(77) {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            println!("{reason}");
            return None;
        }
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { address: String::from_utf8(output.stdout).unwrap().trim().to_owned() })
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let port = self.address.rsplit(':').next().unwrap_or_default();
        for step in ["stop", "wipe"] {
            let _ = script().args([step, port]).status();
        }
    }
}
