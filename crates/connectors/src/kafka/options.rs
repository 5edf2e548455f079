//! What a declaration of a `kafka` table says, read and checked; no network yet.

use std::collections::BTreeMap;

use millstream_engine::connector::{ConnectorError, TableSpec};
use millstream_formats::Format;

use crate::format::FormatOptions;
use crate::options::{OptionSpec, Options, invalid};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec { key: "topic", meaning: "the topic; several to read from are separated by `;`" },
    OptionSpec { key: "properties.bootstrap.servers", meaning: "brokers as HOST:PORT, separated by commas" },
    OptionSpec {
        key: "properties.group.id",
        meaning: "the consumer group whose offsets the pipeline commits, and starts at with `group-offsets`",
    },
    OptionSpec {
        key: "properties.*",
        meaning: "other settings of Kafka's clients; see the list in the reference",
    },
    OptionSpec {
        key: "value.fields-include",
        meaning: "`ALL` (default) or `EXCEPT_KEY`: whether key columns are in the value",
    },
    OptionSpec { key: "key.fields", meaning: "the columns of the key, separated by `;`" },
    OptionSpec {
        key: "key.fields-prefix",
        meaning: "what the names of key columns begin with, here but not in the key",
    },
    OptionSpec {
        key: "scan.startup.mode",
        meaning: "`group-offsets` (default), `earliest-offset`, `latest-offset`, `timestamp` or `specific-offsets`",
    },
    OptionSpec {
        key: "scan.startup.timestamp-millis",
        meaning: "where `timestamp` starts, milliseconds since 1970",
    },
    OptionSpec {
        key: "scan.startup.specific-offsets",
        meaning: "`partition:0,offset:42;partition:1,offset:300`",
    },
    OptionSpec {
        key: "scan.bounded.mode",
        meaning: "`unbounded` (default), `latest-offset`, `group-offsets`, `timestamp` or `specific-offsets`",
    },
    OptionSpec {
        key: "scan.bounded.timestamp-millis",
        meaning: "where `timestamp` ends, milliseconds since 1970",
    },
    OptionSpec {
        key: "scan.bounded.specific-offsets",
        meaning: "`partition:0,offset:42;partition:1,offset:300`",
    },
    OptionSpec {
        key: "sink.partitioner",
        meaning: "`default` (by the key's hash; without key, batch by batch), `fixed` or `round-robin`",
    },
    OptionSpec {
        key: "sink.delivery-guarantee",
        meaning: "`at-least-once` (default) or `none`; `exactly-once` comes with transactions",
    },
];

const VALUE: FormatOptions = FormatOptions {
    key: "value.format",
    prefix: "value.",
    known: &[
        ("csv", &[OptionSpec { key: "value.csv.*", meaning: "options of the value's format" }]),
        ("json", &[OptionSpec { key: "value.json.*", meaning: "options of the value's format" }]),
        ("raw", &[OptionSpec { key: "value.raw.*", meaning: "options of the value's format" }]),
    ],
};

const KEY: FormatOptions = FormatOptions {
    key: "key.format",
    prefix: "key.",
    known: &[
        ("csv", &[OptionSpec { key: "key.csv.*", meaning: "options of the key's format" }]),
        ("json", &[OptionSpec { key: "key.json.*", meaning: "options of the key's format" }]),
        ("raw", &[OptionSpec { key: "key.raw.*", meaning: "options of the key's format" }]),
    ],
};

/// The keys that name the two formats, so that only known options of the one named pass.
const FORMATS: &[OptionSpec] = &[
    OptionSpec {
        key: "format",
        meaning: "the value's format: `json`, `csv` or `raw`; the same as `value.format`",
    },
    OptionSpec { key: "value.format", meaning: "the value's format: `json`, `csv` or `raw`" },
    OptionSpec {
        key: "key.format",
        meaning: "the key's format: `json`, `csv` or `raw`; without it keys are null",
    },
];

/// Where reading starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Startup {
    Earliest,
    Latest,
    Group,
    Timestamp(i64),
    Specific(BTreeMap<i32, i64>),
}

/// Where reading ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound {
    Unbounded,
    Latest,
    Group,
    Timestamp(i64),
    Specific(BTreeMap<i32, i64>),
}

/// How rows without a say of their key choose a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partitioner {
    Default,
    Fixed,
    RoundRobin,
}

/// Whether an epoch waits for acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guarantee {
    None,
    AtLeastOnce,
}

/// The key's columns.
#[derive(Debug, Clone)]
pub(super) struct KeyOptions {
    pub(super) format: Format,
    /// Names of the table's columns, in the key's order.
    pub(super) fields: Vec<String>,
    /// What those names begin with in the table only.
    pub(super) prefix: String,
}

/// A declaration.
#[derive(Debug, Clone)]
pub(super) struct KafkaOptions {
    pub(super) topics: Vec<String>,
    pub(super) bootstrap_servers: String,
    pub(super) group_id: Option<String>,
    /// `properties.*` without the prefix.
    pub(super) properties: BTreeMap<String, String>,
    pub(super) key: Option<KeyOptions>,
    pub(super) value: Format,
    /// Whether the key's columns stand in the value too.
    pub(super) value_includes_key: bool,
    pub(super) startup: Startup,
    pub(super) bound: Bound,
    pub(super) partitioner: Partitioner,
    pub(super) guarantee: Guarantee,
}

impl KafkaOptions {
    /// Reads the options of `table`.
    ///
    /// # Errors
    /// The first option that is unknown, missing, unreadable or contradicts another.
    pub(super) fn read(table: &TableSpec) -> Result<Self, ConnectorError> {
        let value_options = value_options(&table.options)?;
        let known = [OPTIONS, FORMATS, value_options.specs(&table.options), KEY.specs(&table.options)];
        let options = Options::new(&table.options, &known)?;
        let mut topics: Vec<String> = Vec::new();
        for topic in options.list("topic") {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        if topics.is_empty() {
            options.required("topic", "readings")?;
            return Err(invalid("topic", "", "the name of a topic"));
        }
        let properties = options.with_prefix("properties.");
        let key = key(&options)?;
        let include = [("ALL", true), ("EXCEPT_KEY", false)];
        let value_includes_key = options.choice("value.fields-include", &include, true)?;
        if let (Some(key), true) = (&key, value_includes_key)
            && !key.prefix.is_empty()
        {
            let message = "a prefix of key columns needs 'value.fields-include' = 'EXCEPT_KEY': the value has no such names";
            return Err(declaration("key.fields-prefix", message.to_owned()));
        }
        Ok(Self {
            topics,
            bootstrap_servers: options.required("properties.bootstrap.servers", "localhost:9092")?.to_owned(),
            group_id: properties.get("group.id").cloned(),
            properties,
            key,
            value: value_options.read(&options)?,
            value_includes_key,
            startup: startup(&options)?,
            bound: bound(&options)?,
            partitioner: partitioner(&options)?,
            guarantee: guarantee(&options)?,
        })
    }
}

/// `format` and `value.format` mean the same; whichever is there also gives the options their prefix.
fn value_options(values: &BTreeMap<String, String>) -> Result<FormatOptions, ConnectorError> {
    match (values.contains_key("format"), values.contains_key("value.format")) {
        (true, true) => Err(declaration(
            "format",
            "'format' and 'value.format' mean the same: give one of them".to_owned(),
        )),
        (true, false) => Ok(crate::format::PLAIN),
        (false, _) => Ok(VALUE),
    }
}

fn key(options: &Options) -> Result<Option<KeyOptions>, ConnectorError> {
    let fields = options.list("key.fields");
    match (options.text("key.format"), fields.is_empty()) {
        (None, true) => Ok(None),
        (None, false) => {
            Err(declaration("key.fields", "'key.fields' needs a 'key.format', such as 'raw'".to_owned()))
        }
        (Some(_), true) => {
            let message = "'key.format' needs 'key.fields', the columns of the key".to_owned();
            Err(declaration("key.format", message))
        }
        (Some(_), false) => {
            let prefix = options.text("key.fields-prefix").unwrap_or_default().to_owned();
            if let Some(field) = fields.iter().find(|field| !field.starts_with(&prefix)) {
                let message = format!("the key column `{field}` does not begin with the prefix '{prefix}'");
                return Err(declaration("key.fields-prefix", message));
            }
            Ok(Some(KeyOptions { format: KEY.read(options)?, fields, prefix }))
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Earliest,
    Latest,
    Group,
    Timestamp,
    Specific,
    Unbounded,
}

fn startup(options: &Options) -> Result<Startup, ConnectorError> {
    let modes = [
        ("group-offsets", Mode::Group),
        ("earliest-offset", Mode::Earliest),
        ("latest-offset", Mode::Latest),
        ("timestamp", Mode::Timestamp),
        ("specific-offsets", Mode::Specific),
    ];
    Ok(match options.choice("scan.startup.mode", &modes, Mode::Group)? {
        Mode::Earliest => Startup::Earliest,
        Mode::Latest => Startup::Latest,
        Mode::Timestamp => Startup::Timestamp(timestamp(options, "scan.startup.timestamp-millis")?),
        Mode::Specific => Startup::Specific(specific_offsets(options, "scan.startup.specific-offsets")?),
        Mode::Group | Mode::Unbounded => Startup::Group,
    })
}

fn bound(options: &Options) -> Result<Bound, ConnectorError> {
    let modes = [
        ("unbounded", Mode::Unbounded),
        ("latest-offset", Mode::Latest),
        ("group-offsets", Mode::Group),
        ("timestamp", Mode::Timestamp),
        ("specific-offsets", Mode::Specific),
    ];
    Ok(match options.choice("scan.bounded.mode", &modes, Mode::Unbounded)? {
        Mode::Latest => Bound::Latest,
        Mode::Group => Bound::Group,
        Mode::Timestamp => Bound::Timestamp(timestamp(options, "scan.bounded.timestamp-millis")?),
        Mode::Specific => Bound::Specific(specific_offsets(options, "scan.bounded.specific-offsets")?),
        Mode::Unbounded | Mode::Earliest => Bound::Unbounded,
    })
}

fn timestamp(options: &Options, key: &str) -> Result<i64, ConnectorError> {
    options.required(key, "1357020000000")?;
    options.integer(key, 0, 0)
}

/// Reads `partition:0,offset:42;partition:1,offset:300`.
fn specific_offsets(options: &Options, key: &str) -> Result<BTreeMap<i32, i64>, ConnectorError> {
    let text = options.required(key, "partition:0,offset:42;partition:1,offset:300")?;
    let entry = |entry: &str| -> Option<(i32, i64)> {
        let (partition, offset) = entry.split_once(',')?;
        let partition: i32 = partition.trim().strip_prefix("partition:")?.trim().parse().ok()?;
        let offset: i64 = offset.trim().strip_prefix("offset:")?.trim().parse().ok()?;
        (partition >= 0 && offset >= 0).then_some((partition, offset))
    };
    let entries = options.list(key);
    let offsets: Option<BTreeMap<i32, i64>> = entries.iter().map(|text| entry(text)).collect();
    offsets
        .filter(|offsets| offsets.len() == entries.len())
        .ok_or_else(|| invalid(key, text, "entries such as 'partition:0,offset:42;partition:1,offset:300'"))
}

fn partitioner(options: &Options) -> Result<Partitioner, ConnectorError> {
    let choices = [
        ("default", Partitioner::Default),
        ("fixed", Partitioner::Fixed),
        ("round-robin", Partitioner::RoundRobin),
    ];
    options.choice("sink.partitioner", &choices, Partitioner::Default)
}

fn guarantee(options: &Options) -> Result<Guarantee, ConnectorError> {
    if options.text("sink.delivery-guarantee").is_some_and(|text| text.eq_ignore_ascii_case("exactly-once")) {
        let message =
            "'exactly-once' needs transactions, which are not there yet: use 'at-least-once'".to_owned();
        return Err(declaration("sink.delivery-guarantee", message));
    }
    let choices = [("at-least-once", Guarantee::AtLeastOnce), ("none", Guarantee::None)];
    options.choice("sink.delivery-guarantee", &choices, Guarantee::AtLeastOnce)
}

fn declaration(option: &str, message: String) -> ConnectorError {
    ConnectorError::Declaration { option: Some(option.to_owned()), column: None, message }
}

#[cfg(test)]
mod tests;
