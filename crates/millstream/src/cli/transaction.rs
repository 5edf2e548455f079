//! `txn`: transactions that producers have open, under the names of `rpk cluster txn`.

use clap::{Args, Subcommand};

use super::OnCluster;

/// List, describe and abort the transactions of producers.
#[derive(Debug, Args)]
pub(crate) struct Transaction {
    #[command(subcommand)]
    pub(crate) command: TransactionCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TransactionCommand {
    /// List transactional ids
    #[command(visible_alias = "ls")]
    List(TransactionList),
    /// Describe transactional ids: producer, state and the partitions that take part
    Describe(TransactionDescribe),
    Abort(TransactionAbort),
    FindHanging(TransactionFindHanging),
}

#[derive(Debug, Args)]
pub(crate) struct TransactionList {
    /// Only ids in these states, such as ongoing, completecommit
    #[arg(short, long, value_delimiter = ',')]
    pub(crate) states: Vec<String>,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

#[derive(Debug, Args)]
pub(crate) struct TransactionDescribe {
    /// The transactional ids
    #[arg(required = true)]
    pub(crate) transactional_ids: Vec<String>,
    /// A row per partition that takes part
    #[arg(short = 'p', long)]
    pub(crate) print_partitions: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Abort the open transactions of transactional ids.
///
/// Readers of committed records go on behind it. Whoever produces with such an id is fenced and has to start anew, so this is
/// for producers that are gone and whose transactions have not timed out yet.
///
/// A transaction that hangs, because no coordinator knows of it any more, is aborted in its partition (`txn find-hanging` tells which):
///
///   millstream txn abort --topic orders --partition 3 --start-offset 4711
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TransactionAbort {
    /// The transactional ids
    #[arg(required_unless_present = "topic", conflicts_with = "topic")]
    pub(crate) transactional_ids: Vec<String>,
    /// Abort what hangs in a partition of this topic
    #[arg(long, requires = "partition", requires = "start_offset")]
    pub(crate) topic: Option<String>,
    /// The partition in which it hangs
    #[arg(long, requires = "topic")]
    pub(crate) partition: Option<i32>,
    /// Where it began
    #[arg(long, requires = "topic")]
    pub(crate) start_offset: Option<i64>,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}

/// Find transactions that hang: they are open in a partition for longer than any may be, and their coordinator knows nothing of them.
///
/// They keep readers of committed records, and compaction, from going on. `txn abort --topic --partition --start-offset` ends them.
#[derive(Debug, Args)]
pub(crate) struct TransactionFindHanging {
    /// Only in these topics; all of them unless given
    pub(crate) topics: Vec<String>,
    /// How long a transaction may take in this cluster, in minutes: `transaction.max.timeout.ms` of the brokers
    #[arg(long, value_name = "MINUTES", default_value_t = 15)]
    pub(crate) max_transaction_timeout: u32,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}
