//! `group`: what consumer groups have read and what is left, under the names and letters of `rpk`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OnCluster;
use super::topic::instant_ms;

/// List, describe and delete consumer groups, show their lag and move their offsets.
#[derive(Debug, Args)]
pub(crate) struct Group {
    #[command(subcommand)]
    pub(crate) command: GroupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// List groups
    #[command(visible_alias = "ls")]
    List(GroupList),
    Describe(GroupDescribe),
    Lag(GroupLag),
    Seek(GroupSeek),
    /// Delete groups that have no members, with their offsets
    Delete(GroupDelete),
    OffsetDelete(GroupOffsetDelete),
}

#[derive(Debug, Args)]
pub(crate) struct GroupList {
    /// Only groups in these states, such as stable, empty, preparingrebalance
    #[arg(short, long, value_delimiter = ',')]
    pub(crate) states: Vec<String>,
    /// Only groups of these types: classic, consumer
    #[arg(short, long, value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Describe groups: state, members, and per partition what is committed and how much is left.
///
/// A partition that a member has been given and has not committed yet counts from its first offset. JSON has an object per
/// group. With --regex every group is described that one of the expressions matches:
///
///   millstream group describe --regex 'weather-.*' '.*-loader'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct GroupDescribe {
    /// The groups, or with --regex what their whole names match
    #[arg(required = true)]
    pub(crate) groups: Vec<String>,
    /// The groups are regular expressions
    #[arg(short = 'r', long)]
    pub(crate) regex: bool,
    /// Only the summary
    #[arg(short = 's', long, conflicts_with_all = ["print_commits", "print_lag_per_topic"])]
    pub(crate) print_summary: bool,
    /// Only the partitions
    #[arg(short = 'c', long, conflicts_with = "print_lag_per_topic")]
    pub(crate) print_commits: bool,
    /// Only the lag of each topic
    #[arg(short = 't', short_alias = 'l', long)]
    pub(crate) print_lag_per_topic: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Show how many records groups have not read yet, per topic.
#[derive(Debug, Args)]
pub(crate) struct GroupLag {
    /// The groups; all of them unless given
    pub(crate) groups: Vec<String>,
    /// A row per partition
    #[arg(short, long)]
    pub(crate) partitions: bool,
    /// Show it again every few seconds until Ctrl-C
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", require_equals = true,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) watch: Option<u64>,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Move the committed offsets of a group that has no members.
///
/// --to and --shift-by move the topics that the group has commits for; --to-group takes over what another group has
/// committed, and --to-file what lines of `TOPIC PARTITION OFFSET` say. --topics narrows each of them.
///
///   millstream group seek readers --to start
///   millstream group seek readers --to 2013-01-01T06:00:00Z --topics raw-temperature
///   millstream group seek readers --to-group other --dry-run
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[group(id = "target", required = true, multiple = false, args = ["to", "to_group", "to_file", "shift_by"])]
pub(crate) struct GroupSeek {
    /// The group
    pub(crate) group: String,
    /// Every partition to its start, its end, or the first record from a time on: 2013-01-01, 2013-01-01T06:00:00Z, -1h, or
    /// seconds, milliseconds or nanoseconds since 1970
    #[arg(long, value_name = "start|end|TIME", allow_hyphen_values = true, value_parser = SeekTarget::parse)]
    pub(crate) to: Option<SeekTarget>,
    /// Where this group is
    #[arg(long, value_name = "GROUP")]
    pub(crate) to_group: Option<String>,
    /// Where a file says: a line per partition with TOPIC PARTITION OFFSET
    #[arg(long, value_name = "FILE")]
    pub(crate) to_file: Option<PathBuf>,
    /// Every committed offset by so many records, forward or (with a minus) back, within what the partition holds
    #[arg(long, value_name = "RECORDS", allow_negative_numbers = true)]
    pub(crate) shift_by: Option<i64>,
    /// Only these topics, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub(crate) topics: Vec<String>,
    /// With --to: commit also for --topics that the group has no commits for
    #[arg(long, requires = "topics")]
    pub(crate) allow_new_topics: bool,
    /// Show what would be committed without doing it
    #[arg(short = 'd', long = "dry-run", visible_alias = "dry")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

#[derive(Debug, Args)]
pub(crate) struct GroupDelete {
    /// The groups
    #[arg(required = true)]
    pub(crate) groups: Vec<String>,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Delete the offsets that a group has committed for topics that its members do not read.
#[derive(Debug, Args)]
pub(crate) struct GroupOffsetDelete {
    /// The group
    pub(crate) group: String,
    /// A topic, or some of its partitions: TOPIC or TOPIC:0,3; repeatable
    #[arg(short, long = "topic", required = true, value_name = "TOPIC[:PARTITIONS]", value_parser = TopicPartitions::parse)]
    pub(crate) topics: Vec<TopicPartitions>,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Where `seek --to` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeekTarget {
    /// The first offset of each partition.
    Start,
    /// Behind the last.
    End,
    /// The first record with this timestamp in ms or a later one; behind the last if there is none.
    Time(i64),
}

impl SeekTarget {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not `start`, `end` or a time such as 2013-01-01T06:00:00Z or -1h");
        let time = text.strip_prefix('@').unwrap_or(text);
        let is_number = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            // As rpk tells units apart; any other number is rather a mistake than a time.
            _ if is_number && !matches!(time.len(), 9 | 10 | 13 | 19) => Err(wrong()),
            _ if is_number && time.len() == 19 => time
                .parse::<i64>()
                .map(|nanoseconds| Self::Time(nanoseconds / 1_000_000))
                .map_err(|_| wrong()),
            _ => instant_ms(time, chrono::Utc::now().timestamp_millis()).map(Self::Time).ok_or_else(wrong),
        }
    }
}

/// A topic with some of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicPartitions {
    /// The topic.
    pub(crate) topic: String,
    /// None stands for all.
    pub(crate) partitions: Option<Vec<i32>>,
}

impl TopicPartitions {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((topic, partitions)) = text.rsplit_once(':') else {
            return Ok(Self { topic: text.to_owned(), partitions: None });
        };
        let partitions = partitions.split(',').map(str::parse).collect::<Result<_, _>>();
        let partitions = partitions.map_err(|_| format!("`{text}` is not TOPIC or TOPIC:0,3"))?;
        Ok(Self { topic: topic.to_owned(), partitions: Some(partitions) })
    }
}

#[cfg(test)]
mod tests;
