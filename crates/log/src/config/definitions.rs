//! The list of topic configurations of Apache Kafka 4.3: name, type, default, rule, the broker's property behind it, and
//! what it does here. Names, defaults and rules are Kafka's (its `LogConfig`); the words are ours.

/// Type of a configuration's value, as DescribeConfigs names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 16-bit integer.
    Short,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// Floating point.
    Double,
    /// Words separated by commas.
    List,
}

/// Which values of its type a configuration allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Valid {
    /// Every one.
    Any,
    /// Numbers from this on.
    AtLeast(i64),
    /// Numbers from the first to the second, both included.
    Between(i64, i64),
    /// −1 or a number from 1 to 9.
    GzipLevel,
    /// Numbers from 0 to 1.
    Ratio,
    /// One of these words; of a list, any of them, each once.
    OneOf(&'static [&'static str]),
    /// `*`, or pairs `partition:broker`.
    ThrottledReplicas,
}

impl Valid {
    /// Whether `value` is allowed for a configuration of type `kind` under this rule.
    pub fn allows(&self, kind: ConfigType, value: &str) -> bool {
        let value = value.trim();
        match kind {
            ConfigType::Boolean => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            ConfigType::Short => {
                value.parse::<i16>().is_ok_and(|number| self.allows_number(i64::from(number)))
            }
            ConfigType::Int => value.parse::<i32>().is_ok_and(|number| self.allows_number(i64::from(number))),
            ConfigType::Long => value.parse::<i64>().is_ok_and(|number| self.allows_number(number)),
            ConfigType::Double => value.parse::<f64>().is_ok_and(|number| (0.0..=1.0).contains(&number)),
            ConfigType::String => self.allows_word(value),
            ConfigType::List => self.allows_list(value),
        }
    }

    fn allows_number(&self, number: i64) -> bool {
        match *self {
            Self::AtLeast(least) => number >= least,
            Self::Between(least, most) => (least..=most).contains(&number),
            Self::GzipLevel => number == -1 || (1..=9).contains(&number),
            _ => true,
        }
    }

    fn allows_word(&self, word: &str) -> bool {
        match self {
            Self::OneOf(words) => words.contains(&word),
            Self::ThrottledReplicas => word.split_once(':').is_some_and(|(partition, broker)| {
                [partition, broker].iter().all(|number| number.trim().parse::<u32>().is_ok())
            }),
            _ => true,
        }
    }

    fn allows_list(&self, value: &str) -> bool {
        if value.is_empty() || (value == "*" && *self == Self::ThrottledReplicas) {
            return true;
        }
        let words: Vec<&str> = value.split(',').map(str::trim).collect();
        let unique = words.iter().enumerate().all(|(index, word)| !words[..index].contains(word));
        unique && words.iter().all(|word| self.allows_word(word))
    }

    /// What is allowed, for an error message.
    pub fn expectation(&self, kind: ConfigType) -> &'static str {
        match (self, kind) {
            (_, ConfigType::Boolean) => "true or false",
            (_, ConfigType::Double) => "a number from 0 to 1",
            (Self::AtLeast(-2), _) => "a whole number, at least -2",
            (Self::AtLeast(-1), _) => "a whole number, at least -1",
            (Self::AtLeast(0), _) => "a whole number, at least 0",
            (Self::AtLeast(1), _) => "a whole number, at least 1",
            (Self::AtLeast(4), _) => "a whole number, at least 4",
            (Self::AtLeast(_), _) => "a whole number, at least 1048576",
            (Self::Between(1, _), _) => "a whole number from 1 to 17",
            (Self::Between(..), _) => "a whole number from -131072 to 22",
            (Self::GzipLevel, _) => "-1 or a whole number from 1 to 9",
            (Self::OneOf(words), _)
                if words.len() == CLEANUP_POLICIES.len() && words[0] == CLEANUP_POLICIES[0] =>
            {
                "compact, delete, both separated by a comma, or nothing"
            }
            (Self::OneOf(words), _) if words.len() == TIMESTAMP_TYPES.len() => "CreateTime or LogAppendTime",
            (Self::OneOf(_), _) => "producer, uncompressed, gzip, snappy, lz4 or zstd",
            (Self::ThrottledReplicas, _) => "* or pairs partition:broker separated by commas",
            (Self::Any | Self::Ratio, _) => "a whole number",
        }
    }
}

/// Configurations that Kafka knows and that change nothing here: they are about replicas, tiered storage and what file systems do.
const WITHOUT_EFFECT: &[&str] = &[
    "compression.lz4.level",
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "unclean.leader.election.enable",
];

impl ConfigDefinition {
    /// Whether it changes what a topic does.
    pub fn has_effect(&self) -> bool {
        !WITHOUT_EFFECT.contains(&self.name)
    }

    /// Whether a value is another than the default and does nothing all the same.
    pub fn is_ineffective(&self, value: &str) -> bool {
        !self.has_effect() && value.trim() != self.default
    }
}

/// One topic configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfigDefinition {
    /// Kafka's name.
    pub name: &'static str,
    /// Type of the value.
    pub kind: ConfigType,
    /// Kafka's default, as text.
    pub default: &'static str,
    /// Which values are allowed.
    pub valid: Valid,
    /// The broker's property that gives the value where the topic has none.
    pub server_property: Option<&'static str>,
    /// What it does.
    pub documentation: &'static str,
}

const CLEANUP_POLICIES: &[&str] = &["compact", "delete"];
const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];
const COMPRESSION_TYPES: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

/// The definition of a configuration.
pub fn find_definition(name: &str) -> Option<&'static ConfigDefinition> {
    let index = TOPIC_CONFIGS.binary_search_by(|definition| definition.name.cmp(name)).ok()?;
    TOPIC_CONFIGS.get(index)
}

/// The known name that `name` may have been meant to be.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    millstream_suggest::nearest(name, TOPIC_CONFIGS.iter().map(|definition| definition.name))
}

const fn define(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    valid: Valid,
    server_property: Option<&'static str>,
    documentation: &'static str,
) -> ConfigDefinition {
    ConfigDefinition { name, kind, default, valid, server_property, documentation }
}

/// Every topic configuration, sorted by name.
#[rustfmt::skip]
pub static TOPIC_CONFIGS: &[ConfigDefinition] = {
    use ConfigType::{Boolean, Double, Int, List, Long, String};
    use Valid::{Any, AtLeast, Between, GzipLevel, OneOf, Ratio, ThrottledReplicas};
    const FOREVER: &str = "9223372036854775807";
    &[
        define("cleanup.policy", List, "delete", OneOf(CLEANUP_POLICIES), Some("log.cleanup.policy"),
            "What happens to old segments: delete removes them by age and size, compact keeps the newest record of each key. Both may be given; nothing keeps everything."),
        define("compression.gzip.level", Int, "-1", GzipLevel, Some("compression.gzip.level"),
            "Level at which the broker compresses with gzip, where compression.type asks for it."),
        define("compression.lz4.level", Int, "9", Between(1, 17), Some("compression.lz4.level"),
            "Level at which the broker compresses with lz4; without effect here, there is one."),
        define("compression.type", String, "producer", OneOf(COMPRESSION_TYPES), Some("compression.type"),
            "Codec in which batches are stored; producer keeps that of the producer."),
        define("compression.zstd.level", Int, "3", Between(-131_072, 22), Some("compression.zstd.level"),
            "Level at which the broker compresses with zstd, where compression.type asks for it."),
        define("delete.retention.ms", Long, "86400000", AtLeast(0), Some("log.cleaner.delete.retention.ms"),
            "How long compaction keeps tombstones, and so the time in which a reader that began at the first offset must finish to see them."),
        define("file.delete.delay.ms", Long, "60000", AtLeast(0), Some("log.segment.delete.delay.ms"),
            "How long a removed segment's files stay on the disk."),
        define("flush.messages", Long, FOREVER, AtLeast(1), Some("log.flush.interval.messages"),
            "Number of records after which a partition is synced, before the last of them is acknowledged. With fsync=group every record is."),
        define("flush.ms", Long, FOREVER, AtLeast(0), Some("log.flush.interval.ms"),
            "Time after which records are synced, looked at every log.flush.scheduler.interval.ms. With fsync=group they are before they are acknowledged."),
        define("follower.replication.throttled.replicas", List, "", ThrottledReplicas, None,
            "Replicas whose replication is throttled on the follower; a single node has none."),
        define("index.interval.bytes", Int, "4096", AtLeast(0), Some("log.index.interval.bytes"),
            "Bytes of log between two entries of the offset index."),
        define("leader.replication.throttled.replicas", List, "", ThrottledReplicas, None,
            "Replicas whose replication is throttled on the leader; a single node has none."),
        define("local.retention.bytes", Long, "-2", AtLeast(-2), Some("log.local.retention.bytes"),
            "Size limit of the local part of a tiered topic; -2 means retention.bytes."),
        define("local.retention.ms", Long, "-2", AtLeast(-2), Some("log.local.retention.ms"),
            "Age limit of the local part of a tiered topic; -2 means retention.ms."),
        define("max.compaction.lag.ms", Long, FOREVER, AtLeast(1), Some("log.cleaner.max.compaction.lag.ms"),
            "Longest time that a record of a compacted topic may wait for compaction."),
        define("max.message.bytes", Int, "1048588", AtLeast(0), Some("message.max.bytes"),
            "Largest record batch that is accepted, as it is sent (compressed, if it is)."),
        define("message.timestamp.after.max.ms", Long, "3600000", AtLeast(0), Some("log.message.timestamp.after.max.ms"),
            "How far a record's timestamp may lie ahead of the broker's clock; not used with LogAppendTime."),
        define("message.timestamp.before.max.ms", Long, FOREVER, AtLeast(0), Some("log.message.timestamp.before.max.ms"),
            "How far a record's timestamp may lie behind the broker's clock; not used with LogAppendTime."),
        define("message.timestamp.type", String, "CreateTime", OneOf(TIMESTAMP_TYPES), Some("log.message.timestamp.type"),
            "Whether records keep the producer's timestamps or get the time of their append."),
        define("min.cleanable.dirty.ratio", Double, "0.5", Ratio, Some("log.cleaner.min.cleanable.ratio"),
            "Share of not yet compacted bytes at which a partition is compacted."),
        define("min.compaction.lag.ms", Long, "0", AtLeast(0), Some("log.cleaner.min.compaction.lag.ms"),
            "Shortest time that a record of a compacted topic stays as it was written."),
        define("min.insync.replicas", Int, "1", AtLeast(1), Some("min.insync.replicas"),
            "Replicas that must have a record before acks=all is answered; a single node has one."),
        define("preallocate", Boolean, "false", Any, Some("log.preallocate"),
            "Whether a new segment's file gets its full size at once; accepted, without effect here."),
        define("remote.log.copy.disable", Boolean, "false", Any, None,
            "Whether a tiered topic copies no more segments; there is no tiered storage here."),
        define("remote.log.delete.on.disable", Boolean, "false", Any, None,
            "Whether tiered segments go when tiering ends; there is no tiered storage here."),
        define("remote.storage.enable", Boolean, "false", Any, None,
            "Whether the topic is tiered; there is no tiered storage here."),
        define("retention.bytes", Long, "-1", Any, Some("log.retention.bytes"),
            "Size of a partition above which old segments are removed; -1 for no limit."),
        define("retention.ms", Long, "604800000", AtLeast(-1), Some("log.retention.ms"),
            "Age beyond which segments are removed; -1 for no limit."),
        define("segment.bytes", Int, "1073741824", AtLeast(1_048_576), Some("log.segment.bytes"),
            "Size at which a segment file is closed and the next begun; retention and compaction work on whole segments."),
        define("segment.index.bytes", Int, "10485760", AtLeast(4), Some("log.index.size.max.bytes"),
            "Largest size of a segment's offset index; a full one ends the segment."),
        define("segment.jitter.ms", Long, "0", AtLeast(0), Some("log.roll.jitter.ms"),
            "Largest random part by which segment.ms is shortened, so that not all segments end at once."),
        define("segment.ms", Long, "604800000", AtLeast(1), Some("log.roll.ms"),
            "Time after which a segment ends although it is not full, so that retention and compaction can take it."),
        define("unclean.leader.election.enable", Boolean, "false", Any, Some("unclean.leader.election.enable"),
            "Whether a replica that lags may become leader; a single node has no other."),
    ]
};
