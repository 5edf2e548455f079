//! A cluster as this process sees it: connections, the cached metadata, coordinators, and the rule of retries.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use millstream_wire::ApiKey;
use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use millstream_wire::protocol::Request;
use parking_lot::{Mutex, RwLock};
use rand::seq::SliceRandom as _;
use tokio::time::Instant;

use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::connections::{Connections, Node};
use crate::error::{ClientError, Result, Subject};
use crate::metadata::{ClusterMetadata, TopicMetadata};
use crate::transport::BrokerAddress;

/// A handle on a cluster; cheap to clone. Needs a tokio runtime to run in.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: Arc<ClientConfig>,
    connections: Connections,
    metadata: RwLock<Arc<ClusterMetadata>>,
    /// Held by the one task that asks for metadata.
    refreshing: tokio::sync::Mutex<()>,
    /// Topics that a refresh covers.
    topics: Mutex<BTreeSet<ByteString>>,
    coordinators: Mutex<HashMap<String, (i32, BrokerAddress)>>,
}

impl Client {
    /// Asks the bootstrap servers for the cluster, until one answers or the bootstrap timeout has passed.
    ///
    /// # Errors
    /// What the last of them said.
    pub async fn connect(config: ClientConfig) -> Result<Self> {
        let client = Self::new(config);
        let deadline = Instant::now() + client.config().bootstrap_timeout;
        let mut failures = 0;
        loop {
            let Err(error) = client.refresh_metadata(0).await else { return Ok(client) };
            failures += 1;
            let pause = client.config().retry_backoff.random_delay(failures);
            if !error.is_retriable() || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A client that asks when it first needs to.
    pub fn new(config: ClientConfig) -> Self {
        let config = Arc::new(config);
        let shared = Shared {
            connections: Connections::new(Arc::clone(&config)),
            config,
            metadata: RwLock::new(Arc::new(ClusterMetadata::unknown())),
            refreshing: tokio::sync::Mutex::default(),
            topics: Mutex::default(),
            coordinators: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The settings.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.shared.config
    }

    /// The last view of the cluster; covers the topics that were asked for.
    pub fn metadata(&self) -> Arc<ClusterMetadata> {
        Arc::clone(&self.shared.metadata.read())
    }

    /// A topic as last seen, asking for it when it is not known or the view is too old.
    ///
    /// # Errors
    /// With kind [`crate::ErrorKind::NotFound`] when it does not exist; those of connecting.
    pub async fn topic(&self, name: &str) -> Result<Arc<TopicMetadata>> {
        self.interested_in(name);
        let mut view = self.metadata();
        if view.topic(name).is_none() || self.is_stale(&view) {
            view = self.refresh_metadata(view.version).await?;
        }
        view.topic(name).cloned().ok_or_else(|| {
            self.shared.topics.lock().remove(name);
            let subject = Subject::Topic(ByteString::from(name));
            ClientError::broker(ApiKey::Metadata, subject, view.topic_error(name), None)
        })
    }

    /// As [`Client::topic`], but waits up to `timeout` for a topic that was created elsewhere a moment ago, or whose
    /// partitions have no leader yet.
    ///
    /// # Errors
    /// As [`Client::topic`].
    pub async fn wait_for_topic(&self, name: &str, timeout: Duration) -> Result<Arc<TopicMetadata>> {
        self.retry(timeout, async || {
            let topic = self.topic(name).await?;
            if topic.partitions.iter().any(|partition| partition.leader.is_none()) {
                self.refresh_metadata(self.metadata().version).await?;
                let subject = Subject::Topic(topic.name.clone());
                let code = millstream_wire::ErrorCode::LeaderNotAvailable.code();
                return Err(ClientError::broker(ApiKey::Metadata, subject, code, None));
            }
            Ok(topic)
        })
        .await
    }

    /// Makes refreshes cover a topic.
    pub(crate) fn interested_in(&self, topic: &str) {
        let mut topics = self.shared.topics.lock();
        if !topics.contains(topic) {
            topics.insert(ByteString::from(topic));
        }
    }

    /// Whether a view is older than the settings allow.
    pub(crate) fn is_stale(&self, view: &ClusterMetadata) -> bool {
        view.version == 0 || view.fetched_at.elapsed() >= self.config().metadata_max_age
    }

    /// A view newer than version `seen`: somebody else's who asked meanwhile, or the answer to a question of our own.
    pub(crate) async fn refresh_metadata(&self, seen: u64) -> Result<Arc<ClusterMetadata>> {
        let _refreshing = self.shared.refreshing.lock().await;
        let before = self.metadata();
        if before.version > seen {
            return Ok(before);
        }
        let names: Vec<ByteString> = self.shared.topics.lock().iter().cloned().collect();
        let topic = |name| MetadataRequestTopic { name: Some(name), ..MetadataRequestTopic::default() };
        let request = MetadataRequest {
            topics: Some(names.into_iter().map(topic).collect()),
            allow_auto_topic_creation: self.config().allow_auto_create_topics,
            ..MetadataRequest::default()
        };
        let response = self.call_any(&request).await?;
        let view = Arc::new(before.updated(response));
        *self.shared.metadata.write() = Arc::clone(&view);
        Ok(view)
    }

    /// Where a broker listens, as far as is known.
    pub(crate) fn address_of(&self, node: i32) -> Option<BrokerAddress> {
        self.shared.metadata.read().brokers.get(&node).map(|broker| broker.address.clone())
    }

    /// A connection to a broker for questions that are answered at once.
    pub(crate) async fn connection_to(&self, node: i32, address: &BrokerAddress) -> Result<Connection> {
        self.shared.connections.get(Node::Broker(node), address).await
    }

    /// A connection to whichever broker answers: open ones first, then known ones, then the bootstrap list.
    pub(crate) async fn any_connection(&self) -> Result<Connection> {
        let brokers = self.metadata().brokers.clone();
        let known = brokers.into_iter().map(|(node, broker)| (Node::Broker(node), broker.address));
        let mut known: Vec<_> = known.collect();
        known.shuffle(&mut rand::rng());
        known.sort_by_key(|(node, _)| !self.shared.connections.is_open(*node));
        let bootstrap = self.config().bootstrap_servers.iter().cloned().enumerate();
        known.extend(bootstrap.map(|(place, address)| (Node::Bootstrap(place), address)));

        let mut last = ClientError::InvalidInput {
            what: "bootstrap.servers",
            found: "an empty list".to_owned(),
            expected: "at least one HOST:PORT",
        };
        for (node, address) in known {
            match self.shared.connections.get(node, &address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Asks whichever broker answers.
    pub(crate) async fn call_any<R: Request>(&self, request: &R) -> Result<R::Response> {
        self.any_connection().await?.call(request, self.config().request_timeout).await
    }

    /// Asks the controller, or in clusters that forward whichever broker answers.
    pub(crate) async fn controller_connection(&self) -> Result<Connection> {
        let mut view = self.metadata();
        if view.version == 0 {
            view = self.refresh_metadata(0).await?;
        }
        let controller = view.controller_id.and_then(|node| Some((node, self.address_of(node)?)));
        match controller {
            Some((node, address)) => self.connection_to(node, &address).await,
            None => self.any_connection().await,
        }
    }

    /// The broker that coordinates a consumer group.
    pub(crate) async fn coordinator(&self, group: &str) -> Result<(i32, BrokerAddress)> {
        if let Some(known) = self.shared.coordinators.lock().get(group) {
            return Ok(known.clone());
        }
        let found = crate::admin::coordinator::find(self, group).await?;
        self.shared.coordinators.lock().insert(group.to_owned(), found.clone());
        Ok(found)
    }

    /// Forgets who coordinates a group, if an error says that it may be another broker now.
    pub(crate) fn check_coordinator(&self, group: &str, error: &ClientError) {
        use millstream_wire::ErrorCode as E;
        let moved = matches!(error.code(), Some(E::NotCoordinator | E::CoordinatorNotAvailable));
        let lost = matches!(error.kind(), crate::ErrorKind::Unreachable | crate::ErrorKind::Timeout);
        if moved || lost {
            self.shared.coordinators.lock().remove(group);
        }
    }

    /// Asks a group's coordinator.
    pub(crate) async fn coordinator_connection(&self, group: &str) -> Result<Connection> {
        let (node, address) = self.coordinator(group).await?;
        let connected = self.connection_to(node, &address).await;
        connected.inspect_err(|error| self.check_coordinator(group, error))
    }

    /// Repeats `operation` while it fails with errors that pass, with pauses, until `timeout` has passed.
    pub(crate) async fn retry<T, F, O>(&self, timeout: Duration, mut operation: F) -> Result<T>
    where
        F: FnMut() -> O,
        O: Future<Output = Result<T>>,
    {
        let deadline = Instant::now() + timeout;
        let mut failures = 0;
        loop {
            let error = match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failures += 1;
            let pause = self.config().retry_backoff.random_delay(failures);
            if !error.is_retriable() || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, failures, "trying again");
            tokio::time::sleep(pause).await;
            if error.is_stale_metadata() {
                // Its own failure shows in the next attempt.
                let _ = self.refresh_metadata(self.metadata().version).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
