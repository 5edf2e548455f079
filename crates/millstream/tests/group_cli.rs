//! The built binary's `group`, `cluster` and `txn` against the built binary's broker: what groups have read, and moving them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(test)]
mod support;

use std::time::Duration;

use millstream_client::{BrokerAddress, ClientConfig, Connection};
use millstream_wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use serde_json::Value;

use support::broker::Broker;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(30);

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(|number| format!("{number}\n")).collect()
}

/// A broker with six records in each of two partitions of `t`, of which the group `g` has read three in all.
fn with_a_group() -> Broker {
    let broker = Broker::start();
    broker.output(&["topic", "create", "t", "-p", "2"]);
    broker.output_with(&["produce", "t", "-p", "0"], lines(0..6).as_bytes());
    broker.output_with(&["produce", "t", "-p", "1"], lines(0..6).as_bytes());
    broker.output(&["consume", "t", "-g", "g", "-n", "3"]);
    broker
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Current offsets of `g` in the two partitions of `t`.
fn offsets(broker: &Broker) -> [Option<i64>; 2] {
    let described = broker.output(&["group", "describe", "g", "--output", "json"]);
    let described: Value = serde_json::from_str(&described).unwrap();
    let of = |partition: i64| {
        let rows = described["partitions"].as_array().unwrap();
        rows.iter().find(|row| row["topic"] == "t" && row["partition"] == partition)?["current_offset"]
            .as_i64()
    };
    [of(0), of(1)]
}

#[test]
fn a_group_is_listed_and_described_with_its_lag() {
    let broker = with_a_group();
    assert_eq!(
        broker.output(&["group", "list"]),
        "BROKER  GROUP  TYPE     STATE\n1       g      classic  Empty\n"
    );
    assert_eq!(broker.output(&["group", "ls", "-s", "stable"]), "BROKER  GROUP  TYPE  STATE\n");
    let table = broker.output(&["group", "describe", "g"]);
    let summary = "GROUP        g\nCOORDINATOR  1\nTYPE         classic\nSTATE        Empty\nBALANCER\nMEMBERS      0\nTOTAL-LAG    ";
    assert!(table.starts_with(summary), "{table}");
    assert!(table.contains("\nTOPIC  PARTITION  CURRENT-OFFSET  LOG-START-OFFSET  LOG-END-OFFSET  LAG  MEMBER-ID  CLIENT-ID  HOST\n"), "{table}");
    let read: i64 = offsets(&broker).into_iter().flatten().sum();
    assert_eq!(read, 3);
    let lag = objects(&broker.output(&["group", "lag", "--output", "json"]));
    let committed = offsets(&broker).into_iter().flatten().count() as i64;
    assert_eq!((&lag[0]["group"], &lag[0]["lag"]), (&"g".into(), &(committed * 6 - 3).into()));
    let per_partition = broker.output(&["group", "lag", "g", "-p", "--output", "json"]);
    assert_eq!(
        objects(&per_partition).iter().map(|row| row["lag"].as_i64().unwrap()).sum::<i64>(),
        committed * 6 - 3
    );
    let missing = broker.run(&["group", "describe", "nobody"]);
    assert_eq!(missing.code, Some(4), "{}", missing.stderr);
    assert!(missing.stderr.contains("group list"), "{}", missing.stderr);
}

#[test]
fn members_are_shown_with_what_they_read() {
    let broker = with_a_group();
    let mut member = broker.spawn(&["consume", "t", "-g", "g", "-f", "%v\\n"]);
    member.next_line();
    let described = broker.output(&["group", "describe", "g", "--output", "json"]);
    let described: Value = serde_json::from_str(&described).unwrap();
    assert_eq!((&described["state"], &described["balancer"]), (&"Stable".into(), &"range".into()));
    let id = &described["members"][0]["member_id"];
    let rows = described["partitions"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["member_id"] == *id && row["host"] == "/127.0.0.1"), "{described}");
    for refused in [&["group", "seek", "g", "--to", "start"][..], &["group", "delete", "g"]] {
        let answer = broker.run(refused);
        assert_eq!(answer.code, Some(if refused[1] == "seek" { 1 } else { 3 }), "{}", answer.stderr);
        assert!(answer.stderr.contains("stop"), "{}", answer.stderr);
    }
    assert_eq!(member.interrupt().code, Some(0));
}

#[test]
fn a_group_is_moved() {
    let broker = with_a_group();
    let seek = |arguments: &[&str]| broker.output(&[&["group", "seek", "g"], arguments].concat());
    seek(&["--to", "end"]);
    assert_eq!(offsets(&broker), [Some(6), Some(6)]);
    let moved = seek(&["--to", "start", "--dry-run"]);
    assert_eq!(
        moved,
        "TOPIC  PARTITION  PRIOR-OFFSET  CURRENT-OFFSET\nt      0          6             0\nt      1          6             0\n"
    );
    assert_eq!(offsets(&broker), [Some(6), Some(6)]);
    seek(&["--shift-by", "-2"]);
    assert_eq!(offsets(&broker), [Some(4), Some(4)]);
    seek(&["--shift-by", "100"]);
    assert_eq!(offsets(&broker), [Some(6), Some(6)]);
    // All records are younger than an hour, and none is from the future.
    seek(&["--to", "-1h"]);
    assert_eq!(offsets(&broker), [Some(0), Some(0)]);
    seek(&["--to", "9999999999"]);
    assert_eq!(offsets(&broker), [Some(6), Some(6)]);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "t 0 2\nt 1 3\nother 0 1\n").unwrap();
    let file = file.path().to_str().unwrap();
    seek(&["--to-file", file, "--topics", "t"]);
    assert_eq!(offsets(&broker), [Some(2), Some(3)]);
    broker.output(&["group", "seek", "copy", "--to-group", "g"]);
    let copied = objects(&broker.output(&["group", "lag", "copy", "--output", "json"]));
    assert_eq!(copied[0]["lag"], 4 + 3);
    assert_eq!(broker.output(&["consume", "t", "-g", "copy", "-n", "7", "-f", "."]), ".......");
}

#[test]
fn new_topics_are_committed_only_when_that_is_allowed() {
    let broker = with_a_group();
    broker.output(&["topic", "create", "new"]);
    let to_start = ["group", "seek", "g", "--to", "start", "--topics", "new"];
    let refused = broker.run(&to_start);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("--allow-new-topics"), "{}", refused.stderr);
    broker.output(&[&to_start[..], &["--allow-new-topics"]].concat());
    let lag = objects(&broker.output(&["group", "lag", "g", "--output", "json"]));
    assert_eq!(lag.iter().map(|row| row["topic"].as_str().unwrap()).collect::<Vec<_>>(), ["new", "t"]);

    broker.output(&["group", "offset-delete", "g", "-t", "new"]);
    assert_eq!(objects(&broker.output(&["group", "lag", "g", "--output", "json"])).len(), 1);
    let again = broker.run(&["group", "offset-delete", "g", "-t", "new"]);
    assert_eq!(again.code, Some(4), "{}", again.stderr);
    assert_eq!(broker.output(&["group", "delete", "g"]), "GROUP  STATUS\ng      OK\n");
    assert_eq!(broker.run(&["group", "delete", "g"]).code, Some(4));
}

#[test]
fn exactly_one_target_is_given() {
    let broker = Broker::start();
    for arguments in [&["group", "seek", "g"][..], &["group", "seek", "g", "--to", "end", "--shift-by", "1"]]
    {
        let refused = broker.run(arguments);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    }
    let offset = broker.run(&["group", "seek", "g", "--to", "17"]);
    assert_eq!(offset.code, Some(2));
    assert!(offset.stderr.contains("not `start`, `end` or a time"), "{}", offset.stderr);
}

#[test]
fn lag_is_watched_until_it_is_interrupted() {
    let broker = with_a_group();
    let mut watch = broker.spawn(&["group", "lag", "g", "--watch=1", "--output", "json"]);
    let (first, second) = (watch.next_line(), watch.next_line());
    assert_eq!(first, second);
    assert_eq!(watch.interrupt().code, Some(0));
}

#[test]
fn info_shows_the_brokers_and_topics() {
    let broker = Broker::start();
    broker.output(&["topic", "create", "raw", "-p", "4"]);
    let table = broker.output(&["cluster", "info"]);
    let (host, port) = broker.address().rsplit_once(':').unwrap();
    assert!(table.starts_with("CLUSTER\n=======\n"), "{table}");
    assert!(table.contains(&format!("\n1   {host}  {port}")), "{table}");
    assert!(table.contains("\nraw   4           1\n"), "{table}");
    let info: Value = serde_json::from_str(&broker.output(&["cluster", "info", "--output", "json"])).unwrap();
    assert_eq!(info["controller"], 1);
    assert_eq!(info["brokers"][0]["port"], port.parse::<u16>().unwrap());
    assert_eq!(info["topics"][0]["name"], "raw");
    assert!(!info["cluster_id"].as_str().unwrap().is_empty());
    let brokers = broker.output(&["cluster", "info", "--print-brokers"]);
    assert!(brokers.starts_with("BROKERS\n=======\nID"), "{brokers}");
}

/// A connection, and the producer `id` that has just started over it.
async fn start_producer(broker: &str, id: &str) -> (Connection, InitProducerIdResponse) {
    let address: BrokerAddress = broker.parse().unwrap();
    let connection = Connection::open(&address, &ClientConfig::new(vec![address.clone()])).await.unwrap();
    let start = InitProducerIdRequest {
        transactional_id: Some(id.to_owned()),
        transaction_timeout_ms: 600_000,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    let producer = connection.call(&start, PATIENCE).await.unwrap();
    assert_eq!(producer.error_code, 0);
    (connection, producer)
}

/// Leaves a transaction of `id` over partition 0 of `t` open, as a producer that has died does.
async fn leave_a_transaction_open(broker: &str, id: &str) {
    use millstream_wire::messages::add_partitions_to_txn::{
        AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
    };
    let (connection, producer) = start_producer(broker, id).await;
    let enrol = AddPartitionsToTxnRequest {
        transactions: vec![AddPartitionsToTxnTransaction {
            transactional_id: id.to_owned(),
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            verify_only: false,
            topics: vec![AddPartitionsToTxnTopic { name: "t".to_owned(), partitions: vec![0] }],
        }],
        ..AddPartitionsToTxnRequest::default()
    };
    let enrolled = connection.call(&enrol, PATIENCE).await.unwrap();
    assert_eq!(
        enrolled.results_by_transaction[0].topic_results[0].results_by_partition[0].partition_error_code,
        0
    );
}

/// Writes a record in a transaction of `id` and leaves that open; a producer of transaction version 2 just writes.
async fn write_and_leave_open(broker: &str, id: &str) {
    use millstream_wire::compression::Compressor;
    use millstream_wire::messages::metadata::{MetadataRequest, MetadataRequestTopic};
    use millstream_wire::messages::produce_request::{
        PartitionProduceData, ProduceRequest, TopicProduceData,
    };
    use millstream_wire::records::{BatchBuilder, FinishOptions, ProducerStamp};
    let (connection, producer) = start_producer(broker, id).await;
    let stamp = ProducerStamp {
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        base_sequence: 0,
    };
    let mut builder = BatchBuilder::new(1 << 10);
    assert!(builder.append(1_700_000_000_000, None, Some(b"v"), &[]).unwrap());
    let options = FinishOptions { producer: stamp, transactional: true, ..FinishOptions::default() };
    let records = Some(builder.finish(&options, &mut Compressor::default()).unwrap());
    let partition_data = vec![PartitionProduceData { index: 0, records }];
    let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    let about = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let topic_id = connection.call(&about, PATIENCE).await.unwrap().topics[0].topic_id;
    let topic_data = vec![TopicProduceData { name: "t".into(), topic_id, partition_data }];
    let request =
        ProduceRequest { transactional_id: Some(id.into()), acks: -1, timeout_ms: 10_000, topic_data };
    let answer = connection.call(&request, PATIENCE).await.unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

/// What `__transaction_state` had is lost, so nobody ever ends what is open in a partition.
#[test]
fn a_transaction_that_hangs_is_found_and_aborted_where_it_hangs() {
    use crate::support::process::{Process, run};
    let data = tempfile::tempdir().unwrap();
    let broker = Process::broker(data.path(), &[]);
    let on = |broker: &Process, arguments: &[&str]| run(&[arguments, &["-b", &broker.kafka]].concat());
    on(&broker, &["topic", "create", "t"]).success("topic create");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_and_leave_open(&broker.kafka, "orders"));
    let find = ["txn", "find-hanging", "--max-transaction-timeout", "0", "--output", "json"];
    let found = on(&broker, &find).success("find");
    assert_eq!(found, "", "the coordinator knows it, so it does not hang");
    assert_eq!(broker.terminate().code, Some(0));
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("__transaction_state-") {
            for file in std::fs::read_dir(&path).unwrap() {
                let file = file.unwrap().path();
                if file.file_name().unwrap() != "partition.metadata" {
                    std::fs::remove_file(file).unwrap();
                }
            }
        }
    }
    let broker = Process::broker(data.path(), &[]);
    let found = objects(&on(&broker, &find).success("find"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["topic"], &found[0]["start_offset"]), (&"t".into(), &0.into()));
    let elsewhere = on(&broker, &["txn", "abort", "--topic", "t", "--partition", "0", "--start-offset", "7"]);
    assert_eq!(elsewhere.code, Some(4), "{}", elsewhere.stderr);
    let aborted = on(&broker, &["txn", "abort", "--topic", "t", "--partition", "0", "--start-offset", "0"]);
    assert_eq!(aborted.success("abort"), "PARTITION  STATUS\nt-0        OK\n");
    assert_eq!(on(&broker, &find).success("find"), "");
}

#[test]
fn groups_are_described_by_expressions() {
    let broker = Broker::start();
    broker.output(&["topic", "create", "t"]);
    broker.output_with(&["topic", "produce", "t"], b"1\n2\n");
    for group in ["weather-a", "weather-b", "other"] {
        broker.output(&["topic", "consume", "t", "-g", group, "-n", "1"]);
    }
    let described = objects(&broker.output(&["group", "describe", "-r", "weather-.*", "--output", "json"]));
    let groups: Vec<_> = described.iter().map(|group| group["group"].as_str().unwrap()).collect();
    assert_eq!(groups, ["weather-a", "weather-b"]);
    let wrong = broker.run(&["group", "describe", "-r", "("]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
}

#[test]
fn a_transaction_that_was_left_open_is_found_and_aborted() {
    let broker = Broker::start();
    broker.output(&["topic", "create", "t"]);
    let missing = broker.run(&["txn", "describe", "orders"]);
    assert_eq!(missing.code, Some(4), "{}", missing.stderr);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(leave_a_transaction_open(broker.address(), "orders"));

    let listed = objects(&broker.output(&["txn", "list", "-s", "ongoing", "--output", "json"]));
    assert_eq!((listed.len(), &listed[0]["transactional_id"]), (1, &"orders".into()));
    let described = objects(&broker.output(&["txn", "describe", "orders", "--output", "json"]));
    assert_eq!((&described[0]["state"], &described[0]["partitions"]), (&"Ongoing".into(), &1.into()));
    assert!(described[0]["started"].as_str().unwrap().ends_with('Z'), "{}", described[0]);
    let partitions = broker.output(&["txn", "describe", "orders", "-p"]);
    assert_eq!(partitions, "TRANSACTIONAL-ID  TOPIC  PARTITION\norders            t      0\n");
    assert_eq!(
        broker.output(&["txn", "abort", "orders"]),
        "TRANSACTIONAL-ID  STATUS\norders            OK\n"
    );
    assert!(objects(&broker.output(&["txn", "list", "-s", "ongoing", "--output", "json"])).is_empty());
    assert_eq!(broker.run(&["txn", "abort", "unknown"]).code, Some(4));
}
