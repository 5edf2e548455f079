//! Connectors: what tables read from and write to, a folder each.
//!
//! To add one: a folder with an implementation of [`Connector`], and a line in [`connectors`].
//!
//! *Architecture invariant:* the engine and the planner see nothing of this crate but the traits of
//! `millstream-engine`; a connector never sees SQL.

pub mod blackhole;
pub mod datagen;
pub mod filesystem;
mod format;
pub mod kafka;
pub mod options;
pub mod print;

use std::sync::Arc;

use millstream_engine::connector::{Connector, ConnectorError};
use tokio::runtime::Handle;

use kafka::{Clusters, Kafka};
use options::OptionSpec;

/// What connectors need of the process around them.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The runtime that does their I/O and keeps their timers.
    pub runtime: Handle,
    /// The clusters that `kafka` tables can mean.
    pub clusters: Clusters,
}

/// Every connector there is, and the one among them that also keeps epochs and dead letters.
pub fn connectors(environment: &Environment) -> (Vec<Arc<dyn Connector>>, Kafka) {
    let runtime = &environment.runtime;
    let kafka = Kafka::new(environment.clusters.clone(), runtime.clone());
    let all: Vec<Arc<dyn Connector>> = vec![
        Arc::new(blackhole::Blackhole),
        Arc::new(datagen::Datagen::new(runtime.clone())),
        Arc::new(filesystem::Filesystem::new(runtime.clone())),
        Arc::new(kafka.clone()),
        Arc::new(print::Print),
    ];
    (all, kafka)
}

/// The options of every connector, for the reference page: a heading and a table after the other.
pub fn reference() -> Vec<(&'static str, Vec<OptionSpec>)> {
    vec![
        ("Every connector", options::TABLE_OPTIONS.to_vec()),
        ("`kafka`", [kafka::options::OPTIONS, kafka::options::FORMATS].concat()),
        ("`kafka`: `properties.*`", kafka::properties::PROPERTIES.to_vec()),
        ("`filesystem`", filesystem::OPTIONS.to_vec()),
        ("`datagen`", datagen::OPTIONS.to_vec()),
        ("`datagen`: `fields.NAME.*`", datagen::FIELD_OPTIONS.to_vec()),
        ("`print`", print::OPTIONS.to_vec()),
        ("`blackhole`", Vec::new()),
    ]
}

fn only_a_sink(name: &str) -> ConnectorError {
    ConnectorError::Declaration {
        option: Some("connector".to_owned()),
        column: None,
        message: format!("a '{name}' table can only be written to"),
    }
}

fn only_a_source(name: &str) -> ConnectorError {
    ConnectorError::Declaration {
        option: Some("connector".to_owned()),
        column: None,
        message: format!("a '{name}' table can only be read"),
    }
}
