//! Bad neighbours: what they do to a broker until they are told to stop.
//!
//! Each says once that it has begun. They stay modest in what they cost this machine themselves, which the broker shares: a
//! neighbour that burns a core of the two is measured as a burnt core.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use millstream_wire::frame::{LENGTH_BYTES, encode_request};
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Where neighbours do what they do.
pub(super) struct Place {
    pub(super) address: String,
    /// A topic with one partition and much in it.
    pub(super) cold_topic: &'static str,
}

/// One kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbour {
    pub(super) name: &'static str,
    /// Whether it reads what the page cache does not hold.
    pub(super) reads_cold: bool,
    pub(super) run: fn(&Place, &AtomicBool, &Sender<()>) -> anyhow::Result<()>,
}

pub(super) const NEIGHBOURS: [Neighbour; 6] = [
    Neighbour { name: "announcing", reads_cold: false, run: announcing },
    Neighbour { name: "garbage", reads_cold: false, run: garbage },
    Neighbour { name: "connections", reads_cold: false, run: connections },
    Neighbour { name: "deaf", reads_cold: false, run: deaf },
    Neighbour { name: "slow", reads_cold: false, run: slow },
    Neighbour { name: "cold", reads_cold: true, run: cold },
];

pub(super) fn by_name(name: &str) -> Result<Neighbour, String> {
    let names = || NEIGHBOURS.map(|neighbour| neighbour.name).join(", ");
    NEIGHBOURS
        .into_iter()
        .find(|neighbour| neighbour.name == name)
        .ok_or_else(|| format!("one of {}", names()))
}

fn until(stop: &AtomicBool, mut every: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(every()?);
    }
    Ok(())
}

/// 200 connections that announce the largest request, and send 64 KiB of it.
fn announcing(place: &Place, stop: &AtomicBool, ready: &Sender<()>) -> anyhow::Result<()> {
    let mut connections = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&place.address)?;
        stream.write_all(&(100_i32 << 20).to_be_bytes())?;
        stream.write_all(&vec![0; 64 << 10])?;
        connections.push(stream);
    }
    ready.send(())?;
    until(stop, || Ok(Duration::from_millis(10)))
}

/// 500 connections a second that send what is no request.
fn garbage(place: &Place, stop: &AtomicBool, ready: &Sender<()>) -> anyhow::Result<()> {
    ready.send(())?;
    until(stop, || {
        let mut stream = TcpStream::connect(&place.address)?;
        // It may be closed already.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Ok(Duration::from_millis(2))
    })
}

/// 5,000 connections that do nothing, and 100 a second that come and go.
fn connections(place: &Place, stop: &AtomicBool, ready: &Sender<()>) -> anyhow::Result<()> {
    let mut idle = Vec::new();
    for _ in 0..5_000 {
        idle.push(TcpStream::connect(&place.address).context("5,000 connections need `ulimit -n 16384`")?);
    }
    ready.send(())?;
    until(stop, || {
        drop(TcpStream::connect(&place.address)?);
        Ok(Duration::from_millis(10))
    })
}

/// Sixteen connections that ask for records again and again, and read no answer.
fn deaf(place: &Place, stop: &AtomicBool, ready: &Sender<()>) -> anyhow::Result<()> {
    let mut connections = Vec::new();
    for _ in 0..16 {
        let stream = TcpStream::connect(&place.address)?;
        stream.set_nonblocking(true)?;
        connections.push(stream);
    }
    let request = fetch(place.cold_topic, 0, Duration::ZERO)?;
    ready.send(())?;
    until(stop, || {
        for mut stream in &connections {
            match stream.write(&request) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Duration::from_millis(5))
    })
}

/// Sixteen connections that read large answers at a megabyte a second.
fn slow(place: &Place, stop: &AtomicBool, ready: &Sender<()>) -> anyhow::Result<()> {
    let mut connections = Vec::new();
    let request = fetch(place.cold_topic, 0, Duration::ZERO)?;
    for _ in 0..16 {
        let mut stream = TcpStream::connect(&place.address)?;
        stream.write_all(&request.repeat(50))?;
        stream.set_nonblocking(true)?;
        connections.push(stream);
    }
    let mut buffer = vec![0; 10 << 10];
    ready.send(())?;
    until(stop, || {
        for mut stream in &connections {
            // Nothing there yet is fine, too.
            let _ = stream.read(&mut buffer);
        }
        Ok(Duration::from_millis(10))
    })
}

/// A consumer that reads from the beginning what no cache holds, as fast as it comes.
fn cold(place: &Place, stop: &AtomicBool, ready: &Sender<()>) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&place.address)?;
    let mut offset = 0;
    let mut read_bytes = 0;
    let mut answer = Vec::new();
    ready.send(())?;
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&fetch(place.cold_topic, offset, Duration::ZERO)?)?;
        let mut prefix = [0; LENGTH_BYTES];
        stream.read_exact(&mut prefix)?;
        answer.resize(u32::from_be_bytes(prefix) as usize, 0);
        stream.read_exact(&mut answer)?;
        read_bytes += answer.len() as u64;
        // Every batch holds one record.
        let batches = answer.len() / super::COLD_BATCH_BYTES;
        // At the end, from the beginning again: what was read is cached by then.
        offset = if batches == 0 { 0 } else { offset + i64::try_from(batches)? };
    }
    println!("the cold reader has read {} MB", read_bytes / 1_000_000);
    Ok(())
}

fn fetch(topic: &str, fetch_offset: i64, max_wait: Duration) -> anyhow::Result<Vec<u8>> {
    let partition =
        FetchPartition { fetch_offset, partition_max_bytes: 50 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() };
    let request = FetchRequest {
        max_wait_ms: i32::try_from(max_wait.as_millis())?,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![topic],
        ..FetchRequest::default()
    };
    Ok(encode_request(&request, 12, 1, None)?.to_vec())
}

/// What waiting consumers have cost.
pub(super) struct Waited {
    pub(super) lasted: Duration,
    pub(super) cpu: Duration,
    pub(super) expired: u64,
}

/// Has consumers wait for records that do not come, again and again; watches once all of them do.
pub(super) async fn long_polls(
    address: &str,
    topic: &str,
    consumers: usize,
    wait: Duration,
    watched: Duration,
    cpu: &dyn Fn() -> anyhow::Result<Duration>,
) -> anyhow::Result<Waited> {
    let expired = std::sync::Arc::new(AtomicU64::new(0));
    let request = fetch(topic, 0, wait)?;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..consumers {
        let mut stream = tokio::net::TcpStream::connect(address)
            .await
            .context("each consumer needs a file descriptor here and in the broker: see `ulimit -n`")?;
        let (request, expired) = (request.clone(), std::sync::Arc::clone(&expired));
        tasks.spawn(async move {
            let mut answer = Vec::new();
            loop {
                stream.write_all(&request).await?;
                let length = stream.read_u32().await?;
                answer.resize(length as usize, 0);
                stream.read_exact(&mut answer).await?;
                expired.fetch_add(1, Ordering::Relaxed);
            }
            #[expect(unreachable_code, reason = "the type of the task's failure")]
            anyhow::Ok(())
        });
    }
    // The first polls are being taken in.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (begun, cpu_before) = (Instant::now(), cpu()?);
    let expired_before = expired.load(Ordering::Relaxed);
    tokio::select! {
        () = tokio::time::sleep(watched) => {}
        Some(ended) = tasks.join_next() => ended??,
    }
    Ok(Waited {
        lasted: begun.elapsed(),
        cpu: cpu()? - cpu_before,
        expired: expired.load(Ordering::Relaxed) - expired_before,
    })
}
