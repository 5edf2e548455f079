//! Subscriptions to metrics of clients (resource type CLIENT_METRICS, KIP-714): how they are described, what they may be, and what they are
//! for those who ask and push.
//!
//! Deviation: patterns of `match` are regular expressions without look-around and back references, so that matching takes linear time.

use millstream_log::config::{ConfigMap, ConfigType};
use millstream_wire::ErrorCode;

use super::Refusal;
use super::configs::{Entry, SOURCE_CLIENT_METRICS, SOURCE_DEFAULT, Synonym, type_number};
use crate::coordinator::consumer::regex;
use crate::telemetry::{Attribute, INTERVAL_MS_DEFAULT, Subscription};

const INTERVAL: &str = "interval.ms";
const MATCH: &str = "match";
const METRICS: &str = "metrics";

/// Name, type and documentation.
const DEFINITIONS: [(&str, ConfigType, &str); 3] = [
    (INTERVAL, ConfigType::Int, "How often clients push their metrics, in milliseconds."),
    (
        MATCH,
        ConfigType::List,
        "Which clients: ATTRIBUTE=PATTERN, several separated by commas; all of them have to match.",
    ),
    (METRICS, ConfigType::List, "Prefixes of the metrics' names, separated by commas; * for all."),
];

/// The type of a configuration when it is changed: as in Kafka, also lists are only set as a whole.
///
/// # Errors
/// When subscriptions have no such configuration.
pub(super) fn kind_of(name: &str) -> Result<ConfigType, Refusal> {
    if DEFINITIONS.iter().any(|(known, ..)| *known == name) {
        return Ok(ConfigType::String);
    }
    let message = format!("Unknown client metrics configuration: {name}");
    Err(Refusal::new(ErrorCode::InvalidRequest, message))
}

fn default_of(name: &str) -> String {
    if name == INTERVAL { INTERVAL_MS_DEFAULT.to_string() } else { String::new() }
}

/// The value in force, as text.
pub(super) fn value_of(name: &str, set: &ConfigMap) -> String {
    set.get(name).cloned().unwrap_or_else(|| default_of(name))
}

/// All configurations of a subscription of which `set` was set. As in Kafka, a default is no synonym, and lists are written anew.
pub(super) fn entries(set: &ConfigMap) -> Vec<Entry> {
    let of = |(name, kind, documentation): (&'static str, ConfigType, &'static str)| {
        let own = set.get(name).map(|value| {
            let value =
                if kind == ConfigType::List { list(value).join(",") } else { value.trim().to_owned() };
            Synonym { name, value, source: SOURCE_CLIENT_METRICS }
        });
        let synonyms: Vec<_> = own.into_iter().collect();
        let (value, source) = match synonyms.first() {
            Some(own) => (own.value.clone(), own.source),
            None => (default_of(name), SOURCE_DEFAULT),
        };
        Entry {
            name,
            value,
            source,
            config_type: type_number(kind),
            read_only: false,
            synonyms,
            documentation,
        }
    };
    DEFINITIONS.map(of).into()
}

/// What is set, as a subscription; none if nothing is.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(set: &ConfigMap) -> Result<Option<Subscription>, Refusal> {
    if set.is_empty() {
        return Ok(None);
    }
    let interval = value_of(INTERVAL, set);
    let interval_ms: i32 = interval.trim().parse().map_err(|_| {
        let message =
            format!("Invalid value {interval} for configuration {INTERVAL}: Not a number of type INT");
        Refusal::new(ErrorCode::InvalidConfig, message)
    })?;
    if !(100..=3_600_000).contains(&interval_ms) {
        let message = format!(
            "Invalid value {interval_ms} for {INTERVAL}, interval must be between 100 and 3600000 (1 hour)"
        );
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let mut patterns: Vec<(Attribute, _)> = Vec::new();
    for text in list(&value_of(MATCH, set)) {
        let illegal = || {
            let message = format!("Illegal client matching pattern: {text}");
            Refusal::new(ErrorCode::InvalidConfig, message)
        };
        let (name, pattern) = text.split_once('=').ok_or_else(illegal)?;
        let pattern = pattern.trim();
        if pattern.is_empty() || pattern.contains('=') {
            return Err(illegal());
        }
        let attribute = Attribute::from_name(name.trim()).ok_or_else(illegal)?;
        let pattern = regex::compile(pattern).map_err(|_| illegal())?;
        // As in Kafka, the last pattern of an attribute counts.
        patterns.retain(|(known, _)| *known != attribute);
        patterns.push((attribute, pattern));
    }
    Ok(Some(Subscription { metrics: list(&value_of(METRICS, set)), interval_ms, patterns }))
}

/// The words of a list, each once.
fn list(value: &str) -> Vec<String> {
    if value.trim().is_empty() {
        return Vec::new();
    }
    let mut words: Vec<String> = Vec::new();
    for word in value.split(',').map(str::trim) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}
