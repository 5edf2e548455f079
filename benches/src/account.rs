//! Where CPU time goes: that of a query by stages and samples, that of the broker by samples.

mod broker;
mod q0;
mod samples;
mod stacks;

use clap::{Args, Subcommand};

/// Where CPU time goes
#[derive(Debug, Args)]
pub(crate) struct Account {
    #[command(subcommand)]
    of: Of,
}

#[derive(Debug, Subcommand)]
enum Of {
    Q0(q0::Q0),
    Broker(broker::Broker),
}

impl Account {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.of {
            Of::Q0(q0) => q0.run(),
            Of::Broker(broker) => broker.run(),
        }
    }
}
