//! One module per command.

mod broker;
mod consume;
mod produce;
mod run;
mod sql;
mod topic;

use std::io::Write;

use clap::CommandFactory;

use crate::cli::{Arguments, Command, TopicCommand};
use crate::exit::{Failure, FailureKind};

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
            TopicCommand::Delete(command) => topic::delete(&command),
            TopicCommand::Produce(command) => produce::execute(&command),
            TopicCommand::Consume(command) => consume::execute(&command),
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

/// An error for input that is invalid.
pub(crate) fn invalid(message: impl Into<String>) -> anyhow::Error {
    Failure::new(FailureKind::Invalid, message).into()
}
