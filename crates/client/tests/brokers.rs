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

/// What Apache Kafka offers is what `docs/protocol.md` says of it; that our broker offers what is said there is a test of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apache_kafka_offers_what_is_documented() {
    use std::collections::BTreeMap;
    let Some(kafka) = Kafka::start("apache_kafka_offers_what_is_documented") else { return };
    let config = config(&kafka.address);
    let connection = millstream_client::Connection::open(&kafka.address, &config).await.unwrap();
    let request = millstream_wire::messages::ApiVersionsRequest {
        client_software_name: "millstream".into(),
        client_software_version: "1".into(),
    };
    let answer = connection.call(&request, config.request_timeout).await.unwrap();
    let offered =
        answer.api_keys.iter().map(|api| (api.api_key, format!("{}–{}", api.min_version, api.max_version)));
    let offered: BTreeMap<i16, String> = offered.collect();
    let mut documented = BTreeMap::new();
    for line in include_str!("../../../docs/protocol.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, key, _, _, versions, why, _] = cells[..]
            && let Ok(key) = key.parse::<i16>()
        {
            documented.insert(key, (versions, why));
        }
    }
    for (key, versions) in &offered {
        // Produce 0 to 2 are advertised and not served (KAFKA-18659).
        let expected = if *key == 0 { "0–13" } else { documented[key].0 };
        assert_eq!(versions, expected, "key {key}");
    }
    for (key, (_, why)) in documented.iter().filter(|(key, _)| !offered.contains_key(key)) {
        let reasons = [
            "between brokers and controllers only",
            "removed from Kafka 4",
            "Kafka offers it only",
            "as GetTelemetry",
        ];
        assert!(
            reasons.iter().any(|reason| why.starts_with(reason)),
            "key {key} is not offered by Kafka: {why}"
        );
    }
}
