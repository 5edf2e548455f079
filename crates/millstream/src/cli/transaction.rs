//! `txn`: transactions that producers have open, under the names of `rpk cluster txn`.

use clap::{Args, Subcommand};

use super::{Cluster, Output};

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
}

#[derive(Debug, Args)]
pub(crate) struct TransactionList {
    /// Only ids in these states, such as ongoing, completecommit
    #[arg(short, long, value_delimiter = ',')]
    pub(crate) states: Vec<String>,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// The form of the list
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
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
    pub(crate) cluster: Cluster,
    /// The form of the answer
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
}

/// Abort the open transactions of transactional ids.
///
/// Readers of committed records go on behind it. Whoever produces with such an id is fenced and has to start anew, so this is
/// for producers that are gone and whose transactions have not timed out yet.
#[derive(Debug, Args)]
pub(crate) struct TransactionAbort {
    /// The transactional ids
    #[arg(required = true)]
    pub(crate) transactional_ids: Vec<String>,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// The form of the answer
    #[arg(long, default_value = "table")]
    pub(crate) output: Output,
}
