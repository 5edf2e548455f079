//! What a [`crate::Client`] needs to know, under the names of Kafka's clients.

use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;

use crate::backoff::Backoff;
use crate::transport::{BrokerAddress, Dialer, TcpDialer};

/// Settings that producers, fetchers, groups and admin calls of one client share.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// `bootstrap.servers`: where the first question goes; one that answers is enough.
    pub bootstrap_servers: Vec<BrokerAddress>,
    /// `client.id`: this client's name in the broker's logs, metrics and quotas.
    pub client_id: ByteString,
    /// How connections are made: TCP, or frames within the process.
    pub dialer: Arc<dyn Dialer>,
    /// How long [`crate::Client::connect`] tries to get a first answer. Servers that refuse are tried again within it.
    pub bootstrap_timeout: Duration,
    /// `socket.connection.setup.timeout.ms`: how long one attempt to connect may take, versions negotiated.
    pub connect_timeout: Duration,
    /// `request.timeout.ms`: how long a broker may take to answer. A connection that exceeds it is closed, because
    /// whatever was sent after waits behind it.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: how long an operation may take with all its retries.
    pub api_timeout: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`: pauses between attempts.
    pub retry_backoff: Backoff,
    /// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`: pauses between attempts to connect to one broker.
    pub reconnect_backoff: Backoff,
    /// `metadata.max.age.ms`: when the view of the cluster is refreshed without a reason.
    pub metadata_max_age: Duration,
    /// `allow.auto.create.topics`: whether asking for a topic may create it, if the broker does that.
    pub allow_auto_create_topics: bool,
    /// The largest response that is accepted, in bytes. A fetch can exceed its own limit by one record batch.
    pub response_bytes_max: usize,
}

impl ClientConfig {
    /// The defaults of Kafka's clients for these servers, over TCP.
    pub fn new(bootstrap_servers: Vec<BrokerAddress>) -> Self {
        Self {
            bootstrap_servers,
            client_id: ByteString::from_static("millstream"),
            dialer: Arc::new(TcpDialer::default()),
            bootstrap_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            retry_backoff: Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(1) },
            reconnect_backoff: Backoff { initial: Duration::from_millis(50), max: Duration::from_secs(1) },
            metadata_max_age: Duration::from_secs(300),
            allow_auto_create_topics: false,
            response_bytes_max: 256 << 20,
        }
    }

    /// The same settings with another way to connect.
    #[must_use]
    pub fn with_dialer(mut self, dialer: Arc<dyn Dialer>) -> Self {
        self.dialer = dialer;
        self
    }

    /// The same settings under another name.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<ByteString>) -> Self {
        self.client_id = client_id.into();
        self
    }
}
