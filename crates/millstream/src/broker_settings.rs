//! The broker's settings under Kafka's names, from where users put them.
//!
//! By precedence: `-X KEY=VALUE` on the command line; the file of `--config`, in the form of Kafka's `server.properties`;
//! the environment, by the convention of Kafka's container images (`KAFKA_LOG_RETENTION_MS` is `log.retention.ms`; the
//! same behind `MILLSTREAM_`, which has precedence over `KAFKA_`). Flags of their own (`--data-dir`, `--kafka-listener`,
//! `--fsync`) stand above all of them. What the broker cannot obey is warned of, one line each, with its place.

mod environment;
mod java_properties;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use millstream_broker::{BrokerConfig, BrokerError, SettingNotice};

use crate::cli;
use crate::exit::{Failure, FailureKind};

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    CommandLine,
    File { path: PathBuf, line: usize },
    Environment { variable: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => formatter.write_str("-X"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment { variable } => formatter.write_str(variable),
        }
    }
}

/// Settings with their places.
#[derive(Debug, Default)]
pub(crate) struct BrokerSettings {
    values: BTreeMap<String, String>,
    origins: BTreeMap<String, Origin>,
}

impl BrokerSettings {
    /// Reads the settings of a command line, its file and the environment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(arguments: &cli::Broker) -> anyhow::Result<Self> {
        let mut settings = Self::default();
        for (name, value, variable) in environment::settings(std::env::vars()) {
            settings.put(name, value, Origin::Environment { variable });
        }
        if let Some(path) = &arguments.config {
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            for property in java_properties::parse(&text) {
                let origin = Origin::File { path: path.clone(), line: property.line };
                settings.put(property.key, property.value, origin);
            }
        }
        for (name, value) in &arguments.options {
            settings.put(name.clone(), value.clone(), Origin::CommandLine);
        }
        Ok(settings)
    }

    fn put(&mut self, name: String, value: String, origin: Origin) {
        self.values.insert(name.clone(), value);
        self.origins.insert(name, origin);
    }

    /// The data directory that is set, if any.
    pub(crate) fn data_dir(&self) -> Option<PathBuf> {
        self.values.get("log.dirs").or_else(|| self.values.get("log.dir")).map(PathBuf::from)
    }

    /// Whether the durability is set.
    pub(crate) fn has_fsync(&self) -> bool {
        self.values.contains_key("fsync")
    }

    /// Sets them, and warns of what has no effect.
    ///
    /// # Errors
    /// With the place of a value that is not possible.
    pub(crate) fn apply(&self, config: &mut BrokerConfig) -> anyhow::Result<()> {
        let notices = config.apply(&self.values).map_err(|error| self.invalid(&error))?;
        for notice in notices {
            tracing::warn!("{}", self.warning(&notice));
        }
        Ok(())
    }

    fn place(&self, name: &str) -> String {
        self.origins.get(name).map_or_else(String::new, |origin| format!(" ({origin})"))
    }

    fn invalid(&self, error: &BrokerError) -> anyhow::Error {
        let place = match error {
            BrokerError::InvalidConfig { name, .. } => self.place(name),
            _ => String::new(),
        };
        Failure::new(FailureKind::Invalid, format!("{error}{place}")).into()
    }

    fn warning(&self, notice: &SettingNotice) -> String {
        match notice {
            SettingNotice::Unknown { name, nearest: Some(nearest) } => {
                let place = self.place(name);
                format!("no broker has the configuration `{name}`{place}: is `{nearest}` meant?")
            }
            SettingNotice::Unknown { name, nearest: None } => {
                format!("no broker has the configuration `{name}`{}: it is passed over", self.place(name))
            }
            SettingNotice::Ineffective { name, fixed: Some(fixed) } => {
                format!("`{name}`{} has no effect: on a single node it is {fixed}", self.place(name))
            }
            SettingNotice::Ineffective { name, fixed: None } => {
                format!("`{name}`{} has no effect on this broker", self.place(name))
            }
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => FailureKind::NotFound,
        _ => FailureKind::Failure,
    };
    Failure::new(kind, format!("cannot read the configuration {}: {error}", path.display())).into()
}

#[cfg(test)]
mod tests;
