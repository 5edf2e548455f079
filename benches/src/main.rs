//! What Millstream costs, beside what its peers and the machine's own limits cost: `cargo run --release -p millstream-benches -- NAME`.
//!
//! Each subcommand is a file with its arguments and a `run`, and measures our side and the peer's in one run, alternating, because
//! the same work costs twice as much from one quarter of an hour to the next on a shared machine: only the ratio means something.
//! `docs/benchmarks.md` has the method and the figures. Nothing here asserts a speed; tests check what the measuring
//! is built from. The subcommands `load` and `floor` are parts that the others use, and useful alone.
//!
//! To add a measurement: a file beside this one and two lines below.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports what it measured")]

mod account;
mod broker;
mod client;
mod comparison;
mod durability;
mod engine;
mod floor;
mod formats;
mod generate;
mod isolation;
mod kafka;
mod latency;
mod load;
mod millstream;
mod nexmark;
mod partitions;
mod peers;
mod process;
mod producers;
mod sensors;
mod startup;

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
    Account(account::Account),
    Broker(broker::Broker),
    Client(client::Client),
    Durability(durability::Durability),
    Floor(floor::Floor),
    Engine(engine::Options),
    Formats(formats::Options),
    Isolation(isolation::Isolation),
    Latency(latency::Latency),
    Load(load::Load),
    Nexmark(nexmark::Nexmark),
    Partitions(partitions::Partitions),
    Sensors(sensors::Sensors),
    Startup(startup::Startup),
}

fn main() -> ExitCode {
    let measured = peers::stop_on_interrupt().and_then(|()| match Arguments::parse().measurement {
        Measurement::Account(account) => account.run(),
        Measurement::Broker(broker) => broker.run(),
        Measurement::Client(client) => client.run(),
        Measurement::Durability(durability) => durability.run(),
        Measurement::Floor(floor) => floor.run(),
        Measurement::Engine(options) => engine::run(&options),
        Measurement::Formats(options) => formats::run(&options),
        Measurement::Isolation(isolation) => isolation.run(),
        Measurement::Latency(latency) => latency.run(),
        Measurement::Load(load) => load.run(),
        Measurement::Nexmark(nexmark) => nexmark.run(),
        Measurement::Partitions(partitions) => partitions.run(),
        Measurement::Sensors(sensors) => sensors.run(),
        Measurement::Startup(startup) => startup.run(),
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
