//! Chores of the repository, run as `cargo run -p xtask -- CHORE`.
//!
//! The only chore is `generate-messages`: it turns Apache Kafka's message definitions into the Rust of
//! `crates/wire/src/messages/generated/`. It needs neither the network nor Kafka's sources; the definitions are JSON
//! files inside Kafka's jars, which a script fetches:
//!
//! ```text
//! tests/peers/kafka.sh definitions target/kafka-definitions
//! cargo run -p xtask -- generate-messages --definitions target/kafka-definitions
//! ```
//!
//! `--check` writes nothing and fails when the committed files differ from what would be generated.

mod messages;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

const USAGE: &str = "usage: cargo run -p xtask -- generate-messages --definitions DIR [--check]";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("generate-messages") => generate_messages(arguments),
        Some(other) => bail!("unknown chore `{other}`\n{USAGE}"),
        None => bail!("no chore given\n{USAGE}"),
    }
}

fn generate_messages(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut definitions = None;
    let mut check = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--definitions" => definitions = arguments.next().map(PathBuf::from),
            "--check" => check = true,
            other => bail!("unknown option `{other}`\n{USAGE}"),
        }
    }
    let definitions = definitions.context(USAGE)?;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = messages::generate(&definitions, &root)?;
    let target = root.join("crates/wire/src/messages/generated");
    if check { messages::check(&target, &files) } else { messages::write(&target, &files) }
}
