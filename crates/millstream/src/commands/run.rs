//! `run`: a file of SQL as pipelines, on the embedded broker or against a cluster.

use std::path::Path;

use anyhow::Context;
use millstream_client::BrokerAddress;
use millstream_connectors::kafka::Clusters;
use millstream_connectors::{Environment, connectors};
use millstream_sql::syntax::Statement;
use millstream_sql::{Session, parse_script};
use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;

use super::broker;
use crate::cli::{self, Global};
use crate::embedded::{Embedded, Unnamed};
use crate::exit::{Failure, FailureKind};
use crate::listener::HostPort;
use crate::pipelines::Launcher;
use crate::script::{Script, sql_error};
use crate::signals;
use crate::stop::Stop;

/// `run`.
pub(crate) fn execute(command: &cli::Run, global: &Global) -> anyhow::Result<()> {
    let statements = read_script(&command.file)?;
    let runtime = broker::runtime()?;
    let embedded = start_broker(command, &runtime)?;
    let clusters = Clusters {
        bootstrap_servers: addresses(&command.bootstrap_server),
        embedded: embedded.as_ref().map(Embedded::dialer),
    };
    let (all, kafka) = connectors(&Environment { runtime: runtime.handle().clone(), clusters });
    let stop = Stop::default();
    stop_on_signal(&runtime, &stop);
    let launcher = Launcher {
        kafka,
        follow: command.follow,
        workers: command.parallelism,
        shown: (!command.follow).then_some(command.output),
        stop,
    };
    let session = Session::new(all).with_follow(command.follow);
    let outcome = Script::new(session, launcher, global, command.output).run(&statements);
    let stopped = match embedded {
        Some(embedded) => runtime.block_on(embedded.shutdown()),
        None => Ok(()),
    };
    outcome.and(stopped)
}

fn start_broker(command: &cli::Run, runtime: &Runtime) -> anyhow::Result<Option<Embedded>> {
    if !command.bootstrap_server.is_empty() {
        return Ok(None);
    }
    let opens_ports = command.follow || !command.broker.kafka_listener.is_empty();
    let listeners = if opens_ports { broker::listeners(&command.broker) } else { Vec::new() };
    let unnamed = if command.follow { Unnamed::Default } else { Unnamed::Temporary };
    let embedded = runtime.block_on(Embedded::start(&command.broker, unnamed, &listeners))?;
    if opens_ports {
        runtime.block_on(broker::announce(&embedded, &command.broker, Registry::default()))?;
    }
    Ok(Some(embedded))
}

/// The statements of a file.
///
/// # Errors
/// When it cannot be read, or is not SQL: with the place.
pub(crate) fn read_script(file: &Path) -> anyhow::Result<Vec<Statement>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => FailureKind::NotFound,
            _ => FailureKind::Failure,
        };
        Failure::new(kind, format!("cannot read {name}: {error}"))
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
pub(crate) fn stop_on_signal(runtime: &Runtime, stop: &Stop) {
    let stop = stop.clone();
    runtime.spawn(async move {
        match signals::stop_requested().await.context("signals cannot be watched") {
            Ok(()) => stop.request(),
            Err(error) => tracing::warn!("{error:#}"),
        }
    });
}
