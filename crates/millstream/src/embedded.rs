//! The broker inside this process: where its data lies, where it listens, and how our own client reaches it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use millstream_broker::{Broker, BrokerConfig, BrokerError, FsyncPolicy, InProcess, ListenerConfig};
use millstream_client::BrokerAddress;
use millstream_client::transport::{Dialer, FrameChannel, Transport};
use tempfile::TempDir;

use crate::cli::{self, Fsync};
use crate::exit::{Failure, FailureKind};
use crate::listener::{HostPort, KafkaListener};

/// The data directory of `start` when none is named.
const DEFAULT_DATA_DIR: &str = "millstream-data";

/// A running broker and, if it is a temporary one, its directory.
pub(crate) struct Embedded {
    broker: Broker,
    /// Deleted when dropped, after the broker.
    temporary: Option<TempDir>,
}

/// Which directory a broker gets when none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// One that is deleted in the end.
    Temporary,
    /// `./millstream-data`.
    Default,
}

impl Embedded {
    /// Starts a broker as the command line says, listening at `listeners`.
    ///
    /// # Errors
    /// A busy port, a locked or foreign directory, listeners that others could reach without `--insecure`.
    pub(crate) async fn start(
        arguments: &cli::Broker,
        unnamed: Unnamed,
        listeners: &[KafkaListener],
    ) -> anyhow::Result<Self> {
        check_exposure(arguments, listeners)?;
        let (path, temporary) = directory(arguments, unnamed)?;
        let mut config = BrokerConfig::new(path);
        config.fsync = match (arguments.fsync, temporary.is_some()) {
            (Some(Fsync::None), _) | (None, true) => FsyncPolicy::None,
            (Some(Fsync::Interval), _) => FsyncPolicy::Interval,
            (Some(Fsync::Group), _) | (None, false) => FsyncPolicy::Group,
        };
        config.listeners = listeners.iter().map(listener).collect();
        let broker = Broker::start(config).await.map_err(explain)?;
        Ok(Self { broker, temporary })
    }

    /// The broker.
    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The way for our own client to reach it without a socket.
    pub(crate) fn dialer(&self) -> Arc<dyn Dialer> {
        Arc::new(InThisProcess(self.broker.in_process()))
    }

    /// Stops the broker in order and deletes a temporary directory.
    ///
    /// # Errors
    /// When the log cannot be closed in order.
    pub(crate) async fn shutdown(self) -> anyhow::Result<()> {
        self.broker.shutdown().await.map_err(explain)?;
        if let Some(directory) = self.temporary {
            directory.close()?;
        }
        Ok(())
    }
}

fn directory(arguments: &cli::Broker, unnamed: Unnamed) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    match (&arguments.data_dir, unnamed) {
        (Some(path), _) => Ok((path.clone(), None)),
        (None, Unnamed::Default) => Ok((Path::new(DEFAULT_DATA_DIR).to_owned(), None)),
        (None, Unnamed::Temporary) => {
            let directory = TempDir::with_prefix("millstream-")?;
            Ok((directory.path().to_owned(), Some(directory)))
        }
    }
}

fn listener(listener: &KafkaListener) -> ListenerConfig {
    ListenerConfig {
        name: listener.name.clone(),
        bind: listener.bind.to_string(),
        advertised: listener.advertised.as_ref().map(ToString::to_string),
    }
}

/// Refuses listeners that other machines can reach, as long as nobody has to say who they are.
///
/// # Errors
/// The first such listener without `--insecure`.
pub(crate) fn check_exposure(arguments: &cli::Broker, listeners: &[KafkaListener]) -> anyhow::Result<()> {
    let kafka = listeners.iter().map(|listener| ("--kafka-listener", &listener.bind));
    let http = arguments.http_listener.iter().map(|address| ("--http-listener", address));
    let exposed = |(_, address): &(&str, &HostPort)| !address.is_loopback();
    match kafka.chain(http).find(exposed) {
        Some((flag, address)) if !arguments.insecure => {
            let message = format!(
                "{flag} {address} can be reached from other machines, and there is no authentication yet: listen on \
                 127.0.0.1, or accept it with --insecure"
            );
            Err(Failure::new(FailureKind::Usage, message).into())
        }
        _ => Ok(()),
    }
}

fn explain(error: BrokerError) -> anyhow::Error {
    let hint = match &error {
        BrokerError::PortInUse { .. } => " with --kafka-listener",
        _ => "",
    };
    anyhow::anyhow!("{error}{hint}")
}

/// Connects to the broker in this process, whatever the address: a one-node cluster has one broker.
#[derive(Debug)]
struct InThisProcess(InProcess);

impl Dialer for InThisProcess {
    fn dial<'a>(&'a self, _: &'a BrokerAddress) -> BoxFuture<'a, io::Result<Transport>> {
        Box::pin(async {
            let connection = self.0.connect();
            let (requests, responses) = (connection.requests, connection.responses);
            Ok(Transport::InProcess(FrameChannel { requests, responses }))
        })
    }
}
