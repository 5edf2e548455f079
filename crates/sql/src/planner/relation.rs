//! Relations: what a query computes, in the planner's terms and in a normal form.
//!
//! The constructors keep it: a filter moves below a projection, neighbouring filters and projections become one. That
//! is safe because expressions have no effects, and a filter that runs earlier only spares work. Whatever is expensive
//! and read more than once stays computed once.

use std::sync::Arc;

use arrow_array::RecordBatch;
use millstream_engine::plan::{AggregateCall, WindowProperty};

use crate::binder::{Bound, Column};
use crate::catalog::Table;
use crate::diagnostics::{Span, SqlError};
use crate::expression::{Expr, ExprKind};
use crate::parser::NESTING_MAX;

#[derive(Debug, Clone)]
pub(crate) enum Relation {
    /// The leaf columns of a table.
    Scan {
        table: Arc<Table>,
    },
    /// Rows that stand in the statement.
    Values {
        rows: RecordBatch,
        columns: Vec<Column>,
    },
    Filter {
        input: Box<Relation>,
        predicate: Expr,
    },
    Project {
        input: Box<Relation>,
        expressions: Vec<Expr>,
        columns: Vec<Column>,
    },
    Aggregate(Box<Aggregation>),
}

/// A window aggregation: its input has exactly the columns that it reads.
#[derive(Debug, Clone)]
pub(crate) struct Aggregation {
    pub(crate) input: Relation,
    /// The event time among the input's columns; `None` for the wall clock.
    pub(crate) time: Option<usize>,
    pub(crate) size_ms: i64,
    pub(crate) offset_ms: i64,
    pub(crate) keys: Vec<usize>,
    pub(crate) calls: Vec<AggregateCall>,
    pub(crate) properties: Vec<WindowProperty>,
    pub(crate) columns: Vec<Column>,
}

impl Relation {
    pub(crate) fn columns(&self) -> &[Column] {
        match self {
            Self::Scan { table } => &table.leaf,
            Self::Values { columns, .. } | Self::Project { columns, .. } => columns,
            Self::Filter { input, .. } => input.columns(),
            Self::Aggregate(aggregation) => &aggregation.columns,
        }
    }

    /// The rows for which a condition holds.
    pub(crate) fn filter(self, predicate: Expr) -> Self {
        match self {
            Self::Project { input, expressions, columns } if can_inline(&expressions, &[&predicate]) => {
                let predicate = predicate.substitute(&expressions);
                Self::Project { input: Box::new(input.filter(predicate)), expressions, columns }
            }
            Self::Filter { input, predicate: first } => {
                let data_type = predicate
                    .data_type
                    .with_nullability(predicate.data_type.nullable || first.data_type.nullable);
                let span = predicate.span;
                let mut operands = conjuncts(first);
                operands.extend(conjuncts(predicate));
                let predicate = Expr { kind: ExprKind::And(operands), data_type, span };
                Self::Filter { input, predicate }
            }
            input => Self::Filter { input: Box::new(input), predicate },
        }
    }

    /// Computed columns.
    pub(crate) fn project(self, expressions: Vec<Expr>, columns: Vec<Column>) -> Self {
        match self {
            Self::Project { input, expressions: inner, .. }
                if can_inline(&inner, &expressions.iter().collect::<Vec<_>>()) =>
            {
                let expressions = expressions.into_iter().map(|expr| expr.substitute(&inner)).collect();
                input.project(expressions, columns)
            }
            Self::Filter { input, predicate } => {
                let expressions =
                    expressions.into_iter().map(|expr| super::known::apply(expr, &predicate)).collect();
                Self::Project { input: Box::new(Self::Filter { input, predicate }), expressions, columns }
            }
            input => Self::Project { input: Box::new(input), expressions, columns },
        }
    }

    /// Every column as an expression.
    pub(crate) fn identity(&self) -> Vec<Expr> {
        let columns = self.columns().iter().enumerate();
        columns
            .map(|(index, column)| {
                Expr::column(index, &column.name, column.data_type.clone(), Span::default())
            })
            .collect()
    }

    /// The relation below all projections, and this relation's columns in its terms.
    pub(crate) fn peel(self) -> (Self, Vec<Expr>) {
        match self {
            Self::Project { input, expressions, columns } => {
                let names = input.columns().to_vec();
                let (base, inner) = input.peel();
                if !is_shallow(&inner, &expressions.iter().collect::<Vec<_>>()) {
                    let input = Self::Project { input: Box::new(base), expressions: inner, columns: names };
                    let whole = Self::Project { input: Box::new(input), expressions, columns };
                    let identity = whole.identity();
                    return (whole, identity);
                }
                let expressions = expressions.into_iter().map(|expr| expr.substitute(&inner)).collect();
                (base, expressions)
            }
            base => {
                let identity = base.identity();
                (base, identity)
            }
        }
    }

    /// Refuses what only an aggregation could compute: bounds of processing-time windows.
    pub(crate) fn check(&self) -> Bound<()> {
        let stray = |expr: &Expr| {
            expr.any(&|part| matches!(&part.kind, ExprKind::Window(bound) if bound.time.is_none()))
        };
        let refuse = |expr: &Expr| {
            Err(SqlError::unsupported(
                expr.span,
                "a processing-time window without an aggregation is not supported",
            )
            .hint("GROUP BY window_start, window_end"))
        };
        match self {
            Self::Scan { .. } | Self::Values { .. } => Ok(()),
            Self::Filter { predicate, .. } if stray(predicate) => refuse(predicate),
            Self::Filter { input, .. } => input.check(),
            Self::Project { input, expressions, .. } => match expressions.iter().find(|expr| stray(expr)) {
                Some(expr) => refuse(expr),
                None => input.check(),
            },
            Self::Aggregate(aggregation) => aggregation.input.check(),
        }
    }
}

impl Relation {
    /// Whether an aggregation by event time reads it.
    fn needs_watermark(&self) -> bool {
        match self {
            Self::Scan { .. } | Self::Values { .. } => false,
            Self::Filter { input, .. } | Self::Project { input, .. } => input.needs_watermark(),
            Self::Aggregate(aggregation) => aggregation.time.is_some() || aggregation.input.needs_watermark(),
        }
    }

    /// Where no window needs the watermark, a computed event time is a column like others: it is computed where it is
    /// read, behind the filters.
    pub(crate) fn without_idle_event_time(self) -> Self {
        if self.needs_watermark() { self } else { self.inline_event_time() }
    }

    fn inline_event_time(self) -> Self {
        match self {
            Self::Scan { table } => {
                let Some(rowtime) = table.rowtime.clone() else { return Self::Scan { table } };
                let columns = table.leaf.clone();
                let mut expressions: Vec<Expr> = columns
                    .iter()
                    .enumerate()
                    .map(|(index, column)| {
                        Expr::column(index, &column.name, column.data_type.clone(), Default::default())
                    })
                    .collect();
                expressions.pop();
                expressions.push(rowtime);
                Self::Project { input: Box::new(Self::Scan { table }), expressions, columns }
            }
            Self::Filter { input, predicate } => input.inline_event_time().filter(predicate),
            Self::Project { input, expressions, columns } => {
                input.inline_event_time().project(expressions, columns)
            }
            Self::Aggregate(mut aggregation) => {
                aggregation.input = aggregation.input.inline_event_time();
                Self::Aggregate(aggregation)
            }
            values @ Self::Values { .. } => values,
        }
    }
}

/// The operands of an AND.
fn conjuncts(predicate: Expr) -> Vec<Expr> {
    match predicate.kind {
        ExprKind::And(operands) => operands,
        _ => vec![predicate],
    }
}

/// The deepest expression that fusing may make, so that no chain of views fills the stack.
const DEPTH_MAX: usize = 2 * NESTING_MAX;

/// Whether putting the inner expressions in the place of the columns that read them computes nothing twice, and makes
/// nothing too deep.
fn can_inline(inner: &[Expr], outer: &[&Expr]) -> bool {
    let mut counts = vec![0; inner.len()];
    for expr in outer {
        expr.count_columns(&mut counts);
    }
    inner.iter().zip(counts).all(|(expr, count)| count <= 1 || expr.is_trivial()) && is_shallow(inner, outer)
}

fn is_shallow(inner: &[Expr], outer: &[&Expr]) -> bool {
    let deepest_inner = inner.iter().map(Expr::depth).max().unwrap_or(0);
    let deepest_outer = outer.iter().map(|expr| expr.depth()).max().unwrap_or(0);
    deepest_inner + deepest_outer <= DEPTH_MAX
}
