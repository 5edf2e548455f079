//! The options of a `WITH` clause, read under Flink's names with Flink's spellings.
//!
//! A connector lists every option it knows as an [`OptionSpec`]; whatever else the declaration says is an error that
//! names the nearest one. Values are read by type, and a value that cannot be read is an error that says what can.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_engine::connector::ConnectorError;

/// An option that a connector or format knows.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// The key; one that ends in `*` stands for every key with the rest as prefix.
    pub key: &'static str,
    /// What values are like: a type, or the choices.
    pub values: &'static str,
    /// The value without the option; empty for none, [`REQUIRED`] where there has to be one.
    pub default: &'static str,
    /// What it means, and its unit.
    pub meaning: &'static str,
}

/// The default of an option that has none and cannot do without.
pub const REQUIRED: &str = "required";

/// An option.
pub const fn option(
    key: &'static str,
    values: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> OptionSpec {
    OptionSpec { key, values, default, meaning }
}

impl OptionSpec {
    fn matches(&self, key: &str) -> bool {
        match self.key.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => self.key == key,
        }
    }
}

/// Options that every table may carry: the session reads them, connectors only let them pass.
pub const TABLE_OPTIONS: &[OptionSpec] = &[
    option("connector", "a connector's name", REQUIRED, "Which connector the table uses."),
    option(
        "errors.tolerance",
        "`none`, `all`",
        "the setting `pipeline.errors.tolerance`",
        "Whether the first record that cannot be read ends the pipeline, or is counted and passed over.",
    ),
    option(
        "errors.deadletterqueue.topic.name",
        "a topic",
        "the setting `pipeline.errors.deadletterqueue.topic.name`",
        "With `errors.tolerance` = `all`: where records that cannot be read are written, with their bytes and the reason.",
    ),
];

/// The options of one table.
#[derive(Debug, Clone)]
pub struct Options {
    values: BTreeMap<String, String>,
}

impl Options {
    /// Checks that every key of `values` is known.
    ///
    /// # Errors
    /// An unknown key, with the nearest known one.
    pub fn new(values: &BTreeMap<String, String>, known: &[&[OptionSpec]]) -> Result<Self, ConnectorError> {
        for key in values.keys() {
            let specs = || known.iter().copied().flatten().chain(TABLE_OPTIONS);
            if !specs().any(|spec| spec.matches(key)) {
                return Err(unknown(key, specs().map(|spec| spec.key)));
            }
        }
        Ok(Self { values: values.clone() })
    }

    /// The value as written.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The value of an option that must be there.
    ///
    /// # Errors
    /// When it is not; `example` shows how it is written.
    pub fn required(&self, key: &str, example: &str) -> Result<&str, ConnectorError> {
        self.text(key).ok_or_else(|| ConnectorError::Declaration {
            option: None,
            column: None,
            message: format!("the option '{key}' is missing: add for example '{key}' = '{example}'"),
        })
    }

    /// A whole number of at least `least`.
    ///
    /// # Errors
    /// When the value is no such number.
    pub fn integer(&self, key: &str, default: i64, least: i64) -> Result<i64, ConnectorError> {
        self.optional_integer(key, least).map(|value| value.unwrap_or(default))
    }

    /// A whole number of at least `least`, if the option is there.
    ///
    /// # Errors
    /// When the value is no such number.
    pub fn optional_integer(&self, key: &str, least: i64) -> Result<Option<i64>, ConnectorError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match text.trim().parse() {
            Ok(value) if value >= least => Ok(Some(value)),
            _ => Err(invalid(key, text, &format!("a whole number of at least {least}"))),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When the value is neither.
    pub fn boolean(&self, key: &str, default: bool) -> Result<bool, ConnectorError> {
        match self.text(key) {
            None => Ok(default),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) => Err(invalid(key, text, "'true' or 'false'")),
        }
    }

    /// One of the named choices.
    ///
    /// # Errors
    /// When the value is none of them.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], default: T) -> Result<T, ConnectorError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        match choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<String> = choices.iter().map(|(name, _)| format!("'{name}'")).collect();
                Err(invalid(key, text, &names.join(", ")))
            }
        }
    }

    /// A duration in Flink's spelling, such as `5 s`, `200ms` or `1 min`; a bare number is milliseconds.
    ///
    /// # Errors
    /// When the value cannot be read so.
    pub fn duration(&self, key: &str, default: Duration) -> Result<Duration, ConnectorError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        parse_duration(text).ok_or_else(|| invalid(key, text, "a duration such as '5 s', '200ms' or '1 min'"))
    }

    /// A list of names separated by `;`.
    pub fn list(&self, key: &str) -> Vec<String> {
        let text = self.text(key).unwrap_or_default();
        text.split(';').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Every option whose key starts with `prefix`, the prefix cut off.
    pub fn with_prefix(&self, prefix: &str) -> BTreeMap<String, String> {
        let cut =
            |(key, value): (&String, &String)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()));
        self.values.iter().filter_map(cut).collect()
    }
}

/// An error about the value of an option.
pub fn invalid(key: &str, value: &str, expected: &str) -> ConnectorError {
    ConnectorError::Declaration {
        option: Some(key.to_owned()),
        column: None,
        message: format!("'{value}' is not a value of '{key}': it takes {expected}"),
    }
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> ConnectorError {
    let hint = match millstream_suggest::nearest(key, known) {
        Some(name) => format!(": did you mean '{name}'?"),
        None => String::new(),
    };
    ConnectorError::Declaration {
        option: Some(key.to_owned()),
        column: None,
        message: format!("the option '{key}' is not known here{hint}"),
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim().to_ascii_lowercase();
    let nanos: u64 = match unit.as_str() {
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        "µs" | "us" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        _ => return None,
    };
    number.checked_mul(nanos).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests;
