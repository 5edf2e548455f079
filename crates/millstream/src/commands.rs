//! One module per command.

mod broker;
mod cluster;
mod consume;
mod group;
mod produce;
mod run;
mod sql;
mod topic;
mod transaction;

use std::io::Write;

use clap::CommandFactory;

use millstream_client::ClientError;

use crate::cli::{
    Arguments, ClusterCommand, Command, GroupCommand, Output, TopicCommand, TransactionCommand,
};
use crate::exit::{Failure, FailureKind};
use crate::listing::Listing;

/// Runs the command.
///
/// # Errors
/// Why it failed; the error's kind decides the exit code.
pub(crate) fn execute(arguments: Arguments) -> anyhow::Result<()> {
    let global = arguments.global;
    match arguments.command {
        Command::Run(command) => run::execute(&command, &global),
        Command::Start(command) => broker::execute(&command),
        Command::Sql(command) => sql::execute(&command, &global),
        Command::Explain(command) => sql::explain(&command),
        Command::Topic(topic) => match topic.command {
            TopicCommand::Create(command) => topic::create(&command),
            TopicCommand::List(command) => topic::list(&command),
            TopicCommand::Describe(command) => topic::describe(&command),
            TopicCommand::Alter(command) => topic::alter(&command),
            TopicCommand::AddPartitions(command) => topic::add_partitions(&command),
            TopicCommand::Delete(command) => topic::delete(&command),
            TopicCommand::Produce(command) => produce::execute(&command),
            TopicCommand::Consume(command) => consume::execute(&command),
        },
        Command::Group(group) => match group.command {
            GroupCommand::List(command) => group::list(&command),
            GroupCommand::Describe(command) => group::describe(&command),
            GroupCommand::Lag(command) => group::lag(&command),
            GroupCommand::Seek(command) => group::seek(&command),
            GroupCommand::Delete(command) => group::delete(&command),
            GroupCommand::OffsetDelete(command) => group::delete_offsets(&command),
        },
        Command::Cluster(cluster) => match cluster.command {
            ClusterCommand::Info(command) => cluster::info(&command),
        },
        Command::Transaction(transaction) => match transaction.command {
            TransactionCommand::List(command) => transaction::list(&command),
            TransactionCommand::Describe(command) => transaction::describe(&command),
            TransactionCommand::Abort(command) => transaction::abort(&command),
            TransactionCommand::FindHanging(command) => transaction::find_hanging(&command),
        },
        Command::Produce(command) => produce::execute(&command),
        Command::Consume(command) => consume::execute(&command),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "millstream", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// Writes to standard output; a reader that has gone away ends the command without a word, as `head` does.
///
/// # Errors
/// When the output cannot be written for another reason.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// Prints what became of each `noun` and fails with the first error that is not tolerated.
///
/// # Errors
/// That error.
pub(crate) fn report(
    output: Output,
    noun: &str,
    outcomes: impl IntoIterator<Item = (String, Result<(), ClientError>)>,
    tolerated: impl Fn(&ClientError) -> bool,
) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[noun, "status"]);
    let mut first_error = None;
    for (name, outcome) in outcomes {
        let status = outcome.as_ref().map_or_else(ToString::to_string, |()| "OK".to_owned());
        listing.push(vec![name.into(), status.into()]);
        first_error = first_error.or(outcome.err().filter(|error| !tolerated(error)));
    }
    print(|out| listing.write(output, out))?;
    first_error.map_or(Ok(()), |error| Err(error.into()))
}

/// Prints a heading above a table, as `rpk` does; JSON has none.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn section(output: Output, title: &str, listing: &Listing) -> anyhow::Result<()> {
    print(|out| {
        if output == Output::Table {
            writeln!(out, "{}\n{}", title.to_ascii_uppercase(), "=".repeat(title.len()))?;
        }
        listing.write(output, out)?;
        if output == Output::Table { writeln!(out) } else { Ok(()) }
    })
}

/// An error for input that is invalid.
pub(crate) fn invalid(message: impl Into<String>) -> anyhow::Error {
    Failure::new(FailureKind::Invalid, message).into()
}
