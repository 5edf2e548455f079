//! `cluster`: what there is.

use clap::{Args, Subcommand};

use super::OnCluster;

/// Show what a cluster consists of.
#[derive(Debug, Args)]
pub(crate) struct ClusterCommands {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    #[command(visible_aliases = ["status", "metadata"])]
    Info(ClusterInfo),
}

/// Show the cluster's id, its brokers and its topics. JSON has one object.
#[derive(Debug, Args)]
pub(crate) struct ClusterInfo {
    /// Only the cluster's id
    #[arg(short = 'c', long)]
    pub(crate) print_cluster: bool,
    /// Only the brokers; the one with a star takes administrative requests
    #[arg(long)]
    pub(crate) print_brokers: bool,
    /// Only the topics
    #[arg(short = 't', long)]
    pub(crate) print_topics: bool,
    /// Show internal topics as well
    #[arg(short = 'i', long)]
    pub(crate) print_internal_topics: bool,
    #[command(flatten)]
    pub(crate) on: OnCluster,
}
