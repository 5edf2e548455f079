//! What a declaration of a `kafka` table says, read and checked; no network yet.

use std::collections::BTreeMap;

use millstream_engine::connector::{ConnectorError, TableSpec};
use millstream_formats::Format;

use crate::format::FormatOptions;
use crate::options::{OptionSpec, Options, REQUIRED, invalid, option};

/// The options of a table beside those of its formats.
#[rustfmt::skip]
pub(crate) const OPTIONS: &[OptionSpec] = &[
    option("topic", "topics, separated by `;`", REQUIRED, "What is read; a table that is written to has one topic."),
    option("properties.bootstrap.servers", "`HOST:PORT`, separated by commas", REQUIRED,
        "Brokers of the cluster. `localhost:9092` and `127.0.0.1:9092` mean the embedded broker, if there is one; `--bootstrap-server` \
         overrides all."),
    option("properties.group.id", "text", "`pipeline.name`, with `--follow`",
        "The consumer group whose offsets `group-offsets` means, and which `run --follow` commits to and resumes from."),
    option("properties.*", "see below", "", "Other settings of Kafka's clients."),
    option("value.fields-include", "`ALL`, `EXCEPT_KEY`", "`ALL`", "Whether the columns of the key stand in the value too."),
    option("key.fields", "columns, separated by `;`", "", "The columns of the key; needs `key.format`."),
    option("key.fields-prefix", "text", "",
        "What the names of key columns begin with in the table and not in the key; needs `EXCEPT_KEY`."),
    option("scan.startup.mode",
        "`group-offsets`, `earliest-offset`, `latest-offset`, `timestamp`, `specific-offsets`", "`group-offsets`",
        "Where reading begins. A pipeline that resumes begins where it stopped; partitions that were added meanwhile at their first record."),
    option("scan.startup.timestamp-millis", "a whole number", "required by `timestamp`", "Where `timestamp` begins, in milliseconds since 1970."),
    option("scan.startup.specific-offsets", "`partition:0,offset:42;partition:1,offset:300`", "required by `specific-offsets`",
        "Where `specific-offsets` begins; other partitions are read from their first record."),
    option("scan.bounded.mode",
        "`unbounded`, `latest-offset`, `group-offsets`, `timestamp`, `specific-offsets`", "`unbounded`",
        "Where reading ends; `run --follow` reads without end."),
    option("scan.bounded.timestamp-millis", "a whole number", "required by `timestamp`", "Where `timestamp` ends, in milliseconds since 1970."),
    option("scan.bounded.specific-offsets", "`partition:0,offset:42;partition:1,offset:300`", "required by `specific-offsets`",
        "Where `specific-offsets` ends; of other partitions nothing is read."),
    option("sink.partitioner", "`default`, `fixed`, `round-robin`", "`default`",
        "How a record's partition is chosen: by the key's hash and without a key batch by batch; one per writer; one after the other."),
    option("sink.delivery-guarantee", "`at-least-once`, `none`", "`at-least-once`",
        "Whether an epoch waits until its records are acknowledged."),
];

const VALUE: FormatOptions = FormatOptions {
    key: "value.format",
    prefix: "value.",
    known: &[
        ("csv", &[option("value.csv.*", "", "", "Options of the value's format.")]),
        ("json", &[option("value.json.*", "", "", "Options of the value's format.")]),
        ("raw", &[option("value.raw.*", "", "", "Options of the value's format.")]),
    ],
};

const KEY: FormatOptions = FormatOptions {
    key: "key.format",
    prefix: "key.",
    known: &[
        ("csv", &[option("key.csv.*", "", "", "Options of the key's format.")]),
        ("json", &[option("key.json.*", "", "", "Options of the key's format.")]),
        ("raw", &[option("key.raw.*", "", "", "Options of the key's format.")]),
    ],
};

/// The keys that name the two formats, so that only known options of the one named pass.
#[rustfmt::skip]
pub(crate) const FORMATS: &[OptionSpec] = &[
    option("format", "`json`, `csv`, `raw`", "required, unless `value.format` is there", "The value's format; its options begin with its name."),
    option("value.format", "`json`, `csv`, `raw`", "", "The same as `format`; its options begin with `value.` and its name."),
    option("key.format", "`json`, `csv`, `raw`", "",
        "The key's format, whose options begin with `key.` and its name; without it keys are null. Needs `key.fields`."),
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
        (_, false) => Ok(crate::format::PLAIN),
        (false, true) => Ok(VALUE),
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
