//! Kafka 4.3's defaults and rules.

use super::*;

fn map<const N: usize>(pairs: [(&str, &str); N]) -> ConfigMap {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn resolve<const N: usize>(pairs: [(&str, &str); N]) -> Result<TopicConfig> {
    TopicConfig::resolve(&map(pairs), &ConfigMap::new())
}

#[test]
fn defaults_are_kafkas() {
    let config = TopicConfig::default();
    assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: false });
    assert_eq!((config.segment_bytes, config.segment_ms), (1 << 30, 604_800_000));
    assert_eq!((config.retention_bytes, config.retention_ms), (None, Some(604_800_000)));
    assert_eq!((config.max_message_bytes, config.index_interval_bytes), (1_048_588, 4096));
    assert_eq!(config.message_timestamp_after_max_ms, 3_600_000);
}

#[test]
fn definitions_are_sorted_unique_and_their_defaults_valid() {
    assert!(TOPIC_CONFIGS.is_sorted_by(|left, right| left.name < right.name));
    for definition in TOPIC_CONFIGS {
        assert!(definition.valid.allows(definition.kind, definition.default), "{}", definition.name);
        assert!(definition.documentation.ends_with('.'));
        assert_eq!(find_definition(definition.name), Some(definition));
    }
    assert_eq!(TOPIC_CONFIGS.len(), 33);
}

#[test]
fn a_topics_value_goes_before_the_brokers_and_that_before_the_default() {
    let broker = map([("log.segment.bytes", "2000000"), ("log.retention.ms", "5")]);
    let config = TopicConfig::resolve(&map([("retention.ms", "-1")]), &broker).unwrap();
    assert_eq!((config.segment_bytes, config.retention_ms), (2_000_000, None));
}

#[test]
fn cleanup_policies_combine() {
    let policy = |value| resolve([("cleanup.policy", value)]).map(|config| config.cleanup_policy);
    assert_eq!(policy("compact,delete").unwrap(), CleanupPolicy { delete: true, compact: true });
    assert_eq!(policy(" delete , compact").unwrap(), CleanupPolicy { delete: true, compact: true });
    assert_eq!(policy("").unwrap(), CleanupPolicy { delete: false, compact: false });
    assert!(policy("delete,delete").is_err());
    assert!(policy("remove").is_err());
}

#[test]
fn what_kafka_refuses_is_refused() {
    for (key, value) in [
        ("segment.bytes", "1000"),
        ("segment.bytes", "3000000000"),
        ("retention.ms", "-2"),
        ("retention.ms", "one week"),
        ("max.message.bytes", "-1"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("min.insync.replicas", "0"),
        ("preallocate", "yes"),
        ("compression.type", "brotli"),
        ("compression.gzip.level", "0"),
        ("compression.lz4.level", "18"),
        ("message.timestamp.type", "createtime"),
        ("leader.replication.throttled.replicas", "a"),
        ("remote.storage.enable", "true"),
    ] {
        let error = resolve([(key, value)]).unwrap_err();
        assert!(error.to_string().contains(key) && error.to_string().contains(value), "{error}");
    }
    assert!(resolve([("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")]).is_err());
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let error = resolve([("retention.mss", "1")]).unwrap_err();
    assert_eq!(error.to_string(), "unknown topic config \"retention.mss\"; did you mean retention.ms?");
    assert!(matches!(resolve([("xyz", "1")]), Err(LogError::UnknownConfig { nearest: None, .. })));
}
