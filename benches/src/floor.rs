//! What a broker cannot avoid, as a process of its own: receive, checksum and write to the page cache; `sendfile` from it; answer small
//! requests.
//!
//! One thread, one connection, no protocol. The measurement `broker` starts these and counts their CPU time; standard output has
//! the port to connect to.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use millstream_wire::crc32c;

use crate::process::{self, Usage};

/// Size of a produced batch, as `batch.size` of the producers beside it.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;
/// `sendfile` is asked for as much as a consumer's fetch of one partition.
const SEND_BYTES: usize = 1 << 20;

/// A request as Java's producer sends it with `batch.size=0`: a batch of one record of 100 bytes for each of four partitions.
pub(crate) const REQUEST_BATCHES: usize = 4;
const BATCH_BYTES: usize = 170;
const REQUEST_BYTES: usize = 80 + REQUEST_BATCHES * BATCH_BYTES;
const ANSWER_BYTES: usize = 160;
/// `max.in.flight.requests.per.connection`.
const REQUESTS_IN_FLIGHT: usize = 5;

/// The least that a broker has to do, as a process to be measured
#[derive(Debug, Args)]
pub(crate) struct Floor {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Debug, Subcommand)]
enum Direction {
    /// Take chunks of 256 KiB from a connection, compute their CRC-32C, write them to the file
    Receive {
        /// Where to write
        file: PathBuf,
    },
    /// Take requests of four small batches from a connection, compute each batch's CRC-32C, write it to the file, answer
    Answer {
        /// Where to write
        file: PathBuf,
    },
    /// Send the file to a connection, from the page cache
    Send {
        /// What to send
        file: PathBuf,
    },
}

impl Floor {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("{}", listener.local_addr()?.port());
        let (connection, _) = listener.accept()?;
        match self.direction {
            Direction::Receive { file } => receive(connection, &file),
            Direction::Answer { file } => answer(connection, &file),
            Direction::Send { file } => send(&connection, &file),
        }
    }
}

fn receive(mut connection: TcpStream, path: &Path) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut checksum = 0;
    loop {
        match connection.read_exact(&mut chunk) {
            Ok(()) => {}
            Err(end) if end.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
        checksum ^= crc32c(&chunk);
        file.write_all(&chunk)?;
    }
    // The sender compares it: the checksums cannot be left out.
    connection.write_all(&checksum.to_be_bytes())?;
    Ok(())
}

fn answer(mut connection: TcpStream, path: &Path) -> anyhow::Result<()> {
    connection.set_nodelay(true)?;
    let mut file = File::create(path)?;
    let mut received = vec![0; CHUNK_BYTES];
    let answers = vec![0; CHUNK_BYTES / REQUEST_BYTES * ANSWER_BYTES];
    let (mut filled, mut checksum) = (0, 0);
    loop {
        let length = connection.read(&mut received[filled..])?;
        if length == 0 {
            break;
        }
        filled += length;
        let whole = filled / REQUEST_BYTES;
        for request in received[..whole * REQUEST_BYTES].chunks_exact(REQUEST_BYTES) {
            for batch in request[REQUEST_BYTES - REQUEST_BATCHES * BATCH_BYTES..].chunks_exact(BATCH_BYTES) {
                checksum ^= crc32c(batch);
                file.write_all(batch)?;
            }
        }
        connection.write_all(&answers[..whole * ANSWER_BYTES])?;
        received.copy_within(whole * REQUEST_BYTES..filled, 0);
        filled -= whole * REQUEST_BYTES;
    }
    // As above: nothing of it may be left out.
    connection.write_all(&checksum.to_be_bytes())?;
    Ok(())
}

fn send(connection: &TcpStream, path: &Path) -> anyhow::Result<()> {
    let file = File::open(path)?;
    let mut offset = 0;
    while rustix::fs::sendfile(connection, &file, Some(&mut offset), SEND_BYTES)? > 0 {}
    Ok(())
}

/// Starts this program as `floor DIRECTION FILE`, talks to it, and returns what it used.
fn measure(
    direction: &str,
    file: &Path,
    talk: impl FnOnce(TcpStream) -> anyhow::Result<()>,
) -> anyhow::Result<Usage> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.args(["floor", direction]).arg(file).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().context("no standard output")?;
    let mut port = Vec::new();
    let mut byte = [0];
    while output.read(&mut byte)? == 1 && byte != *b"\n" {
        port.push(byte[0]);
    }
    let port: u16 = String::from_utf8(port)?.parse().context("the floor's port")?;
    talk(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)?;
    let (usage, status) = process::usage_at_end(&mut child)?;
    ensure!(status.success(), "the floor ended with {status}");
    Ok(usage)
}

/// Receives `chunks` chunks into the file.
pub(crate) fn measure_receive(file: &Path, chunks: usize) -> anyhow::Result<Usage> {
    let chunk: Vec<u8> = (0..CHUNK_BYTES).map(|at| (at * 31 % 251) as u8).collect();
    measure("receive", file, |mut connection| {
        for _ in 0..chunks {
            connection.write_all(&chunk)?;
        }
        connection.shutdown(std::net::Shutdown::Write)?;
        let mut checksum = [0; 4];
        connection.read_exact(&mut checksum)?;
        let expected = if chunks.is_multiple_of(2) { 0 } else { crc32c(&chunk) };
        ensure!(u32::from_be_bytes(checksum) == expected, "the floor's checksum is wrong");
        Ok(())
    })
}

/// Has `requests` small requests answered, five of them under way at a time.
pub(crate) fn measure_answer(file: &Path, requests: usize) -> anyhow::Result<Usage> {
    let request: Vec<u8> = (0..REQUEST_BYTES).map(|at| (at * 31 % 251) as u8).collect();
    measure("answer", file, |mut connection| {
        connection.set_nodelay(true)?;
        let mut answer = [0; ANSWER_BYTES];
        for sent in 0..requests {
            if sent >= REQUESTS_IN_FLIGHT {
                connection.read_exact(&mut answer)?;
            }
            connection.write_all(&request)?;
        }
        for _ in 0..requests.min(REQUESTS_IN_FLIGHT) {
            connection.read_exact(&mut answer)?;
        }
        connection.shutdown(std::net::Shutdown::Write)?;
        let mut checksum = [0; 4];
        connection.read_exact(&mut checksum)?;
        let batches = request[REQUEST_BYTES - REQUEST_BATCHES * BATCH_BYTES..].chunks_exact(BATCH_BYTES);
        let once = batches.fold(0, |checksum, batch| checksum ^ crc32c(batch));
        let expected = if requests.is_multiple_of(2) { 0 } else { once };
        ensure!(u32::from_be_bytes(checksum) == expected, "the floor's checksum is wrong");
        Ok(())
    })
}

/// Sends the whole file.
pub(crate) fn measure_send(file: &Path) -> anyhow::Result<Usage> {
    let expected = file.metadata()?.len();
    measure("send", file, |mut connection| {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut received = 0;
        loop {
            match connection.read(&mut buffer)? {
                0 => break,
                length => received += length as u64,
            }
        }
        ensure!(received == expected, "the floor sent {received} of {expected} bytes");
        Ok(())
    })
}

#[cfg(test)]
mod tests;
