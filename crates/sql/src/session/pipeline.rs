//! INSERT, statement sets, queries and EXPLAIN: what becomes a plan.

use std::sync::Arc;

use millstream_engine::connector::{Scan, TableSpec};
use millstream_engine::plan::{NodeId, Operator, Plan};
use millstream_engine::source::Source;

use super::settings::{
    CHECKPOINT_INTERVAL, DEAD_LETTER_TOPIC, DEFAULT_PARALLELISM, DML_SYNC, MAX_PARALLELISM, PARALLELISM,
    PIPELINE_NAME, TOLERANCE,
};
use super::{BadRows, PipelineRequest, PlannedSink, PlannedSource, QueryRequest, Session, connector_error};
use crate::binder::{Bound, Column, Scope, coerce};
use crate::catalog::{self, Table, TableColumn};
use crate::diagnostics::{Span, SqlError};
use crate::expression::{Expr, ExprKind, not_null};
use crate::planner::explain::explain;
use crate::planner::lower::{Lowering, UsedTable};
use crate::planner::relation::Relation;
use crate::planner::select::{QueryBinder, check_types};
use crate::syntax::{Insert, Query, QueryBody, StatementKind};
use crate::types::SqlType;

/// An INSERT, bound.
struct BoundInsert {
    table: Arc<Table>,
    relation: Relation,
    /// The texts of the views that it reads.
    views: Vec<String>,
    /// The columns of the sink.
    columns: Vec<(String, SqlType)>,
}

impl Session {
    pub(super) fn pipeline(&self, inserts: &[Insert], span: Span) -> Bound<PipelineRequest> {
        let bound = inserts.iter().map(|insert| self.insert(insert)).collect::<Bound<Vec<_>>>()?;
        let open = |table: &Table, spec: &TableSpec, scan: &Scan| -> Bound<Arc<dyn Source>> {
            self.open_source(table, spec, scan)
        };
        let mut lowering = Lowering::new(&open, self.settings.all(), self.follow);
        for insert in &bound {
            lowering.require_all(&insert.relation);
        }
        let mut names: Vec<String> = Vec::new();
        for insert in &bound {
            let table = &insert.table;
            let sink = self
                .connector(table)?
                .sink(&table.spec(), self.settings.all())
                .map_err(|error| connector_error(error, table))?;
            lowering.build_sink(&insert.relation, &table.name, sink, &insert.columns)?;
            if !names.contains(&table.name) {
                names.push(table.name.clone());
            }
        }
        let (plan, tables) = lowering.finish();
        let sources = self.sources(&tables)?;
        let sinks = planned_sinks(&plan, &bound);
        let given = self.settings.get(PIPELINE_NAME).filter(|name| !name.is_empty());
        let name = given.map_or_else(|| format!("insert-into_{}", names.join("_")), str::to_owned);
        Ok(PipelineRequest {
            is_bounded: is_bounded(&plan),
            plan,
            name,
            is_named: given.is_some(),
            sinks,
            sources,
            views: bound.into_iter().flat_map(|insert| insert.views).collect(),
            is_synchronous: self.settings.boolean(DML_SYNC),
            shards: self
                .settings
                .integer(MAX_PARALLELISM)
                .and_then(|count| u16::try_from(count).ok())
                .unwrap_or(128),
            workers: self.workers(),
            epoch_interval: self
                .settings
                .duration(CHECKPOINT_INTERVAL)
                .filter(|interval| !interval.is_zero()),
            span,
        })
    }

    fn workers(&self) -> Option<usize> {
        let given = |key| self.settings.integer(key).and_then(|count| usize::try_from(count).ok());
        given(DEFAULT_PARALLELISM).filter(|count| *count > 0).or_else(|| given(PARALLELISM))
    }

    pub(super) fn query(&self, query: &Query) -> Bound<QueryRequest> {
        let relation = QueryBinder::new(&self.catalog).query(query)?.without_idle_event_time();
        check_types(&relation, query.span)?;
        relation.check()?;
        let open = |table: &Table, spec: &TableSpec, scan: &Scan| -> Bound<Arc<dyn Source>> {
            self.open_source(table, spec, scan)
        };
        let mut lowering = Lowering::new(&open, self.settings.all(), self.follow);
        lowering.require_all(&relation);
        let root = lowering.build(&relation)?;
        let (plan, tables) = lowering.finish();
        let columns =
            relation.columns().iter().map(|column| (column.name.clone(), column.data_type.clone())).collect();
        Ok(QueryRequest {
            is_bounded: is_bounded(&plan),
            plan,
            root,
            columns,
            limit: query.limit.map(|(limit, _)| limit),
            sources: self.sources(&tables)?,
        })
    }

    pub(super) fn explain(&self, statement: &StatementKind, span: Span) -> Bound<String> {
        match statement {
            StatementKind::Insert(insert) => {
                Ok(explain(&self.pipeline(std::slice::from_ref(insert), span)?.plan))
            }
            StatementKind::StatementSet(inserts) => Ok(explain(&self.pipeline(inserts, span)?.plan)),
            StatementKind::Query(query) => {
                let request = self.query(query)?;
                let limit = request.limit.map_or(String::new(), |limit| format!("Limit({limit})\n"));
                Ok(format!("{limit}{}", explain(&request.plan)))
            }
            _ => Err(SqlError::semantic(span, "EXPLAIN takes a query, an INSERT or a statement set")),
        }
    }

    fn insert(&self, insert: &Insert) -> Bound<BoundInsert> {
        let table = self.catalog.find_table(&insert.table)?;
        let mut binder = QueryBinder::new(&self.catalog);
        let relation = binder.query(&insert.query)?;
        let views = binder.into_views();
        if let Some((_, span)) = insert.query.limit {
            return Err(SqlError::unsupported(span, "LIMIT in INSERT is not supported yet"));
        }
        relation.check()?;
        let targets = targets(&table, insert)?;
        let given = relation.columns();
        if targets.len() != given.len() {
            let expected: Vec<&str> = targets.iter().map(|column| column.name.as_str()).collect();
            let message =
                format!("the query gives {}, '{}' takes {}", columns(given.len()), table.name, targets.len());
            return Err(SqlError::semantic(insert.query.span, message)
                .hint(format!("columns: {}", expected.join(", "))));
        }
        let scope = Scope { alias: None, columns: given.to_vec() };
        let mut expressions = Vec::new();
        let mut columns = Vec::new();
        for column in table.columns.iter().filter(|column| column.is_persisted()) {
            let position = targets.iter().position(|target| target.name == column.name);
            let span = position.map_or(insert.query.span, |position| item_span(&relation, position, insert));
            expressions.push(value_for(column, position, &scope, &table, (insert, span))?);
            columns.push(Column {
                name: column.name.clone(),
                data_type: column.stored_type.clone(),
                time: None,
            });
        }
        let named = columns.iter().map(|column| (column.name.clone(), column.data_type.clone())).collect();
        let relation = relation.project(expressions, columns).without_idle_event_time();
        Ok(BoundInsert { table, relation, views, columns: named })
    }

    fn sources(&self, tables: &[UsedTable]) -> Bound<Vec<PlannedSource>> {
        tables
            .iter()
            .map(|used| Ok(PlannedSource { table: used.table.spec(), bad_rows: self.bad_rows(&used.table)? }))
            .collect()
    }

    /// A table's own options win over the session's.
    fn bad_rows(&self, table: &Table) -> Bound<BadRows> {
        let topic = match table.option(catalog::DEAD_LETTER_TOPIC) {
            Some(option) => Some(option.value.as_str()),
            None => self.settings.get(DEAD_LETTER_TOPIC),
        };
        let tolerance = match table.option(catalog::TOLERANCE) {
            Some(option) if !["none", "all"].contains(&option.value.as_str()) => {
                let message = format!("'{}' is no value for '{}'", option.value, option.key);
                return Err(SqlError::declaration(option.value_span, message)
                    .hint("expected none or all")
                    .within(&table.source));
            }
            Some(option) => option.value.as_str(),
            None => self.settings.get(TOLERANCE).unwrap_or("none"),
        };
        Ok(match (topic.filter(|topic| !topic.is_empty()), tolerance) {
            (Some(topic), "all") => BadRows::DeadLetter { topic: topic.to_owned() },
            (None, "all") => BadRows::Skip,
            _ => BadRows::Fail,
        })
    }
}

fn columns(count: usize) -> String {
    if count == 1 { "1 column".to_owned() } else { format!("{count} columns") }
}

/// The columns that an INSERT gives values for, in the order of its query.
fn targets<'t>(table: &'t Table, insert: &Insert) -> Bound<Vec<&'t TableColumn>> {
    let persisted = || table.columns.iter().filter(|column| column.is_persisted());
    if insert.columns.is_empty() {
        return Ok(persisted().collect());
    }
    let mut targets: Vec<&TableColumn> = Vec::new();
    for name in &insert.columns {
        let Some(column) = persisted().find(|column| column.name == name.text) else {
            return Err(SqlError::name(
                name.span,
                format!("'{}' has no column '{}' to insert into", table.name, name.text),
            )
            .suggest(&name.text, persisted().map(|column| column.name.as_str()), "columns"));
        };
        if targets.iter().any(|target| target.name == column.name) {
            return Err(SqlError::name(name.span, format!("the column '{}' stands here twice", name.text)));
        }
        targets.push(column);
    }
    Ok(targets)
}

/// Where a column of the query stands in its SELECT, if it has one.
fn item_span(relation: &Relation, position: usize, insert: &Insert) -> Span {
    match (relation, &insert.query.body) {
        (Relation::Project { expressions, .. }, QueryBody::Select(_)) => expressions[position].span,
        _ => insert.query.span,
    }
}

/// The value for a column of a sink: what the query gives at a position, else NULL.
fn value_for(
    column: &TableColumn,
    position: Option<usize>,
    scope: &Scope,
    table: &Table,
    (insert, span): (&Insert, Span),
) -> Bound<Expr> {
    let Some(position) = position else {
        if !column.data_type.nullable {
            let message =
                format!("the column '{}' of '{}' is NOT NULL and gets no value", column.name, table.name);
            return Err(SqlError::semantic(insert.table.span, message));
        }
        return Ok(coerce::null_of(&column.stored_type.kind, span));
    };
    let value = scope.column(position, span);
    let assigned = coerce::assign(value, &column.data_type, &column.name, &table.name)?;
    let stored = coerce::convert(assigned, &column.stored_type.kind);
    if column.data_type.nullable {
        return Ok(stored);
    }
    let sure = matches!(stored.kind, ExprKind::Column { .. }) && !stored.data_type.nullable;
    Ok(if sure { stored } else { not_null::enforced(stored, &column.name, span) })
}

fn planned_sinks(plan: &Plan, inserts: &[BoundInsert]) -> Vec<PlannedSink> {
    let nodes =
        plan.nodes.iter().enumerate().filter(|(_, node)| matches!(node.operator, Operator::Sink { .. }));
    nodes
        .zip(inserts)
        .map(|((node, _), insert)| PlannedSink {
            table: insert.table.spec(),
            node: NodeId(node),
            types: insert.columns.iter().map(|(_, data_type)| data_type.clone()).collect(),
        })
        .collect()
}

fn is_bounded(plan: &Plan) -> bool {
    plan.nodes.iter().all(|node| match &node.operator {
        Operator::Source { source, .. } => source.is_bounded(),
        _ => true,
    })
}
