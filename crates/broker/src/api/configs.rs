//! Configurations of topics and of the broker, as DescribeConfigs and CreateTopics list them and as they are changed.
//!
//! Topics' come from the log's definitions, the broker's from the table of its properties. Every entry says where its value
//! comes from, and which values it would have otherwise (synonyms). What is set on the broker while it runs is kept in the
//! metadata log, for this broker or for all, and is in force at once.

use std::sync::Arc;

use millstream_log::config::{ConfigDefinition, ConfigMap, ConfigType, TOPIC_CONFIGS, find_definition};
use millstream_log::metadata::{ConfigResource, MetadataState};
use millstream_wire::ErrorCode;

use super::{Refusal, client_metrics_configs, group_configs};
use crate::core::Core;
use crate::properties::{self, Effect, Property};

pub(super) const RESOURCE_TOPIC: i8 = 2;
pub(crate) const RESOURCE_BROKER: i8 = 4;
pub(super) const RESOURCE_BROKER_LOGGER: i8 = 8;
pub(crate) const RESOURCE_CLIENT_METRICS: i8 = 16;
pub(crate) const RESOURCE_GROUP: i8 = 32;

/// Where a value comes from, by Kafka's numbers.
pub(super) const SOURCE_TOPIC: i8 = 1;
const SOURCE_DYNAMIC_BROKER: i8 = 2;
const SOURCE_DYNAMIC_DEFAULT: i8 = 3;
pub(super) const SOURCE_STATIC_BROKER: i8 = 4;
pub(super) const SOURCE_DEFAULT: i8 = 5;
pub(super) const SOURCE_CLIENT_METRICS: i8 = 7;
pub(super) const SOURCE_GROUP: i8 = 8;

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
pub(super) fn type_number(kind: ConfigType) -> i8 {
    match kind {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
    }
}

/// What the broker's configurations were set to, by where that was: first what has precedence.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrokerLayers {
    /// On this broker while it ran.
    pub(crate) own: ConfigMap,
    /// On all brokers while they ran.
    pub(crate) all: ConfigMap,
    /// At the start.
    pub(crate) at_start: ConfigMap,
}

impl BrokerLayers {
    /// Those of a broker with this id.
    pub(crate) fn read(state: &MetadataState, node_id: i32, at_start: &ConfigMap) -> Self {
        let set_on = |name: String| {
            let resource = ConfigResource { kind: RESOURCE_BROKER, name };
            state.resource_configs.get(&resource).cloned().unwrap_or_default()
        };
        Self { own: set_on(node_id.to_string()), all: set_on(String::new()), at_start: at_start.clone() }
    }

    /// What is in force.
    pub(crate) fn merged(&self) -> ConfigMap {
        let mut merged = self.at_start.clone();
        merged.extend(self.all.clone());
        merged.extend(self.own.clone());
        merged
    }

    /// The values of a configuration in the layers that have it.
    fn synonyms(&self, name: &'static str) -> impl Iterator<Item = Synonym> {
        let layers = [
            (&self.own, SOURCE_DYNAMIC_BROKER),
            (&self.all, SOURCE_DYNAMIC_DEFAULT),
            (&self.at_start, SOURCE_STATIC_BROKER),
        ];
        let in_layer = move |(layer, source): (&ConfigMap, i8)| {
            Some(Synonym { name, value: layer.get(name)?.clone(), source })
        };
        layers.into_iter().filter_map(in_layer)
    }
}

/// All configurations of a topic on which `overrides` were set.
pub(super) fn topic_entries(overrides: &ConfigMap, broker: &BrokerLayers) -> impl Iterator<Item = Entry> {
    TOPIC_CONFIGS.iter().map(move |definition| {
        let own = overrides.get(definition.name).map(|value| Synonym {
            name: definition.name,
            value: value.clone(),
            source: SOURCE_TOPIC,
        });
        entry(definition, own, broker)
    })
}

/// Properties that have no default in Apache Kafka: another unit's has it (`log.retention.hours`).
const WITHOUT_DEFAULT: &[&str] =
    &["log.flush.interval.ms", "log.retention.ms", "log.roll.jitter.ms", "log.roll.ms"];

fn entry(definition: &'static ConfigDefinition, own: Option<Synonym>, broker: &BrokerLayers) -> Entry {
    let property = definition.server_property;
    let of_broker = property.into_iter().flat_map(|name| broker.synonyms(name));
    let default = property.filter(|name| !WITHOUT_DEFAULT.contains(name)).map(|name| Synonym {
        name,
        value: definition.default.to_owned(),
        source: SOURCE_DEFAULT,
    });
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

/// A configuration of the broker that no topic has and that changes while the broker runs. `fixed` are the values with their sources that it has
/// below those of the layers.
fn dynamic_entry(
    property: &Property,
    fixed: impl IntoIterator<Item = (String, i8)>,
    layers: &BrokerLayers,
) -> Entry {
    let name = property.name;
    let fixed = fixed.into_iter().map(|(value, source)| Synonym { name, value, source });
    let synonyms: Vec<Synonym> = layers.synonyms(name).chain(fixed).collect();
    let first = synonyms.first();
    Entry {
        name: property.name,
        value: first.map_or_else(|| property.default(), |first| first.value.clone()),
        source: first.map_or(SOURCE_DEFAULT, |first| first.source),
        config_type: type_number(property.kind),
        read_only: false,
        synonyms,
        documentation: property.documentation,
    }
}

/// All configurations of the broker that have an effect.
pub(super) fn broker_entries(core: &Core) -> Vec<Entry> {
    let layers = core.broker_layers();
    let of = |property: Property| {
        let default = property.default();
        let value = match property.effect {
            Effect::TopicDefault(definition) => {
                return Entry { name: property.name, ..entry(definition, None, &layers) };
            }
            Effect::Dynamic(default) => {
                return dynamic_entry(&property, [(default.to_owned(), SOURCE_DEFAULT)], &layers);
            }
            Effect::Live { get, .. } => {
                let at_start = (get(&core.config), SOURCE_STATIC_BROKER);
                let set = (at_start.0 != default).then_some(at_start);
                return dynamic_entry(&property, set.into_iter().chain([(default, SOURCE_DEFAULT)]), &layers);
            }
            Effect::AtStart { get, .. } => get(&core.config),
            Effect::Fixed(value) => value.to_owned(),
        };
        let default = Synonym { name: property.name, value: default, source: SOURCE_DEFAULT };
        let set = Synonym { name: property.name, value: value.clone(), source: SOURCE_STATIC_BROKER };
        let synonyms = if value == default.value { vec![default] } else { vec![set, default] };
        Entry {
            name: property.name,
            value,
            source: synonyms.first().map_or(SOURCE_DEFAULT, |first| first.source),
            config_type: type_number(property.kind),
            read_only: true,
            synonyms,
            documentation: property.documentation,
        }
    };
    properties::all().map(of).collect()
}

/// What was set on all brokers while they ran.
pub(super) fn default_broker_entries(core: &Core) -> Vec<Entry> {
    let layers = BrokerLayers { all: core.broker_layers().all, ..BrokerLayers::default() };
    let set = properties::all().filter(|property| layers.all.contains_key(property.name));
    let of = |property: Property| match property.effect {
        Effect::TopicDefault(definition) => {
            Some(Entry { name: property.name, ..entry(definition, None, &layers) })
        }
        Effect::Dynamic(_) | Effect::Live { .. } => Some(dynamic_entry(&property, [], &layers)),
        _ => None,
    };
    set.filter_map(of).collect()
}

/// One change of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Set(String),
    Delete,
    Append(String),
    Subtract(String),
}

/// What configurations can be changed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A topic.
    Topic(Arc<str>),
    /// This broker by its id, or by an empty name all brokers.
    Broker(String),
    /// A group, whether it exists or not.
    Group(String),
    /// A subscription to metrics of clients, which comes into being with its first configuration.
    ClientMetrics(String),
}

/// Makes changes, all or none; with `replace`, to an empty slate.
pub(super) async fn alter(
    core: &Arc<Core>,
    target: Target,
    changes: Vec<(String, Change)>,
    replace: bool,
    validate_only: bool,
) -> Result<(), Refusal> {
    let layers = core.broker_layers();
    match target {
        Target::Topic(topic) => {
            let broker = layers.merged();
            let change = move |overrides: &mut ConfigMap| {
                if replace {
                    overrides.clear();
                }
                changes.into_iter().try_for_each(|(name, change)| apply(overrides, &broker, &name, change))
            };
            core.change_topic_configs(topic, validate_only, change).await
        }
        Target::Broker(name) => {
            let change = move |set: &mut ConfigMap, layers: &BrokerLayers| {
                if replace {
                    set.clear();
                }
                let in_force = layers.merged();
                changes
                    .into_iter()
                    .try_for_each(|(name, change)| apply_to_broker(set, &in_force, &name, change))
            };
            core.change_broker_configs(name, validate_only, change).await
        }
        Target::Group(name) => {
            let broker = core.config.consumer_groups.clone();
            let change = move |set: &mut ConfigMap| {
                let value_of = |name: &str, set: &ConfigMap| {
                    group_configs::value_of(name, set, &broker).unwrap_or_default()
                };
                apply_all(set, changes, replace, group_configs::kind_of, value_of)
            };
            core.change_group_configs(name, validate_only, change).await
        }
        Target::ClientMetrics(name) => {
            use client_metrics_configs::{kind_of, value_of};
            let change = move |set: &mut ConfigMap| apply_all(set, changes, replace, kind_of, value_of);
            core.change_client_metrics_configs(name, validate_only, change).await
        }
    }
}

/// Applies a change to what is set on a topic.
fn apply(overrides: &mut ConfigMap, broker: &ConfigMap, name: &str, change: Change) -> Result<(), Refusal> {
    let Some(definition) = find_definition(name) else {
        if change == Change::Delete {
            return Ok(()); // Nothing by that name is set: tools delete what they may have set elsewhere.
        }
        return Err(Refusal::new(ErrorCode::InvalidConfig, format!("Unknown topic config name: {name}")));
    };
    let current = millstream_log::config::value_of(definition, overrides, broker).to_owned();
    put(overrides, name, definition.kind, &current, change)
}

/// Applies a change to what is set on the broker, if the configuration changes while it runs.
fn apply_to_broker(
    set: &mut ConfigMap,
    in_force: &ConfigMap,
    name: &str,
    change: Change,
) -> Result<(), Refusal> {
    let Some(property) = properties::find(name) else {
        if change == Change::Delete {
            return Ok(()); // As on a topic.
        }
        if properties::is_ineffective(name) {
            let message = format!("{name} has no effect on this broker");
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        }
        let hint = properties::nearest(name).map(|near| format!("; is {near} meant?")).unwrap_or_default();
        let message = format!("Unknown broker config name: {name}{hint}");
        return Err(Refusal::new(ErrorCode::InvalidConfig, message));
    };
    if !property.is_dynamic() {
        let message = format!("Cannot update these configs dynamically: Set({name})");
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let current = in_force.get(name).cloned().unwrap_or_else(|| property.default());
    put(set, name, property.kind, &current, change)?;
    set.get(name).map_or(Ok(()), |value| {
        property.check(value).map_err(|error| Refusal::new(ErrorCode::InvalidConfig, error.to_string()))
    })
}

/// Applies changes to what is set on something whose configurations have a table of their own.
fn apply_all(
    set: &mut ConfigMap,
    changes: Vec<(String, Change)>,
    replace: bool,
    kind_of: fn(&str) -> Result<ConfigType, Refusal>,
    value_of: impl Fn(&str, &ConfigMap) -> String,
) -> Result<(), Refusal> {
    if replace {
        set.clear();
    }
    changes.into_iter().try_for_each(|(name, change)| {
        if change == Change::Delete {
            set.remove(&name); // Known or not, as on a topic.
            return Ok(());
        }
        let kind = kind_of(&name)?;
        let current = value_of(&name, set);
        put(set, &name, kind, &current, change)
    })
}

fn put(
    set: &mut ConfigMap,
    name: &str,
    kind: ConfigType,
    current: &str,
    change: Change,
) -> Result<(), Refusal> {
    let (word, is_append) = match change {
        Change::Set(value) => {
            set.insert(name.to_owned(), value);
            return Ok(());
        }
        Change::Delete => {
            set.remove(name);
            return Ok(());
        }
        Change::Append(word) => (word, true),
        Change::Subtract(word) => (word, false),
    };
    if kind != ConfigType::List {
        let verb = if is_append { "append" } else { "subtract" };
        let message = format!("Can't {verb} to key {name} because its type is not LIST.");
        return Err(Refusal::new(ErrorCode::InvalidConfig, message));
    }
    let mut words: Vec<&str> = current.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    for word in word.split(',').map(str::trim) {
        if !is_append {
            words.retain(|known| *known != word);
        } else if !words.contains(&word) {
            words.push(word);
        }
    }
    set.insert(name.to_owned(), words.join(","));
    Ok(())
}

/// Where changes can be made: topics and the broker.
pub(super) fn changeable(core: &Core, resource_type: i8, name: &str) -> Result<Target, Refusal> {
    match resource_type {
        RESOURCE_TOPIC if name.is_empty() => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "The topic has no name."))
        }
        RESOURCE_TOPIC => {
            millstream_log::check_topic_name(name)
                .map_err(|error| Refusal::new(ErrorCode::InvalidTopicException, error.to_string()))?;
            let table = core.topics();
            let missing = || {
                let message = format!("The topic '{name}' does not exist.");
                Refusal::new(ErrorCode::UnknownTopicOrPartition, message)
            };
            table.by_name(name).map(|topic| Target::Topic(Arc::clone(&topic.name))).ok_or_else(missing)
        }
        RESOURCE_BROKER if name.is_empty() => Ok(Target::Broker(String::new())),
        RESOURCE_BROKER => {
            let node = core.config.node_id;
            if name.parse() != Ok(node) {
                let message =
                    format!("Unexpected broker id, expected {node} or empty string, but received {name}");
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            }
            Ok(Target::Broker(node.to_string()))
        }
        RESOURCE_GROUP if name.is_empty() => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Default group resources are not allowed."))
        }
        RESOURCE_GROUP => Ok(Target::Group(name.to_owned())),
        RESOURCE_CLIENT_METRICS if name.is_empty() => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Subscription name can't be empty"))
        }
        RESOURCE_CLIENT_METRICS => Ok(Target::ClientMetrics(name.to_owned())),
        RESOURCE_BROKER_LOGGER => {
            let message = "this broker has no configurations of that kind";
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        }
        other => Err(Refusal::new(ErrorCode::InvalidRequest, format!("Unexpected resource type {other}."))),
    }
}
