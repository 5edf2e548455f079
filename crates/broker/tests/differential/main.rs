//! The same requests to an Apache Kafka 4.3 and to this broker, answers compared field by field.
//!
//! Every scenario is a list of typed requests over one connection. What may differ between two clusters (ids, times,
//! paths, the wording of messages) is masked ([`transcript`]); every other difference must stand in [`justified`]
//! with its reason, and every reason must still be needed. Without Java the test is skipped, unless `CI` is set.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

mod admin;
mod configs;
mod connection;
mod consumer_groups;
mod groups;
mod justified;
mod kafka;
mod quotas;
mod records;
mod transactions;
mod transcript;

use connection::Connection;
use kafka::Kafka;
use millstream_broker::{Broker, BrokerConfig, FsyncPolicy, ListenerConfig};
use transcript::{Transcript, compare};

/// What is asked.
type Scenario = fn(&mut Connection);

const SCENARIOS: &[(&str, Scenario)] = &[
    ("topics", admin::topics),
    ("topic configs", configs::configs),
    ("group configs", configs::group_configs),
    ("subscriptions to metrics", configs::client_metrics),
    ("quotas", quotas::quotas),
    ("throttles", quotas::throttles),
    ("produce", records::produce),
    ("fetch", records::fetch),
    ("offsets", records::offsets),
    ("group membership", groups::membership),
    ("group offsets", groups::offsets),
    ("consumer groups", consumer_groups::consumer_groups),
    ("transactions", transactions::first_version),
    ("transactions, version 2", transactions::second_version),
    ("transactions in order and time", transactions::order_and_time),
    ("markers", transactions::markers),
];

fn transcript(address: &str) -> Vec<(&'static str, Transcript)> {
    let run = |(name, scenario): &(&'static str, Scenario)| {
        let mut connection = Connection::open(address);
        scenario(&mut connection);
        (*name, connection.transcript)
    };
    SCENARIOS.iter().map(run).collect()
}

#[test]
fn answers_are_those_of_apache_kafka() {
    let Some(kafka) = Kafka::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut config = BrokerConfig::new(directory.path());
    config.fsync = FsyncPolicy::None;
    config.listeners.push(ListenerConfig::plaintext("127.0.0.1:0"));
    // As the other one is set up.
    config.node_id = 1;
    config.topic_defaults.insert("min.insync.replicas".to_owned(), "1".to_owned());
    config.group_initial_rebalance_delay = std::time::Duration::ZERO;
    let broker = runtime.block_on(Broker::start(config)).unwrap();
    let address = broker.listeners()[0].address.to_string();
    let (theirs, ours) = (transcript(&kafka.address), transcript(&address));
    let mut unexplained = Vec::new();
    let mut needed = vec![false; justified::DIFFERENCES.len()];
    for ((name, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        unexplained.extend(compare(name, theirs, ours, &mut needed));
    }
    let unneeded = justified::DIFFERENCES.iter().zip(&needed).filter(|(_, needed)| !**needed);
    unexplained.extend(unneeded.map(|(difference, _)| format!("not needed any more: {difference:?}")));
    assert!(unexplained.is_empty(), "{} differences:\n{}", unexplained.len(), unexplained.join("\n"));
    runtime.block_on(broker.shutdown()).unwrap();
}
