//! `run`: a file of SQL as pipelines, on the embedded broker or against a cluster.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::Path;

use millstream_client::BrokerAddress;
use millstream_connectors::kafka::Clusters;
use millstream_connectors::{Environment, connectors};
use millstream_sql::syntax::Statement;
use millstream_sql::{Session, parse_script};
use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;

use super::broker;
use crate::cli::{self, Global};
use crate::embedded::{Embedded, Listen, Unnamed, check_exposure};
use crate::exit::{Failure, FailureKind};
use crate::listener::HostPort;
use crate::metrics::PipelineCollector;
use crate::pipelines::Launcher;
use crate::script::{Script, sql_error};
use crate::signals::Signals;
use crate::stop::Stop;

/// `run`.
pub(crate) fn execute(command: &cli::Run, global: &Global) -> anyhow::Result<()> {
    check_broker_options(command)?;
    let statements = read_script(&command.file)?;
    let runtime = broker::runtime()?;
    let stop = Stop::default();
    stop_on_signal(&runtime, &stop)?;
    let embedded = start_broker(command, &runtime, &stop)?;
    let clusters = Clusters {
        bootstrap_servers: addresses(&command.bootstrap_server),
        embedded: embedded.as_ref().map(Embedded::dialer),
    };
    let (all, kafka) = connectors(&Environment { runtime: runtime.handle().clone(), clusters });
    let launcher = Launcher {
        kafka,
        follow: command.follow,
        workers: command.parallelism.map(NonZeroUsize::get),
        shown: (!command.follow).then_some(command.output),
        stop,
        started: HashMap::new(),
    };
    let session = Session::new(all).with_follow(command.follow);
    let outcome = Script::new(session, launcher, global, command.output).run(&statements);
    let stopped = match embedded {
        Some(embedded) => runtime.block_on(embedded.shutdown()),
        None => Ok(()),
    };
    outcome.and(stopped)
}

/// Refuses options of the embedded broker where there is none, rather than pass over them in silence.
fn check_broker_options(command: &cli::Run) -> anyhow::Result<()> {
    if command.bootstrap_server.is_empty() {
        return Ok(());
    }
    let broker = &command.broker;
    let given = [
        ("--data-dir", broker.data_dir.is_some()),
        ("--kafka-listener", !broker.kafka_listener.is_empty()),
        ("--fsync", broker.fsync.is_some()),
        ("-X", !broker.options.is_empty()),
        ("--config", broker.config.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => {
            let message = format!(
                "{flag} is for the embedded broker, and with --bootstrap-server (or MILLSTREAM_BOOTSTRAP_SERVER) there is \
                 none: leave one of them out"
            );
            Err(Failure::new(FailureKind::Usage, message).into())
        }
        None => Ok(()),
    }
}

/// Starts the broker, unless the pipelines use another, and opens the ports that are wanted.
fn start_broker(command: &cli::Run, runtime: &Runtime, stop: &Stop) -> anyhow::Result<Option<Embedded>> {
    let arguments = &command.broker;
    let opens_kafka = command.follow || !arguments.kafka_listener.is_empty();
    let http = (command.follow || arguments.http_listener.is_some()).then(|| broker::http(arguments));
    let embedded = if command.bootstrap_server.is_empty() {
        let listen = if command.follow { Listen::Always } else { Listen::IfAsked };
        let unnamed = if command.follow { Unnamed::Default } else { Unnamed::Temporary };
        Some(runtime.block_on(Embedded::start(arguments, unnamed, listen))?)
    } else {
        check_exposure(arguments, &[])?;
        None
    };
    if opens_kafka || http.is_some() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(PipelineCollector::new(stop.clone())));
        if let Err(error) =
            runtime.block_on(broker::announce(embedded.as_ref(), http, registry, command.output))
        {
            if let Some(embedded) = embedded {
                // The first error is the one to show.
                let _ = runtime.block_on(embedded.shutdown());
            }
            return Err(error);
        }
    }
    Ok(embedded)
}

/// The statements of a file.
///
/// # Errors
/// When it cannot be read, or is not SQL: with the place.
pub(crate) fn read_script(file: &Path) -> anyhow::Result<Vec<Statement>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let (kind, next) = match error.kind() {
            ErrorKind::NotFound => (
                FailureKind::NotFound,
                "; check the path, which starts in the directory that this was run in",
            ),
            ErrorKind::IsADirectory => (FailureKind::Invalid, "; name a file of SQL statements"),
            ErrorKind::InvalidData => {
                (FailureKind::Invalid, "; it has to be SQL statements as text in UTF-8")
            }
            _ => (FailureKind::Failure, ""),
        };
        Failure::new(kind, format!("cannot read {name}: {error}{next}"))
    })?;
    parse_script(&text, &name).map_err(sql_error)
}

/// What `--bootstrap-server` names, if it was given.
pub(crate) fn addresses(servers: &[HostPort]) -> Option<Vec<BrokerAddress>> {
    let addresses: Vec<_> =
        servers.iter().map(|server| BrokerAddress::new(&server.host, server.port)).collect();
    (!addresses.is_empty()).then_some(addresses)
}

/// Stops the pipelines in order at the first signal.
///
/// # Errors
/// When the system refuses signal handlers.
pub(crate) fn stop_on_signal(runtime: &Runtime, stop: &Stop) -> anyhow::Result<()> {
    let stop = stop.clone();
    let entered = runtime.enter();
    let signals = Signals::install()?;
    drop(entered);
    runtime.spawn(async move {
        signals.stop_requested().await;
        stop.request();
    });
    Ok(())
}
