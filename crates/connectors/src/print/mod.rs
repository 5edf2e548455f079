//! `print`: writes every change to standard output (or standard error) as Flink does, `+I[EWR, 39.02]`.
//!
//! The whole text of a batch is written at once under the stream's lock, so that parallel writers do not mix lines.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::ArrowError;
use millstream_engine::connector::{Connector, ConnectorError, Scan, Settings, TableSpec};
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::sink::{ChangelogMode, Committable, Sink, SinkWriter, WriterIndex};
use millstream_engine::source::Source;

use crate::only_a_sink;
use crate::options::{OptionSpec, Options, option};

pub(crate) const OPTIONS: &[OptionSpec] = &[
    option("print-identifier", "text", "", "What stands before each line, followed by `> `."),
    option(
        "standard-error",
        "`true`, `false`",
        "`false`",
        "Whether to write to standard error instead of standard output.",
    ),
];

/// The connector.
#[derive(Debug)]
pub struct Print;

impl Connector for Print {
    fn name(&self) -> &'static str {
        "print"
    }

    fn source(&self, _: &TableSpec, _: &Scan, _: &Settings) -> Result<Arc<dyn Source>, ConnectorError> {
        Err(only_a_sink(self.name()))
    }

    fn sink(&self, table: &TableSpec, _: &Settings) -> Result<Arc<dyn Sink>, ConnectorError> {
        let options = Options::new(&table.options, &[OPTIONS])?;
        let identifier = options.text("print-identifier").unwrap_or_default().to_owned();
        Ok(Arc::new(PrintSink { identifier, standard_error: options.boolean("standard-error", false)? }))
    }
}

#[derive(Debug, Clone)]
struct PrintSink {
    identifier: String,
    standard_error: bool,
}

impl Sink for PrintSink {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Retract
    }

    fn open(&self, writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        let prefix = match (self.identifier.as_str(), writer.count) {
            ("", 1) => String::new(),
            ("", _) => format!("{}> ", writer.index + 1),
            (identifier, 1) => format!("{identifier}> "),
            (identifier, _) => format!("{identifier}:{}> ", writer.index + 1),
        };
        Ok(Box::new(PrintWriter { prefix, standard_error: self.standard_error }))
    }
}

#[derive(Debug)]
struct PrintWriter {
    prefix: String,
    standard_error: bool,
}

impl SinkWriter for PrintWriter {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError> {
        let text = lines(&self.prefix, batch)
            .map_err(|error| ConnectorError::Data { message: format!("a row cannot be printed: {error}") })?;
        let written = if self.standard_error {
            std::io::stderr().lock().write_all(text.as_bytes())
        } else {
            std::io::stdout().lock().write_all(text.as_bytes())
        };
        written.map_err(|error| ConnectorError::Refused { message: format!("cannot print: {error}") })
    }

    fn seal(&mut self, _: Epoch) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn poll_prepared(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Committable>, ConnectorError>> {
        Poll::Ready(Ok(None))
    }
}

fn lines(prefix: &str, batch: &Batch) -> Result<String, ArrowError> {
    let mut text = String::new();
    let columns = formatters(&batch.rows)?;
    for row in 0..batch.rows.num_rows() {
        let retraction = batch.weights.as_ref().is_some_and(|weights| weights.value(row) < 0);
        text.push_str(prefix);
        text.push_str(if retraction { "-D[" } else { "+I[" });
        for (index, column) in columns.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(text, "{separator}{}", column.value(row).try_to_string()?)
                .map_err(|_| ArrowError::InvalidArgumentError("a value has no text".to_owned()))?;
        }
        text.push_str("]\n");
    }
    Ok(text)
}

fn formatters(rows: &RecordBatch) -> Result<Vec<ArrayFormatter<'_>>, ArrowError> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_null("null");
    rows.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &OPTIONS)).collect()
}

#[cfg(test)]
mod tests;
