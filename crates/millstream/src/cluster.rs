//! The cluster that a command speaks to.

use std::time::Duration;

use millstream_client::{Admin, BrokerAddress, Client, ClientConfig};
use tokio::runtime::Runtime;

use crate::cli::Cluster;
use crate::listener::HostPort;

/// A runtime for commands that only talk to a cluster.
///
/// # Errors
/// When the system refuses threads.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

/// The settings that reach these brokers.
pub(crate) fn config(bootstrap_servers: &[HostPort]) -> ClientConfig {
    let address = |server: &HostPort| BrokerAddress::new(&server.host, server.port);
    ClientConfig::new(bootstrap_servers.iter().map(address).collect())
}

impl Cluster {
    /// Connects.
    ///
    /// # Errors
    /// When no broker answers.
    pub(crate) async fn connect(&self) -> anyhow::Result<Client> {
        let mut config = config(&self.bootstrap_server);
        // A person waits for this one.
        config.api_timeout = Duration::from_secs(30);
        Ok(Client::connect(config).await?)
    }

    /// Connects for administrative calls.
    ///
    /// # Errors
    /// As [`Cluster::connect`].
    pub(crate) async fn admin(&self) -> anyhow::Result<Admin> {
        Ok(Admin::new(self.connect().await?))
    }
}
