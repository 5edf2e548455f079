//! The contract between whoever declares tables and whoever turns them into sources and sinks.
//!
//! A declaration is a [`TableSpec`]: columns in Arrow types and options as text. A [`Connector`] knows the meaning of
//! one value of the option `connector`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::sink::Sink;
use crate::source::Source;

/// A table as it was declared, computed columns and watermarks left out: those are the planner's.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// The name, unquoted.
    pub name: String,
    /// The columns in their order.
    pub columns: Vec<ColumnSpec>,
    /// The columns of the primary key, in its order; empty without one.
    pub primary_key: Vec<String>,
    /// The options of the `WITH` clause.
    pub options: BTreeMap<String, String>,
}

/// A column of a table that a connector fills or takes.
#[derive(Debug, Clone)]
pub struct ColumnSpec {
    /// Name, Arrow type and nullability.
    pub field: FieldRef,
    /// Where its value stands.
    pub kind: ColumnKind,
}

/// Where a column's value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnKind {
    /// In the record's key or value.
    Physical,
    /// Beside it, as the metadata `key` of the connector (`METADATA FROM 'timestamp' VIRTUAL`).
    Metadata {
        /// The connector's name for it.
        key: String,
        /// Whether it is only read: a `VIRTUAL` column takes no part in an INSERT.
        is_virtual: bool,
    },
}

/// A path of names from a column into nested ROWs, such as `["bid", "price"]`. It stands for the whole value there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub Vec<String>);

/// What a query needs of a table.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The fields. The source's schema holds exactly these, pruned and in the declaration's order, ROWs that are
    /// reached only in part holding only those parts.
    pub projection: Vec<FieldPath>,
    /// Whether bounded tables that could go on (a topic) go on.
    pub follow: bool,
}

/// Settings of the session (`SET 'key' = 'value'`) that a connector may look at.
pub type Settings = BTreeMap<String, String>;

/// Turns declarations with one value of the option `connector` into sources and sinks. Neither method touches the
/// network: that is for [`Source::splits`] and [`Sink::open`].
pub trait Connector: fmt::Debug + Send + Sync {
    /// The value of the option `connector`.
    fn name(&self) -> &'static str;

    /// The metadata columns that it offers: name, type, and whether one may be written.
    fn metadata(&self) -> Vec<(&'static str, DataType, bool)> {
        Vec::new()
    }

    /// Reads the declaration as a source.
    ///
    /// # Errors
    /// An option that is unknown, missing or contradictory; a type that the format cannot carry.
    fn source(
        &self,
        table: &TableSpec,
        scan: &Scan,
        settings: &Settings,
    ) -> Result<Arc<dyn Source>, ConnectorError>;

    /// Reads the declaration as a sink whose input has the declaration's persisted columns.
    ///
    /// # Errors
    /// As [`Connector::source`].
    fn sink(&self, table: &TableSpec, settings: &Settings) -> Result<Arc<dyn Sink>, ConnectorError>;
}

/// What went wrong at the edge to the outside.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The declaration is wrong: say where.
    #[error("{message}")]
    Declaration {
        /// The option at fault, so that its place in the file can be shown.
        option: Option<String>,
        /// The column at fault.
        column: Option<String>,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The outside cannot be reached or did not answer in time.
    #[error("{message}")]
    Unreachable {
        /// Who, what was tried, and what to check.
        message: String,
    },
    /// The outside answered, and refused.
    #[error("{message}")]
    Refused {
        /// Who, what, and why.
        message: String,
    },
    /// What was asked for does not exist there.
    #[error("{message}")]
    NotFound {
        /// What is missing, and how to make it.
        message: String,
    },
    /// Data that cannot be understood: topic, partition, offset or file, line.
    #[error("{message}")]
    Data {
        /// Where and what.
        message: String,
    },
}

/// The schema in which bad rows go to a dead-letter sink: split, position, key, raw bytes and reason.
pub fn bad_row_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("split", DataType::Utf8View, false),
        Field::new("position", DataType::Int64, false),
        Field::new("key", DataType::BinaryView, true),
        Field::new("raw", DataType::BinaryView, true),
        Field::new("reason", DataType::Utf8View, false),
    ]))
}
