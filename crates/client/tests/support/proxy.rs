//! A TCP proxy that breaks connections in every way a network can, by chance from a seed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use millstream_client::BrokerAddress;
use millstream_client::transport::{Dialer, TcpDialer, Transport};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one connection. Bytes are counted from its beginning.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Nothing.
    None,
    /// It is cut when so many bytes of requests have passed, most likely within a frame.
    CutRequests(u64),
    /// It is cut when so many bytes of answers have passed: requests behind that were applied.
    CutAnswers(u64),
    /// Answers stop after so many bytes, but nobody hangs up.
    Silence(u64),
    /// Everything comes in crumbs.
    Slow,
}

/// A proxy in front of one broker; also the dialer that leads all connections through it, whatever a broker advertises.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: BrokerAddress,
    is_faulty: Arc<AtomicBool>,
    connections: Arc<AtomicU64>,
}

impl Proxy {
    /// Starts in front of `target`, faulty.
    pub(crate) async fn start(target: &BrokerAddress, seed: u64) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = BrokerAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
        let is_faulty = Arc::new(AtomicBool::new(true));
        let connections = Arc::new(AtomicU64::new(0));
        let proxy = Arc::new(Self {
            address,
            is_faulty: Arc::clone(&is_faulty),
            connections: Arc::clone(&connections),
        });
        let target = (target.host.to_string(), target.port);
        tokio::spawn(async move {
            let mut chance = StdRng::seed_from_u64(seed);
            loop {
                let (client, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::Relaxed);
                let fault = if is_faulty.load(Ordering::Relaxed) { draw(&mut chance) } else { Fault::None };
                let target = target.clone();
                tokio::spawn(async move {
                    if let Ok(broker) = TcpStream::connect(target).await {
                        pass(client, broker, fault).await;
                    }
                });
            }
        });
        proxy
    }

    /// From now on new connections are sound.
    pub(crate) fn mend(&self) {
        self.is_faulty.store(false, Ordering::Relaxed);
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Dials the proxy.
#[derive(Debug)]
pub(crate) struct ThroughProxy(pub(crate) Arc<Proxy>);

impl Dialer for ThroughProxy {
    fn dial<'a>(&'a self, _address: &'a BrokerAddress) -> BoxFuture<'a, io::Result<Transport>> {
        Box::pin(async { TcpDialer::default().dial(&self.0.address).await })
    }
}

/// Bytes that pass before a fault: often a few requests, sometimes many.
fn draw(chance: &mut StdRng) -> Fault {
    let bytes = if chance.random_bool(0.3) {
        chance.random_range(0..2_000)
    } else {
        chance.random_range(2_000..20_000)
    };
    match chance.random_range(0..10) {
        0..=2 => Fault::CutRequests(bytes),
        3..=5 => Fault::CutAnswers(bytes / 8),
        6 => Fault::Silence(bytes / 8),
        7 => Fault::Slow,
        8 => Fault::CutRequests(bytes * 4),
        _ => Fault::None,
    }
}

async fn pass(client: TcpStream, broker: TcpStream, fault: Fault) {
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let (request_bytes, answer_bytes, is_silent) = match fault {
        Fault::CutRequests(bytes) => (bytes, u64::MAX, false),
        Fault::CutAnswers(bytes) => (u64::MAX, bytes, false),
        Fault::Silence(bytes) => (u64::MAX, bytes, true),
        Fault::None | Fault::Slow => (u64::MAX, u64::MAX, false),
    };
    let is_slow = matches!(fault, Fault::Slow);
    let requests = copy(from_client, to_broker, request_bytes, is_slow);
    let answers = async {
        // The half stays open while the connection is silent.
        let _half = copy(from_broker, to_client, answer_bytes, is_slow).await;
        if is_silent {
            std::future::pending::<()>().await;
        }
    };
    // Whichever ends takes the other with it.
    tokio::select! {
        _half = requests => {}
        () = answers => {}
    }
}

/// Copies until either side ends or nothing is left to pass; gives the half back, still open.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut left: u64,
    is_slow: bool,
) -> OwnedWriteHalf {
    let mut buffer = vec![0; if is_slow { 700 } else { 16 << 10 }];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let passed = (count as u64).min(left);
        if to.write_all(&buffer[..passed as usize]).await.is_err() {
            break;
        }
        left -= passed;
        if left == 0 {
            break;
        }
        if is_slow {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    to
}
