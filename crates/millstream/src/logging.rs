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

/// Checks a list of levels such as `warn,millstream_broker=debug`. A word alone is a level: taken for a target, as the filter would take it, a
/// misspelt one would log everything of nothing.
///
/// # Errors
/// What is wrong with the first entry that is no level.
pub(crate) fn check_level(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let level = entry.rsplit_once('=').map_or(entry, |(_, level)| level);
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            return Err(format!("`{level}` is not a level: there are {}", LEVELS.join(", ")));
        }
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
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
