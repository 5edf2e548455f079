//! `topic` and its kin, under the names and letters that `rpk` users have in their fingers.

use clap::{Args, Subcommand, ValueEnum};

use super::{Cluster, Output};

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
    /// Delete topics
    Delete(TopicDelete),
    /// Produce records from standard input
    Produce(Produce),
    /// Consume records
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
    pub(crate) cluster: Cluster,
    /// The form of the answer
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
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
    pub(crate) cluster: Cluster,
    /// The form of the list
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
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
    pub(crate) cluster: Cluster,
    /// The form of the answer
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct TopicDelete {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// The form of the answer
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
}

/// Produce records to a topic from standard input.
///
/// The format is read with the same letters as in `consume`: %k key, %v value, %h{…} headers, \n, \t. The default
/// takes one value per line.
#[derive(Debug, Args)]
pub(crate) struct Produce {
    /// The topic
    pub(crate) topic: String,
    /// The form of a record on standard input
    #[arg(short, long, default_value = "%v\\n")]
    pub(crate) format: String,
    /// A key for every record, unless the format has one
    #[arg(short, long)]
    pub(crate) key: Option<String>,
    /// A header for every record; repeatable
    #[arg(short = 'H', long = "header", value_name = "KEY:VALUE", value_parser = key_colon_value)]
    pub(crate) headers: Vec<(String, String)>,
    /// How batches are compressed
    #[arg(short = 'z', long, default_value = "none")]
    pub(crate) compression: CompressionName,
    /// The partition; by default the key's, or one after the other
    #[arg(short, long)]
    pub(crate) partition: Option<i32>,
    /// Who must have a record before it is acknowledged: all (-1), the leader (1), or nobody (0)
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) acks: i16,
    /// Produce an empty value as a tombstone
    #[arg(short = 'Z', long)]
    pub(crate) tombstone: bool,
    /// What to print per record
    #[arg(
        short = 'o',
        long,
        default_value = "Produced to partition %p at offset %o with timestamp %d.\\n",
        value_name = "FORMAT"
    )]
    pub(crate) output_format: String,
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
/// Formats: %t topic, %p partition, %o offset, %k key, %v value, %T/%K/%V/%H lengths (topic, key, value) and the
/// number of headers, %h{%k=%v } headers, %d timestamp (milliseconds; %d{strftime[%F %T]}, %d{go[…]} is not known),
/// %e leader epoch, %a attributes, %% a percent sign; %v{hex}, %v{base64}; \n, \t, \r, \xHH. `json` prints objects.
#[derive(Debug, Args)]
pub(crate) struct Consume {
    /// The topics
    #[arg(required = true)]
    pub(crate) topics: Vec<String>,
    /// Where to start and stop: start, end, N, N:M, :M, +N after the start, -N before the end, @MILLISECONDS,
    /// @FROM:UNTIL, and `:end` to stop at the present end
    #[arg(short, long, default_value = "start", allow_hyphen_values = true)]
    pub(crate) offset: String,
    /// Only these partitions, separated by commas
    #[arg(short, long, value_delimiter = ',', conflicts_with = "group")]
    pub(crate) partitions: Vec<i32>,
    /// Consume as a member of this group and commit offsets
    #[arg(short, long)]
    pub(crate) group: Option<String>,
    /// Stop after this many records (0: never)
    #[arg(short = 'n', long = "num", default_value_t = 0)]
    pub(crate) count: u64,
    /// The form of a record
    #[arg(short, long, default_value = "json")]
    pub(crate) format: String,
    /// Leave the value out of JSON
    #[arg(long)]
    pub(crate) meta_only: bool,
    /// JSON over several lines
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) pretty_print: bool,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

fn key_value(text: &str) -> Result<(String, String), String> {
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
