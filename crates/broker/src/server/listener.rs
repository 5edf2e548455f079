//! Listening sockets: binding them, what they advertise, and accepting.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::tcp;
use crate::api::Caller;
use crate::config::ListenerConfig;
use crate::core::Core;
use crate::error::{BrokerError, Result};

/// How long accepting pauses when the process has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection without traffic is probed after this time.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// A socket that is bound.
#[derive(Debug)]
pub(crate) struct BoundListener {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) advertised_host: String,
    pub(crate) advertised_port: u16,
    socket: TcpListener,
}

/// Binds all listeners, or none.
pub(crate) async fn bind_all(configs: &[ListenerConfig]) -> Result<Vec<BoundListener>> {
    let mut bound: Vec<BoundListener> = Vec::with_capacity(configs.len());
    for config in configs {
        if bound.iter().any(|listener| listener.name == config.name) {
            return Err(BrokerError::DuplicateListener { listener: config.name.clone() });
        }
        bound.push(bind(config).await?);
    }
    Ok(bound)
}

async fn bind(config: &ListenerConfig) -> Result<BoundListener> {
    let refused = |source: io::Error| {
        let (listener, address) = (config.name.clone(), config.bind.clone());
        match source.kind() {
            io::ErrorKind::AddrInUse => BrokerError::PortInUse { listener, address },
            _ => BrokerError::Bind { listener, address, source },
        }
    };
    let socket = TcpListener::bind(&config.bind).await.map_err(refused)?;
    let address = socket.local_addr().map_err(refused)?;
    let (host, port) = match &config.advertised {
        Some(advertised) => split_host_port(advertised).ok_or_else(|| BrokerError::InvalidConfig {
            name: "advertised.listeners",
            value: advertised.clone(),
            expected: "HOST:PORT",
        })?,
        // What the user wrote ("localhost") says more than the address it was resolved to.
        None => split_host_port(&config.bind).unwrap_or_else(|| (address.ip().to_string(), 0)),
    };
    let is_wildcard = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    if is_wildcard {
        return Err(BrokerError::UnreachableAdvertised { listener: config.name.clone(), address });
    }
    Ok(BoundListener {
        name: config.name.clone(),
        address,
        advertised_host: host,
        advertised_port: if port == 0 { address.port() } else { port },
        socket,
    })
}

/// Host and port of `HOST:PORT`, `[V6]:PORT` included.
fn split_host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return None;
    }
    Some((host.to_owned(), port.parse().ok()?))
}

/// Accepts connections until the broker stops. `index` is the listener's place among all.
pub(crate) async fn serve(listener: BoundListener, index: usize, core: Arc<Core>) {
    let mut stopping = core.stopping.subscribe();
    loop {
        let next = async {
            let accepted = listener.socket.accept().await;
            // As in Apache Kafka, one newcomer is held in the hand, and others in the system's queue.
            core.connection_limits.room().await;
            accepted
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let host = peer.ip().to_canonical().to_string();
                let Some(admitted) = core.connection_limits.admit(peer.ip()) else {
                    core.metrics.connections_refused.inc();
                    tracing::info!(listener = listener.name, %host, "connection refused, its address has as many as it may");
                    continue;
                };
                core.metrics.connections_accepted.inc();
                prepare(&stream);
                let caller = Caller::new(host, peer.port(), index);
                core.spawn(tcp::serve(stream, Arc::clone(&core), caller, admitted));
            }
            Err(error) => {
                // A connection that broke before it was accepted, or no file descriptor left. Those who are
                // connected are not harmed.
                tracing::warn!(listener = listener.name, %error, "connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER);
    let outcome = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = outcome {
        tracing::debug!(%error, "socket options cannot be set");
    }
}

#[cfg(test)]
mod tests;
