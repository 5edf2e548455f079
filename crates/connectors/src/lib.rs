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
pub mod options;
pub mod print;

use std::sync::Arc;

use millstream_engine::connector::{Connector, ConnectorError};
use tokio::runtime::Handle;

/// What connectors need of the process around them.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The runtime that does their I/O and keeps their timers.
    pub runtime: Handle,
}

/// Every connector there is.
pub fn connectors(environment: &Environment) -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(blackhole::Blackhole),
        Arc::new(datagen::Datagen::new(environment.runtime.clone())),
        Arc::new(filesystem::Filesystem::new(environment.runtime.clone())),
        Arc::new(print::Print),
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
