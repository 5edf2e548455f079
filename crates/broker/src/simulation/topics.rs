//! A client that creates, fills, changes and deletes topics, and everything that a broker does by itself now and then.

use std::sync::Arc;

use millstream_log::fs::sim::SplitMix;
use millstream_wire::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use millstream_wire::messages::delete_topics::DeleteTopicsRequest;
use millstream_wire::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use millstream_wire::records::ProducerStamp;
use uuid::Uuid;

use super::client::{Client, TOPIC, assert_retriable, batch, result};
use super::reader::{delivered, fetch};
use crate::core::Core;

/// A configuration that changes nothing else in these short lives.
const CONFIG: &str = "retention.bytes";

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

#[derive(Debug)]
struct Model {
    name: &'static str,
    presence: Presence,
    /// What the configuration may be; one value unless a change was not answered.
    configs: Vec<i64>,
    /// Serials and offsets, where told.
    sent: Vec<(u64, Option<i64>)>,
}

pub(super) struct TopicKeeper {
    random: SplitMix,
    next: u64,
    topics: [Model; 2],
}

impl TopicKeeper {
    pub(super) fn new(random: SplitMix) -> Self {
        let topics = ["short-lived", "other"].map(|name| Model {
            name,
            presence: Presence::No,
            configs: Vec::new(),
            sent: Vec::new(),
        });
        Self { random, next: 1, topics }
    }

    pub(super) async fn work(&mut self, client: &mut Client, core: &Arc<Core>, steps: u64) {
        for _ in 0..steps {
            let done = match self.random.below(3) {
                0 => self.maintain(core).await,
                _ => self.change(client).await,
            };
            if done.is_none() {
                return;
            }
        }
    }

    async fn maintain(&mut self, core: &Arc<Core>) -> Option<()> {
        let (choice, context) = (self.random.below(6), Arc::clone(core));
        let work = move || match choice {
            0 => drop(context.store.write_checkpoints()),
            1 => drop(context.store.apply_retention()),
            2 => drop(context.store.remove_discarded()),
            3 => _ = context.store.compact(),
            4 => context.transactions.on_time(),
            _ => context.groups.expire(),
        };
        core.disks.run(work).await.ok()
    }

    async fn change(&mut self, client: &mut Client) -> Option<()> {
        self.next += 1;
        let (number, topic) = (self.next, &mut self.topics[self.random.below(2) as usize]);
        match (topic.presence, self.random.below(8)) {
            (Presence::No, _) => topic.create(client, number).await,
            (Presence::Yes(id), 0) => topic.delete(client, id).await,
            (Presence::Yes(_), 1 | 2) => topic.change_config(client, number).await,
            (Presence::Yes(_), _) => topic.write(client, number).await,
            _ => Some(()),
        }
    }

    /// Compares the topics with what was told, and creates the one that everybody writes to where it is missing.
    pub(super) async fn check(&mut self, client: &mut Client, core: &Core, story: &str) {
        for topic in &mut self.topics {
            topic.check(client, core, story).await;
        }
        if core.store.topic(TOPIC).is_none() {
            let created = create(client, TOPIC, 2, 0).await.unwrap();
            assert!(created.is_ok(), "{story}: {created:?}");
        }
    }
}

async fn create(
    client: &mut Client,
    name: &str,
    num_partitions: i32,
    config: u64,
) -> Option<Result<Uuid, millstream_wire::ErrorCode>> {
    let configs = (config > 0).then(|| CreatableTopicConfig {
        name: CONFIG.to_owned(),
        value: Some(config_value(config).to_string()),
    });
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: 1,
        configs: configs.into_iter().collect(),
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
    async fn create(&mut self, client: &mut Client, number: u64) -> Option<()> {
        self.presence = Presence::MaybeCreated;
        (self.configs, self.sent) = (vec![config_value(number)], Vec::new());
        match create(client, self.name, 1, number).await? {
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
            Ok(()) => self.presence = Presence::No,
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn change_config(&mut self, client: &mut Client, number: u64) -> Option<()> {
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

    async fn write(&mut self, client: &mut Client, number: u64) -> Option<()> {
        self.sent.push((number, None));
        match client.produce(self.name, 0, None, batch(number, ProducerStamp::NONE, false)).await? {
            Ok(offset) => self.sent.last_mut()?.1 = Some(offset),
            Err(error) => assert_retriable(error),
        }
        Some(())
    }

    async fn check(&mut self, client: &mut Client, core: &Core, story: &str) {
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
        let Some(topic) = found else { return };
        let value = topic.overrides.get(CONFIG).map(|value| value.parse().unwrap()).unwrap_or(-1);
        assert!(self.configs.contains(&value), "{story}: {name} has {value} of {:?}", self.configs);
        self.configs = vec![value];
        let fetched = fetch(client, name, 0, 0).await.unwrap().unwrap();
        let delivered: Vec<_> = delivered(&fetched).collect();
        for sent in &mut self.sent {
            let mut places = delivered.iter().filter(|(serial, _)| *serial == sent.0);
            let place = places.next().map(|(_, offset)| *offset);
            assert!(places.next().is_none(), "{story}: {sent:?} is in {name} twice");
            assert!(sent.1.is_none() || sent.1 == place, "{story}: {sent:?} in {name} is at {place:?}");
            sent.1 = place;
        }
        let is_known = |(serial, _): &(u64, i64)| self.sent.iter().any(|(sent, _)| sent == serial);
        assert!(delivered.iter().all(is_known), "{story}: {name} has records of another topic");
    }
}
