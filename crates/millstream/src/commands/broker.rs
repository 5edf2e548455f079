//! `start`: an embedded broker until a signal comes.

use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;

use super::print;
use crate::cli;
use crate::embedded::{Embedded, Unnamed};
use crate::http;
use crate::listener::{HostPort, KafkaListener};
use crate::signals;

/// Where HTTP is served unless the command line says otherwise.
const DEFAULT_HTTP: (&str, u16) = ("127.0.0.1", 8080);
/// Where Kafka clients connect unless the command line says otherwise.
const DEFAULT_KAFKA: (&str, u16) = ("127.0.0.1", 9092);

/// `start`.
pub(crate) fn execute(command: &cli::Start) -> anyhow::Result<()> {
    runtime()?.block_on(async {
        let embedded =
            Embedded::start(&command.broker, Unnamed::Default, &listeners(&command.broker)).await?;
        announce(&embedded, &command.broker, Registry::default()).await?;
        signals::stop_requested().await?;
        embedded.shutdown().await
    })
}

/// The runtime that serves sockets and keeps timers.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// The listeners of the command line, or the default one.
pub(crate) fn listeners(arguments: &cli::Broker) -> Vec<KafkaListener> {
    if !arguments.kafka_listener.is_empty() {
        return arguments.kafka_listener.clone();
    }
    let bind = HostPort { host: DEFAULT_KAFKA.0.to_owned(), port: DEFAULT_KAFKA.1 };
    vec![KafkaListener { name: "PLAINTEXT".to_owned(), bind, advertised: None }]
}

/// Serves HTTP and prints the one line that says where everything listens.
///
/// # Errors
/// When the HTTP address is taken.
pub(crate) async fn announce(
    embedded: &Embedded,
    arguments: &cli::Broker,
    mut registry: Registry,
) -> anyhow::Result<()> {
    embedded.broker().register_metrics(&mut registry);
    let default = HostPort { host: DEFAULT_HTTP.0.to_owned(), port: DEFAULT_HTTP.1 };
    let http = http::serve(arguments.http_listener.as_ref().unwrap_or(&default), registry).await?;
    let kafka: Vec<String> =
        embedded.broker().listeners().iter().map(|bound| bound.address.to_string()).collect();
    print(|out| writeln!(out, "millstream ready kafka={} http={http}", kafka.join(",")))
}
