//! Configurations of topics and of the broker, as DescribeConfigs and CreateTopics list them and as they are changed.
//!
//! Topics' come from the log's definitions; the broker's are those that have an effect here. Every entry says where its value
//! comes from, and which values it would have otherwise (synonyms).

use std::sync::Arc;

use millstream_log::config::{ConfigDefinition, ConfigMap, ConfigType, TOPIC_CONFIGS, find_definition};
use millstream_wire::ErrorCode;

use super::Refusal;
use crate::config::BrokerConfig;
use crate::core::Core;

pub(super) const RESOURCE_TOPIC: i8 = 2;
pub(super) const RESOURCE_BROKER: i8 = 4;
pub(super) const RESOURCE_BROKER_LOGGER: i8 = 8;
pub(super) const RESOURCE_CLIENT_METRICS: i8 = 16;
pub(super) const RESOURCE_GROUP: i8 = 32;

/// Where a value comes from, by Kafka's numbers.
pub(super) const SOURCE_TOPIC: i8 = 1;
const SOURCE_STATIC_BROKER: i8 = 4;
const SOURCE_DEFAULT: i8 = 5;

/// A value that an entry has, or would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Synonym {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) source: i8,
}

/// A configuration with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) source: i8,
    pub(super) config_type: i8,
    pub(super) read_only: bool,
    /// First the one in force.
    pub(super) synonyms: Vec<Synonym>,
    pub(super) documentation: &'static str,
}

/// Kafka's number for a type.
fn type_number(kind: ConfigType) -> i8 {
    match kind {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
    }
}

/// All configurations of a topic on which `overrides` were set.
pub(super) fn topic_entries(overrides: &ConfigMap, broker: &ConfigMap) -> impl Iterator<Item = Entry> {
    TOPIC_CONFIGS.iter().map(move |definition| {
        let own = overrides.get(definition.name).map(|value| Synonym {
            name: definition.name,
            value: value.clone(),
            source: SOURCE_TOPIC,
        });
        entry(definition, own, broker)
    })
}

fn entry(definition: &'static ConfigDefinition, own: Option<Synonym>, broker: &ConfigMap) -> Entry {
    let property = definition.server_property;
    let of_broker = property.and_then(|name| {
        let value = broker.get(name)?.clone();
        Some(Synonym { name, value, source: SOURCE_STATIC_BROKER })
    });
    let default =
        property.map(|name| Synonym { name, value: definition.default.to_owned(), source: SOURCE_DEFAULT });
    let synonyms: Vec<Synonym> = own.into_iter().chain(of_broker).chain(default).collect();
    let (value, source) = match synonyms.first() {
        Some(first) => (first.value.clone(), first.source),
        None => (definition.default.to_owned(), SOURCE_DEFAULT),
    };
    Entry {
        name: definition.name,
        value,
        source,
        config_type: type_number(definition.kind),
        read_only: false,
        synonyms,
        documentation: definition.documentation,
    }
}

/// All configurations of the broker that have an effect.
pub(super) fn broker_entries(core: &Core) -> Vec<Entry> {
    let own = BrokerConfig::new(&core.config.data_dir);
    let current = own_properties(&core.config);
    let defaults = own_properties(&own);
    let mut entries: Vec<Entry> = current
        .into_iter()
        .zip(defaults)
        .map(|(current, default)| {
            let is_default = current.value == default.value;
            let source = if is_default { SOURCE_DEFAULT } else { SOURCE_STATIC_BROKER };
            let mut synonyms = Vec::new();
            if !is_default {
                synonyms.push(Synonym { name: current.name, value: current.value.clone(), source });
            }
            synonyms.push(Synonym { name: default.name, value: default.value, source: SOURCE_DEFAULT });
            Entry {
                name: current.name,
                value: current.value,
                source,
                config_type: type_number(current.kind),
                read_only: true,
                synonyms,
                documentation: current.documentation,
            }
        })
        .collect();
    let broker = core.store.broker_configs();
    for definition in TOPIC_CONFIGS {
        if let Some(name) = definition.server_property {
            entries.push(Entry { name, read_only: true, ..entry(definition, None, &broker) });
        }
    }
    entries.sort_unstable_by_key(|entry| entry.name);
    entries.dedup_by_key(|entry| entry.name);
    entries
}

struct Property {
    name: &'static str,
    kind: ConfigType,
    value: String,
    documentation: &'static str,
}

/// The broker's own settings under Kafka's names.
#[rustfmt::skip]
fn own_properties(config: &BrokerConfig) -> Vec<Property> {
    use ConfigType::{Boolean, Int, List, Long, String};
    let property = |name, kind, value: std::string::String, documentation| {
        Property { name, kind, value, documentation }
    };
    let listeners = config.listeners.iter().map(|listener| format!("{}://{}", listener.name, listener.bind));
    let listeners: Vec<_> = listeners.collect();
    let data_dir = config.data_dir.display().to_string();
    let groups = &config.consumer_groups;
    let assignors: Vec<_> = groups.assignors.iter().map(|assignor| assignor.name()).collect();
    let mut own = vec![
        property("auto.create.topics.enable", Boolean, config.auto_create_topics.to_string(),
            "Whether asking for the metadata of a missing topic creates it."),
        property("broker.id", Int, config.node_id.to_string(), "The id of this broker."),
        property("connections.max.idle.ms", Long, config.connections_max_idle.as_millis().to_string(),
            "A connection without requests for so long is closed."),
        property("default.replication.factor", Int, "1".to_owned(),
            "Replicas of a topic that is created without saying how many; a single node has one."),
        property("delete.topic.enable", Boolean, "true".to_owned(), "Whether topics can be deleted."),
        property("fetch.max.bytes", Int, config.fetch_bytes_max.to_string(),
            "Most bytes of records in one answer, its first batch excepted."),
        property("fsync", String, config.fsync.to_string(),
            "When appended records are synced: none, interval (every second) or group (before they are acknowledged)."),
        property("group.consumer.assignment.interval.ms", Int, groups.assignment_interval.as_millis().to_string(),
            "Partitions of a consumer group are shared out no oftener."),
        property("group.consumer.assignors", List, assignors.join(","),
            "Assignors that members of consumer groups may ask for; the first is the default."),
        property("group.consumer.heartbeat.interval.ms", Int, groups.heartbeat_interval.as_millis().to_string(),
            "How often members of consumer groups are told to send heartbeats."),
        property("group.consumer.max.size", Int, groups.members_max.to_string(), "Members of a consumer group at most."),
        property("group.consumer.migration.policy", String, groups.migration_policy.name().to_owned(),
            "Whether groups change between the classic and the consumer protocol while members are in them."),
        property("group.consumer.regex.refresh.interval.ms", Int, groups.regex_refresh_interval.as_millis().to_string(),
            "How old the topics that a regular expression matched may get."),
        property("group.consumer.session.timeout.ms", Int, groups.session_timeout.as_millis().to_string(),
            "A member of a consumer group that is not heard of for so long is put out."),
        property("group.initial.rebalance.delay.ms", Int, config.group_initial_rebalance_delay.as_millis().to_string(),
            "How long an empty group waits for more members before its first generation."),
        property("group.max.session.timeout.ms", Int, config.group_session_timeout_max.as_millis().to_string(),
            "Longest session timeout that a member may ask for."),
        property("group.max.size", Int, config.group_members_max.to_string(), "Members of a group at most."),
        property("group.min.session.timeout.ms", Int, config.group_session_timeout_min.as_millis().to_string(),
            "Shortest session timeout that a member may ask for."),
        property("listeners", List, listeners.join(","), "Where the broker listens."),
        property("log.dirs", List, data_dir, "Where everything is kept."),
        property("log.flush.offset.checkpoint.interval.ms", Int, config.checkpoint_interval.as_millis().to_string(),
            "How often recovery points are written."),
        property("log.retention.check.interval.ms", Long, config.retention_check_interval.as_millis().to_string(),
            "How often old segments are looked for."),
        property("max.incremental.fetch.session.cache.slots", Int, config.fetch_sessions_max.to_string(),
            "Fetch sessions kept at a time."),
        property("node.id", Int, config.node_id.to_string(), "The id of this broker."),
        property("num.io.threads", Int, config.disk_threads.to_string(), "Threads that write files, and as many that read them."),
        property("num.partitions", Int, config.num_partitions.to_string(),
            "Partitions of a topic that is created without saying how many."),
        property("offset.metadata.max.bytes", Int, config.offset_metadata_bytes_max.to_string(),
            "Largest note that a client may leave with an offset."),
        property("offsets.retention.check.interval.ms", Long, config.offsets_retention_check_interval.as_millis().to_string(),
            "How often old offsets are looked for."),
        property("offsets.retention.minutes", Int, (config.offsets_retention.as_secs() / 60).to_string(),
            "How long offsets stay after a group has lost its last member."),
        property("offsets.topic.num.partitions", Int, config.offsets_partitions.to_string(),
            "Partitions of __consumer_offsets when it is created."),
        property("queued.max.request.bytes", Long, config.in_flight_bytes_max.to_string(),
            "Request bytes in flight over all connections; beyond it sockets are not read."),
        property("socket.request.max.bytes", Int, config.request_bytes_max.to_string(), "Largest request in bytes."),
    ];
    own.extend(transaction_properties(config));
    own
}

/// The settings of the transaction coordinator.
#[rustfmt::skip]
fn transaction_properties(config: &BrokerConfig) -> Vec<Property> {
    let property = |name, value: std::string::String, documentation| {
        Property { name, kind: ConfigType::Int, value, documentation }
    };
    vec![
        property("transaction.abort.timed.out.transaction.cleanup.interval.ms", config.transaction_abort_interval.as_millis().to_string(),
            "How often transactions are looked for that take too long."),
        property("transaction.max.timeout.ms", config.transaction_timeout_max.as_millis().to_string(),
            "Longest time that a producer may give its transactions."),
        property("transaction.remove.expired.transaction.cleanup.interval.ms",
            config.transactional_id_expiration_interval.as_millis().to_string(),
            "How often transactional ids are looked for that nobody uses."),
        property("transaction.state.log.num.partitions", config.transactions_partitions.to_string(),
            "Partitions of __transaction_state when it is created."),
        property("transactional.id.expiration.ms", config.transactional_id_expiration.as_millis().to_string(),
            "How long a transactional id is remembered that nobody uses."),
    ]
}

/// One change of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Set(String),
    Delete,
    Append(String),
    Subtract(String),
}

/// Applies a change to what is set on a topic.
pub(super) fn apply(
    overrides: &mut ConfigMap,
    broker: &ConfigMap,
    name: &str,
    change: Change,
) -> Result<(), Refusal> {
    let Some(definition) = find_definition(name) else {
        return Err(Refusal::new(ErrorCode::InvalidConfig, format!("Unknown topic config name: {name}")));
    };
    let (word, is_append) = match change {
        Change::Set(value) => {
            overrides.insert(name.to_owned(), value);
            return Ok(());
        }
        Change::Delete => {
            overrides.remove(name);
            return Ok(());
        }
        Change::Append(word) => (word, true),
        Change::Subtract(word) => (word, false),
    };
    if definition.kind != ConfigType::List {
        let verb = if is_append { "append" } else { "subtract" };
        let message = format!("Can't {verb} to key {name} because its type is not LIST.");
        return Err(Refusal::new(ErrorCode::InvalidConfig, message));
    }
    let current = millstream_log::config::value_of(definition, overrides, broker).to_owned();
    let mut words: Vec<&str> = current.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    for word in word.split(',').map(str::trim) {
        if !is_append {
            words.retain(|known| *known != word);
        } else if !words.contains(&word) {
            words.push(word);
        }
    }
    overrides.insert(name.to_owned(), words.join(","));
    Ok(())
}

/// Where changes can be made: only topics, as yet.
pub(super) fn changeable_topic(core: &Core, resource_type: i8, name: &str) -> Result<Arc<str>, Refusal> {
    match resource_type {
        RESOURCE_TOPIC => {
            millstream_log::check_topic_name(name)
                .map_err(|error| Refusal::new(ErrorCode::InvalidTopicException, error.to_string()))?;
            let table = core.topics();
            let missing = || {
                let message = format!("The topic '{name}' does not exist.");
                Refusal::new(ErrorCode::UnknownTopicOrPartition, message)
            };
            table.by_name(name).map(|topic| Arc::clone(&topic.name)).ok_or_else(missing)
        }
        RESOURCE_BROKER | RESOURCE_BROKER_LOGGER | RESOURCE_CLIENT_METRICS | RESOURCE_GROUP => {
            let message = "this broker takes these configurations at its start only";
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        }
        other => Err(Refusal::new(ErrorCode::InvalidRequest, format!("Unexpected resource type {other}."))),
    }
}
