//! The plan: what a pipeline computes, typed and bound, as a graph in an arena.
//!
//! A node names its inputs by [`NodeId`], always smaller than its own, so that the list is in topological order. A
//! node with several consumers is computed once. How nodes become tasks, where rows change their worker, and whether
//! an aggregation has a local phase is the engine's affair.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::SchemaRef;

use crate::expression::Expression;
use crate::sink::Sink;
use crate::source::Source;

/// The index of a node in [`Plan::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// What a pipeline computes.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In topological order: inputs come before their consumers.
    pub nodes: Vec<Node>,
}

/// A relation of the plan.
#[derive(Debug, Clone)]
pub struct Node {
    /// What is done.
    pub operator: Operator,
    /// The columns that it yields.
    pub schema: SchemaRef,
}

/// What a node does.
#[derive(Debug, Clone)]
pub enum Operator {
    /// Reads a table.
    Source {
        /// The table's name; unique in the plan and part of what an epoch commits.
        name: String,
        /// The table.
        source: Arc<dyn Source>,
    },
    /// Makes watermarks per split from every row. It stands below any filter.
    Watermark {
        /// The rows.
        input: NodeId,
        /// The watermark that each row allows: a timestamp in any unit; null allows none.
        expression: Arc<dyn Expression>,
        /// The column with the event time, a timestamp.
        time_column: usize,
        /// After this long without a row (wall clock), a split no longer holds back the others. `None`: never.
        idle_timeout: Option<Duration>,
    },
    /// Keeps the rows for which a boolean is true.
    Filter {
        /// The rows.
        input: NodeId,
        /// The condition; null counts as false.
        predicate: Arc<dyn Expression>,
    },
    /// Computes columns.
    Project {
        /// The rows.
        input: NodeId,
        /// One expression per column of the node's schema.
        expressions: Vec<Arc<dyn Expression>>,
    },
    /// Groups rows by key and window. Yields the keys, the aggregates, and the window's properties, in this order.
    WindowAggregate {
        /// The rows.
        input: NodeId,
        /// How rows meet windows.
        window: Window,
        /// The key columns of the input; none means one group per window.
        keys: Vec<usize>,
        /// What is computed per group.
        aggregates: Vec<AggregateCall>,
        /// Which of the window's properties follow the aggregates.
        properties: Vec<WindowProperty>,
    },
    /// Writes rows. A sink has no consumers.
    Sink {
        /// The rows.
        input: NodeId,
        /// The table's name.
        name: String,
        /// The table.
        sink: Arc<dyn Sink>,
    },
}

/// How rows are assigned to windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The clock.
    pub time: WindowTime,
    /// The shape.
    pub kind: WindowKind,
}

/// The clock of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowTime {
    /// A timestamp column of the input; the window closes by watermark.
    Event {
        /// Its index.
        column: usize,
    },
    /// The wall clock at which the row is processed; the window closes by timer, and at the end of bounded input.
    Processing,
}

/// The shape of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowKind {
    /// Windows of one size that touch: `[offset + n·size, offset + (n+1)·size)`.
    Tumble {
        /// In milliseconds, positive.
        size_ms: i64,
        /// In milliseconds, less than the size in magnitude.
        offset_ms: i64,
    },
}

/// What a group can tell about its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowProperty {
    /// The first instant.
    Start,
    /// The first instant after it.
    End,
    /// Its last millisecond: the event time of the group's row.
    Time,
}

/// One aggregate of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateCall {
    /// The function.
    pub function: AggregateFunction,
    /// The argument's column; `None` for `COUNT(*)`.
    pub input: Option<usize>,
    /// A boolean column: only rows where it is true count (`FILTER (WHERE …)`).
    pub filter: Option<usize>,
}

/// The aggregate functions that the engine knows. The type of the result is the schema's; it follows Flink: SUM of an
/// integer and AVG keep the argument's type, COUNT is BIGINT, an empty group is null except for COUNT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// Rows, or non-null arguments.
    Count,
    /// The sum of non-null arguments.
    Sum,
    /// The mean of non-null arguments.
    Avg,
    /// The smallest non-null argument.
    Min,
    /// The largest non-null argument.
    Max,
}

/// What becomes of a record that cannot be decoded and of a row whose expression has no value.
#[derive(Debug, Clone, Default)]
pub enum BadRowPolicy {
    /// The pipeline fails and names the record.
    #[default]
    Fail,
    /// The record is counted and passed over.
    Skip,
    /// The record is counted and written, in [`crate::connector::bad_row_schema`], to this sink, which takes part in
    /// epochs.
    DeadLetter(Arc<dyn Sink>),
}

/// How a pipeline runs.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// The pipeline's name, in metrics and messages.
    pub name: String,
    /// The number of worker threads; at least 1.
    pub workers: usize,
    /// The number of shards that keyed state is divided into (`pipeline.max-parallelism`).
    pub shards: u16,
    /// The wall-clock time between epochs; `None` commits only at the end.
    pub epoch_interval: Option<Duration>,
    /// What becomes of bad rows, by source name; sources that are not named fail on the first.
    pub bad_rows: BTreeMap<String, BadRowPolicy>,
}

impl PipelineOptions {
    /// One worker, 128 shards, a commit only at the end, and failure on the first bad row.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            workers: 1,
            shards: 128,
            epoch_interval: None,
            bad_rows: BTreeMap::new(),
        }
    }
}
