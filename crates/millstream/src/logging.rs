//! Log lines: level and form come from the command line or the environment; they go to standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::cli::Global;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// Installs the process's subscriber.
pub(crate) fn start(global: &Global) {
    let filter = EnvFilter::try_new(&global.log_level).unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Text => builder.with_target(false).with_ansi(global.color.on_stderr()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
