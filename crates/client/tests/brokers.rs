//! The same scenarios against a real Apache Kafka and against our broker, over TCP and in process.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use millstream_broker::{Broker, BrokerConfig, FsyncPolicy, ListenerConfig};
use millstream_client::transport::{FrameChannel, InProcessDialer};
use millstream_client::{BrokerAddress, Client};
use support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apache_kafka() {
    let Some(kafka) = Kafka::start("apache_kafka") else { return };
    scenarios::everything(&Client::connect(config(&kafka.address)).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn millstream() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = BrokerConfig::new(directory.path());
    settings.fsync = FsyncPolicy::None;
    settings.listeners.push(ListenerConfig::plaintext("127.0.0.1:0"));
    let broker = Arc::new(Broker::start(settings).await.unwrap());
    let address: BrokerAddress = broker.listeners()[0].address.to_string().parse().unwrap();
    scenarios::everything(&Client::connect(config(&address)).await.unwrap()).await;

    let embedded = Arc::clone(&broker);
    let dialer = InProcessDialer(move |_: &BrokerAddress| {
        let connection = embedded.connect_in_process();
        Ok(FrameChannel { requests: connection.requests, responses: connection.responses })
    });
    let in_process = config(&address).with_dialer(Arc::new(dialer));
    scenarios::everything(&Client::connect(in_process).await.unwrap()).await;
    // The dialer keeps the broker open, so it ends with both.
    drop(broker);
}
