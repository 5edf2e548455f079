//! Reading the topic that everybody writes to, as consumers of both isolation levels do.

use std::collections::{BTreeMap, HashSet};

use millstream_log::fs::sim::SplitMix;
use millstream_wire::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use millstream_wire::messages::fetch_response::PartitionData;
use millstream_wire::records::{Records, SharedBatches, Tail};

use super::client::{Client, TOPIC, assert_retriable, result};

/// A record's partition and offset.
pub(super) type Place = (i32, i64);

/// Everything that consumers find.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// All records, by serial.
    pub(super) records: BTreeMap<u64, Place>,
    /// Those that readers of committed records get.
    pub(super) committed: BTreeMap<u64, Place>,
    /// Where readers of committed records end, and all others.
    stable: [i64; 2],
    ends: [i64; 2],
}

impl Found {
    /// Reads everything.
    pub(super) async fn read(client: &mut Client, story: &str) -> Self {
        let mut found = Self::default();
        for partition in 0..2 {
            let all = fetch(client, TOPIC, partition, 0).await.unwrap().unwrap();
            let committed = fetch(client, TOPIC, partition, 1).await.unwrap().unwrap();
            found.ends[partition as usize] = all.high_watermark;
            found.stable[partition as usize] = committed.last_stable_offset;
            for (serial, offset) in delivered(&all) {
                let before = found.records.insert(serial, (partition, offset));
                assert_eq!(before, None, "{story}: record {serial} is there twice");
            }
            found
                .committed
                .extend(delivered(&committed).map(|(serial, offset)| (serial, (partition, offset))));
        }
        found
    }

    /// Reads everything once no transaction is open any more.
    pub(super) async fn read_stable(client: &mut Client, story: &str) -> Self {
        for _ in 0..100 {
            let found = Self::read(client, story).await;
            if found.stable == found.ends {
                return found;
            }
        }
        panic!("{story}: a transaction hangs");
    }

    /// Whether readers of committed records have come past a place.
    pub(super) fn is_stable(&self, (partition, offset): Place) -> bool {
        offset < self.stable[partition as usize]
    }
}

/// A fetch of a whole partition; none when the connection is gone.
pub(super) async fn fetch(
    client: &mut Client,
    topic: &str,
    partition: i32,
    isolation_level: i8,
) -> Option<Result<PartitionData, millstream_wire::ErrorCode>> {
    fetch_from(client, topic, partition, 0, isolation_level).await
}

/// As [`fetch`], of a partition that may not begin at 0.
pub(super) async fn fetch_from(
    client: &mut Client,
    topic: &str,
    partition: i32,
    fetch_offset: i64,
    isolation_level: i8,
) -> Option<Result<PartitionData, millstream_wire::ErrorCode>> {
    let partition =
        FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 24, ..FetchPartition::default() };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() };
    let request =
        FetchRequest { max_bytes: 1 << 24, isolation_level, topics: vec![topic], ..FetchRequest::default() };
    let response = client.ask(12, request).await?;
    let partition = response.responses[0].partitions[0].clone();
    Some(result(partition.error_code).map(|()| partition))
}

/// Serials and offsets of what a consumer delivers of an answer, which must be sound and in order.
pub(super) fn delivered(fetched: &PartitionData) -> impl Iterator<Item = (u64, i64)> {
    let mut aborted = fetched.aborted_transactions.clone().unwrap_or_default().into_iter().peekable();
    let (mut skipped, mut delivered, mut next_offset) = (HashSet::new(), Vec::new(), 0);
    for batch in SharedBatches::new(fetched.records.clone().unwrap_or_default(), Tail::MustBeWhole) {
        let batch = batch.unwrap();
        batch.view().check_crc().unwrap();
        let header = batch.header();
        let base_offset = header.base_offset;
        assert!(base_offset >= next_offset, "{base_offset} comes after {next_offset}");
        next_offset = header.next_offset();
        while let Some(aborted) = aborted.next_if(|aborted| aborted.first_offset <= header.last_offset()) {
            skipped.insert(aborted.producer_id);
        }
        if header.attributes.is_control() {
            skipped.remove(&header.producer_id);
        } else if !header.attributes.is_transactional() || !skipped.contains(&header.producer_id) {
            for record in Records::new(batch.view().body(), header) {
                let record = record.unwrap();
                let serial = u64::from_be_bytes(record.key.unwrap().try_into().unwrap());
                delivered.push((serial, header.base_offset + i64::from(record.offset_delta)));
            }
        }
    }
    delivered.into_iter()
}

/// A consumer who remembers everything that it was ever shown.
pub(super) struct Reader {
    random: SplitMix,
    shown: BTreeMap<u64, Place>,
    shown_committed: BTreeMap<u64, Place>,
}

impl Reader {
    pub(super) fn new(random: SplitMix) -> Self {
        Self { random, shown: BTreeMap::new(), shown_committed: BTreeMap::new() }
    }

    pub(super) async fn work(&mut self, client: &mut Client, steps: u64) {
        for _ in 0..steps {
            let (partition, isolation_level) = (self.random.below(2) as i32, self.random.below(2) as i8);
            let fetched = match fetch(client, TOPIC, partition, isolation_level).await {
                None => return,
                Some(Err(error)) => {
                    assert_retriable(error);
                    continue;
                }
                Some(Ok(fetched)) => fetched,
            };
            let shown = if isolation_level == 1 { &mut self.shown_committed } else { &mut self.shown };
            shown.extend(delivered(&fetched).map(|(serial, offset)| (serial, (partition, offset))));
        }
    }

    /// What was shown once is there for ever; what was shown as committed is still shown so.
    pub(super) fn check_shown(&self, found: &Found, story: &str) {
        for (serial, place) in self.shown.iter().chain(&self.shown_committed) {
            let found = found.records.get(serial);
            assert_eq!(found, Some(place), "{story}: record {serial} was shown");
        }
        for (serial, place) in &self.shown_committed {
            assert!(
                found.committed.contains_key(serial) || !found.is_stable(*place),
                "{story}: record {serial} was shown as committed"
            );
        }
    }
}
