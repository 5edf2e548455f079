//! What settings do, and what is said of those that do nothing.

use std::collections::BTreeMap;

use millstream_log::FsyncPolicy;

use super::{SettingNotice, all, find, ineffective, is_ineffective};
use crate::config::BrokerConfig;

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn applied(pairs: &[(&str, &str)]) -> BrokerConfig {
    let mut config = BrokerConfig::new("data");
    assert_eq!(config.apply(&settings(pairs)).unwrap(), []);
    config
}

fn refused(pairs: &[(&str, &str)]) -> String {
    BrokerConfig::new("data").apply(&settings(pairs)).unwrap_err().to_string()
}

#[test]
fn every_configuration_takes_its_own_default() {
    for property in all() {
        let default = property.default();
        // What a data directory or listeners are by default is not for a file to say.
        if default.is_empty() {
            continue;
        }
        let mut config = BrokerConfig::new("data");
        let notices = config.apply(&settings(&[(property.name, &default)]));
        assert_eq!(notices.unwrap(), [], "{} = {default}", property.name);
    }
}

#[test]
fn names_are_sorted_and_each_has_one_meaning() {
    assert!(ineffective::NAMES.is_sorted());
    let names: Vec<&str> = all().map(|property| property.name).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    assert_eq!(names.iter().find(|name| is_ineffective(name)), None);
}

#[test]
fn settings_reach_the_configuration() {
    let config = applied(&[
        ("auto.create.topics.enable", "FALSE"),
        ("broker.id", "3"),
        ("fsync", "interval"),
        ("group.initial.rebalance.delay.ms", " 0 "),
        ("log.cleaner.dedupe.buffer.size", "1048576"),
        ("log.cleaner.enable", "false"),
        ("log.dir", "elsewhere"),
        ("log.retention.ms", "1000"),
        ("message.max.bytes", "2048"),
        ("offsets.retention.minutes", "60"),
        ("offsets.topic.replication.factor", "1"),
    ]);
    assert!(!config.auto_create_topics);
    assert_eq!((config.node_id, config.fsync), (3, FsyncPolicy::Interval));
    assert!(config.group_initial_rebalance_delay.is_zero());
    assert_eq!((config.compaction.enabled, config.compaction.map_bytes), (false, 1 << 20));
    assert_eq!((config.data_dir.to_str(), config.offsets_retention.as_secs()), (Some("elsewhere"), 3600));
    assert_eq!(
        config.topic_defaults,
        settings(&[("log.retention.ms", "1000"), ("message.max.bytes", "2048")])
    );
}

#[test]
fn hours_are_what_minutes_and_milliseconds_do_not_say() {
    let retention = |pairs: &[(&str, &str)]| applied(pairs).topic_defaults.remove("log.retention.ms");
    let hours = ("log.retention.hours", "2");
    assert_eq!(retention(&[hours]).as_deref(), Some("7200000"));
    assert_eq!(retention(&[hours, ("log.retention.minutes", "3")]).as_deref(), Some("180000"));
    let all = [hours, ("log.retention.minutes", "3"), ("log.retention.ms", "4")];
    assert_eq!(retention(&all).as_deref(), Some("4"));
    assert_eq!(retention(&[("log.retention.hours", "-1")]).as_deref(), Some("-1"));
    assert!(refused(&[("log.retention.hours", "9223372036854775807")]).contains("log.retention.hours"));
}

#[test]
fn what_does_nothing_is_named() {
    let mut config = BrokerConfig::new("data");
    let given = settings(&[
        ("default.replication.factor", "3"),
        ("listener.name.external.ssl.keystore.type", "PEM"),
        ("log.retention.millis", "5"),
        ("my.own", "x"),
        ("num.network.threads", "8"),
    ]);
    let unknown = |name: &str, nearest| SettingNotice::Unknown { name: name.to_owned(), nearest };
    let idle = |name: &str, fixed| SettingNotice::Ineffective { name: name.to_owned(), fixed };
    let expected = [
        idle("default.replication.factor", Some("1")),
        idle("listener.name.external.ssl.keystore.type", None),
        unknown("log.retention.millis", Some("log.retention.ms")),
        unknown("my.own", None),
        idle("num.network.threads", None),
    ];
    assert_eq!(config.apply(&given).unwrap(), expected);
}

#[test]
fn impossible_values_are_refused() {
    for (name, value, expected) in [
        ("num.partitions", "0", "at least 1"),
        ("num.partitions", "many", "at least 1"),
        ("auto.create.topics.enable", "yes", "true or false"),
        ("fsync", "always", "none, interval or group"),
        ("log.dirs", "a,b", "the path of one directory"),
        ("log.retention.ms", "soon", "at least -1"),
    ] {
        let error = refused(&[(name, value)]);
        assert!(error.contains(name) && error.contains(expected), "{error}");
    }
}

#[test]
fn listeners_are_those_of_clients() {
    let config = applied(&[
        ("listeners", "PLAINTEXT://127.0.0.1:9092, External://0.0.0.0:9093,CONTROLLER://:9094"),
        ("advertised.listeners", "EXTERNAL://broker.example:19093"),
        ("controller.listener.names", "CONTROLLER"),
        ("listener.security.protocol.map", "CONTROLLER:SSL,PLAINTEXT:PLAINTEXT,EXTERNAL:PLAINTEXT"),
    ]);
    let listeners: Vec<_> = config
        .listeners
        .iter()
        .map(|it| (it.name.as_str(), it.bind.as_str(), it.advertised.as_deref()))
        .collect();
    let expected =
        [("PLAINTEXT", "127.0.0.1:9092", None), ("EXTERNAL", "0.0.0.0:9093", Some("broker.example:19093"))];
    assert_eq!(listeners, expected);
    let shown = |name: &str| match find(name).unwrap().effect {
        super::Effect::AtStart { get, .. } => get(&config),
        _ => String::new(),
    };
    assert_eq!(shown("advertised.listeners"), "PLAINTEXT://127.0.0.1:9092,EXTERNAL://broker.example:19093");
}

#[test]
fn a_listener_without_host_is_advertised_by_the_machines_name() {
    let config = applied(&[("listeners", "PLAINTEXT://:9092")]);
    let listener = &config.listeners[0];
    assert_eq!(listener.bind, "0.0.0.0:9092");
    let advertised = listener.advertised.as_deref().unwrap();
    assert!(advertised.ends_with(":9092") && !advertised.starts_with(':'), "{advertised}");
}

#[test]
fn listeners_that_cannot_be_are_refused() {
    for (pairs, part) in [
        (&[("listeners", "127.0.0.1:9092")][..], "NAME://HOST:PORT"),
        (&[("listeners", "PLAINTEXT://127.0.0.1")], "NAME://HOST:PORT"),
        (
            &[("listeners", "A://h:1,a://h:2"), ("listener.security.protocol.map", "A:PLAINTEXT")],
            "different names",
        ),
        (&[("listeners", "SSL://h:1")], "no TLS"),
        (&[("listeners", "A://h:1"), ("listener.security.protocol.map", "A:SASL_SSL")], "no SASL"),
        (&[("listeners", "A://h:1")], "a protocol for every name"),
        (&[("advertised.listeners", "PLAINTEXT://h:1")], "has to be set as well"),
        (&[("listeners", "PLAINTEXT://h:1"), ("advertised.listeners", "B://h:1")], "names of `listeners`"),
        (&[("listeners", "PLAINTEXT://:1"), ("advertised.listeners", "PLAINTEXT://:1")], "with a host"),
    ] {
        let error = refused(pairs);
        assert!(error.contains(part), "{error}");
    }
}
