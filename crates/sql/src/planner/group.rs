//! GROUP BY: window aggregations.
//!
//! The groups are those of a tumbling window and of keys. Expressions of SELECT and HAVING are rewritten over the
//! aggregation's output: what equals a key becomes the key's column, aggregates become theirs, and properties of the
//! window the window's.

use millstream_engine::plan::{AggregateCall, WindowProperty};

use super::relation::{Aggregation, Relation};
use super::select::output_columns;
use crate::binder::aggregate::{Aggregate, Collector};
use crate::binder::{AGGREGATES, Binder, Bound, Column, Scope, TimeAttribute};
use crate::diagnostics::{Span, SqlError};
use crate::expression::window::WindowBound;
use crate::expression::{Expr, ExprKind};
use crate::syntax::{self, Select};

/// A bound query with GROUP BY or aggregates.
pub(super) struct Grouped<'a> {
    pub(super) select: &'a Select,
    pub(super) scope: &'a Scope,
    pub(super) expressions: Vec<Expr>,
    pub(super) names: Vec<String>,
    pub(super) having: Option<Expr>,
    pub(super) collector: Collector,
}

const WINDOW_HINT: &str = "group by a tumbling window: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) \
     GROUP BY window_start, window_end, …";

pub(super) fn aggregate(relation: Relation, parts: Grouped<'_>) -> Bound<Relation> {
    let Grouped { select, scope, expressions, names, having, collector } = parts;
    let mut keys = Vec::new();
    let mut nothing = Collector::default();
    for key in flattened(&select.group_by) {
        let mut binder = Binder { scope, aggregates: Some(&mut nothing), clause: "GROUP BY" };
        keys.push(binder.bind(key)?);
    }
    if !nothing.calls.is_empty() {
        return Err(SqlError::semantic(select.span, "GROUP BY holds no aggregates"));
    }
    // Everything in terms of the relation below all projections: there, windows are expressions over its time column.
    let (base, inlined) = relation.peel();
    let keys: Vec<Expr> = keys.into_iter().map(|key| key.substitute(&inlined)).collect();
    let (window, allowed) = window(&keys, select)?;
    let keys: Vec<Expr> = keys.into_iter().filter(|key| !matches!(key.kind, ExprKind::Window(_))).collect();
    let calls: Vec<Aggregate> = collector
        .calls
        .into_iter()
        .map(|call| Aggregate {
            argument: call.argument.map(|argument| argument.substitute(&inlined)),
            filter: call.filter.map(|filter| filter.substitute(&inlined)),
            ..call
        })
        .collect();

    let mut output =
        Output { keys: &keys, calls: &calls, window: &window, allowed: &allowed, properties: Vec::new() };
    let mut rewrite = |expr: Expr| output.rewrite(expr.substitute(&inlined));
    let expressions = expressions.into_iter().map(&mut rewrite).collect::<Bound<Vec<_>>>()?;
    let having = having.map(&mut rewrite).transpose()?;
    let properties = output.properties;

    let aggregation = build(base, &window, &keys, &calls, properties);
    let output_scope = Scope { alias: None, columns: aggregation.columns.clone() };
    let relation = Relation::Aggregate(Box::new(aggregation));
    let relation = match having {
        Some(having) => relation.filter(having),
        None => relation,
    };
    let columns = output_columns(&expressions, &names, &output_scope)?;
    Ok(relation.project(expressions, columns))
}

/// The keys of GROUP BY; `(a, b)` groups by both.
fn flattened(keys: &[syntax::Expr]) -> Vec<&syntax::Expr> {
    keys.iter()
        .flat_map(|key| match &key.kind {
            syntax::ExprKind::Row(items) => items.iter().collect::<Vec<_>>(),
            _ => vec![key],
        })
        .collect()
}

/// The window among the keys, and the properties of it that SELECT may name.
fn window(keys: &[Expr], select: &Select) -> Bound<(WindowBound, Vec<WindowProperty>)> {
    let bounds: Vec<(&WindowBound, Span)> = keys
        .iter()
        .filter_map(|key| match &key.kind {
            ExprKind::Window(bound) => Some((bound, key.span)),
            _ => None,
        })
        .collect();
    let Some(&(first, span)) = bounds.first() else {
        let span = match select.group_by.as_slice() {
            [] => select.span,
            [first, .., last] => first.span.to(last.span),
            [only] => only.span,
        };
        return Err(SqlError::unsupported(span, "aggregates without a window are not supported yet")
            .hint(WINDOW_HINT));
    };
    if let Some((_, other)) = bounds.iter().find(|(bound, _)| !bound.is_same_window(first)) {
        return Err(SqlError::unsupported(*other, "grouping by two windows is not supported yet"));
    }
    // GROUP BY TUMBLE(…) names the window itself; columns of TABLE(TUMBLE(…)) must name both of its ends.
    let legacy = select.group_by.iter().any(
        |key| matches!(&key.kind, syntax::ExprKind::Call(call) if call.name.text.eq_ignore_ascii_case("TUMBLE")),
    );
    let mut allowed: Vec<WindowProperty> = bounds.iter().map(|(bound, _)| bound.property).collect();
    if legacy {
        allowed = vec![WindowProperty::Start, WindowProperty::End, WindowProperty::Time];
    } else {
        for (property, name) in [(WindowProperty::Start, "window_start"), (WindowProperty::End, "window_end")]
        {
            if !allowed.contains(&property) {
                return Err(SqlError::semantic(span, format!("GROUP BY lacks {name}"))
                    .hint("a window is grouped by both of its ends: GROUP BY window_start, window_end, …"));
            }
        }
    }
    Ok((first.clone(), allowed))
}

/// The columns of the aggregation: keys, aggregates, properties of the window.
struct Output<'a> {
    keys: &'a [Expr],
    calls: &'a [Aggregate],
    window: &'a WindowBound,
    allowed: &'a [WindowProperty],
    /// The properties that are read, in the order of their columns.
    properties: Vec<WindowProperty>,
}

impl Output<'_> {
    /// An expression over the input, over the output.
    fn rewrite(&mut self, expr: Expr) -> Bound<Expr> {
        if let Some(key) = self.keys.iter().position(|key| key.is_same(&expr)) {
            return Ok(Expr::column(key, &expr.to_string(), expr.data_type, expr.span));
        }
        match &expr.kind {
            ExprKind::Column { index, name } if *index >= AGGREGATES => {
                Ok(Expr::column(self.keys.len() + index - AGGREGATES, name, expr.data_type, expr.span))
            }
            ExprKind::Column { name, .. } => {
                Err(SqlError::semantic(expr.span, format!("'{name}' is neither grouped nor aggregated"))
                    .hint(format!("add it to GROUP BY, or aggregate it: MAX({name})")))
            }
            ExprKind::Window(bound) if bound.is_same_window(self.window) => {
                let property = bound.property;
                if !self.allowed.contains(&property) {
                    return Err(SqlError::semantic(expr.span, "window_time is not grouped")
                        .hint("add it to GROUP BY: GROUP BY window_start, window_end, window_time"));
                }
                let position = match self.properties.iter().position(|other| *other == property) {
                    Some(position) => position,
                    None => {
                        self.properties.push(property);
                        self.properties.len() - 1
                    }
                };
                let column = self.keys.len() + self.calls.len() + position;
                Ok(Expr::column(column, property_name(property), expr.data_type, expr.span))
            }
            ExprKind::Window(_) => Err(SqlError::semantic(expr.span, "this is not the window of GROUP BY")
                .hint("name the same time column, size and offset in both places")),
            _ => {
                let mut failed = None;
                let rewritten = expr.map_children(&mut |child| {
                    if failed.is_some() {
                        return child;
                    }
                    let original = child.clone();
                    self.rewrite(child).unwrap_or_else(|error| {
                        failed = Some(error);
                        original
                    })
                });
                failed.map_or(Ok(rewritten), Err)
            }
        }
    }
}

fn property_name(property: WindowProperty) -> &'static str {
    match property {
        WindowProperty::Start => "window_start",
        WindowProperty::End => "window_end",
        WindowProperty::Time => "window_time",
    }
}

/// The aggregation over a projection of exactly what it reads; equal expressions are computed once.
fn build(
    base: Relation,
    window: &WindowBound,
    keys: &[Expr],
    calls: &[Aggregate],
    properties: Vec<WindowProperty>,
) -> Aggregation {
    let mut inputs: Vec<Expr> = Vec::new();
    let mut input = |expr: &Expr| match inputs.iter().position(|earlier| earlier.is_same(expr)) {
        Some(index) => index,
        None => {
            inputs.push(expr.clone());
            inputs.len() - 1
        }
    };
    let time = window.time.as_ref().map(|time| input(time));
    let key_indices: Vec<usize> = keys.iter().map(&mut input).collect();
    let aggregates: Vec<AggregateCall> = calls
        .iter()
        .map(|call| AggregateCall {
            function: call.function,
            input: call.argument.as_ref().map(&mut input),
            filter: call.filter.as_ref().map(&mut input),
        })
        .collect();

    let mut columns: Vec<Column> = keys
        .iter()
        .map(|key| Column { name: key.to_string(), data_type: key.data_type.clone(), time: None })
        .collect();
    columns.extend(calls.iter().map(|call| Column {
        name: call.text.clone(),
        data_type: call.data_type.clone(),
        time: None,
    }));
    let time_type = window
        .time
        .as_ref()
        .map_or(crate::types::Kind::TimestampLtz(3).not_null(), |time| time.data_type.clone());
    columns.extend(properties.iter().map(|&property| Column {
        name: property_name(property).to_owned(),
        data_type: WindowBound::data_type(&time_type, property),
        time: match (property, time) {
            (WindowProperty::Time, Some(_)) => Some(TimeAttribute::Rowtime),
            (WindowProperty::Time, None) => Some(TimeAttribute::Proctime),
            _ => None,
        },
    }));
    let input_columns = inputs
        .iter()
        .map(|expr| Column { name: expr.to_string(), data_type: expr.data_type.clone(), time: None })
        .collect();
    Aggregation {
        input: base.project(inputs, input_columns),
        time,
        size_ms: window.size_ms,
        offset_ms: window.offset_ms,
        keys: key_indices,
        calls: aggregates,
        properties,
        columns,
    }
}
