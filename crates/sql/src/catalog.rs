//! Tables and views, bound as they were declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_engine::connector::{ColumnKind, ColumnSpec, TableSpec};

use crate::binder::{Column, TimeAttribute};
use crate::diagnostics::{SourceText, Span, SqlError};
use crate::expression::Expr;
use crate::syntax::{CreateView, TableName, TableOption};
use crate::types::SqlType;

/// The only catalog and database.
const CATALOG: &str = "default_catalog";
const DATABASE: &str = "default_database";

/// The names of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    entries: BTreeMap<String, Entry>,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Table(Arc<Table>),
    View(Arc<View>),
}

/// A table as it was declared.
///
/// Its *leaf* columns are what a scan yields: the physical and metadata columns in their order, and behind them the
/// event time where that has to be computed. The declared columns are expressions over the leaf's.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<TableColumn>,
    /// The columns of a scan.
    pub(crate) leaf: Vec<Column>,
    /// The event time over the physical and metadata columns, when the leaf has to compute it.
    pub(crate) rowtime: Option<Expr>,
    pub(crate) watermark: Option<Watermark>,
    pub(crate) primary_key: Vec<String>,
    pub(crate) options: Vec<TableOption>,
    pub(crate) comment: Option<String>,
    /// Where it was declared.
    pub(crate) source: Arc<SourceText>,
    pub(crate) is_temporary: bool,
    pub(crate) name_span: Span,
}

/// A declared column.
#[derive(Debug)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    pub(crate) data_type: SqlType,
    pub(crate) kind: TableColumnKind,
    pub(crate) time: Option<TimeAttribute>,
    /// Its value over the leaf's columns.
    pub(crate) expression: Expr,
    /// For metadata columns, the type that the connector gives and takes.
    pub(crate) stored_type: SqlType,
    pub(crate) comment: Option<String>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TableColumnKind {
    Physical,
    Metadata {
        key: String,
        is_virtual: bool,
    },
    /// Its text, for SHOW CREATE TABLE.
    Computed(String),
}

/// The watermark of a table.
#[derive(Debug)]
pub(crate) struct Watermark {
    /// The time column among the leaf's.
    pub(crate) column: usize,
    /// Over the leaf's columns.
    pub(crate) expression: Expr,
    pub(crate) text: String,
}

/// A view: its query is bound again wherever it is read.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) definition: CreateView,
    pub(crate) source: Arc<SourceText>,
    pub(crate) span: Span,
}

impl View {
    /// The statement that made it.
    pub(crate) fn text(&self) -> &str {
        self.source.slice(self.span)
    }
}

impl TableColumn {
    /// Whether an INSERT gives it a value.
    pub(crate) fn is_persisted(&self) -> bool {
        match &self.kind {
            TableColumnKind::Physical => true,
            TableColumnKind::Metadata { is_virtual, .. } => !is_virtual,
            TableColumnKind::Computed(_) => false,
        }
    }

    fn spec(&self) -> Option<ColumnSpec> {
        let kind = match &self.kind {
            TableColumnKind::Physical => ColumnKind::Physical,
            TableColumnKind::Metadata { key, is_virtual } => {
                ColumnKind::Metadata { key: key.clone(), is_virtual: *is_virtual }
            }
            TableColumnKind::Computed(_) => return None,
        };
        Some(ColumnSpec { field: self.stored_type.to_field(&self.name), kind })
    }
}

/// Options that the planner takes for itself, so that connectors do not see them.
pub(crate) const TOLERANCE: &str = "errors.tolerance";
/// As [`TOLERANCE`].
pub(crate) const DEAD_LETTER_TOPIC: &str = "errors.deadletterqueue.topic.name";

impl Table {
    pub(crate) fn option(&self, key: &str) -> Option<&TableOption> {
        self.options.iter().find(|option| option.key == key)
    }

    /// The declaration as connectors see it.
    pub(crate) fn spec(&self) -> TableSpec {
        TableSpec {
            name: self.name.clone(),
            columns: self.columns.iter().filter_map(TableColumn::spec).collect(),
            primary_key: self.primary_key.clone(),
            options: self
                .options
                .iter()
                .filter(|option| option.key != TOLERANCE && option.key != DEAD_LETTER_TOPIC)
                .map(|option| (option.key.clone(), option.value.clone()))
                .collect(),
        }
    }

    /// The declared columns.
    pub(crate) fn declared(&self) -> Vec<Column> {
        self.columns
            .iter()
            .map(|column| Column {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
                time: column.time,
            })
            .collect()
    }
}

impl Catalog {
    /// The bare name of a table's name.
    ///
    /// # Errors
    /// When another catalog or database is meant.
    pub(crate) fn resolve(name: &TableName) -> Result<&str, SqlError> {
        let (table, qualifiers) = match name.parts.split_last() {
            Some((table, qualifiers)) => (table, qualifiers),
            None => return Err(SqlError::syntax(name.span, "a table needs a name")),
        };
        let expected = [CATALOG, DATABASE];
        let expected = &expected[expected.len() - qualifiers.len().min(expected.len())..];
        for (qualifier, expected) in qualifiers.iter().zip(expected) {
            if qualifier.text != *expected {
                let message = format!("unknown catalog or database '{}'", qualifier.text);
                return Err(SqlError::name(qualifier.span, message)
                    .hint(format!("all tables are in {CATALOG}.{DATABASE}; the name alone is enough")));
            }
        }
        Ok(&table.text)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// What a name in a query stands for.
    pub(crate) fn find(&self, name: &TableName) -> Result<&Entry, SqlError> {
        let bare = Self::resolve(name)?;
        self.get(bare).ok_or_else(|| {
            SqlError::name(name.span, format!("unknown table or view '{bare}'")).suggest(
                bare,
                self.entries.keys().map(String::as_str),
                "tables and views",
            )
        })
    }

    /// The table that a name in INSERT or SHOW stands for.
    pub(crate) fn find_table(&self, name: &TableName) -> Result<Arc<Table>, SqlError> {
        match self.find(name)? {
            Entry::Table(table) => Ok(Arc::clone(table)),
            Entry::View(view) => Err(SqlError::semantic(name.span, format!("'{}' is a view", view.name))
                .hint("rows are inserted into tables: CREATE TABLE … WITH ('connector' = …)")),
        }
    }

    pub(crate) fn insert(&mut self, name: String, entry: Entry) {
        self.entries.insert(name, entry);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Entry> {
        self.entries.remove(name)
    }

    /// The names of tables, or of views, in order.
    pub(crate) fn names(&self, views: bool) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(move |(_, entry)| !views || matches!(entry, Entry::View(_)))
            .map(|(name, _)| name.as_str())
    }
}
