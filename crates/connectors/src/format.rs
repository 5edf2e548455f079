//! Which format a table's options name, and with what options.

use std::collections::BTreeMap;

use millstream_engine::connector::{ConnectorError, FieldPath};
use millstream_formats::{Format, FormatError, Projection};

use crate::options::{OptionSpec, Options, option};

/// Where a format's name and options stand in a `WITH` clause.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormatOptions {
    /// The option that names the format, such as `value.format`.
    pub(crate) key: &'static str,
    /// What comes before the format's own options, such as `value.`.
    pub(crate) prefix: &'static str,
    /// The options of each format below that prefix.
    pub(crate) known: &'static [(&'static str, &'static [OptionSpec])],
}

/// `format` with `csv.…`, `json.…`, `raw.…`.
pub(crate) const PLAIN: FormatOptions = FormatOptions {
    key: "format",
    prefix: "",
    known: &[
        ("csv", &[option("csv.*", "", "", "Options of the format.")]),
        ("json", &[option("json.*", "", "", "Options of the format.")]),
        ("raw", &[option("raw.*", "", "", "Options of the format.")]),
    ],
};

impl FormatOptions {
    /// The options that the named format adds to those a table may carry.
    pub(crate) fn specs(&self, values: &BTreeMap<String, String>) -> &'static [OptionSpec] {
        let name = values.get(self.key).map(String::as_str).unwrap_or_default();
        self.known.iter().find(|(format, _)| *format == name).map_or(&[], |(_, specs)| *specs)
    }

    /// Reads the format.
    ///
    /// # Errors
    /// When none is named, there is none of that name, or its options are wrong.
    pub(crate) fn read(&self, options: &Options) -> Result<Format, ConnectorError> {
        let name = options.required(self.key, "json")?;
        let own = options.with_prefix(&format!("{}{name}.", self.prefix));
        let pairs = own.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Format::from_options(name, pairs).map_err(|error| {
            let option = match &error {
                FormatError::UnknownOption { option, .. } => format!("{}{name}.{option}", self.prefix),
                FormatError::OptionValue { option, .. } => format!("{}{option}", self.prefix),
                _ => self.key.to_owned(),
            };
            ConnectorError::Declaration { option: Some(option), column: None, message: error.to_string() }
        })
    }
}

/// The paths that a query reads, as the formats know them.
pub(crate) fn projection(paths: &[FieldPath]) -> Projection {
    Projection::of(paths.iter().map(|path| path.0.clone()))
}

/// An error of a format about the table's columns.
pub(crate) fn declaration(error: &FormatError) -> ConnectorError {
    let column = match error {
        FormatError::UnsupportedType { column, .. } => Some(column.clone()),
        FormatError::UnknownField { path } => path.split('.').next().map(str::to_owned),
        _ => None,
    };
    ConnectorError::Declaration { option: None, column, message: error.to_string() }
}
