//! How many connections there may be: `max.connections`, `max.connections.per.ip` and `max.connections.per.ip.overrides`.
//!
//! As in Apache Kafka, all three change while the broker runs and count connections of all listeners; who is connected stays. An
//! address that has as many as it may is refused: its connection is closed before anything is read. When there are as many as there may be
//! at all, nobody is accepted until one has gone: newcomers wait in the system's queue.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

pub(crate) const MAX_CONNECTIONS: &str = "max.connections";
pub(crate) const MAX_CONNECTIONS_PER_IP: &str = "max.connections.per.ip";
pub(crate) const MAX_CONNECTIONS_PER_IP_OVERRIDES: &str = "max.connections.per.ip.overrides";

/// Counts connections, and says who may have another.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLimits {
    limits: RwLock<Limits>,
    counts: Mutex<Counts>,
    /// A connection has gone, or the limits have changed.
    changed: Notify,
}

#[derive(Debug)]
struct Limits {
    all: usize,
    of_address: usize,
    of_named: HashMap<IpAddr, usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: usize::MAX, of_address: usize::MAX, of_named: HashMap::new() }
    }
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    of_address: HashMap<IpAddr, usize>,
}

impl ConnectionLimits {
    /// Takes the limits from the configurations that are in force; names are resolved. Waits for the network where they have to be.
    pub(crate) fn set(&self, configs: &BTreeMap<String, String>) {
        let number =
            |name: &str| configs.get(name).and_then(|value| value.parse().ok()).unwrap_or(usize::MAX);
        let named = configs.get(MAX_CONNECTIONS_PER_IP_OVERRIDES).map(String::as_str).unwrap_or_default();
        let mut of_named = HashMap::new();
        for (host, limit) in overrides(named).into_iter().flatten() {
            match addresses(host) {
                Ok(addresses) => of_named.extend(addresses.into_iter().map(|address| (address, limit))),
                Err(error) => {
                    tracing::warn!(host, %error, "connections of a host are not limited, its address is not known")
                }
            }
        }
        let (all, of_address) = (number(MAX_CONNECTIONS), number(MAX_CONNECTIONS_PER_IP));
        *self.limits.write() = Limits { all, of_address, of_named };
        self.changed.notify_waiters();
    }

    /// Waits until there may be another connection.
    pub(crate) async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            if self.counts.lock().all < self.limits.read().all {
                return;
            }
            changed.await;
        }
    }

    /// Counts a connection of an address; none when it has as many as it may.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let address = address.to_canonical();
        let limit = {
            let limits = self.limits.read();
            limits.of_named.get(&address).copied().unwrap_or(limits.of_address)
        };
        let mut counts = self.counts.lock();
        let count = counts.of_address.entry(address).or_default();
        if *count >= limit {
            if *count == 0 {
                counts.of_address.remove(&address);
            }
            return None;
        }
        *count += 1;
        counts.all += 1;
        Some(Admitted { limits: Arc::clone(self), address })
    }
}

/// A connection that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.limits.counts.lock();
        counts.all -= 1;
        if let Some(count) = counts.of_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.of_address.remove(&self.address);
            }
        }
        drop(counts);
        self.limits.changed.notify_waiters();
    }
}

/// The pairs of `HOST:COUNT,…`; none where it is not of that form.
pub(crate) fn overrides(text: &str) -> Option<Vec<(&str, usize)>> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (host, count) = pair.rsplit_once(':')?;
            let host = host.trim().trim_start_matches('[').trim_end_matches(']');
            Some((host, count.trim().parse().ok()?)).filter(|_| !host.is_empty())
        })
        .collect()
}

fn addresses(host: &str) -> std::io::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![address.to_canonical()]);
    }
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip().to_canonical()).collect())
}

#[cfg(test)]
mod tests;
