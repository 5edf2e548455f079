//! The state machine of consumer groups, driven by members that keep to the protocol, with time held still.

mod classic;
mod invariants;
mod protocol;

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::heartbeat::JOIN;
use super::*;
use crate::coordinator::topics::TopicSource;

/// Settings under which targets are computed at once.
pub(crate) fn settings() -> ConsumerSettings {
    ConsumerSettings {
        session_timeout: Duration::from_secs(45),
        heartbeat_interval: Duration::from_secs(5),
        members_max: 100,
        assignors: vec![ServerAssignor::Uniform, ServerAssignor::Range],
        migration_policy: GroupMigrationPolicy::Bidirectional,
        assignment_interval: Duration::ZERO,
        regex_refresh_interval: Duration::from_secs(600),
    }
}

/// Topics by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeTopics {
    topics: BTreeMap<String, (Uuid, i32)>,
    version: u64,
}

impl FakeTopics {
    pub(crate) fn with(topics: &[(&str, i32)]) -> Self {
        let mut fake = Self::default();
        topics.iter().for_each(|(name, partitions)| fake.set(name, *partitions));
        fake
    }

    /// Creates a topic, or gives it more partitions.
    fn set(&mut self, name: &str, partitions: i32) {
        self.version += 1;
        let id = Uuid::from_u128(u128::from(self.version));
        self.topics.entry(name.to_owned()).or_insert((id, 0)).1 = partitions;
    }

    fn remove(&mut self, name: &str) {
        self.version += 1;
        self.topics.remove(name);
    }

    fn id(&self, name: &str) -> Uuid {
        self.topics[name].0
    }
}

impl Topics for FakeTopics {
    fn version(&self) -> u64 {
        self.version
    }

    fn id_of(&self, name: &str) -> Option<Uuid> {
        self.topics.get(name).map(|(id, _)| *id)
    }

    fn name_of(&self, id: Uuid) -> Option<&str> {
        self.topics.iter().find(|(_, (other, _))| *other == id).map(|(name, _)| name.as_str())
    }

    fn partition_count(&self, id: Uuid) -> Option<i32> {
        self.topics.values().find(|(other, _)| *other == id).map(|(_, count)| *count)
    }

    fn visit_names(&self, look: &mut dyn FnMut(&str)) {
        self.topics.keys().for_each(|name| look(name));
    }
}

impl TopicSource for FakeTopics {
    fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(self.clone())
    }
}

/// A group with its world.
struct World {
    group: ConsumerGroup,
    topics: FakeTopics,
    settings: ConsumerSettings,
    now: Now,
    log: Vec<ConsumerRecord>,
}

impl World {
    fn new(topics: &[(&str, i32)]) -> Self {
        Self {
            group: ConsumerGroup::new(),
            topics: FakeTopics::with(topics),
            settings: settings(),
            now: Now { instant: Instant::now(), wall_ms: 1_000_000 },
            log: Vec::new(),
        }
    }

    /// Works on the group and writes down what has changed, as the coordinator does.
    fn work<T>(&mut self, work: impl FnOnce(&mut ConsumerGroup, &Context<'_>) -> T) -> T {
        let context = Context { settings: &self.settings, topics: &self.topics, now: self.now };
        let result = work(&mut self.group, &context);
        let (changes, records) = self.group.take_changes("g");
        if !changes.is_empty() {
            self.group.written(changes, true);
        }
        self.log.extend(records);
        result
    }

    fn heartbeat(&mut self, request: &HeartbeatRequest) -> Result<HeartbeatAnswer, Refusal> {
        self.work(|group, context| {
            if request.is_leaving() {
                group.leave(request, context)
            } else {
                group.heartbeat(request, context)
            }
        })
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall_ms += i64::try_from(time.as_millis()).unwrap();
        if self.group.deadline().is_some_and(|deadline| deadline <= self.now.instant) {
            self.work(|group, context| group.on_time("g", context));
        }
    }

    /// Rebuilds the group from the bytes of its records.
    fn restart(&mut self) {
        let mut group = ConsumerGroup::new();
        for record in &self.log {
            let encoded = record.encode().unwrap();
            let read =
                crate::coordinator::records::OffsetsRecord::decode(&encoded.key, encoded.value.as_deref());
            let crate::coordinator::records::OffsetsRecord::Consumer(read) = read.unwrap() else {
                panic!("{record:?} is not read as a consumer group's");
            };
            assert_eq!(&read, record);
            group.replay(read.content);
        }
        let context = Context { settings: &self.settings, topics: &self.topics, now: self.now };
        group.start_timers(&context);
        self.group = group;
    }

    fn assigned(&self, member_id: &str) -> Assignment {
        self.group
            .members
            .get(member_id)
            .map(|member| assignment::held(&member.current.assigned))
            .unwrap_or_default()
    }

    fn epoch_of(&self, member_id: &str) -> i32 {
        self.group.members[member_id].current.epoch
    }
}

fn join(member_id: &str, topics: &[&str]) -> HeartbeatRequest {
    HeartbeatRequest {
        member_id: member_id.to_owned(),
        member_epoch: JOIN,
        rebalance_timeout_ms: Some(300_000),
        topic_names: Some(topics.iter().map(|&topic| topic.to_owned()).collect()),
        owned: Some(Assignment::new()),
        ..HeartbeatRequest::default()
    }
}

fn beat(member_id: &str, member_epoch: i32) -> HeartbeatRequest {
    HeartbeatRequest { member_id: member_id.to_owned(), member_epoch, ..HeartbeatRequest::default() }
}

fn owning(member_id: &str, member_epoch: i32, owned: &Assignment) -> HeartbeatRequest {
    HeartbeatRequest { owned: Some(owned.clone()), ..beat(member_id, member_epoch) }
}

fn refused(outcome: Result<HeartbeatAnswer, Refusal>) -> ErrorCode {
    outcome.expect_err("refused").error
}
