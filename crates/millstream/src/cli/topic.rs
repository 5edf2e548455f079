//! `topic` and its kin, under the names and letters that `rpk` users have in their fingers.

mod offset_range;

use clap::{Args, Subcommand, ValueEnum};

use super::{Cluster, OnCluster};
use crate::record_format::{Format, Layout};

pub(super) use offset_range::instant_ms;
pub(crate) use offset_range::{OffsetRange, RangeEnd, RangeStart};

/// Create, list, describe and delete topics, produce to them and consume from them.
#[derive(Debug, Args)]
pub(crate) struct Topic {
    #[command(subcommand)]
    pub(crate) command: TopicCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// Create topics
    Create(TopicCreate),
    /// List topics
    List(TopicList),
    /// Describe topics: settings and partitions with their offsets
    Describe(TopicDescribe),
    #[command(visible_alias = "alter-config")]
    Alter(TopicAlter),
    /// Add partitions to topics
    AddPartitions(TopicAddPartitions),
    /// Delete topics
    Delete(TopicDelete),
    Produce(Produce),
    Consume(Consume),
}

#[derive(Debug, Args)]
pub(crate) struct TopicCreate {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    /// Partitions per topic; -1 takes the broker's default
    #[arg(short, long, default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) partitions: i32,
    /// Replicas per partition; -1 takes the broker's default
    #[arg(short, long, default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) replicas: i16,
    /// A setting of the topics; repeatable
    #[arg(short = 'c', long = "topic-config", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) config: Vec<(String, String)>,
    /// Check the request without creating anything
    #[arg(short = 'd', long = "dry")]
    pub(crate) dry_run: bool,
    /// Succeed when a topic exists already
    #[arg(long)]
    pub(crate) if_not_exists: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

#[derive(Debug, Args)]
pub(crate) struct TopicList {
    /// Only these topics
    pub(crate) topics: Vec<String>,
    /// Show partitions as well
    #[arg(short, long)]
    pub(crate) detailed: bool,
    /// Show internal topics as well
    #[arg(short, long)]
    pub(crate) internal: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

#[derive(Debug, Args)]
pub(crate) struct TopicDescribe {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    /// Only the summary
    #[arg(short = 's', long)]
    pub(crate) print_summary: bool,
    /// Only the settings
    #[arg(short = 'c', long)]
    pub(crate) print_configs: bool,
    /// Only the partitions
    #[arg(short = 'p', long)]
    pub(crate) print_partitions: bool,
    /// Summary, settings and partitions
    #[arg(short = 'a', long)]
    pub(crate) print_all: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Change settings of topics, or raise their number of partitions.
///
/// The settings of a topic are changed all at once or not at all. `topic describe TOPIC -c` shows them.
///
///   millstream topic alter orders --set retention.ms=86400000 --delete segment.bytes
///   millstream topic alter orders --append cleanup.policy=compact --partitions 12
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[group(id = "change", required = true, multiple = true, args = ["set", "delete", "append", "subtract", "partitions"])]
pub(crate) struct TopicAlter {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    /// Give a setting a value; repeatable
    #[arg(short = 's', long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Give a setting its default again; repeatable
    #[arg(short = 'd', long, value_name = "KEY")]
    pub(crate) delete: Vec<String>,
    /// Add to a setting that is a list; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) append: Vec<(String, String)>,
    /// Take away from a setting that is a list; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) subtract: Vec<(String, String)>,
    /// How many partitions there shall be; never fewer than there are. Keys may then go to other partitions
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) partitions: Option<i32>,
    /// Check the changes without making them
    #[arg(long = "dry-run", visible_alias = "dry")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

#[derive(Debug, Args)]
pub(crate) struct TopicAddPartitions {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    /// How many partitions to add
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) num: i32,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

#[derive(Debug, Args)]
pub(crate) struct TopicDelete {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Produce records to a topic from standard input.
///
/// The format is read with the letters of `consume`: %k key, %v value, %h{...} headers, %p partition, %d timestamp in
/// milliseconds. A text ends where the text behind it in the format begins (`%k\t%v\n`, `%k %h{%k:%v,}\t%v\n`), or after the
/// length that was read before it (`%V{big32}%v`). By default each line is a value.
#[derive(Debug, Args)]
pub(crate) struct Produce {
    /// The topic; created if the broker creates topics by itself
    pub(crate) topic: String,
    /// The form of a record on standard input
    #[arg(short, long, default_value = "%v\\n", value_parser = layout)]
    pub(crate) format: Layout,
    /// A key for every record that has none in the input
    #[arg(short, long)]
    pub(crate) key: Option<String>,
    /// A header for every record; repeatable
    #[arg(short = 'H', long = "header", value_name = "KEY:VALUE", value_parser = key_colon_value)]
    pub(crate) headers: Vec<(String, String)>,
    /// How batches are compressed
    #[arg(short = 'z', long, default_value = "none")]
    pub(crate) compression: CompressionName,
    /// The partition; -1 takes the key's, or without a key one after the other
    #[arg(short, long, default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) partition: i32,
    /// Who must have a record before it is acknowledged: all (-1), the leader (1), or nobody (0)
    #[arg(long, default_value_t = -1, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i16).range(-1..=1))]
    pub(crate) acks: i16,
    /// Produce an empty value as a tombstone
    #[arg(short = 'Z', long)]
    pub(crate) tombstone: bool,
    /// The largest record
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1024..=1 << 30))]
    pub(crate) max_message_bytes: u32,
    /// What to print per record once it is acknowledged, in the order of the input
    #[arg(
        short = 'o',
        long,
        default_value = "Produced to partition %p at offset %o with timestamp %d.\\n",
        value_name = "FORMAT",
        value_parser = Format::parse
    )]
    pub(crate) output_format: Format,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// How a produced batch is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompressionName {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Consume records from topics.
///
/// Formats: %t topic, %p partition, %o offset, %k key, %v value, %T/%K/%V lengths (topic, key, value), %H number of headers,
/// %h{%k=%v } headers, %d timestamp in milliseconds, %d{strftime[%F %T]}, %e leader epoch, %i number of the record from 1,
/// %% a percent sign; %v{hex}, %v{base64}; numbers as %o{hex64}, %V{big32}, %V{little32}; \n, \t, \r, \xHH.
///
/// Ranges: `start`, `end`, `47`, `47:50` (50 not included), `:50`, `:end` (stop at the present end), `+2` after the start, `-3`
/// before the end, `-3:end`, `@1356998400000`, `@2013-01-01`, `@2013-01-01T06:00:00Z`, `@-1h`, and `@FROM:UNTIL` with such
/// times, `end`, or a duration behind FROM (`@2013-01-01:6h`).
#[derive(Debug, Args)]
pub(crate) struct Consume {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    /// Where to start and stop in each partition; with a group, where to start what it has not committed
    #[arg(short, long, default_value = "start", allow_hyphen_values = true, value_parser = offset_range,
          value_name = "RANGE")]
    pub(crate) offset: OffsetRange,
    /// Only these partitions, separated by commas
    #[arg(short, long, value_delimiter = ',', conflicts_with = "group")]
    pub(crate) partitions: Vec<i32>,
    /// Consume as a member of this group and commit offsets
    #[arg(short, long)]
    pub(crate) group: Option<String>,
    /// Stop after this many records (0: never)
    #[arg(short = 'n', long = "num", default_value_t = 0)]
    pub(crate) count: u64,
    /// The form of a record: `json`, or a format
    #[arg(short, long, default_value = "json", value_parser = RecordForm::parse)]
    pub(crate) format: RecordForm,
    /// Show the size of the value in JSON instead of the value
    #[arg(long)]
    pub(crate) meta_only: bool,
    /// JSON over several lines
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL", num_args = 0..=1,
          default_missing_value = "true", require_equals = true)]
    pub(crate) pretty_print: bool,
    /// Leave out records of transactions that are open or were aborted
    #[arg(long)]
    pub(crate) read_committed: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// The form in which records are shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RecordForm {
    /// An object per record.
    Json,
    /// As the format says.
    Format(Format),
}

impl RecordForm {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "json" { Ok(Self::Json) } else { Format::parse(text).map(Self::Format) }
    }
}

fn layout(text: &str) -> Result<Layout, String> {
    let layout = Format::parse(text)?.layout()?;
    if layout.has_topic() {
        return Err("records go to the topic of the command line: leave `%t` out".to_owned());
    }
    Ok(layout)
}

fn offset_range(text: &str) -> Result<OffsetRange, String> {
    OffsetRange::parse(text, chrono::Utc::now().timestamp_millis())
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    split_pair(text, '=')
}

fn key_colon_value(text: &str) -> Result<(String, String), String> {
    split_pair(text, ':')
}

fn split_pair(text: &str, separator: char) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once(separator).ok_or_else(|| format!("`{text}` is not KEY{separator}VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}
