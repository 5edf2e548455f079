//! Topic configurations: Kafka 4.3's names, defaults and rules, as a typed struct.
//!
//! A topic stores only what was set on it. What is not set comes from the broker's property of the same meaning
//! ([`ConfigDefinition::server_property`]), and at last from Kafka's default. [`definitions`] lists all of them, with
//! documentation, for DescribeConfigs.

use std::collections::BTreeMap;

use crate::{LogError, Result};

pub mod definitions;

pub use definitions::{ConfigDefinition, ConfigType, TOPIC_CONFIGS, Valid, find_definition};

/// Configurations as they were set, by name.
pub type ConfigMap = BTreeMap<String, String>;

/// What happens to old segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Segments go when they are too old or the partition is too large.
    pub delete: bool,
    /// The newest record of each key stays.
    pub compact: bool,
}

/// Whose timestamps records carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageTimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's at append.
    LogAppendTime,
}

/// The codec in which batches are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer sent them.
    Producer,
    /// Not compressed.
    Uncompressed,
    /// gzip.
    Gzip,
    /// snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// The configurations of a topic that act on its log, resolved; Kafka's documentation of each stands in [`TOPIC_CONFIGS`].
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is the configuration of the same name")]
pub struct TopicConfig {
    pub cleanup_policy: CleanupPolicy,
    pub compression_type: CompressionType,
    pub compression_gzip_level: i32,
    pub compression_lz4_level: i32,
    pub compression_zstd_level: i32,
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: i64,
    pub flush_messages: i64,
    pub flush_ms: i64,
    pub index_interval_bytes: u32,
    pub max_compaction_lag_ms: i64,
    pub max_message_bytes: usize,
    pub message_timestamp_after_max_ms: i64,
    pub message_timestamp_before_max_ms: i64,
    pub message_timestamp_type: MessageTimestampType,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub min_insync_replicas: i32,
    pub preallocate: bool,
    /// Bytes of a partition above which old segments go; `None` for no limit.
    pub retention_bytes: Option<u64>,
    /// Age in ms beyond which segments go; `None` for no limit.
    pub retention_ms: Option<i64>,
    pub segment_bytes: u64,
    pub segment_index_bytes: u64,
    pub segment_jitter_ms: i64,
    pub segment_ms: i64,
}

impl TopicConfig {
    /// The configuration of a topic on which `overrides` were set, under a broker with the properties `broker`.
    ///
    /// # Errors
    /// [`LogError::UnknownConfig`] for a key in `overrides` that is no topic configuration; [`LogError::InvalidConfig`].
    pub fn resolve(overrides: &ConfigMap, broker: &ConfigMap) -> Result<Self> {
        if let Some(key) = overrides.keys().find(|key| find_definition(key).is_none()) {
            return Err(LogError::UnknownConfig { key: key.clone(), nearest: definitions::nearest(key) });
        }
        for definition in TOPIC_CONFIGS {
            let value = value_of(definition, overrides, broker);
            if !definition.valid.allows(definition.kind, value) {
                return Err(invalid(definition, value));
            }
        }
        let values = Values { overrides, broker };
        let config = values.read()?;
        if config.min_compaction_lag_ms > config.max_compaction_lag_ms {
            return Err(LogError::InvalidConfig {
                key: "min.compaction.lag.ms",
                value: config.min_compaction_lag_ms.to_string(),
                expected: "it cannot exceed max.compaction.lag.ms",
            });
        }
        if values.get("remote.storage.enable")? == "true" {
            return Err(LogError::InvalidConfig {
                key: "remote.storage.enable",
                value: "true".to_owned(),
                expected: "false, tiered storage is not part of this broker",
            });
        }
        Ok(config)
    }
}

impl Default for TopicConfig {
    fn default() -> Self {
        let none = ConfigMap::new();
        match Self::resolve(&none, &none) {
            Ok(config) => config,
            Err(error) => unreachable!("Kafka's defaults are valid, a test checks it: {error}"),
        }
    }
}

/// The value in force, as text.
pub fn value_of<'a>(
    definition: &ConfigDefinition,
    overrides: &'a ConfigMap,
    broker: &'a ConfigMap,
) -> &'a str {
    let from_broker = || definition.server_property.and_then(|property| broker.get(property));
    overrides.get(definition.name).or_else(from_broker).map_or(definition.default, String::as_str)
}

struct Values<'a> {
    overrides: &'a ConfigMap,
    broker: &'a ConfigMap,
}

impl Values<'_> {
    fn get(&self, name: &'static str) -> Result<&str> {
        let unknown = || LogError::UnknownConfig { key: name.to_owned(), nearest: None };
        let definition = find_definition(name).ok_or_else(unknown)?;
        Ok(value_of(definition, self.overrides, self.broker).trim())
    }

    fn parse<T: std::str::FromStr>(&self, name: &'static str) -> Result<T> {
        let value = self.get(name)?;
        let wrong =
            || LogError::InvalidConfig { key: name, value: value.to_owned(), expected: "a number in range" };
        value.parse().map_err(|_| wrong())
    }

    /// A limit where a negative number means none.
    fn limit(&self, name: &'static str) -> Result<Option<i64>> {
        Ok(Some(self.parse::<i64>(name)?).filter(|&limit| limit >= 0))
    }

    fn flag(&self, name: &'static str) -> Result<bool> {
        Ok(self.get(name)?.eq_ignore_ascii_case("true"))
    }

    fn read(&self) -> Result<TopicConfig> {
        let policies = self.get("cleanup.policy")?;
        let has = |policy| policies.split(',').any(|word| word.trim() == policy);
        Ok(TopicConfig {
            cleanup_policy: CleanupPolicy { delete: has("delete"), compact: has("compact") },
            compression_type: match self.get("compression.type")? {
                "uncompressed" => CompressionType::Uncompressed,
                "gzip" => CompressionType::Gzip,
                "snappy" => CompressionType::Snappy,
                "lz4" => CompressionType::Lz4,
                "zstd" => CompressionType::Zstd,
                _ => CompressionType::Producer,
            },
            compression_gzip_level: self.parse("compression.gzip.level")?,
            compression_lz4_level: self.parse("compression.lz4.level")?,
            compression_zstd_level: self.parse("compression.zstd.level")?,
            delete_retention_ms: self.parse("delete.retention.ms")?,
            file_delete_delay_ms: self.parse("file.delete.delay.ms")?,
            flush_messages: self.parse("flush.messages")?,
            flush_ms: self.parse("flush.ms")?,
            index_interval_bytes: self.parse("index.interval.bytes")?,
            max_compaction_lag_ms: self.parse("max.compaction.lag.ms")?,
            max_message_bytes: self.parse("max.message.bytes")?,
            message_timestamp_after_max_ms: self.parse("message.timestamp.after.max.ms")?,
            message_timestamp_before_max_ms: self.parse("message.timestamp.before.max.ms")?,
            message_timestamp_type: match self.get("message.timestamp.type")? {
                "LogAppendTime" => MessageTimestampType::LogAppendTime,
                _ => MessageTimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: self.parse("min.cleanable.dirty.ratio")?,
            min_compaction_lag_ms: self.parse("min.compaction.lag.ms")?,
            min_insync_replicas: self.parse("min.insync.replicas")?,
            preallocate: self.flag("preallocate")?,
            retention_bytes: self.limit("retention.bytes")?.map(i64::unsigned_abs),
            retention_ms: self.limit("retention.ms")?,
            segment_bytes: self.parse("segment.bytes")?,
            segment_index_bytes: self.parse("segment.index.bytes")?,
            segment_jitter_ms: self.parse("segment.jitter.ms")?,
            segment_ms: self.parse("segment.ms")?,
        })
    }
}

fn invalid(definition: &ConfigDefinition, value: &str) -> LogError {
    LogError::InvalidConfig {
        key: definition.name,
        value: value.to_owned(),
        expected: definition.valid.expectation(definition.kind),
    }
}

#[cfg(test)]
mod tests;
