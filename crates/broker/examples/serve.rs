//! Starts a broker and serves until it is interrupted.
//!
//! ```text
//! cargo run --release -p millstream-broker --example serve -- 127.0.0.1:9092 ./data none
//! ```
#![expect(clippy::print_stdout, reason = "the example talks to a person")]

use std::env;

use millstream_broker::{Broker, BrokerConfig, ListenerConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let mut arguments = env::args().skip(1);
    let bind = arguments.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let mut config = BrokerConfig::new(arguments.next().unwrap_or_else(|| "./data".to_owned()));
    if let Some(policy) = arguments.next() {
        config.fsync = policy.parse()?;
    }
    config.listeners.push(ListenerConfig::plaintext(bind));
    let broker = Broker::start(config).await?;
    println!("ready kafka={}", broker.listeners()[0].address);
    tokio::signal::ctrl_c().await?;
    broker.shutdown().await?;
    Ok(())
}
