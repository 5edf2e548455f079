//! Which cluster a table means, and what its `properties.*` mean to our client.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millstream_client::admin::NewTopic;
use millstream_client::transport::Dialer;
use millstream_client::{Admin, BrokerAddress, Client, ClientConfig, ClientError, ErrorKind};
use millstream_engine::connector::{ConnectorError, Settings};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::claims::Claims;
use super::options::KafkaOptions;
use super::properties;

/// How long a topic that was just created may take to be there.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(10);

/// The clusters that a process's tables can mean.
#[derive(Debug, Clone, Default)]
pub struct Clusters {
    /// Brokers that take the place of whatever a table names.
    pub bootstrap_servers: Option<Vec<BrokerAddress>>,
    /// The way to a broker in this process, which stands for localhost:9092.
    pub embedded: Option<Arc<dyn Dialer>>,
}

/// Clients, one per cluster, made when they are first needed.
pub(super) struct Connections {
    clusters: Clusters,
    runtime: Handle,
    clients: Mutex<HashMap<String, Client>>,
    /// What pipelines commit offsets of.
    claims: Arc<Claims>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connections").field("clusters", &self.clusters).finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn new(clusters: Clusters, runtime: Handle) -> Self {
        Self { clusters, runtime, clients: Mutex::default(), claims: Arc::default() }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(super) fn claims(&self) -> &Arc<Claims> {
        &self.claims
    }

    /// The client for what a declaration names.
    ///
    /// # Errors
    /// An address that cannot be read.
    pub(super) fn client(&self, bootstrap_servers: &str) -> Result<Client, ConnectorError> {
        let config = self.config(bootstrap_servers)?;
        let mut clients = self.clients.lock();
        let key = format!("{:?}", config.bootstrap_servers);
        // The client's tasks run on the runtime, so it is made within it.
        let _entered = self.runtime.enter();
        Ok(clients.entry(key).or_insert_with(|| Client::new(config)).clone())
    }

    /// The cluster that keeps what belongs to no table: the one that takes the place of all, or the embedded one.
    pub(super) fn home(&self) -> Result<Option<Client>, ConnectorError> {
        if self.clusters.bootstrap_servers.is_some() || self.clusters.embedded.is_some() {
            return self.client(EMBEDDED_ADDRESSES[0]).map(Some);
        }
        Ok(None)
    }

    fn config(&self, bootstrap_servers: &str) -> Result<ClientConfig, ConnectorError> {
        if let Some(servers) = &self.clusters.bootstrap_servers {
            return Ok(ClientConfig::new(servers.clone()));
        }
        let servers =
            BrokerAddress::parse_list(bootstrap_servers).map_err(|error| ConnectorError::Declaration {
                option: Some("properties.bootstrap.servers".to_owned()),
                column: None,
                message: error.to_string(),
            })?;
        let is_embedded =
            servers.iter().all(|server| EMBEDDED_ADDRESSES.contains(&server.to_string().as_str()));
        match &self.clusters.embedded {
            Some(dialer) if is_embedded => Ok(ClientConfig::new(servers).with_dialer(Arc::clone(dialer))),
            _ => Ok(ClientConfig::new(servers)),
        }
    }
}

/// What a table names when it means the broker in this process, if there is one.
const EMBEDDED_ADDRESSES: [&str; 2] = ["localhost:9092", "127.0.0.1:9092"];

/// The partitions that the session wants for a topic that does not exist yet.
pub(super) fn wanted_partitions(topic: &str, settings: &Settings) -> Result<Option<i32>, ConnectorError> {
    let key = format!("millstream.topic.{topic}.partitions");
    let Some(text) = settings.get(&key) else { return Ok(None) };
    match text.parse() {
        Ok(count) if count > 0 => Ok(Some(count)),
        _ => Err(ConnectorError::Declaration {
            option: None,
            column: None,
            message: format!(
                "'{text}' is not a value of '{key}': it takes a number of partitions, at least 1"
            ),
        }),
    }
}

/// Makes sure that a topic exists, creating it with the partitions that the session wants, or as the cluster creates
/// topics by itself.
///
/// # Errors
/// When the cluster cannot be reached, or the topic is missing and is not created by itself.
pub(super) async fn ensure_topic(
    client: &Client,
    topic: &str,
    partitions: Option<i32>,
) -> Result<(), ClientError> {
    match client.topic(topic).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        outcome => return outcome.map(drop),
    }
    let wanted = NewTopic { name: topic.to_owned(), partitions, ..NewTopic::default() };
    match Admin::new(client.clone()).create_topic(&wanted).await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => client.wait_for_topic(topic, TOPIC_TIMEOUT).await.map(drop),
    }
}

/// Refuses properties that protect a connection as long as there is no protection, and names those without effect.
///
/// # Errors
/// A property that asks for TLS or SASL.
pub(super) fn check_properties(options: &KafkaOptions) -> Result<(), ConnectorError> {
    for (key, value) in &options.properties {
        let protects = key.starts_with("ssl.") || key.starts_with("sasl.");
        if protects || (key == "security.protocol" && !value.eq_ignore_ascii_case("PLAINTEXT")) {
            return Err(ConnectorError::Declaration {
                option: Some(format!("properties.{key}")),
                column: None,
                message: "TLS and SASL are not supported yet: connect to a PLAINTEXT listener".to_owned(),
            });
        }
        if !properties::has_effect(key) {
            tracing::warn!(property = %key, "this property of a kafka table has no effect");
        }
    }
    Ok(())
}

/// A property read by type.
///
/// # Errors
/// When it cannot be read.
pub(super) fn property<T: std::str::FromStr>(
    properties: &BTreeMap<String, String>,
    key: &str,
) -> Result<Option<T>, ConnectorError> {
    let Some(text) = properties.get(key) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| ConnectorError::Declaration {
        option: Some(format!("properties.{key}")),
        column: None,
        message: format!("'{text}' is not a value of 'properties.{key}'"),
    })
}

/// A property that has one of these values.
///
/// # Errors
/// When it has another.
pub(super) fn choice<T: Copy>(
    properties: &BTreeMap<String, String>,
    key: &str,
    choices: &[(&str, T)],
) -> Result<Option<T>, ConnectorError> {
    let Some(text) = properties.get(key) else { return Ok(None) };
    match choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        Some((_, choice)) => Ok(Some(*choice)),
        None => {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("'{name}'")).collect();
            Err(crate::options::invalid(&format!("properties.{key}"), text, &names.join(", ")))
        }
    }
}

/// An error of the client as a connector's, with what to do next.
pub(super) fn outside(error: &ClientError) -> ConnectorError {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Unreachable | ErrorKind::Timeout => ConnectorError::Unreachable { message },
        ErrorKind::NotFound => ConnectorError::NotFound {
            message: format!(
                "{message}; create it with `millstream topic create`, or set 'millstream.topic.NAME.partitions'"
            ),
        },
        ErrorKind::Data => ConnectorError::Data { message },
        _ => ConnectorError::Refused { message },
    }
}
