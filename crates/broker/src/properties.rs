//! The broker's configurations: Kafka 4.3's names, types and rules, and what each does here.
//!
//! One table, which everything goes by: what can be set at a start ([`BrokerConfig::apply`]), what DescribeConfigs lists, what
//! IncrementalAlterConfigs changes while the broker runs, and the reference page. A configuration is
//!
//! - read at the start ([`Effect::AtStart`]): it sets a field of [`BrokerConfig`];
//! - read then and again whenever it changes ([`Effect::Live`]): what goes by that field is told;
//! - the default of a topic configuration ([`Effect::TopicDefault`]): these change while the broker runs, as in Kafka;
//! - looked up whenever it is set ([`Effect::Dynamic`]);
//! - fixed ([`Effect::Fixed`]): a single node has one value, and another is reported as having no effect;
//! - known to Kafka and without effect here ([`ineffective`]): reported when it is set, never obeyed in silence.

mod ineffective;
mod listeners;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_log::config::{ConfigDefinition, ConfigType, TOPIC_CONFIGS, Valid};

use crate::config::BrokerConfig;
use crate::error::{BrokerError, Result};
use crate::server::{MAX_CONNECTIONS_PER_IP_OVERRIDES, connection_overrides};

/// What a configuration does.
#[derive(Clone, Copy)]
pub(crate) enum Effect {
    /// It is read when the broker starts.
    AtStart {
        /// Takes a value that passed the rule; none where it cannot be used all the same.
        set: fn(&mut BrokerConfig, &str) -> Option<()>,
        /// The value in force.
        get: fn(&BrokerConfig) -> String,
    },
    /// It is read when the broker starts and whenever it is set, and put in force by [`BrokerConfig::changed_by`].
    Live {
        /// As of [`Effect::AtStart`].
        set: fn(&mut BrokerConfig, &str) -> Option<()>,
        /// The value at the start.
        get: fn(&BrokerConfig) -> String,
    },
    /// It is what topics have that do not set the configuration of the same meaning.
    TopicDefault(&'static ConfigDefinition),
    /// It is looked up whenever it is set, by whoever goes by it; with its default.
    Dynamic(&'static str),
    /// It has this value.
    Fixed(&'static str),
}

/// A configuration of the broker.
#[derive(Clone, Copy)]
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) kind: ConfigType,
    pub(crate) valid: Valid,
    pub(crate) effect: Effect,
    pub(crate) documentation: &'static str,
}

impl Property {
    /// Whether it changes while the broker runs.
    pub(crate) fn is_dynamic(&self) -> bool {
        matches!(self.effect, Effect::TopicDefault(_) | Effect::Dynamic(_) | Effect::Live { .. })
    }

    /// The value that it has where nobody set it.
    pub(crate) fn default(&self) -> String {
        match self.effect {
            Effect::AtStart { get, .. } | Effect::Live { get, .. } => get(&BrokerConfig::new("")),
            Effect::TopicDefault(definition) => definition.default.to_owned(),
            Effect::Fixed(value) | Effect::Dynamic(value) => value.to_owned(),
        }
    }

    /// Refuses a value that breaks the rule.
    ///
    /// # Errors
    /// [`BrokerError::InvalidConfig`].
    pub(crate) fn check(&self, value: &str) -> Result<()> {
        let is_of_form =
            self.name != MAX_CONNECTIONS_PER_IP_OVERRIDES || connection_overrides(value).is_some();
        if is_of_form && self.valid.allows(self.kind, value) { Ok(()) } else { Err(self.invalid(value)) }
    }

    fn invalid(&self, value: &str) -> BrokerError {
        let expected = match self.name {
            "fsync" => "none, interval or group",
            "group.consumer.assignors" => "uniform, range, or both separated by a comma",
            "group.consumer.migration.policy" => "disabled, upgrade, downgrade or bidirectional",
            "log.dir" | "log.dirs" => "the path of one directory",
            MAX_CONNECTIONS_PER_IP_OVERRIDES => "HOST:CONNECTIONS, several separated by commas",
            _ => self.valid.expectation(self.kind),
        };
        BrokerError::InvalidConfig { name: self.name, value: value.to_owned(), expected }
    }
}

/// All that have an effect or one fixed value, by name.
pub(crate) fn all() -> impl Iterator<Item = Property> {
    let own = table::PROPERTIES.iter().copied();
    let mut all: Vec<Property> = own.chain(TOPIC_CONFIGS.iter().filter_map(topic_default)).collect();
    all.sort_unstable_by_key(|property| property.name);
    all.into_iter()
}

fn topic_default(definition: &'static ConfigDefinition) -> Option<Property> {
    Some(Property {
        name: definition.server_property?,
        kind: definition.kind,
        valid: definition.valid,
        effect: Effect::TopicDefault(definition),
        documentation: definition.documentation,
    })
}

/// The one of that name.
pub(crate) fn find(name: &str) -> Option<Property> {
    let own = table::PROPERTIES.iter().copied().find(|property| property.name == name);
    own.or_else(|| TOPIC_CONFIGS.iter().filter_map(topic_default).find(|property| property.name == name))
}

/// Whether Kafka knows a configuration that does nothing here.
pub(crate) fn is_ineffective(name: &str) -> bool {
    ineffective::NAMES.binary_search(&name).is_ok()
        || ineffective::PREFIXES.iter().any(|it| name.starts_with(it))
}

/// The known name that is likely meant.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let known =
        all().map(|property| property.name).chain(table::IN_OTHER_UNITS.iter().map(|(name, ..)| *name));
    millstream_suggest::nearest(name, known.chain(ineffective::NAMES.iter().copied()))
}

/// What became of a setting that the broker could not obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingNotice {
    /// No broker has such a configuration.
    Unknown {
        /// As given.
        name: String,
        /// The one that is likely meant.
        nearest: Option<&'static str>,
    },
    /// Kafka has it, and it does nothing here.
    Ineffective {
        /// As given.
        name: String,
        /// The one value that it has here, if that means something.
        fixed: Option<&'static str>,
    },
}

impl BrokerConfig {
    /// Sets configurations under Kafka's names, as `server.properties` has them; what cannot be obeyed is given back, to
    /// be told to the user.
    ///
    /// # Errors
    /// [`BrokerError::InvalidConfig`] for a value that is not possible. The configuration may be changed in part.
    pub fn apply(&mut self, settings: &BTreeMap<String, String>) -> Result<Vec<SettingNotice>> {
        let mut notices = Vec::new();
        for (name, value) in settings {
            let value = value.trim();
            if table::IN_OTHER_UNITS.iter().any(|(other, ..)| *other == name)
                || listeners::NAMES.contains(&&**name)
            {
                continue;
            }
            let Some(property) = find(name) else {
                notices.push(notice(name));
                continue;
            };
            property.check(value)?;
            match property.effect {
                Effect::AtStart { set, .. } | Effect::Live { set, .. } => {
                    set(self, value).ok_or_else(|| property.invalid(value))?;
                }
                Effect::TopicDefault(definition) => {
                    if definition.is_ineffective(value) {
                        notices.push(SettingNotice::Ineffective { name: name.clone(), fixed: None });
                    }
                    self.topic_defaults.insert(name.clone(), value.to_owned());
                }
                Effect::Dynamic(_) => {
                    self.topic_defaults.insert(name.clone(), value.to_owned());
                }
                Effect::Fixed(fixed) if fixed == value => {}
                Effect::Fixed(fixed) => {
                    notices.push(SettingNotice::Ineffective { name: name.clone(), fixed: Some(fixed) });
                }
            }
        }
        self.apply_other_units(settings)?;
        if let Some(listeners) = listeners::read(settings)? {
            self.listeners = listeners;
        }
        Ok(notices)
    }

    /// This configuration with what was set while the broker ran, of that which is read again then.
    pub(crate) fn changed_by(&self, set_meanwhile: &BTreeMap<String, String>) -> Self {
        let mut changed = self.clone();
        for (name, value) in set_meanwhile {
            if let Some(Property { effect: Effect::Live { set, .. }, .. }) = find(name)
                && set(&mut changed, value.trim()).is_none()
            {
                // Values are checked before they are set; this one was by a version with another rule.
                tracing::warn!(name, value, "configuration is not obeyed, its value is not possible");
            }
        }
        changed
    }

    /// `log.retention.hours` and its kin, which the finer unit overrides.
    fn apply_other_units(&mut self, settings: &BTreeMap<String, String>) -> Result<()> {
        for (name, target, unit_ms) in table::IN_OTHER_UNITS {
            let Some(value) = settings.get(*name).filter(|_| !self.topic_defaults.contains_key(*target))
            else {
                continue;
            };
            let wrong =
                || BrokerError::InvalidConfig { name, value: value.clone(), expected: "a whole number" };
            let count: i64 = value.trim().parse().map_err(|_| wrong())?;
            // A negative number stands for no limit.
            let value_ms = if count < 0 { -1 } else { count.checked_mul(*unit_ms).ok_or_else(wrong)? };
            find(target)
                .map_or(Ok(()), |property| property.check(&value_ms.to_string()).map_err(|_| wrong()))?;
            self.topic_defaults.insert((*target).to_owned(), value_ms.to_string());
        }
        Ok(())
    }
}

fn notice(name: &str) -> SettingNotice {
    if is_ineffective(name) {
        return SettingNotice::Ineffective { name: name.to_owned(), fixed: None };
    }
    SettingNotice::Unknown { name: name.to_owned(), nearest: nearest(name) }
}

/// A configuration of the broker, as a reference lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDescription {
    /// Kafka's name.
    pub name: &'static str,
    /// Type of the value.
    pub kind: ConfigType,
    /// The value without any setting.
    pub default: String,
    /// Whether it changes while the broker runs.
    pub is_dynamic: bool,
    /// What it does.
    pub documentation: &'static str,
}

/// The configurations of the broker that have an effect, by name.
pub fn broker_properties() -> Vec<PropertyDescription> {
    let effective = all().filter(|property| !matches!(property.effect, Effect::Fixed(_)));
    let described = effective.map(|property| PropertyDescription {
        name: property.name,
        kind: property.kind,
        default: property.default(),
        is_dynamic: property.is_dynamic(),
        documentation: property.documentation,
    });
    described.collect()
}

/// A duration of so many `unit`s.
fn duration(value: &str, unit: Duration) -> Option<Duration> {
    unit.checked_mul(value.parse().ok()?)
}

#[cfg(test)]
mod tests;
