//! Measurements against peers and physical limits; `docs/benchmarks.md` has the results.
//!
//! Each subcommand is a file. A measurement alternates with what it is compared to in one run, because these machines
//! are noisy: only the ratio counts.

#![expect(clippy::print_stdout, reason = "results are printed")]

mod formats;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measurements of Millstream's rooms")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Nanoseconds per row of decoding and encoding JSON and CSV, beside serde_json.
    Formats(formats::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Formats(options) => formats::run(&options),
    }
}
