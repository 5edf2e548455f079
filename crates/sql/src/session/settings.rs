//! `SET 'key' = 'value'`: the keys that are known, their types and defaults.
//!
//! Keys of Millstream and of pipelines must be known; other keys of Flink are accepted, so that its scripts run, and
//! reported as having no effect.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostics::{Span, SqlError};

/// The name of a pipeline.
pub const PIPELINE_NAME: &str = "pipeline.name";
/// Whether one INSERT ends before the next begins.
pub const DML_SYNC: &str = "table.dml-sync";
/// The session's time zone.
pub const TIME_ZONE: &str = "table.local-time-zone";
/// After how long without a row a source's partition no longer holds back the others.
pub const IDLE_TIMEOUT: &str = "table.exec.source.idle-timeout";
/// What becomes of bad rows: `none` or `all` are tolerated.
pub const TOLERANCE: &str = "pipeline.errors.tolerance";
/// The topic that bad rows go to.
pub const DEAD_LETTER_TOPIC: &str = "pipeline.errors.deadletterqueue.topic.name";
/// The number of shards of keyed state.
pub const MAX_PARALLELISM: &str = "pipeline.max-parallelism";
/// The number of workers.
pub const PARALLELISM: &str = "parallelism.default";
/// The number of workers, if it is not -1.
pub const DEFAULT_PARALLELISM: &str = "table.exec.resource.default-parallelism";
/// The time between epochs.
pub const CHECKPOINT_INTERVAL: &str = "execution.checkpointing.interval";

/// The type of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Boolean,
    /// A duration in Flink's spelling.
    Duration,
    /// An integer between two bounds.
    Integer(i64, i64),
    OneOf(&'static [&'static str]),
    TimeZone,
}

struct Setting {
    key: &'static str,
    data_type: Type,
    /// The value without SET; empty for none.
    default: &'static str,
    /// What it does; empty when it changes nothing here.
    meaning: &'static str,
}

impl Setting {
    /// Whether it changes anything here.
    fn is_effective(&self) -> bool {
        !self.meaning.is_empty()
    }
}

const fn setting(
    key: &'static str,
    data_type: Type,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { key, data_type, default, meaning }
}

const fn ignored(key: &'static str, data_type: Type, default: &'static str) -> Setting {
    Setting { key, data_type, default, meaning: "" }
}

#[rustfmt::skip]
const KNOWN: &[Setting] = &[
    setting(PIPELINE_NAME, Type::Text, "",
        "The name of pipelines; without it `insert-into_` and the sinks' names. Kafka tables that name no group use it as theirs."),
    setting(DML_SYNC, Type::Boolean, "false", "Whether one INSERT ends before the next statement begins."),
    setting(TIME_ZONE, Type::TimeZone, "UTC", "The time zone of the session."),
    setting(IDLE_TIMEOUT, Type::Duration, "0 ms",
        "After how long without a row a partition no longer holds back the watermark; 0 is never."),
    setting(TOLERANCE, Type::OneOf(&["none", "all"]), "none",
        "Whether the first record that cannot be read ends the pipeline, or is counted and passed over."),
    setting(DEAD_LETTER_TOPIC, Type::Text, "",
        "With `pipeline.errors.tolerance` = `all`: where records that cannot be read are written, with their bytes and the reason."),
    setting(MAX_PARALLELISM, Type::Integer(1, 32_768), "128", "The shards of keyed state."),
    setting(PARALLELISM, Type::Integer(1, 32_768), "", "The workers of a pipeline; one per core without it. `--parallelism` overrides it."),
    setting(DEFAULT_PARALLELISM, Type::Integer(-1, 32_768), "-1", "As `parallelism.default`, which it overrides; -1 does not."),
    setting(CHECKPOINT_INTERVAL, Type::Duration, "",
        "The time between epochs. Without it `run --follow` takes 1 s, and other runs have one epoch, at their end."),
    ignored("sql-client.execution.result-mode", Type::OneOf(&["table", "changelog", "tableau"]), "table"),
    ignored("execution.runtime-mode", Type::OneOf(&["streaming", "batch", "automatic"]), "streaming"),
    ignored("pipeline.object-reuse", Type::Boolean, "false"),
    ignored("pipeline.auto-watermark-interval", Type::Duration, "200 ms"),
    ignored("pipeline.operator-chaining.enabled", Type::Boolean, "true"),
    ignored("pipeline.jars", Type::Text, ""),
    ignored("pipeline.watermark-alignment.allow-unaligned-source-splits", Type::Boolean, "false"),
    ignored("table.exec.mini-batch.enabled", Type::Boolean, "false"),
    ignored("table.exec.mini-batch.allow-latency", Type::Duration, "0 ms"),
    ignored("table.exec.mini-batch.size", Type::Integer(-1, i64::MAX), "-1"),
];

/// A setting, as a reference lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDescription {
    /// The key.
    pub key: &'static str,
    /// What values are like.
    pub values: String,
    /// The value without SET; empty for none.
    pub default: &'static str,
    /// What it does; empty when it is only accepted.
    pub meaning: &'static str,
}

/// Every setting that is known, those without effect last.
pub fn reference() -> Vec<SettingDescription> {
    let describe = |setting: &Setting| SettingDescription {
        key: setting.key,
        values: setting.data_type.describe(),
        default: setting.default,
        meaning: setting.meaning,
    };
    let topics = SettingDescription {
        key: "millstream.topic.NAME.partitions",
        values: Type::Integer(1, PARTITIONS_MAX).describe(),
        default: "",
        meaning: "The partitions of the topic NAME when `run` creates it; without it the cluster's `num.partitions`.",
    };
    let (effective, others): (Vec<&Setting>, Vec<&Setting>) =
        KNOWN.iter().partition(|setting| setting.is_effective());
    let effective = effective.into_iter().map(describe).chain([topics]);
    effective.chain(others.into_iter().map(describe)).collect()
}

impl Type {
    fn describe(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Boolean => "`true`, `false`".to_owned(),
            Self::Duration => "a duration".to_owned(),
            Self::Integer(least, i64::MAX) => format!("a whole number, at least {least}"),
            Self::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Self::OneOf(choices) => {
                choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ")
            }
            Self::TimeZone => "`UTC` and its other names".to_owned(),
        }
    }
}

/// The prefix and suffix of `millstream.topic.NAME.partitions`.
const TOPIC_PARTITIONS: (&str, &str) = ("millstream.topic.", ".partitions");
/// The most partitions of a topic that `run` creates.
const PARTITIONS_MAX: i64 = 100_000;

/// Prefixes whose keys must be known.
const STRICT: &[&str] = &["millstream.", "pipeline."];

/// The settings of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionSettings {
    values: BTreeMap<String, String>,
}

impl SessionSettings {
    /// What was set, as connectors see it.
    pub(crate) fn all(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// The value of a key: what was set, else the default.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let default = || known(key).map(|setting| setting.default).filter(|default| !default.is_empty());
        self.values.get(key).map(String::as_str).or_else(default)
    }

    /// Every setting that has a value, in order.
    pub(crate) fn effective(&self) -> BTreeMap<&str, &str> {
        let defaults = KNOWN.iter().filter(|setting| setting.is_effective() && !setting.default.is_empty());
        let mut all: BTreeMap<&str, &str> = defaults.map(|setting| (setting.key, setting.default)).collect();
        all.extend(self.values.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        all
    }

    /// Sets a value and says so if that changes nothing.
    ///
    /// # Errors
    /// A key of Millstream or of pipelines that is not known; a value of the wrong type.
    pub(crate) fn set(
        &mut self,
        (key, key_span): (&str, Span),
        (value, value_span): (&str, Span),
    ) -> Result<Option<String>, SqlError> {
        let notice = match (known(key), topic_partitions(key)) {
            (Some(setting), _) => {
                check(key, value, setting.data_type, value_span)?;
                (!setting.is_effective()).then(|| no_effect(key))
            }
            (None, true) => {
                check(key, value, Type::Integer(1, PARTITIONS_MAX), value_span)?;
                None
            }
            (None, false) => {
                require_known(key, key_span)?;
                Some(no_effect(key))
            }
        };
        self.values.insert(key.to_owned(), value.to_owned());
        Ok(notice)
    }

    /// Forgets a value, or all of them.
    ///
    /// # Errors
    /// As [`SessionSettings::set`], for the key.
    pub(crate) fn reset(&mut self, key: Option<(&str, Span)>) -> Result<(), SqlError> {
        match key {
            None => self.values.clear(),
            Some((key, span)) => {
                if known(key).is_none() && !topic_partitions(key) && !self.values.contains_key(key) {
                    require_known(key, span)?;
                }
                self.values.remove(key);
            }
        }
        Ok(())
    }

    pub(crate) fn boolean(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        self.get(key).and_then(|value| parse_duration(value).ok())
    }

    pub(crate) fn integer(&self, key: &str) -> Option<i64> {
        self.get(key)?.trim().parse().ok()
    }
}

fn known(key: &str) -> Option<&'static Setting> {
    KNOWN.iter().find(|setting| setting.key == key)
}

fn topic_partitions(key: &str) -> bool {
    let (prefix, suffix) = TOPIC_PARTITIONS;
    key.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix)).is_some_and(|name| !name.is_empty())
}

fn no_effect(key: &str) -> String {
    format!("the setting '{key}' has no effect here")
}

fn require_known(key: &str, span: Span) -> Result<(), SqlError> {
    if !STRICT.iter().any(|prefix| key.starts_with(prefix)) {
        return Ok(());
    }
    let error = SqlError::name(span, format!("unknown setting '{key}'"));
    let names = KNOWN.iter().map(|setting| setting.key).chain(["millstream.topic.NAME.partitions"]);
    Err(match millstream_suggest::nearest(key, names) {
        Some(name) => error.hint(format!("did you mean '{name}'?")),
        None if key.starts_with("millstream.") => error.hint("settings: millstream.topic.NAME.partitions"),
        None => error,
    })
}

fn check(key: &str, value: &str, data_type: Type, span: Span) -> Result<(), SqlError> {
    let wrong = |expected: String| {
        Err(SqlError::declaration(span, format!("'{value}' is no value for '{key}'"))
            .hint(format!("expected {expected}")))
    };
    match data_type {
        Type::Text => Ok(()),
        Type::Boolean if ["true", "false"].iter().any(|text| value.eq_ignore_ascii_case(text)) => Ok(()),
        Type::Boolean => wrong("true or false".to_owned()),
        Type::Duration => match parse_duration(value) {
            Ok(_) => Ok(()),
            Err(NotADuration) => wrong("a duration such as 200 ms, 5 s, 1 min or 2 h".to_owned()),
        },
        Type::Integer(minimum, maximum) => match value.trim().parse::<i64>() {
            Ok(number) if (minimum..=maximum).contains(&number) => Ok(()),
            _ => wrong(format!("a whole number between {minimum} and {maximum}")),
        },
        Type::OneOf(choices) if choices.iter().any(|choice| choice.eq_ignore_ascii_case(value)) => Ok(()),
        Type::OneOf(choices) => wrong(choices.join(" or ")),
        Type::TimeZone if ["UTC", "GMT", "Z", "Etc/UTC", "+00:00"].contains(&value) => Ok(()),
        Type::TimeZone => {
            Err(SqlError::unsupported(span, format!("the time zone '{value}' is not supported yet"))
                .hint("'UTC' is"))
        }
    }
}

/// The text is not a duration.
#[derive(Debug, PartialEq, Eq)]
pub struct NotADuration;

/// Reads a duration in Flink's spelling: a whole number and a unit, milliseconds without one.
///
/// # Errors
/// When it is not one, or too long.
pub fn parse_duration(text: &str) -> Result<Duration, NotADuration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| NotADuration)?;
    let nanos_per_unit: u64 = match unit.trim().to_lowercase().as_str() {
        "d" | "day" | "days" => 86_400_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000_000,
        "s" | "sec" | "second" | "seconds" => 1_000_000_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "µs" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        _ => return Err(NotADuration),
    };
    number.checked_mul(nanos_per_unit).map(Duration::from_nanos).ok_or(NotADuration)
}
