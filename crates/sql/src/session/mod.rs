//! A session: statements in, outcomes out.
//!
//! A session holds the catalog and the settings. It plans pipelines and queries but runs nothing: that is the caller's,
//! with the plan that an [`Outcome`] carries.

mod declare;
mod pipeline;
pub mod settings;
mod show;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_engine::connector::{Connector, ConnectorError, Scan, TableSpec};
use millstream_engine::plan::{NodeId, Plan};
use millstream_engine::source::Source;

use crate::binder::Bound;
use crate::catalog::{Catalog, Table};
use crate::diagnostics::{Span, SqlError, SqlErrorKind};
use crate::syntax::{Statement, StatementKind};
use crate::types::SqlType;
use settings::SessionSettings;

/// Executes statements one after the other.
#[derive(Debug)]
pub struct Session {
    connectors: Vec<Arc<dyn Connector>>,
    catalog: Catalog,
    settings: SessionSettings,
    follow: bool,
}

/// What a statement came to.
#[derive(Debug)]
pub enum Outcome {
    /// It changed the session. The notice says what it did not do.
    Done {
        /// Such as a setting without effect.
        notice: Option<String>,
    },
    /// A table to show.
    Rows(TextTable),
    /// An INSERT or a statement set, to be run.
    Pipeline(Box<PipelineRequest>),
    /// A query whose rows are to be shown.
    Query(Box<QueryRequest>),
    /// A plan, drawn.
    Explain(String),
    /// The script asks to end here.
    Quit,
}

/// A table of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTable {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows; `None` is a cell without a value.
    pub rows: Vec<Vec<Option<String>>>,
}

/// A pipeline to be run.
#[derive(Debug)]
pub struct PipelineRequest {
    /// What it computes; one sink per INSERT.
    pub plan: Plan,
    /// `pipeline.name`, else a name made of the sinks'.
    pub name: String,
    /// Whether the name was given by `SET 'pipeline.name'`.
    pub is_named: bool,
    /// The sinks, in the order of the INSERTs.
    pub sinks: Vec<PlannedSink>,
    /// The sources, by name.
    pub sources: Vec<PlannedSource>,
    /// The statements that made the views which it reads, directly or through others.
    pub views: Vec<String>,
    /// Whether every source ends.
    pub is_bounded: bool,
    /// `table.dml-sync`: it ends before the next statement begins.
    pub is_synchronous: bool,
    /// `pipeline.max-parallelism`: the shards of keyed state.
    pub shards: u16,
    /// `parallelism.default`: the workers, if that was set.
    pub workers: Option<usize>,
    /// `execution.checkpointing.interval`: the time between epochs, if that was set.
    pub epoch_interval: Option<Duration>,
    /// Where the statement stands in its text.
    pub span: Span,
}

/// A sink of a pipeline.
#[derive(Debug, Clone)]
pub struct PlannedSink {
    /// The table.
    pub table: TableSpec,
    /// Its node in the plan.
    pub node: NodeId,
    /// Its columns' types, in SQL.
    pub types: Vec<SqlType>,
}

/// A source of a pipeline.
#[derive(Debug, Clone)]
pub struct PlannedSource {
    /// The table.
    pub table: TableSpec,
    /// What becomes of its bad rows.
    pub bad_rows: BadRows,
}

/// What becomes of bad rows, before a dead-letter topic has become a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadRows {
    /// The first one ends the pipeline.
    Fail,
    /// They are counted and passed over.
    Skip,
    /// They are counted and written to a topic.
    DeadLetter {
        /// Its name.
        topic: String,
    },
}

/// A query whose rows are to be shown.
#[derive(Debug)]
pub struct QueryRequest {
    /// What it computes. It has no sink: the caller adds its own above `root`.
    pub plan: Plan,
    /// The node whose rows are the result.
    pub root: NodeId,
    /// The names and types of the result's columns.
    pub columns: Vec<(String, SqlType)>,
    /// `LIMIT`: rows to show at most.
    pub limit: Option<u64>,
    /// Whether every source ends.
    pub is_bounded: bool,
    /// The sources, by name.
    pub sources: Vec<PlannedSource>,
}

impl Session {
    /// A session that knows these connectors.
    pub fn new(connectors: Vec<Arc<dyn Connector>>) -> Self {
        Self { connectors, catalog: Catalog::default(), settings: SessionSettings::default(), follow: false }
    }

    /// Lets tables that could go on (a topic) go on, whatever they say about their end.
    #[must_use]
    pub fn with_follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// What was set with SET.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        self.settings.all()
    }

    /// Executes a statement.
    ///
    /// # Errors
    /// What is wrong with it, with its place in the text.
    pub fn execute(&mut self, statement: &Statement) -> Result<Outcome, SqlError> {
        self.dispatch(statement).map_err(|error| error.within(&statement.source))
    }

    fn dispatch(&mut self, statement: &Statement) -> Bound<Outcome> {
        match &statement.kind {
            StatementKind::CreateTable(table) => self.create_table(table, statement),
            StatementKind::CreateView(view) => self.create_view(view, statement),
            StatementKind::Drop { view, if_exists, name } => self.drop_entry(*view, *if_exists, name),
            StatementKind::Insert(insert) => {
                let request = self.pipeline(std::slice::from_ref(insert), statement.span)?;
                Ok(Outcome::Pipeline(Box::new(request)))
            }
            StatementKind::StatementSet(inserts) => {
                Ok(Outcome::Pipeline(Box::new(self.pipeline(inserts, statement.span)?)))
            }
            StatementKind::Query(query) => Ok(Outcome::Query(Box::new(self.query(query)?))),
            StatementKind::Explain(inner) => Ok(Outcome::Explain(self.explain(inner, statement.span)?)),
            StatementKind::Set { key: None, .. } => Ok(Outcome::Rows(show::settings(&self.settings))),
            StatementKind::Set { key: Some((key, _)), value: None } => {
                Ok(Outcome::Rows(show::setting(&self.settings, key)))
            }
            StatementKind::Set { key: Some((key, key_span)), value: Some((value, value_span)) } => {
                let notice = self.settings.set((key, *key_span), (value, *value_span))?;
                Ok(Outcome::Done { notice })
            }
            StatementKind::Reset(key) => {
                self.settings.reset(key.as_ref().map(|(key, span)| (key.as_str(), *span)))?;
                Ok(Outcome::Done { notice: None })
            }
            StatementKind::ShowTables => Ok(Outcome::Rows(show::names(&self.catalog, false))),
            StatementKind::ShowViews => Ok(Outcome::Rows(show::names(&self.catalog, true))),
            StatementKind::ShowCreate(name) => Ok(Outcome::Rows(show::create(self.catalog.find(name)?))),
            StatementKind::Describe(name) => Ok(Outcome::Rows(show::describe(&self.catalog, name)?)),
            StatementKind::Quit => Ok(Outcome::Quit),
        }
    }

    /// The connector of a table.
    fn connector(&self, table: &Table) -> Bound<&Arc<dyn Connector>> {
        let names = || self.connectors.iter().map(|connector| connector.name());
        let Some(option) = table.option("connector") else {
            return Err(SqlError::declaration(
                table.name_span,
                format!("the table '{}' has no connector", table.name),
            )
            .hint(format!("add WITH ('connector' = '…'): one of {}", names().collect::<Vec<_>>().join(", ")))
            .within(&table.source));
        };
        self.connectors.iter().find(|connector| connector.name() == option.value).ok_or_else(|| {
            SqlError::declaration(option.value_span, format!("unknown connector '{}'", option.value))
                .suggest(&option.value, names(), "connectors")
                .within(&table.source)
        })
    }

    fn open_source(&self, table: &Table, spec: &TableSpec, scan: &Scan) -> Bound<Arc<dyn Source>> {
        self.connector(table)?
            .source(spec, scan, self.settings.all())
            .map_err(|error| connector_error(error, table))
    }
}

/// A connector's complaint, at the option or column that it is about.
fn connector_error(error: ConnectorError, table: &Table) -> SqlError {
    let kind = match error {
        ConnectorError::Declaration { .. } => SqlErrorKind::Declaration,
        _ => SqlErrorKind::Connector,
    };
    let mut span = table.name_span;
    if let ConnectorError::Declaration { option, column, .. } = &error {
        if let Some(column) = column.as_ref().and_then(|name| table.columns.iter().find(|c| c.name == *name))
        {
            span = column.span;
        }
        if let Some(option) = option.as_ref().and_then(|key| table.option(key)) {
            span = option.key_span.to(option.value_span);
        }
    }
    SqlError::new(kind, span, format!("table '{}': {error}", table.name)).within(&table.source)
}
