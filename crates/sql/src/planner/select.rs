//! Binding of queries without GROUP BY: FROM, WHERE, SELECT, VALUES, WITH and views.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};
use millstream_engine::plan::WindowProperty;

use super::group;
use super::relation::Relation;
use crate::binder::aggregate::Collector;
use crate::binder::{Binder, Bound, Column, Scope, coerce, fold_constants};
use crate::catalog::{Catalog, Entry, Table, View};
use crate::diagnostics::{Span, SqlError};
use crate::expression::{Expr, ExprKind};
use crate::syntax::{
    self, CommonTable, Name, Query, QueryBody, Select, SelectItem, TableReference, TableReferenceKind, Tumble,
};
use crate::types::Kind;

/// Binds queries over a catalog.
pub(crate) struct QueryBinder<'a> {
    catalog: &'a Catalog,
    /// The common tables in sight.
    common: BTreeMap<String, Relation>,
    /// The texts of the views that were bound, in their order.
    views: Vec<String>,
    /// How many queries lie around this one, those of views included.
    depth: usize,
}

/// The deepest nesting of queries in queries and views: a thread's stack of 2 MiB holds it in an unoptimised build.
const QUERY_DEPTH_MAX: usize = 48;

impl<'a> QueryBinder<'a> {
    pub(crate) fn new(catalog: &'a Catalog) -> Self {
        Self { catalog, common: BTreeMap::new(), views: Vec::new(), depth: 0 }
    }

    /// The texts of the views that the bound queries read, those that other views read included.
    pub(crate) fn into_views(self) -> Vec<String> {
        self.views
    }

    /// Binds a query that is not the whole statement: LIMIT has no meaning there.
    fn inner_query(&mut self, query: &Query) -> Bound<Relation> {
        if let Some((_, span)) = query.limit {
            return Err(SqlError::unsupported(span, "LIMIT is not supported here yet")
                .hint("LIMIT may end a SELECT that is a statement of its own"));
        }
        self.query(query)
    }

    /// Binds a query; its LIMIT is the caller's.
    pub(crate) fn query(&mut self, query: &Query) -> Bound<Relation> {
        if self.depth >= QUERY_DEPTH_MAX {
            let message = format!("queries and views are nested more than {QUERY_DEPTH_MAX} levels deep");
            return Err(SqlError::semantic(query.span, message));
        }
        self.depth += 1;
        let relation = self.query_inside(query);
        self.depth -= 1;
        relation
    }

    fn query_inside(&mut self, query: &Query) -> Bound<Relation> {
        let outer = self.common.clone();
        for common in &query.with {
            let relation = self.common_table(common)?;
            self.common.insert(common.name.text.clone(), relation);
        }
        let relation = match &query.body {
            QueryBody::Select(select) => self.select(select),
            QueryBody::Values(rows) => values(rows, query.span),
            QueryBody::Nested(query) => self.inner_query(query),
        };
        self.common = outer;
        relation
    }

    fn common_table(&mut self, common: &CommonTable) -> Bound<Relation> {
        let relation = self.inner_query(&common.query)?;
        renamed(relation, &common.columns, common.name.span)
    }

    /// Binds a view's query.
    pub(crate) fn view(&mut self, view: &View) -> Bound<Relation> {
        // A view sees the catalog alone.
        let mut inner = QueryBinder {
            catalog: self.catalog,
            common: BTreeMap::new(),
            views: Vec::new(),
            depth: self.depth,
        };
        let relation = inner.inner_query(&view.definition.query);
        self.views.push(view.text().to_owned());
        self.views.append(&mut inner.views);
        relation
            .and_then(|relation| renamed(relation, &view.definition.columns, view.definition.name.span))
            .map_err(|error| error.within(&view.source))
    }

    fn select(&mut self, select: &Select) -> Bound<Relation> {
        let (relation, scope) = match &select.from {
            Some(table) => self.table(table)?,
            None => (single_row()?, Scope::default()),
        };
        let relation = match &select.filter {
            Some(filter) => relation.filter(Binder::scalar(&scope, "WHERE").condition(filter)?),
            None => relation,
        };
        let mut collector = Collector::default();
        let grouped = !select.group_by.is_empty();
        let mut binder = Binder { scope: &scope, aggregates: Some(&mut collector), clause: "SELECT" };
        let (mut expressions, names) = select_list(select, &mut binder)?;
        let having = match &select.having {
            Some(having) => {
                binder.clause = "HAVING";
                Some(binder.condition(having)?)
            }
            None => None,
        };
        if grouped || !collector.calls.is_empty() || having.is_some() {
            let parts = group::Grouped { select, scope: &scope, expressions, names, having, collector };
            return group::aggregate(relation, parts);
        }
        if select.from.is_none() {
            expressions = expressions.into_iter().map(fold_constants).collect();
        }
        let columns = output_columns(&expressions, &names, &scope)?;
        Ok(relation.project(expressions, columns))
    }

    /// A relation of FROM and the names that it brings.
    fn table(&mut self, table: &TableReference) -> Bound<(Relation, Scope)> {
        let (relation, name) = match &table.kind {
            TableReferenceKind::Table(name) => {
                let bare = Catalog::resolve(name)?.to_owned();
                let common = (name.parts.len() == 1).then(|| self.common.get(&bare).cloned()).flatten();
                let relation = match common {
                    Some(relation) => relation,
                    None => match self.catalog.find(name)?.clone() {
                        Entry::Table(table) => scan(&table),
                        Entry::View(view) => self.view(&view)?,
                    },
                };
                (relation, Some(bare))
            }
            TableReferenceKind::Query(query) => (self.inner_query(query)?, None),
            TableReferenceKind::Tumble(tumble) => (self.tumble(tumble)?, None),
        };
        let relation = renamed(relation, &table.columns, table.span)?;
        let alias = table.alias.as_ref().map(|alias| alias.text.clone()).or(name);
        let scope = Scope { alias, columns: relation.columns().to_vec() };
        Ok((relation, scope))
    }

    /// `TABLE(TUMBLE(…))`: the input's columns and the window's.
    fn tumble(&mut self, tumble: &Tumble) -> Bound<Relation> {
        let (relation, scope) = self.table(&tumble.data)?;
        let nothing = Scope::default();
        let mut constant = Binder::scalar(&nothing, "the size of a window");
        let size_ms = constant.window_size(&tumble.size)?;
        let offset_ms = match &tumble.offset {
            Some(offset) => constant.interval_ms(offset)?,
            None => 0,
        };
        let span = tumble.time_column.span;
        let time = scope.column(scope.find(&tumble.time_column)?, span);
        let binder = Binder::scalar(&scope, "TUMBLE");
        let mut expressions: Vec<Expr> =
            (0..scope.columns.len()).map(|index| scope.column(index, span)).collect();
        let mut columns = scope.columns.clone();
        // Rows of a window are no longer timed by their own column, but by the window's.
        for (name, property) in [
            ("window_start", WindowProperty::Start),
            ("window_end", WindowProperty::End),
            ("window_time", WindowProperty::Time),
        ] {
            let bound = binder.tumble(time.clone(), size_ms, offset_ms, property, span)?;
            columns.push(Column {
                name: name.to_owned(),
                data_type: bound.data_type.clone(),
                time: scope.time_attribute(&bound),
            });
            expressions.push(bound);
        }
        Ok(relation.project(expressions, columns))
    }
}

/// A table's declared columns over its scan.
fn scan(table: &Arc<Table>) -> Relation {
    let expressions = table.columns.iter().map(|column| column.expression.clone()).collect();
    Relation::Scan { table: Arc::clone(table) }.project(expressions, table.declared())
}

/// One row without columns: what a SELECT without FROM reads.
fn single_row() -> Bound<Relation> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let rows = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
    let rows = rows.map_err(|error| SqlError::semantic(Span::default(), error.to_string()))?;
    Ok(Relation::Values { rows, columns: Vec::new() })
}

/// The relation with other names for its columns; none given, none changed.
pub(crate) fn renamed(relation: Relation, names: &[Name], span: Span) -> Bound<Relation> {
    if names.is_empty() {
        return Ok(relation);
    }
    if names.len() != relation.columns().len() {
        let message = format!("{} names for {} columns", names.len(), relation.columns().len());
        return Err(SqlError::semantic(span, message));
    }
    let mut columns = relation.columns().to_vec();
    for (column, name) in columns.iter_mut().zip(names) {
        column.name.clone_from(&name.text);
    }
    let identity = relation
        .columns()
        .iter()
        .enumerate()
        .map(|(index, column)| Expr::column(index, &column.name, column.data_type.clone(), span))
        .collect();
    Ok(relation.project(identity, columns))
}

/// The expressions of SELECT and the names of their columns.
fn select_list(select: &Select, binder: &mut Binder<'_>) -> Bound<(Vec<Expr>, Vec<String>)> {
    let mut expressions = Vec::new();
    let mut names = Vec::new();
    for item in &select.items {
        match item {
            SelectItem::All { qualifier, span } => {
                if let Some(qualifier) = qualifier
                    && binder.scope.alias.as_deref() != Some(qualifier.text.as_str())
                {
                    return Err(SqlError::name(
                        qualifier.span,
                        format!("unknown table '{}'", qualifier.text),
                    )
                    .suggest(&qualifier.text, binder.scope.alias.as_deref(), "tables"));
                }
                if select.from.is_none() {
                    return Err(SqlError::semantic(*span, "* needs a FROM"));
                }
                for (index, column) in binder.scope.columns.iter().enumerate() {
                    expressions.push(binder.scope.column(index, *span));
                    names.push(column.name.clone());
                }
            }
            SelectItem::Expression { expression, alias } => {
                let bound = binder.bind(expression)?;
                names.push(match alias {
                    Some(alias) => alias.text.clone(),
                    None => item_name(expression, names.len()),
                });
                expressions.push(bound);
            }
        }
    }
    Ok((expressions, names))
}

/// The name of a column without an alias: the last part of a name, else Flink's `EXPR$n`.
fn item_name(expression: &syntax::Expr, position: usize) -> String {
    match &expression.kind {
        syntax::ExprKind::Name(parts) if !parts.is_empty() => parts[parts.len() - 1].text.clone(),
        syntax::ExprKind::Field { name, .. } => name.text.clone(),
        _ => format!("EXPR${position}"),
    }
}

/// The columns that a list of expressions gives.
pub(super) fn output_columns(expressions: &[Expr], names: &[String], scope: &Scope) -> Bound<Vec<Column>> {
    expressions
        .iter()
        .zip(names)
        .map(|(expr, name)| {
            Ok(Column {
                name: name.clone(),
                data_type: expr.data_type.clone(),
                time: scope.time_attribute(expr),
            })
        })
        .collect()
}

/// VALUES: rows of constants, each column of one type.
fn values(rows: &[Vec<syntax::Expr>], span: Span) -> Bound<Relation> {
    let scope = Scope::default();
    let mut binder = Binder::scalar(&scope, "VALUES");
    let width = rows.first().map_or(0, Vec::len);
    let mut columns: Vec<Vec<Expr>> = vec![Vec::new(); width];
    for row in rows {
        if row.len() != width {
            let place = row.first().map_or(span, |first| first.span.to(row[row.len() - 1].span));
            return Err(SqlError::semantic(
                place,
                format!("a row of {} values among rows of {width}", row.len()),
            ));
        }
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(binder.bind(value)?);
        }
    }
    let mut arrays = Vec::new();
    let mut outputs = Vec::new();
    for (index, values) in columns.into_iter().enumerate() {
        let (array, column) = values_column(values, index)?;
        arrays.push(array);
        outputs.push(column);
    }
    let fields: Vec<Field> =
        outputs.iter().map(|column| column.data_type.to_field(&column.name).as_ref().clone()).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| SqlError::semantic(span, error.to_string()))?;
    Ok(Relation::Values { rows: batch, columns: outputs })
}

fn values_column(values: Vec<Expr>, index: usize) -> Bound<(ArrayRef, Column)> {
    let span = values.first().map(|value| value.span).unwrap_or_default();
    let kinds = values.iter().map(|value| &value.data_type.kind);
    let Some(kind) = coerce::common_kind(kinds) else {
        return Err(SqlError::types(span, format!("the values of column {} have no common type", index + 1))
            .hint("use CAST(… AS …)"));
    };
    let mut nullable = values.iter().any(|value| value.data_type.nullable);
    let mut cells: Vec<ArrayRef> = Vec::new();
    for value in values {
        let value = fold_constants(coerce::convert(value, &kind));
        let span = value.span;
        let ExprKind::Literal(cell) = value.kind else {
            let reason =
                value.fold().err().map_or_else(|| "it is not constant".to_owned(), |error| error.to_string());
            return Err(SqlError::semantic(span, format!("a value of VALUES cannot be computed: {reason}")));
        };
        nullable |= cell.logical_null_count() > 0;
        cells.push(cell);
    }
    let parts: Vec<&dyn arrow_array::Array> = cells.iter().map(AsRef::as_ref).collect();
    let array =
        arrow_select::concat::concat(&parts).map_err(|error| SqlError::types(span, error.to_string()))?;
    let data_type = kind.with_nullability(nullable);
    Ok((array, Column { name: format!("EXPR${index}"), data_type, time: None }))
}

/// Refuses columns without a type.
pub(crate) fn check_types(relation: &Relation, span: Span) -> Bound<()> {
    for column in relation.columns() {
        if column.data_type.kind == Kind::Null {
            return Err(SqlError::types(
                span,
                format!("the type of the column '{}' is not known", column.name),
            )
            .hint("write CAST(NULL AS type)"));
        }
    }
    Ok(())
}
