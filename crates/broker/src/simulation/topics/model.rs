//! What is known of a topic that comes and goes.

use millstream_log::fs::sim::SplitMix;
use millstream_wire::ErrorCode;
use millstream_wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use millstream_wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use millstream_wire::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use millstream_wire::messages::delete_topics::DeleteTopicsRequest;
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millstream_wire::records::ProducerStamp;
use uuid::Uuid;

use super::super::client::{Client, assert_retriable, batch, result};
use super::super::offset::{CommittedOffset, NO_MEMBER};
use super::super::reader::{delivered, fetch_from};
use crate::core::Core;

/// A configuration that changes nothing else in these short lives.
const CONFIG: &str = "retention.bytes";
/// Most partitions that a topic grows to.
const PARTITIONS_MAX: i32 = 4;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Change {
    Delete,
    Configure,
    Grow,
    Write,
    DeleteRecords,
    CommitOffset,
}

/// Whether a topic is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    No,
    Yes(Uuid),
    /// It was asked to be created.
    MaybeCreated,
    /// It was asked to be deleted.
    MaybeDeleted(Uuid),
}

/// A number that only grows: as acknowledged, and as asked for since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Grown<T> {
    told: T,
    asked: T,
}

impl<T: Copy + PartialOrd> Grown<T> {
    fn known(value: T) -> Self {
        Self { told: value, asked: value }
    }

    fn allows(self, found: T) -> bool {
        self.told <= found && found <= self.asked
    }
}

#[derive(Debug)]
struct Sent {
    serial: u64,
    partition: i32,
    /// Where told.
    offset: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Model {
    name: &'static str,
    /// Keys never come twice, so compaction rewrites such a topic and must take nothing from it.
    is_compacted: bool,
    presence: Presence,
    /// What the configuration may be; one value unless a change was not answered.
    configs: Vec<i64>,
    partitions: Grown<i32>,
    /// Where each partition begins, since records are deleted.
    starts: [Grown<i64>; PARTITIONS_MAX as usize],
    sent: Vec<Sent>,
    offset: CommittedOffset,
}

/// Creates a topic; gives its id.
pub(super) async fn create(
    client: &mut Client,
    name: &str,
    num_partitions: i32,
    configs: Vec<(&str, String)>,
) -> Option<Result<Uuid, ErrorCode>> {
    let configs = configs
        .into_iter()
        .map(|(name, value)| CreatableTopicConfig { name: name.to_owned(), value: Some(value) });
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: 1,
        configs: configs.collect(),
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() };
    let response = client.ask(7, request).await?;
    Some(result(response.topics[0].error_code).map(|()| response.topics[0].topic_id))
}

/// More than these short lives write.
fn config_value(number: u64) -> i64 {
    1_000_000_000 + number as i64
}

impl Model {
    pub(super) fn new(name: &'static str, is_compacted: bool) -> Self {
        Self {
            name,
            is_compacted,
            presence: Presence::No,
            configs: Vec::new(),
            partitions: Grown::default(),
            starts: Default::default(),
            sent: Vec::new(),
            offset: CommittedOffset::new(format!("group-of-{name}"), name),
        }
    }

    /// Does what is asked where that makes sense now. `number` is like no other.
    pub(super) async fn change(
        &mut self,
        client: &mut Client,
        change: Change,
        number: u64,
        random: &mut SplitMix,
    ) -> Option<()> {
        match (self.presence, change) {
            (Presence::No, _) => self.create(client, number).await,
            (Presence::Yes(id), Change::Delete) => self.delete(client, id).await,
            (Presence::Yes(_), Change::Configure) => self.configure(client, number).await,
            (Presence::Yes(_), Change::Grow) => self.grow(client).await,
            (Presence::Yes(_), Change::DeleteRecords) => self.delete_records(client, random).await,
            (Presence::Yes(_), Change::CommitOffset) => self.offset.commit(client, NO_MEMBER).await,
            (Presence::Yes(_), Change::Write) => self.write(client, number, random).await,
            // Whoever does not know whether it is there leaves it alone.
            (Presence::MaybeCreated | Presence::MaybeDeleted(_), _) => Some(()),
        }
    }

    async fn create(&mut self, client: &mut Client, number: u64) -> Option<()> {
        self.presence = Presence::MaybeCreated;
        (self.configs, self.sent) = (vec![config_value(number)], Vec::new());
        (self.partitions, self.starts) = (Grown::known(1), Default::default());
        let mut configs = vec![(CONFIG, config_value(number).to_string())];
        if self.is_compacted {
            configs.push(("cleanup.policy", "compact".to_owned()));
        }
        match create(client, self.name, 1, configs).await? {
            Ok(id) => self.presence = Presence::Yes(id),
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn delete(&mut self, client: &mut Client, id: Uuid) -> Option<()> {
        self.presence = Presence::MaybeDeleted(id);
        let request = DeleteTopicsRequest {
            topic_names: vec![self.name.into()],
            timeout_ms: 1000,
            ..DeleteTopicsRequest::default()
        };
        match result(client.ask(5, request).await?.responses[0].error_code) {
            Ok(()) => {
                self.presence = Presence::No;
                self.offset.forget();
            }
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn configure(&mut self, client: &mut Client, number: u64) -> Option<()> {
        self.configs.push(config_value(number));
        let config = AlterableConfig {
            name: CONFIG.to_owned(),
            config_operation: 0,
            value: Some(config_value(number).to_string()),
        };
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: self.name.to_owned(),
            configs: vec![config],
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        match result(client.ask(1, request).await?.responses[0].error_code) {
            Ok(()) => self.configs = vec![config_value(number)],
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn grow(&mut self, client: &mut Client) -> Option<()> {
        if self.partitions.told != self.partitions.asked || self.partitions.told == PARTITIONS_MAX {
            return Some(());
        }
        self.partitions.asked += 1;
        let topic = CreatePartitionsTopic {
            name: self.name.to_owned(),
            count: self.partitions.asked,
            assignments: None,
        };
        let request = CreatePartitionsRequest { topics: vec![topic], ..CreatePartitionsRequest::default() };
        match result(client.ask(3, request).await?.results[0].error_code) {
            Ok(()) => self.partitions.told = self.partitions.asked,
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn write(&mut self, client: &mut Client, serial: u64, random: &mut SplitMix) -> Option<()> {
        let partition = random.below(self.partitions.told as u64) as i32;
        self.sent.push(Sent { serial, partition, offset: None });
        match client.produce(self.name, partition, None, batch(serial, ProducerStamp::NONE, false)).await? {
            Ok(offset) => self.sent.last_mut()?.offset = Some(offset),
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    /// Deletes everything before one of the records.
    async fn delete_records(&mut self, client: &mut Client, random: &mut SplitMix) -> Option<()> {
        let known = || self.sent.iter().filter_map(|sent| Some((sent.partition, sent.offset?)));
        let chosen = random.below(known().count().max(1) as u64) as usize;
        let Some((partition, offset)) = known().nth(chosen) else { return Some(()) };
        if self.is_compacted {
            return Some(());
        }
        let start = &mut self.starts[partition as usize];
        start.asked = start.asked.max(offset);
        let partition = DeleteRecordsPartition { partition_index: partition, offset };
        let topic = DeleteRecordsTopic { name: self.name.to_owned(), partitions: vec![partition] };
        let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1000 };
        match result(client.ask(2, request).await?.topics[0].partitions[0].error_code) {
            Ok(()) => start.told = start.told.max(offset),
            // It lies before what was deleted already, as nobody was told.
            Err(ErrorCode::OffsetOutOfRange) if offset < start.asked => {}
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    /// Compares the topic with what was told.
    pub(super) async fn check(&mut self, client: &mut Client, core: &Core, story: &str) {
        let name = self.name;
        let found = core.store.topic(name);
        let id = found.as_ref().map(|topic| topic.id);
        let is_right = match (self.presence, id) {
            (Presence::No, found) => found.is_none(),
            (Presence::Yes(id), found) => found == Some(id),
            (Presence::MaybeCreated, _) => true,
            (Presence::MaybeDeleted(id), found) => found.is_none_or(|found| found == id),
        };
        assert!(is_right, "{story}: topic {name} is {id:?}, not {:?}", self.presence);
        self.presence = id.map_or(Presence::No, Presence::Yes);
        if found.is_none() {
            self.offset.forget();
        }
        self.offset.check(client, story).await;
        let Some(topic) = found else { return };
        let value = topic.overrides.get(CONFIG).map(|value| value.parse().unwrap()).unwrap_or(-1);
        assert!(self.configs.contains(&value), "{story}: {name} has {value} of {:?}", self.configs);
        self.configs = vec![value];
        let count = topic.partitions.len() as i32;
        assert!(self.partitions.allows(count), "{story}: {name} has {count} of {:?}", self.partitions);
        self.partitions = Grown::known(count);
        for log in topic.partitions.iter() {
            log.open().unwrap();
            self.check_partition(client, log.index(), log.log_start_offset(), story).await;
        }
    }

    async fn check_partition(&mut self, client: &mut Client, partition: i32, begin: i64, story: &str) {
        let name = self.name;
        let start = &mut self.starts[partition as usize];
        assert!(start.allows(begin), "{story}: {name}-{partition} begins at {begin}, not at {start:?}");
        *start = Grown::known(begin);
        let fetched = fetch_from(client, name, partition, begin, 0).await.unwrap().unwrap();
        let delivered: Vec<_> = delivered(&fetched).filter(|(_, offset)| *offset >= begin).collect();
        let here = |sent: &&mut Sent| sent.partition == partition;
        for sent in self.sent.iter_mut().filter(here) {
            let mut places = delivered.iter().filter(|(serial, _)| *serial == sent.serial);
            let place = places.next().map(|(_, offset)| *offset);
            assert!(places.next().is_none(), "{story}: {sent:?} is in {name} twice");
            let is_deleted = sent.offset.is_some_and(|offset| offset < begin);
            assert!(
                sent.offset.is_none() || is_deleted || sent.offset == place,
                "{story}: {sent:?} in {name} is at {place:?}"
            );
            sent.offset = place;
        }
        let is_known = |(serial, _): &(u64, i64)| self.sent.iter().any(|sent| sent.serial == *serial);
        assert!(delivered.iter().all(is_known), "{story}: {name} has records of another topic");
    }
}
