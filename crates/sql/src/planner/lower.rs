//! Relations to the engine's plan.
//!
//! Two passes. The first ([`Lowering::require`]) goes over all relations of a statement and notes per table which field
//! paths are read and whether event time matters; the second builds nodes, one source per table, with the watermark
//! directly above it. A table whose event time windows nothing has no watermark node: nobody would read it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::Array as _;
use arrow_schema::{Field, Schema, SchemaRef};
use millstream_engine::connector::{Scan, Settings, TableSpec};
use millstream_engine::plan::{Node, NodeId, Operator, Plan, Window, WindowKind, WindowTime};
use millstream_engine::sink::Sink;
use millstream_engine::source::{Memory, Source};

use super::need::{ColumnMap, Need, collect};
use super::relation::{Aggregation, Relation};
use crate::binder::{Bound, Column};
use crate::catalog::Table;
use crate::expression::{Expr, ExprKind};
use crate::types::SqlType;

/// What the names of sources begin with that are no tables: the rows of VALUES, and the one row of a SELECT without FROM.
pub const VALUES_SOURCE: &str = "values-";

/// Makes a source of a table.
pub(crate) type OpenSource<'a> = dyn Fn(&Table, &TableSpec, &Scan) -> Bound<Arc<dyn Source>> + 'a;

/// The lowering of the relations of one statement.
pub(crate) struct Lowering<'a> {
    open: &'a OpenSource<'a>,
    follow: bool,
    idle_timeout: Option<Duration>,
    plan: Plan,
    tables: BTreeMap<String, TableNeed>,
    values: usize,
}

/// What a statement needs of a table.
struct TableNeed {
    table: Arc<Table>,
    columns: Vec<Need>,
    event_time: bool,
    /// The nodes, once they are built.
    built: Option<(NodeId, ColumnMap)>,
}

/// A table that a plan reads.
#[derive(Debug, Clone)]
pub(crate) struct UsedTable {
    pub(crate) table: Arc<Table>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(open: &'a OpenSource<'a>, settings: &Settings, follow: bool) -> Self {
        let idle_timeout = settings
            .get(crate::session::settings::IDLE_TIMEOUT)
            .and_then(|text| crate::session::settings::parse_duration(text).ok())
            .filter(|timeout| !timeout.is_zero());
        Self { open, follow, idle_timeout, plan: Plan::default(), tables: BTreeMap::new(), values: 0 }
    }

    /// Notes what a relation reads when all its columns are wanted.
    pub(crate) fn require_all(&mut self, relation: &Relation) {
        let all = vec![Need::whole(); relation.columns().len()];
        self.require(relation, &all, false);
    }

    fn require(&mut self, relation: &Relation, needs: &[Need], event_time: bool) {
        match relation {
            Relation::Scan { table } => {
                let entry = self.tables.entry(table.name.clone()).or_insert_with(|| TableNeed {
                    table: Arc::clone(table),
                    columns: vec![Need::default(); table.leaf.len()],
                    event_time: false,
                    built: None,
                });
                entry.event_time |= event_time;
                for (column, need) in entry.columns.iter_mut().zip(needs) {
                    column.add(need);
                }
            }
            Relation::Values { .. } => {}
            Relation::Filter { input, predicate } => {
                let mut needs = needs.to_vec();
                collect(predicate, &Need::whole(), &mut needs);
                self.require(input, &needs, event_time);
            }
            Relation::Project { input, expressions, .. } => {
                let mut below = vec![Need::default(); input.columns().len()];
                for (expr, need) in expressions.iter().zip(needs).filter(|(_, need)| need.is_some()) {
                    collect(expr, need, &mut below);
                }
                self.require(input, &below, event_time);
            }
            Relation::Aggregate(aggregation) => {
                let all = vec![Need::whole(); aggregation.input.columns().len()];
                self.require(&aggregation.input, &all, event_time || aggregation.time.is_some());
            }
        }
    }

    /// Builds a relation whose columns are all wanted, in their order.
    pub(crate) fn build(&mut self, relation: &Relation) -> Bound<NodeId> {
        let all = vec![Need::whole(); relation.columns().len()];
        Ok(self.lower(relation, &all)?.0)
    }

    /// Builds a relation as the input of a sink.
    pub(crate) fn build_sink(
        &mut self,
        relation: &Relation,
        name: &str,
        sink: Arc<dyn Sink>,
        types: &[(String, SqlType)],
    ) -> Bound<()> {
        let input = self.build(relation)?;
        let fields: Vec<Field> =
            types.iter().map(|(name, data_type)| data_type.to_field(name).as_ref().clone()).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        // The sink's columns carry the table's names and types; a projection gives them to what has others.
        let input = if self.schema(input) == schema { input } else { self.relabel(input, relation, &schema) };
        self.push(Operator::Sink { input, name: name.to_owned(), sink }, schema);
        Ok(())
    }

    fn relabel(&mut self, input: NodeId, relation: &Relation, schema: &SchemaRef) -> NodeId {
        let node = &mut self.plan.nodes[input.0];
        if let (Operator::Project { .. }, Relation::Project { .. }) = (&node.operator, relation) {
            node.schema = Arc::clone(schema);
            return input;
        }
        let expressions = relation
            .columns()
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let column = Expr::column(index, &column.name, column.data_type.clone(), Default::default());
                Arc::new(column) as Arc<dyn millstream_engine::expression::Expression>
            })
            .collect();
        self.push(Operator::Project { input, expressions }, Arc::clone(schema))
    }

    /// The plan, and the tables that it reads.
    pub(crate) fn finish(self) -> (Plan, Vec<UsedTable>) {
        let tables = self.tables.into_values().map(|need| UsedTable { table: need.table }).collect();
        (self.plan, tables)
    }

    fn push(&mut self, operator: Operator, schema: SchemaRef) -> NodeId {
        self.plan.nodes.push(Node { operator, schema });
        NodeId(self.plan.nodes.len() - 1)
    }

    fn schema(&self, node: NodeId) -> SchemaRef {
        Arc::clone(&self.plan.nodes[node.0].schema)
    }

    fn lower(&mut self, relation: &Relation, needs: &[Need]) -> Bound<(NodeId, ColumnMap)> {
        match relation {
            Relation::Scan { table } => self.table(&table.name),
            Relation::Values { rows, columns } => {
                self.values += 1;
                let name = format!("{VALUES_SOURCE}{}", self.values);
                let source = Arc::new(Memory::new(rows.schema(), vec![vec![rows.clone()]]));
                let node = self.push(Operator::Source { name, source }, rows.schema());
                Ok((node, ColumnMap::identity(columns.len())))
            }
            Relation::Filter { input, predicate } => {
                let mut below = needs.to_vec();
                collect(predicate, &Need::whole(), &mut below);
                let (input, map) = self.lower(input, &below)?;
                let predicate = Arc::new(map.translate(predicate));
                let schema = self.schema(input);
                Ok((self.push(Operator::Filter { input, predicate }, schema), map))
            }
            Relation::Project { input, expressions, columns } => {
                self.project(input, expressions, columns, needs)
            }
            Relation::Aggregate(aggregation) => self.aggregate(aggregation),
        }
    }

    fn project(
        &mut self,
        input: &Relation,
        expressions: &[Expr],
        columns: &[Column],
        needs: &[Need],
    ) -> Bound<(NodeId, ColumnMap)> {
        let mut below = vec![Need::default(); input.columns().len()];
        for (expr, need) in expressions.iter().zip(needs).filter(|(_, need)| need.is_some()) {
            collect(expr, need, &mut below);
        }
        let (input, map) = self.lower(input, &below)?;
        let mut wanted = Vec::new();
        let mut fields = Vec::new();
        let mut places = Vec::new();
        for ((expr, column), need) in expressions.iter().zip(columns).zip(needs) {
            if !need.is_some() {
                places.push(None);
                continue;
            }
            let shape = map.shape(expr);
            let mut data_type = shape.prune(&column.data_type);
            // A DECIMAL that overflows is null whatever its type says.
            data_type.nullable |= expr.any(&|part| match &part.kind {
                ExprKind::Literal(value) => value.logical_null_count() > 0,
                _ => part.data_type.kind.is_decimal(),
            });
            fields.push(data_type.to_field(&column.name));
            places.push(Some((wanted.len(), shape)));
            wanted.push(map.translate(expr));
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let identity =
            wanted.iter().enumerate().all(|(place, expr)| expr.as_path() == Some((place, Vec::new())));
        if identity && same_shape(&self.schema(input), &schema) {
            return Ok((input, ColumnMap(places)));
        }
        let expressions = wanted.into_iter().map(|expr| Arc::new(expr) as _).collect();
        Ok((self.push(Operator::Project { input, expressions }, schema), ColumnMap(places)))
    }

    fn aggregate(&mut self, aggregation: &Aggregation) -> Bound<(NodeId, ColumnMap)> {
        let all = vec![Need::whole(); aggregation.input.columns().len()];
        let (input, map) = self.lower(&aggregation.input, &all)?;
        let place =
            |index: usize| map.0.get(index).and_then(Option::as_ref).map_or(index, |(place, _)| *place);
        let time = match aggregation.time {
            Some(column) => WindowTime::Event { column: place(column) },
            None => WindowTime::Processing,
        };
        let kind = WindowKind::Tumble { size_ms: aggregation.size_ms, offset_ms: aggregation.offset_ms };
        let mut calls = aggregation.calls.clone();
        for call in &mut calls {
            call.input = call.input.map(place);
            call.filter = call.filter.map(place);
        }
        let fields: Vec<_> =
            aggregation.columns.iter().map(|column| column.data_type.to_field(&column.name)).collect();
        let operator = Operator::WindowAggregate {
            input,
            window: Window { time, kind },
            keys: aggregation.keys.iter().map(|&key| place(key)).collect(),
            aggregates: calls,
            properties: aggregation.properties.clone(),
        };
        let node = self.push(operator, Arc::new(Schema::new(fields)));
        Ok((node, ColumnMap::identity(aggregation.columns.len())))
    }

    /// The nodes of a table: its source, its event time where that is computed, its watermark.
    fn table(&mut self, name: &str) -> Bound<(NodeId, ColumnMap)> {
        let Some(need) = self.tables.get_mut(name) else {
            return Err(crate::diagnostics::SqlError::semantic(
                Default::default(),
                format!("the table '{name}' is not part of the statement"),
            ));
        };
        if let Some(built) = &need.built {
            return Ok(built.clone());
        }
        let table = Arc::clone(&need.table);
        let mut needs = need.columns.clone();
        let watermark = table.watermark.as_ref().filter(|_| need.event_time);
        if let Some(watermark) = watermark {
            collect(&watermark.expression, &Need::whole(), &mut needs);
            needs[watermark.column].add(&Need::whole());
        }
        let built = self.leaf(&table, &needs)?;
        let built = match watermark {
            Some(watermark) => {
                let (input, map) = built;
                let expression = Arc::new(map.translate(&watermark.expression));
                let time_column = map.0[watermark.column].as_ref().map_or(0, |(place, _)| *place);
                let idle_timeout = self.idle_timeout;
                let schema = self.schema(input);
                let operator = Operator::Watermark { input, expression, time_column, idle_timeout };
                (self.push(operator, schema), map)
            }
            None => built,
        };
        if let Some(need) = self.tables.get_mut(name) {
            need.built = Some(built.clone());
        }
        Ok(built)
    }

    /// The source, and above it the computed event time if that is needed.
    fn leaf(&mut self, table: &Table, needs: &[Need]) -> Bound<(NodeId, ColumnMap)> {
        let stored = if table.rowtime.is_some() { table.leaf.len() - 1 } else { table.leaf.len() };
        let mut raw = needs[..stored].to_vec();
        let rowtime = table.rowtime.as_ref().filter(|_| needs.get(stored).is_some_and(Need::is_some));
        if let Some(rowtime) = rowtime {
            collect(rowtime, &Need::whole(), &mut raw);
        }
        if !raw.iter().any(Need::is_some) {
            // A source without columns could not count its rows: the cheapest column stands in.
            raw[cheapest(&table.leaf[..stored])] = Need::whole();
        }
        let (source, map) = self.source(table, &raw)?;
        let Some(rowtime) = rowtime else { return Ok((source, map)) };
        // The columns above are those that are needed there, and the event time.
        let mut expressions: Vec<Expr> = Vec::new();
        let mut fields = Vec::new();
        let mut places = Vec::new();
        for (index, column) in table.leaf.iter().enumerate() {
            let wanted = needs.get(index).is_some_and(Need::is_some);
            if !wanted {
                places.push(None);
                continue;
            }
            let expr = if index == stored {
                rowtime.clone()
            } else {
                Expr::column(index, &column.name, column.data_type.clone(), Default::default())
            };
            let shape = map.shape(&expr);
            fields.push(shape.prune(&column.data_type).to_field(&column.name));
            places.push(Some((expressions.len(), shape)));
            expressions.push(map.translate(&expr));
        }
        let expressions = expressions.into_iter().map(|expr| Arc::new(expr) as _).collect();
        let node = self.push(Operator::Project { input: source, expressions }, Arc::new(Schema::new(fields)));
        Ok((node, ColumnMap(places)))
    }

    fn source(&mut self, table: &Table, needs: &[Need]) -> Bound<(NodeId, ColumnMap)> {
        let mut projection = Vec::new();
        let mut places = Vec::new();
        let mut fields = Vec::new();
        for (column, need) in table.leaf.iter().zip(needs) {
            if need.is_some() {
                projection.extend(need.paths(column));
                places.push(Some((fields.len(), need.clone())));
                fields.push(need.prune(&column.data_type).to_field(&column.name));
            } else {
                places.push(None);
            }
        }
        if table.rowtime.is_some() {
            places.push(None);
        }
        let spec = table.spec();
        let source = (self.open)(table, &spec, &Scan { projection, follow: self.follow })?;
        let schema = source.schema();
        let operator = Operator::Source { name: table.name.clone(), source };
        Ok((self.push(operator, schema), ColumnMap(places)))
    }
}

/// Whether two schemas carry the same columns under the same names; a source may know more about its nulls.
fn same_shape(left: &Schema, right: &Schema) -> bool {
    left.fields().len() == right.fields().len()
        && left
            .fields()
            .iter()
            .zip(right.fields())
            .all(|(left, right)| left.name() == right.name() && left.data_type() == right.data_type())
}

/// The column that costs least to decode: the first of a fixed width, else the first.
fn cheapest(columns: &[Column]) -> usize {
    let fixed = |column: &Column| column.data_type.kind.to_arrow().primitive_width().is_some();
    columns.iter().position(fixed).unwrap_or(0)
}
