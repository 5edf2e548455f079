//! How frames travel: over TCP, or through channels within the process.
//!
//! Everything above sees whole frames without their length prefix. A [`Dialer`] makes connections; the embedded
//! broker's is supplied by whoever starts both, so that this crate knows no broker.

mod in_process;
mod receive;
mod tcp;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

pub use in_process::InProcessDialer;
pub use tcp::TcpDialer;

use crate::error::ClientError;

/// The port of Kafka's tools where none is given.
pub const DEFAULT_PORT: u16 = 9092;

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BrokerAddress {
    /// Host name or IP address, without brackets.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
}

impl BrokerAddress {
    /// Names a broker.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: Arc::from(host), port }
    }

    /// Reads a list of addresses separated by commas, as in `bootstrap.servers`.
    ///
    /// # Errors
    /// [`ClientError::InvalidInput`] for an empty list or one that holds something else.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, ClientError> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let addresses: Vec<Self> = parts.map(str::parse).collect::<Result<_, _>>()?;
        if addresses.is_empty() { Err(invalid_address(list)) } else { Ok(addresses) }
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BrokerAddress {
    type Err = ClientError;

    /// `HOST`, `HOST:PORT` or `[IPV6]:PORT`, optionally behind `PLAINTEXT://`.
    fn from_str(text: &str) -> Result<Self, ClientError> {
        let address = text.strip_prefix("PLAINTEXT://").unwrap_or(text);
        let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(|| invalid_address(text))?)),
            None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(DEFAULT_PORT), str::parse).map_err(|_| invalid_address(text))?;
        if host.is_empty() || host.contains('/') || port == 0 {
            return Err(invalid_address(text));
        }
        Ok(Self::new(host, port))
    }
}

fn invalid_address(found: &str) -> ClientError {
    ClientError::InvalidInput {
        what: "broker address",
        found: format!("\"{found}\""),
        expected: "HOST:PORT, several separated by commas",
    }
}

/// A fresh connection, before anything was said on it.
#[derive(Debug)]
pub enum Transport {
    /// A socket.
    Tcp(TcpStream),
    /// Channels to a broker in this process.
    InProcess(FrameChannel),
}

/// The client's ends of an in-process connection. A frame is what follows the four bytes of its length.
#[derive(Debug)]
pub struct FrameChannel {
    /// Takes requests. The channel's capacity bounds what is under way; dropping it ends the connection.
    pub requests: mpsc::Sender<Bytes>,
    /// Gives responses, in the order of their requests.
    pub responses: mpsc::Receiver<Bytes>,
}

/// Makes connections.
pub trait Dialer: fmt::Debug + Send + Sync {
    /// Connects to the broker at `address`.
    ///
    /// # Errors
    /// What the system says when nobody answers there.
    fn dial<'a>(&'a self, address: &'a BrokerAddress) -> BoxFuture<'a, io::Result<Transport>>;
}

/// A frame to be sent: its length prefix and head, and the chunks that follow without being copied.
#[derive(Debug)]
pub(crate) struct OutgoingFrame {
    pub(crate) head: Bytes,
    pub(crate) rest: Vec<Bytes>,
}

impl From<Bytes> for OutgoingFrame {
    fn from(head: Bytes) -> Self {
        Self { head, rest: Vec::new() }
    }
}

impl From<millstream_wire::frame::Frame> for OutgoingFrame {
    fn from(frame: millstream_wire::frame::Frame) -> Self {
        let mut chunks = frame.into_chunks();
        let head = chunks.next().unwrap_or_default();
        Self { head, rest: chunks.collect() }
    }
}

/// The receiving half of a connection.
pub(crate) enum FrameReader {
    Tcp(receive::TcpReader),
    InProcess(mpsc::Receiver<Bytes>),
}

impl FrameReader {
    /// The next frame; none when the other side has ended the connection in good order.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self {
            Self::Tcp(reader) => reader.next().await,
            Self::InProcess(responses) => Ok(responses.recv().await),
        }
    }
}

/// The sending half of a connection.
pub(crate) enum FrameWriter {
    Tcp(tcp::TcpWriter),
    InProcess(mpsc::Sender<Bytes>),
}

impl FrameWriter {
    /// Sends all of `frames`, several with one system call where it can.
    pub(crate) async fn write(&mut self, frames: &mut VecDeque<OutgoingFrame>) -> io::Result<()> {
        match self {
            Self::Tcp(writer) => writer.write(frames).await,
            Self::InProcess(requests) => in_process::write(requests, frames).await,
        }
    }
}

/// Divides a connection into its halves. `frame_bytes_max` bounds what is accepted.
pub(crate) fn split(transport: Transport, frame_bytes_max: usize) -> (FrameReader, FrameWriter) {
    match transport {
        Transport::Tcp(stream) => {
            let (read, write) = stream.into_split();
            (
                FrameReader::Tcp(receive::TcpReader::new(read, frame_bytes_max)),
                FrameWriter::Tcp(tcp::TcpWriter::new(write)),
            )
        }
        Transport::InProcess(FrameChannel { requests, responses }) => {
            (FrameReader::InProcess(responses), FrameWriter::InProcess(requests))
        }
    }
}

#[cfg(test)]
mod tests;
