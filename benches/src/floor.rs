//! What a broker cannot avoid, as a broker of its own: receive, check sums, write to the page cache, answer; `sendfile` out of it.
//!
//! It speaks as much of the protocol as Kafka's own tools need to produce and to read in a group, so that the same clients send it the same
//! requests as they send the brokers beside it, and it counts as they do. A thread for each connection that blocks, one
//! `write` for a batch, one `write` for the answers to all requests that were received together, no protocol's errors, no second member of a group, no recovery,
//! nothing but appends. What it does not do is what a broker's CPU time is more than.

mod answers;
mod log;
mod session;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::process;
use log::Log;
use session::Session;

/// The least that a broker has to do, as a broker to be measured
#[derive(Debug, Args)]
pub(crate) struct Floor {
    /// Where to write
    directory: PathBuf,
}

impl Floor {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        println!("{}:{port}", Ipv4Addr::LOCALHOST);
        serve(&listener, &Arc::new(Log::new(self.directory)))
    }
}

/// Serves each connection on a thread, for ever.
fn serve(listener: &TcpListener, log: &Arc<Log>) -> anyhow::Result<()> {
    let port = listener.local_addr()?.port();
    loop {
        let (stream, _) = listener.accept()?;
        let mut session = Session::new(stream, port, Arc::clone(log))?;
        std::thread::spawn(move || {
            if let Err(error) = session.run() {
                eprintln!("floor: {error:#}");
            }
        });
    }
}

/// A running floor; it ends with its handle.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts this program as `floor DIRECTORY`.
    pub(crate) fn start(directory: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child =
            command.arg("floor").arg(directory).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("no standard output")?;
        let mut server = Self { child, address: String::new() };
        BufReader::new(output).read_line(&mut server.address)?;
        server.address.truncate(server.address.trim_end().len());
        ensure!(!server.address.is_empty(), "the floor ended at once");
        Ok(server)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        process::terminate(&mut self.child);
    }
}

#[cfg(test)]
mod tests;
