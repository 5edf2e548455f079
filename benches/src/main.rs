//! What Millstream costs, beside what its peers and the machine's own limits cost: `cargo run --release -p millstream-benches -- NAME`.
//!
//! Each subcommand is a file with its arguments and a `run`, and measures our side and the peer's in one run, alternating, because
//! the same work costs twice as much from one quarter of an hour to the next on a shared machine: only the ratio means something.
//! `docs/benchmarks.md` has the method and the figures. Nothing here asserts a speed; tests check what the measuring
//! is built from. The subcommands `load` and `floor` are parts that the others use, and useful alone.
//!
//! To add a measurement: a file beside this one and two lines below.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports what it measured")]

mod formats;
mod generate;
mod kafka;
mod load;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measurements against peers and physical limits; docs/benchmarks.md has the method")]
struct Arguments {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Subcommand)]
enum Measurement {
    Formats(formats::Options),
    Load(load::Load),
}

fn main() -> ExitCode {
    let measured = match Arguments::parse().measurement {
        Measurement::Formats(options) => formats::run(&options),
        Measurement::Load(load) => load.run(),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
