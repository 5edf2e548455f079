//! `datagen`: rows made up as declared, at a rate, under Flink's options.
//!
//! Each column draws from its own generator: random values within bounds, or a sequence that ends the table when it is
//! used up. The position of a row is its number, so that a sequence goes on where it stopped.

mod generator;
mod reader;

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use millstream_engine::connector::{ColumnKind, Connector, ConnectorError, Scan, Settings, TableSpec};
use millstream_engine::sink::Sink;
use millstream_engine::source::{Position, Source, SplitId, SplitReader};
use tokio::runtime::Handle;

use crate::format;
use crate::only_a_source;
use crate::options::{OptionSpec, Options, option};
use generator::ColumnPlan;
use reader::Reader;

pub(crate) const OPTIONS: &[OptionSpec] = &[
    option("rows-per-second", "a whole number", "`10000`", "Rows that are made per second."),
    option(
        "number-of-rows",
        "a whole number",
        "",
        "Rows in all; without it the table ends only with a sequence.",
    ),
    option(
        "fields.*",
        "see below",
        "",
        "Per column `fields.NAME.OPTION`, of a nested one `fields.NAME.FIELD.OPTION`.",
    ),
];

/// What stands for OPTION in `fields.NAME.OPTION`.
pub(crate) const FIELD_OPTIONS: &[OptionSpec] = &[
    option("kind", "`random`, `sequence`", "`random`", "Random values, or numbers that rise by one."),
    option("min", "a number", "the type's smallest; of FLOAT and DOUBLE `0`", "The smallest random number."),
    option("max", "a number", "the type's largest; of FLOAT and DOUBLE `1`", "The largest random number."),
    option("max-past", "a duration", "`0 s`", "How far random times lie before now at most."),
    option("length", "a whole number", "`100`", "Characters of random texts."),
    option("null-rate", "a number from 0 to 1", "`0`", "Share of random values that are null."),
    option("start", "a whole number", "required by `sequence`", "The first number of a sequence."),
    option(
        "end",
        "a whole number",
        "required by `sequence`",
        "The last number of a sequence, which ends the table.",
    ),
];

/// The connector.
#[derive(Debug)]
pub struct Datagen {
    runtime: Handle,
}

impl Datagen {
    /// Makes the connector; `runtime` keeps its timers.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime }
    }
}

impl Connector for Datagen {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn source(
        &self,
        table: &TableSpec,
        scan: &Scan,
        _: &Settings,
    ) -> Result<Arc<dyn Source>, ConnectorError> {
        let options = Options::new(&table.options, &[OPTIONS])?;
        let rows_per_second = options.integer("rows-per-second", 10_000, 1)?;
        let number_of_rows = options.optional_integer("number-of-rows", 0)?;
        let physical = table.columns.iter().filter(|column| column.kind == ColumnKind::Physical);
        let declared: Vec<_> = physical.map(|column| column.field.clone()).collect();
        generator::check_names(&options, &declared)?;
        let whole_schema = Arc::new(Schema::new(declared.clone()));
        let schema = format::projection(&scan.projection)
            .apply(&whole_schema)
            .map_err(|error| format::declaration(&error))?;
        let plans: Vec<ColumnPlan> = schema
            .fields()
            .iter()
            .map(|field| ColumnPlan::new(field, field.name(), &options))
            .collect::<Result<_, _>>()?;
        let whole: Vec<ColumnPlan> = declared
            .iter()
            .map(|field| ColumnPlan::new(field, field.name(), &options))
            .collect::<Result<_, _>>()?;
        let sequence_rows = whole.iter().filter_map(ColumnPlan::rows).min();
        let rows = number_of_rows.into_iter().chain(sequence_rows).min();
        let runtime = self.runtime.clone();
        Ok(Arc::new(DatagenSource { schema, plans, rows, rows_per_second, runtime }))
    }

    fn sink(&self, _: &TableSpec, _: &Settings) -> Result<Arc<dyn Sink>, ConnectorError> {
        Err(only_a_source(self.name()))
    }
}

#[derive(Debug)]
struct DatagenSource {
    schema: SchemaRef,
    plans: Vec<ColumnPlan>,
    rows: Option<i64>,
    rows_per_second: i64,
    runtime: Handle,
}

impl Source for DatagenSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn is_bounded(&self) -> bool {
        self.rows.is_some()
    }

    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError> {
        Ok(vec![SplitId("datagen".into())])
    }

    fn open(&self, _: &SplitId, resume: Option<Position>) -> Result<Box<dyn SplitReader>, ConnectorError> {
        let start = resume.map_or(0, |position| position.0);
        Ok(Box::new(Reader::new(
            self.schema.clone(),
            self.plans.clone(),
            start,
            self.rows,
            self.rows_per_second,
            self.runtime.clone(),
        )))
    }
}

#[cfg(test)]
mod tests;
