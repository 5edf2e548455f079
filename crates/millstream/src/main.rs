//! The `millstream` command: reads the command line, runs one command and turns its outcome into an exit code.

mod broker_settings;
mod cli;
mod cluster;
mod commands;
mod embedded;
mod exit;
mod http;
mod listener;
mod listing;
mod logging;
mod metrics;
mod pipelines;
mod progress;
mod record_format;
mod results;
mod script;
mod signals;
mod stop;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::usage(&error),
    };
    logging::start(&arguments.global);
    match commands::execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
