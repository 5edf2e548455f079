//! `filesystem`: files of rows, read once from beginning to end, plain or compressed with gzip, and written in parts.
//!
//! A split is a file; the position of a row is the number of records before it. Reading, decompressing and finding the
//! ends of records happen on the runtime's blocking threads, decoding on the worker that reads the split.

mod chunk;
mod reader;
mod sink;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use millstream_engine::connector::{ColumnKind, Connector, ConnectorError, Scan, Settings, TableSpec};
use millstream_engine::sink::Sink;
use millstream_engine::source::{Position, Source, SplitId, SplitReader};
use millstream_formats::{Format, Projection};
use tokio::runtime::Handle;

use crate::format::{self, PLAIN};
use crate::options::{OptionSpec, Options, REQUIRED, option};
use reader::FileReader;
use sink::FileSink;

pub(crate) const OPTIONS: &[OptionSpec] = &[
    option(
        "path",
        "a path, also with `file://` before it",
        REQUIRED,
        "A file; or a directory, whose files are read in the order of their names and which new ones are written to. What ends in `.gz` is \
         read as gzip.",
    ),
    option(
        "format",
        "`csv`, `json`, `raw`",
        REQUIRED,
        "How a row is written; with `json` and `raw` a line is a row.",
    ),
];

/// The connector.
#[derive(Debug)]
pub struct Filesystem {
    runtime: Handle,
}

impl Filesystem {
    /// Makes the connector; `runtime` reads and writes the files.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime }
    }
}

impl Connector for Filesystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn source(
        &self,
        table: &TableSpec,
        scan: &Scan,
        _: &Settings,
    ) -> Result<Arc<dyn Source>, ConnectorError> {
        let declared = Declared::read(table)?;
        let projection = format::projection(&scan.projection);
        let schema = projection.apply(&declared.schema).map_err(|error| format::declaration(&error))?;
        // A decoder is made here as well, so that a column which the format cannot hold is said before anything runs.
        declared
            .format
            .decoder(&declared.schema, &projection)
            .map_err(|error| format::declaration(&error))?;
        Ok(Arc::new(FileSource { declared, projection, schema, runtime: self.runtime.clone() }))
    }

    fn sink(&self, table: &TableSpec, _: &Settings) -> Result<Arc<dyn Sink>, ConnectorError> {
        let declared = Declared::read(table)?;
        declared.format.encoder(&declared.schema).map_err(|error| format::declaration(&error))?;
        Ok(Arc::new(FileSink::new(declared, self.runtime.clone())))
    }
}

/// What a declaration says.
#[derive(Debug, Clone)]
struct Declared {
    path: PathBuf,
    format: Format,
    schema: SchemaRef,
}

impl Declared {
    fn read(table: &TableSpec) -> Result<Self, ConnectorError> {
        let options = Options::new(&table.options, &[OPTIONS, PLAIN.specs(&table.options)])?;
        let path = options.required("path", "data/readings.csv.gz")?;
        let path = PathBuf::from(path.strip_prefix("file://").unwrap_or(path));
        if let Some(column) = table.columns.iter().find(|column| column.kind != ColumnKind::Physical) {
            return Err(ConnectorError::Declaration {
                option: None,
                column: Some(column.field.name().clone()),
                message: "a 'filesystem' table has no metadata columns".to_owned(),
            });
        }
        let fields: Vec<_> = table.columns.iter().map(|column| column.field.clone()).collect();
        Ok(Self { path, format: PLAIN.read(&options)?, schema: Arc::new(Schema::new(fields)) })
    }
}

#[derive(Debug)]
struct FileSource {
    declared: Declared,
    projection: Projection,
    schema: SchemaRef,
    runtime: Handle,
}

impl Source for FileSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError> {
        let path = &self.declared.path;
        let metadata = std::fs::metadata(path).map_err(|error| not_readable(path, &error))?;
        if metadata.is_file() {
            return Ok(vec![SplitId(path.to_string_lossy().into())]);
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|error| not_readable(path, &error))? {
            let entry = entry.map_err(|error| not_readable(path, &error))?;
            // As in Flink: names that begin with a dot or an underscore are work in progress or markers.
            let hidden = entry.file_name().to_string_lossy().starts_with(['.', '_']);
            if !hidden && entry.path().is_file() {
                files.push(SplitId(entry.path().to_string_lossy().into()));
            }
        }
        files.sort();
        Ok(files)
    }

    fn open(
        &self,
        split: &SplitId,
        resume: Option<Position>,
    ) -> Result<Box<dyn SplitReader>, ConnectorError> {
        let decoder = self
            .declared
            .format
            .decoder(&self.declared.schema, &self.projection)
            .map_err(|error| format::declaration(&error))?;
        let skip = resume.map_or(0, |position| position.0.unsigned_abs());
        let chunks = chunk::start(Path::new(&*split.0), &self.declared.format, skip, &self.runtime)?;
        Ok(Box::new(FileReader::new(
            split.clone(),
            decoder,
            self.declared.format.ignores_parse_errors(),
            chunks,
        )))
    }
}

fn not_readable(path: &Path, error: &std::io::Error) -> ConnectorError {
    let shown = path.display();
    if error.kind() == std::io::ErrorKind::NotFound {
        let message = match std::env::current_dir() {
            Ok(directory) if path.is_relative() => format!(
                "there is no file {shown} below {}: run from the directory that the path starts in, or give a full path",
                directory.display()
            ),
            _ => format!("there is no file {shown}: check the option 'path'"),
        };
        return ConnectorError::NotFound { message };
    }
    ConnectorError::Refused { message: format!("cannot read {shown}: {error}") }
}

#[cfg(test)]
mod tests;
