//! Topics as our own client sees them.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use millstream_client::admin::{IsolationLevel, ListedOffset, NewTopic, OffsetSpec};
use millstream_client::fetcher::{ReaderSet, RecordDecoder};
use millstream_client::{
    Admin, BrokerAddress, Client, ClientConfig, Fetcher, FetcherConfig, Producer, ProducerConfig, Start,
    TopicPartition,
};

use crate::support::process::DEADLINE;

/// A record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Record {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_ref().unwrap()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("no {name}: {self:?}")).1
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await.unwrap() })
}

async fn client(broker: &str) -> Client {
    Client::connect(ClientConfig::new(BrokerAddress::parse_list(broker).unwrap())).await.unwrap()
}

/// Reads a topic from its beginning until `is_enough` says so of what was read, waiting for what is still to come.
pub(crate) fn read_until(
    broker: &str,
    topic: &str,
    mut is_enough: impl FnMut(&[Record]) -> bool,
) -> Vec<Record> {
    block_on(async {
        let client = client(broker).await;
        client.wait_for_topic(topic, DEADLINE).await.unwrap();
        let count = client.topic(topic).await.unwrap().partitions.len();
        let fetcher = Fetcher::new(client, FetcherConfig::default()).unwrap();
        let read = |partition| fetcher.read(TopicPartition::new(topic, partition), Start::Earliest, None);
        let mut readers = ReaderSet::new((0..i32::try_from(count).unwrap()).map(read).collect());
        let (mut decoder, mut records) = (RecordDecoder::new(), Vec::new());
        while !is_enough(&records) {
            let fetched = readers.next().await.unwrap().unwrap();
            for batch in decoder.batches(&fetched) {
                for record in batch.unwrap().records().map(Result::unwrap) {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    records.push(Record {
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                        headers: record
                            .headers
                            .iter()
                            .map(|header| (text(header.key), text(header.value.unwrap_or_default())))
                            .collect(),
                    });
                }
            }
        }
        records
    })
}

/// How many records a topic has been given.
pub(crate) fn end(broker: &str, topic: &str) -> usize {
    ends(broker, topic).values().sum()
}

fn ends(broker: &str, topic: &str) -> HashMap<TopicPartition, usize> {
    block_on(async {
        let client = client(broker).await;
        let count = i32::try_from(client.topic(topic).await.unwrap().partitions.len()).unwrap();
        let asked = |partition| (TopicPartition::new(topic, partition), OffsetSpec::Latest);
        let asked: Vec<_> = (0..count).map(asked).collect();
        let listed = Admin::new(client).list_offsets(&asked, IsolationLevel::ReadUncommitted).await.unwrap();
        let end = |listed: ListedOffset| usize::try_from(listed.offset.unwrap()).unwrap();
        listed.into_iter().map(|(partition, listed)| (partition, end(listed))).collect()
    })
}

/// How many records a partition has been given.
pub(crate) fn partition_end(broker: &str, topic: &str, partition: i32) -> usize {
    ends(broker, topic).get(&TopicPartition::new(topic, partition)).copied().unwrap()
}

/// All that a topic holds now.
pub(crate) fn read(broker: &str, topic: &str) -> Vec<Record> {
    let count = end(broker, topic);
    read_until(broker, topic, |records| records.len() >= count)
}

/// Produces records to the partition of their key, or to a given one.
pub(crate) fn produce(broker: &str, topic: &str, partition: Option<i32>, records: &[(Option<&str>, &[u8])]) {
    block_on(async {
        let client = client(broker).await;
        // It may be there.
        let _ = Admin::new(client.clone()).create_topic(&NewTopic::new(topic).with_partitions(1)).await;
        client.wait_for_topic(topic, DEADLINE).await.unwrap();
        let producer = Producer::new(client, ProducerConfig::default()).await.unwrap();
        let mut writer = producer.writer(topic).await.unwrap();
        for (key, value) in records {
            let key = key.map(str::as_bytes);
            let partition = partition.unwrap_or_else(|| writer.partition_for(key, value.len()));
            writer.append(partition, 1_700_000_000_000, key, Some(value), &[]).unwrap();
        }
        writer.flush().await.unwrap();
    });
}

/// Adds partitions to a topic, up to this many.
pub(crate) fn add_partitions(broker: &str, topic: &str, count: i32) {
    block_on(async {
        Admin::new(client(broker).await).create_partitions(topic, count, false).await.unwrap()
    });
}

/// Waits until a group has committed an offset for partition 0 of a topic, and gives it.
pub(crate) fn committed(broker: &str, group: &str, topic: &str) -> i64 {
    block_on(async {
        let admin = Admin::new(client(broker).await);
        let partition = TopicPartition::new(topic, 0);
        loop {
            let committed: HashMap<_, _> = admin.committed_offsets(group, None, true).await.unwrap();
            if let Some(committed) = committed.get(&partition) {
                return committed.offset;
            }
            // Nothing tells when a group commits.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}
