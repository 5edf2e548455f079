//! The command line: what can be typed, its defaults and its help.

mod cluster;
mod group;
mod topic;
mod transaction;

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use cluster::{ClusterCommand, ClusterCommands, ClusterInfo};
pub(crate) use group::{
    Group, GroupCommand, GroupDelete, GroupDescribe, GroupLag, GroupList, GroupOffsetDelete, GroupSeek,
    SeekTarget,
};
pub(crate) use topic::{
    CompressionName, Consume, OffsetRange, Produce, RangeEnd, RangeStart, RecordForm, Topic,
    TopicAddPartitions, TopicAlter, TopicCommand, TopicCreate, TopicDelete, TopicDescribe, TopicList,
};
pub(crate) use transaction::{
    Transaction, TransactionAbort, TransactionCommand, TransactionDescribe, TransactionFindHanging,
    TransactionList,
};

use crate::listener::{HostPort, KafkaListener};
use crate::logging::LogFormat;

/// A data streaming platform in one binary: a Kafka-compatible broker, streaming SQL in Flink's dialect, and connectors.
///
/// Run a file of SQL with nothing else installed:   millstream run examples/weather/weather.sql
/// Keep a broker up for any Kafka client:           millstream start
#[derive(Debug, Parser)]
#[command(
    name = "millstream",
    version,
    max_term_width = 110,
    subcommand_required = true,
    verbatim_doc_comment
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// What is logged on standard error: off, error, warn, info, debug, trace, or a filter such as
    /// `warn,millstream_broker=debug`.
    #[arg(
        long,
        global = true,
        default_value = "warn",
        env = "MILLSTREAM_LOG_LEVEL",
        value_parser = crate::logging::check_level,
        help_heading = "Logging"
    )]
    pub(crate) log_level: String,
    /// The form of log lines.
    #[arg(
        long,
        global = true,
        default_value = "text",
        env = "MILLSTREAM_LOG_FORMAT",
        help_heading = "Logging"
    )]
    pub(crate) log_format: LogFormat,
    /// Colours and progress bars; `auto` uses them on a terminal unless NO_COLOR is set.
    #[arg(long, global = true, default_value = "auto", help_heading = "Logging")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether standard error gets colours.
    pub(crate) fn on_stderr(self) -> bool {
        match self {
            Self::Auto => std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The form of results on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    Table,
    /// One JSON object per line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Start(Start),
    Sql(Sql),
    Explain(Explain),
    /// Create, list, describe, alter and delete topics, produce to them and consume from them
    Topic(Topic),
    /// List, describe and delete consumer groups, show their lag and move their offsets
    Group(Group),
    /// Show what a cluster consists of
    Cluster(ClusterCommands),
    /// List, describe and abort the transactions of producers
    #[command(name = "txn")]
    Transaction(Transaction),
    Produce(Produce),
    Consume(Consume),
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// How to reach a Kafka cluster.
#[derive(Debug, Args)]
pub(crate) struct Cluster {
    /// Brokers of the cluster, separated by commas
    #[arg(
        short = 'b',
        long,
        visible_alias = "brokers",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:9092",
        env = "MILLSTREAM_BOOTSTRAP_SERVER"
    )]
    pub(crate) bootstrap_server: Vec<HostPort>,
}

/// Where a command is carried out, and how it answers.
#[derive(Debug, Args)]
pub(crate) struct OnCluster {
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// The form of the answer
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
}

/// How the embedded broker keeps data and where it listens.
#[derive(Debug, Args)]
pub(crate) struct Broker {
    /// The directory of the embedded broker's data; one process at a time
    #[arg(long, value_name = "DIR", help_heading = "Embedded broker")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where Kafka clients connect: [NAME://]HOST:PORT[,advertised=HOST:PORT]; repeatable, port 0 picks one
    /// [default: 127.0.0.1:9092]
    #[arg(long, value_name = "LISTENER", help_heading = "Embedded broker")]
    pub(crate) kafka_listener: Vec<KafkaListener>,
    /// A setting of the broker under Kafka's name, such as log.retention.ms=3600000; repeatable, above --config and above
    /// variables of the environment (KAFKA_LOG_RETENTION_MS)
    #[arg(short = 'X', long = "config-opt", value_name = "KEY=VALUE", value_parser = topic::key_value,
          help_heading = "Embedded broker")]
    pub(crate) options: Vec<(String, String)>,
    /// A file of settings in the form of Kafka's server.properties
    #[arg(
        short = 'c',
        long,
        value_name = "FILE",
        env = "MILLSTREAM_CONFIG",
        help_heading = "Embedded broker"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Where /metrics and /healthz are served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", help_heading = "Embedded broker")]
    pub(crate) http_listener: Option<HostPort>,
    /// Allow listeners that other machines can reach, although there is no authentication yet
    #[arg(long, help_heading = "Embedded broker")]
    pub(crate) insecure: bool,
    /// When acknowledged records are safe from a power cut: before the answer (group), within a second (interval), or
    /// when the system writes them (none) [default: group for a named data directory, none for a temporary one]
    #[arg(long, value_name = "POLICY", help_heading = "Embedded broker")]
    pub(crate) fsync: Option<Fsync>,
}

/// The broker's durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fsync {
    /// Records survive the process, and a power cut once the system wrote them.
    None,
    /// As `none`, and synced every second.
    Interval,
    /// Synced before they are acknowledged, many producers sharing one sync.
    Group,
}

/// Run a file of SQL as a pipeline, on an embedded broker or against a Kafka cluster.
///
/// Kafka tables at localhost:9092 or 127.0.0.1:9092 go to a broker embedded in the process, on a temporary data
/// directory unless --data-dir names one; with --bootstrap-server every Kafka table goes to that cluster. The command
/// ends when every INSERT has ended, which needs bounded tables (files, or `'scan.bounded.mode'` on a topic); stop it
/// with Ctrl-C otherwise.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Run {
    /// The file of SQL statements
    pub(crate) file: PathBuf,
    /// Kafka brokers to use instead of the embedded one, separated by commas
    #[arg(
        short = 'b',
        long,
        visible_alias = "brokers",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        env = "MILLSTREAM_BOOTSTRAP_SERVER"
    )]
    pub(crate) bootstrap_server: Vec<HostPort>,
    /// Keep the pipeline and its broker up: topics are read without end, and a restart resumes where it stopped
    #[arg(long)]
    pub(crate) follow: bool,
    /// Show the last table written: its first 20 rows as a table, or all of them as JSON lines
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
    /// Worker threads [default: `parallelism.default`, or one per core]
    #[arg(short, long, value_name = "N")]
    pub(crate) parallelism: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(crate) broker: Broker,
}

/// Keep an embedded broker up, for any Kafka client.
///
/// Data lies in --data-dir, ./millstream-data unless given, in Kafka's own files. One line says when and where it is
/// ready. SIGINT or SIGTERM stops it in order.
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) broker: Broker,
}

/// Run statements given on the command line, in a file or on standard input, and show their results.
///
/// Tables are read and written where they say, or on the cluster of --bootstrap-server. A SELECT over a table without end needs
/// LIMIT or --limit.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// Statements to run
    #[arg(short = 'e', long, value_name = "SQL", conflicts_with = "file")]
    pub(crate) execute: Option<String>,
    /// A file of statements to run; without it and --execute, standard input has them
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// A file of statements to run first, such as the declarations of tables
    #[arg(short = 'i', long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,
    /// Stop a SELECT after this many rows
    #[arg(short = 'n', long, value_name = "ROWS")]
    pub(crate) limit: Option<u64>,
    /// Kafka brokers to use instead of those that tables name, separated by commas
    #[arg(
        short = 'b',
        long,
        visible_alias = "brokers",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        env = "MILLSTREAM_BOOTSTRAP_SERVER"
    )]
    pub(crate) bootstrap_server: Vec<HostPort>,
    /// The form of results
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
}

/// Show the plan of every statement of a file without running it.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The file of SQL statements
    pub(crate) file: PathBuf,
}
