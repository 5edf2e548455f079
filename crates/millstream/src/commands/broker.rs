//! `start`: an embedded broker until a signal comes.

use std::io::Write;

use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;

use super::print;
use crate::cli::{self, Output};
use crate::embedded::{Embedded, Listen, Unnamed};
use crate::listener::HostPort;
use crate::signals::Signals;

/// Where HTTP is served unless the command line says otherwise.
const DEFAULT_HTTP: (&str, u16) = ("127.0.0.1", 8080);

/// `start`.
pub(crate) fn execute(command: &cli::Start) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let signals = Signals::install()?;
        let embedded = Embedded::start(&command.broker, Unnamed::Default, Listen::Always).await?;
        let announced =
            announce(Some(&embedded), Some(http(&command.broker)), Registry::default(), Output::Table).await;
        if announced.is_ok() {
            signals.stop_requested().await;
        }
        let stopped = embedded.shutdown().await;
        announced.and(stopped)
    })
}

/// The runtime that serves sockets and keeps timers.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// The HTTP address of the command line, or the default one.
pub(crate) fn http(arguments: &cli::Broker) -> HostPort {
    let default = || HostPort { host: DEFAULT_HTTP.0.to_owned(), port: DEFAULT_HTTP.1 };
    arguments.http_listener.clone().unwrap_or_else(default)
}

/// Serves HTTP, if it is to be served, and prints the one line that says where everything listens.
/// The line goes to standard output, or beside rows in JSON to standard error.
///
/// # Errors
/// When the HTTP address is taken.
pub(crate) async fn announce(
    embedded: Option<&Embedded>,
    http: Option<HostPort>,
    mut registry: Registry,
    output: Output,
) -> anyhow::Result<()> {
    let mut line = "millstream ready".to_owned();
    if let Some(embedded) = embedded {
        embedded.broker().register_metrics(&mut registry);
        let bound = embedded.broker().listeners();
        let kafka: Vec<String> = bound.iter().map(|bound| bound.address.to_string()).collect();
        if !kafka.is_empty() {
            line = format!("{line} kafka={}", kafka.join(","));
        }
    }
    if let Some(address) = http {
        line = format!("{line} http={}", crate::http::serve(&address, registry).await?);
    }
    match output {
        Output::Table => print(|out| writeln!(out, "{line}")),
        Output::Json => Ok(writeln!(std::io::stderr(), "{line}")?),
    }
}
