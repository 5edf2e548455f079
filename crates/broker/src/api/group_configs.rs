//! Configurations of single groups (resource type GROUP, KIP-848): how they are described, what they may be, and what they are for
//! the coordinator.
//!
//! A group need not exist to be configured. What is not set on it is the broker's (`group.consumer.…`). Members of the consumer
//! protocol hear of a change with their next heartbeat. Those of share and streams groups are not known: there are no such groups.

use std::ops::RangeInclusive;
use std::time::Duration;

use millstream_log::config::{ConfigMap, ConfigType};
use millstream_wire::ErrorCode;

use super::Refusal;
use super::configs::{Entry, SOURCE_DEFAULT, SOURCE_GROUP, SOURCE_STATIC_BROKER, Synonym, type_number};
use crate::config::ConsumerGroupConfig;
use crate::coordinator::GroupOverrides;

/// A configuration of groups.
struct Definition {
    name: &'static str,
    /// The broker's, which has the value where the group has none.
    of_broker: &'static str,
    default_ms: fn(&ConsumerGroupConfig) -> Duration,
    bounds: fn(&ConsumerGroupConfig) -> &RangeInclusive<Duration>,
    put: fn(&mut GroupOverrides, Duration),
    documentation: &'static str,
}

const ASSIGNMENT_INTERVAL: Definition = Definition {
    name: "consumer.assignment.interval.ms",
    of_broker: "group.consumer.assignment.interval.ms",
    default_ms: |config| config.assignment_interval,
    bounds: |config| &config.assignment_interval_bounds,
    put: |overrides, value| overrides.assignment_interval = Some(value),
    documentation: "Partitions of the group are shared out no oftener.",
};
const HEARTBEAT_INTERVAL: Definition = Definition {
    name: "consumer.heartbeat.interval.ms",
    of_broker: "group.consumer.heartbeat.interval.ms",
    default_ms: |config| config.heartbeat_interval,
    bounds: |config| &config.heartbeat_interval_bounds,
    put: |overrides, value| overrides.heartbeat_interval = Some(value),
    documentation: "How often members of the group are told to send heartbeats.",
};
const SESSION_TIMEOUT: Definition = Definition {
    name: "consumer.session.timeout.ms",
    of_broker: "group.consumer.session.timeout.ms",
    default_ms: |config| config.session_timeout,
    bounds: |config| &config.session_timeout_bounds,
    put: |overrides, value| overrides.session_timeout = Some(value),
    documentation: "A member of the group that is not heard of for so long is put out.",
};
const DEFINITIONS: [&Definition; 3] = [&ASSIGNMENT_INTERVAL, &HEARTBEAT_INTERVAL, &SESSION_TIMEOUT];

/// Configurations of groups that are not there.
const FOREIGN_PREFIXES: [&str; 2] = ["share.", "streams."];

fn invalid(message: String) -> Refusal {
    Refusal::new(ErrorCode::InvalidConfig, message)
}

/// The type of a configuration.
///
/// # Errors
/// When groups have no such configuration.
pub(super) fn kind_of(name: &str) -> Result<ConfigType, Refusal> {
    if DEFINITIONS.iter().any(|definition| definition.name == name) {
        return Ok(ConfigType::Int);
    }
    if FOREIGN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(invalid(format!("{name} has no effect on this broker")));
    }
    Err(invalid(format!("Unknown group config name: {name}")))
}

/// The value in force, as text.
pub(super) fn value_of(name: &str, set: &ConfigMap, broker: &ConsumerGroupConfig) -> Option<String> {
    let definition = DEFINITIONS.iter().find(|definition| definition.name == name)?;
    Some(set.get(name).cloned().unwrap_or_else(|| ms(definition, broker)))
}

fn ms(definition: &Definition, broker: &ConsumerGroupConfig) -> String {
    (definition.default_ms)(broker).as_millis().to_string()
}

/// All configurations of a group on which `set` was set.
pub(super) fn entries(set: &ConfigMap, broker: &ConsumerGroupConfig) -> Vec<Entry> {
    let defaults = ConsumerGroupConfig::default();
    let of = |definition: &&Definition| {
        let Definition { name, of_broker, documentation, .. } = **definition;
        let own = set.get(name).map(|value| Synonym { name, value: value.clone(), source: SOURCE_GROUP });
        let (in_force, default) = (ms(definition, broker), ms(definition, &defaults));
        let at_start = (in_force != default).then_some(Synonym {
            name: of_broker,
            value: in_force,
            source: SOURCE_STATIC_BROKER,
        });
        let default = Synonym { name: of_broker, value: default, source: SOURCE_DEFAULT };
        let synonyms: Vec<_> = own.into_iter().chain(at_start).chain([default.clone()]).collect();
        let Synonym { value, source, .. } = synonyms.first().cloned().unwrap_or(default);
        let config_type = type_number(ConfigType::Int);
        Entry { name, value, source, config_type, read_only: false, synonyms, documentation }
    };
    DEFINITIONS.iter().map(of).collect()
}

/// What is set on a group, for its coordinator.
///
/// # Errors
/// What is wrong with it, by the bounds that the broker's configuration has.
pub(crate) fn read(set: &ConfigMap, broker: &ConsumerGroupConfig) -> Result<GroupOverrides, Refusal> {
    let mut overrides = GroupOverrides::default();
    for (name, value) in set {
        kind_of(name)?;
        let Some(definition) = DEFINITIONS.iter().find(|definition| definition.name == name) else {
            continue;
        };
        let number: i32 = value.trim().parse().map_err(|_| {
            invalid(format!("Invalid value {value} for configuration {name}: Not a number of type INT"))
        })?;
        let least = i32::from(name != ASSIGNMENT_INTERVAL.name);
        if number < least {
            let message =
                format!("Invalid value {value} for configuration {name}: Value must be at least {least}");
            return Err(invalid(message));
        }
        let value = Duration::from_millis(u64::from(number.unsigned_abs()));
        let bounds = (definition.bounds)(broker);
        if value < *bounds.start() || value > *bounds.end() {
            let (from_ms, to_ms) = (bounds.start().as_millis(), bounds.end().as_millis());
            return Err(invalid(format!(
                "{name} must be from {from_ms} to {to_ms}, by {}'s bounds",
                definition.of_broker
            )));
        }
        (definition.put)(&mut overrides, value);
    }
    let session_timeout = overrides.session_timeout.unwrap_or(broker.session_timeout);
    if session_timeout <= overrides.heartbeat_interval.unwrap_or(broker.heartbeat_interval) {
        let message = format!("{} must be greater than {}", SESSION_TIMEOUT.name, HEARTBEAT_INTERVAL.name);
        return Err(invalid(message));
    }
    Ok(overrides)
}
