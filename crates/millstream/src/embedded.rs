//! The broker inside this process: where its data lies, where it listens, and how our own client reaches it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use millstream_broker::{Broker, BrokerConfig, BrokerError, FsyncPolicy, InProcess, ListenerConfig};
use millstream_client::BrokerAddress;
use millstream_client::transport::{Dialer, FrameChannel, Transport};
use millstream_log::LogError;
use tempfile::TempDir;

use crate::broker_settings::BrokerSettings;
use crate::cli::{self, Fsync};
use crate::exit::{Failure, FailureKind};
use crate::listener::{HostPort, KafkaListener};

/// The data directory of `start` when none is named.
const DEFAULT_DATA_DIR: &str = "millstream-data";
/// Where Kafka clients connect when nothing else is said.
const DEFAULT_KAFKA: &str = "127.0.0.1:9092";

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

/// Whether a broker listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    /// Where the command line says, else where the settings say, else at the usual address.
    Always,
    /// Only where the command line says.
    IfAsked,
}

impl Embedded {
    /// Starts a broker as the command line and its settings say.
    ///
    /// # Errors
    /// A busy port, a locked or foreign directory, settings that are not possible, listeners that others could reach
    /// without `--insecure`.
    pub(crate) async fn start(
        arguments: &cli::Broker,
        unnamed: Unnamed,
        listen: Listen,
    ) -> anyhow::Result<Self> {
        let settings = BrokerSettings::read(arguments)?;
        let (path, temporary) = directory(arguments, &settings, unnamed)?;
        let mut config = BrokerConfig::new(&path);
        settings.apply(&mut config)?;
        config.data_dir = path;
        match (arguments.fsync, temporary.is_some()) {
            (Some(Fsync::None), _) => config.fsync = FsyncPolicy::None,
            (Some(Fsync::Interval), _) => config.fsync = FsyncPolicy::Interval,
            (Some(Fsync::Group), _) => config.fsync = FsyncPolicy::Group,
            (None, _) if settings.has_fsync() => {}
            (None, true) => config.fsync = FsyncPolicy::None,
            (None, false) => config.fsync = FsyncPolicy::Group,
        }
        config.listeners = match listen {
            Listen::Always if arguments.kafka_listener.is_empty() && config.listeners.is_empty() => {
                vec![ListenerConfig::plaintext(DEFAULT_KAFKA)]
            }
            Listen::Always if arguments.kafka_listener.is_empty() => config.listeners,
            _ => arguments.kafka_listener.iter().map(listener).collect(),
        };
        check_exposure(arguments, &config.listeners)?;
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

fn directory(
    arguments: &cli::Broker,
    settings: &BrokerSettings,
    unnamed: Unnamed,
) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    match (arguments.data_dir.clone().or_else(|| settings.data_dir()), unnamed) {
        (Some(path), _) => Ok((path, None)),
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
pub(crate) fn check_exposure(arguments: &cli::Broker, kafka: &[ListenerConfig]) -> anyhow::Result<()> {
    let kafka =
        kafka.iter().map(|listener| ("listener", listener.bind.parse::<HostPort>().ok(), &*listener.bind));
    let http = arguments.http_listener.as_ref();
    let http = http.map(|address| ("--http-listener", Some(address.clone()), ""));
    let is_exposed = |address: &Option<HostPort>| !address.as_ref().is_some_and(HostPort::is_loopback);
    let exposed = kafka.chain(http).find(|(_, address, _)| is_exposed(address));
    match exposed {
        Some((what, address, text)) if !arguments.insecure => {
            let address = address.map_or_else(|| text.to_owned(), |address| address.to_string());
            let message = format!(
                "{what} {address} can be reached from other machines, and there is no authentication yet: listen on \
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
        BrokerError::Bind { .. } => {
            "; name an address of this machine and a port that is free with --kafka-listener"
        }
        BrokerError::Log(LogError::Io { .. }) => {
            "; choose a directory that can be written to with --data-dir"
        }
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
