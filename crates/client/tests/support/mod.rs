//! What the integration tests share: real brokers, and a check that accounts for every record.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

pub(crate) mod proxy;
pub(crate) mod scenarios;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use millstream_client::admin::{IsolationLevel, NewTopic, OffsetSpec};
use millstream_client::{
    Admin, BatchWriter, BrokerAddress, Client, ClientConfig, Fetcher, FetcherConfig, PartitionReader,
    Producer, ProducerConfig, RecordDecoder, Start, TopicPartition,
};

/// An Apache Kafka for one test binary, stopped when dropped.
pub(crate) struct Kafka {
    pub(crate) address: BrokerAddress,
    is_ours: bool,
}

fn script() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/kafka.sh"))
}

impl Kafka {
    /// Starts one, or uses that at `MILLSTREAM_TEST_KAFKA`; without Java the test is skipped, unless in CI.
    pub(crate) fn start(test: &str) -> Option<Self> {
        if let Ok(address) = std::env::var("MILLSTREAM_TEST_KAFKA") {
            return Some(Self { address: address.parse().unwrap(), is_ours: false });
        }
        let output =
            Command::new("bash").arg(script()).args(["start", "0"]).stderr(Stdio::piped()).output().unwrap();
        if output.status.code() == Some(77) {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            println!("skipped: {test}: {reason}");
            return None;
        }
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let address = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        Some(Self { address, is_ours: true })
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if self.is_ours {
            let port = self.address.port.to_string();
            for step in ["stop", "wipe"] {
                let _ = Command::new("bash").arg(script()).args([step, &port]).status();
            }
        }
    }
}

pub(crate) fn config(address: &BrokerAddress) -> ClientConfig {
    ClientConfig::new(vec![address.clone()])
}

/// Waits until something is so, for at most 20 s.
pub(crate) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let poll = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), poll).await.expect("it never became so");
}

/// A topic of its own for a test, gone if it was left by an earlier run.
pub(crate) async fn fresh_topic(client: &Client, name: &str, partitions: i32) -> String {
    let name = format!("{name}-{}", uuid::Uuid::new_v4());
    let admin = Admin::new(client.clone());
    admin.create_topic(&NewTopic::new(&name).with_partitions(partitions)).await.unwrap();
    client.wait_for_topic(&name, std::time::Duration::from_secs(20)).await.unwrap();
    name
}

pub(crate) async fn writer(client: &Client, topic: &str, config: ProducerConfig) -> BatchWriter {
    Producer::new(client.clone(), config).await.unwrap().writer(topic).await.unwrap()
}

/// All values of a partition as they lie in the log.
pub(crate) async fn read_all(client: &Client, partition: &TopicPartition) -> Vec<String> {
    let admin = Admin::new(client.clone());
    let wanted = [(partition.clone(), OffsetSpec::Latest)];
    let ends = admin.list_offsets(&wanted, IsolationLevel::ReadUncommitted).await.unwrap();
    let fetcher = Fetcher::new(client.clone(), FetcherConfig::default()).unwrap();
    let mut reader = fetcher.read(partition.clone(), Start::Earliest, ends[partition].offset);
    drain(&mut reader).await
}

/// The values up to a reader's stop.
pub(crate) async fn drain(reader: &mut PartitionReader) -> Vec<String> {
    let mut values = Vec::new();
    let mut decoder = RecordDecoder::new();
    let mut next_offset = None;
    while let Some(fetched) = reader.next().await.unwrap() {
        for batch in decoder.batches(&fetched) {
            for record in batch.unwrap().records() {
                let record = record.unwrap();
                if let Some(expected) = next_offset {
                    assert!(record.offset >= expected, "offsets rise");
                }
                next_offset = Some(record.offset + 1);
                values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
    }
    values
}

/// The timestamp of record 0: now, since brokers delete what is old, in ms.
pub(crate) fn first_timestamp_ms() -> i64 {
    static FIRST: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    *FIRST.get_or_init(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_millis() as i64
    })
}

/// Appends numbered values, each to partition `number % partitions`.
pub(crate) async fn append_numbered(writer: &mut BatchWriter, numbers: std::ops::Range<u64>) {
    let partitions = writer.partition_count() as u64;
    for number in numbers {
        if number % 64 == 0 {
            writer.ready().await.unwrap();
        }
        let value = format!("value-{number}");
        let partition = (number % partitions) as i32;
        writer
            .append(partition, first_timestamp_ms() + number as i64, None, Some(value.as_bytes()), &[])
            .unwrap();
    }
}

/// Every number once, in order, in its partition.
pub(crate) async fn assert_all_once(client: &Client, topic: &str, partitions: u64, count: u64) {
    for partition in 0..partitions {
        let got = read_all(client, &TopicPartition::new(topic, partition as i32)).await;
        let expected = (0..count).filter(|number| number % partitions == partition);
        let expected: Vec<String> = expected.map(|number| format!("value-{number}")).collect();
        if got != expected {
            let mut seen: HashMap<&str, usize> = HashMap::new();
            got.iter().for_each(|value| *seen.entry(value).or_default() += 1);
            let missing = expected.iter().filter(|value| !seen.contains_key(value.as_str())).count();
            let twice = seen.values().filter(|count| **count > 1).count();
            let place = got.iter().zip(&expected).position(|(got, expected)| got != expected);
            let around = place.map(|place| &got[place.saturating_sub(2)..(place + 3).min(got.len())]);
            panic!(
                "partition {partition}: {} of {} records, {missing} missing, {twice} more than once; the first \
                 difference is at {place:?}: {around:?}",
                got.len(),
                expected.len()
            );
        }
    }
}
