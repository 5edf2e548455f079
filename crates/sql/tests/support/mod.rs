//! What the integration tests share: connectors in memory and a small interpreter of plans.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test's: each binary uses a part of it")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use millstream_engine::connector::{
    ColumnKind, Connector, ConnectorError, FieldPath, Scan, Settings, TableSpec,
};
use millstream_engine::element::TimestampMs;
use millstream_engine::expression::{EvaluationContext, EvaluationError};
use millstream_engine::plan::{NodeId, Operator, Plan};
use millstream_engine::sink::{ChangelogMode, Sink, SinkWriter, WriterIndex};
use millstream_engine::source::{Memory, Position, Source, SplitId, SplitReader};
use millstream_sql::session::{Outcome, QueryRequest, Session};
use millstream_sql::{SqlError, parse_script};

/// A connector that accepts a few options, reads `rows` (pruned as asked) and swallows what is written.
#[derive(Debug)]
pub(crate) struct TestConnector {
    pub(crate) name: &'static str,
    pub(crate) rows: Option<RecordBatch>,
    pub(crate) bounded: bool,
    pub(crate) scans: Mutex<Vec<(String, Vec<FieldPath>)>>,
}

impl TestConnector {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rows: None, bounded: true, scans: Mutex::new(Vec::new()) }
    }
}

/// A source that has a schema and no rows.
#[derive(Debug)]
struct Empty {
    schema: SchemaRef,
    bounded: bool,
}

impl Source for Empty {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn is_bounded(&self) -> bool {
        self.bounded
    }

    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError> {
        Ok(Vec::new())
    }

    fn open(&self, _: &SplitId, _: Option<Position>) -> Result<Box<dyn SplitReader>, ConnectorError> {
        Err(ConnectorError::NotFound { message: "no splits".to_owned() })
    }
}

#[derive(Debug)]
struct Nowhere;

impl Sink for Nowhere {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Append
    }

    fn open(&self, _: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Err(ConnectorError::NotFound { message: "nowhere".to_owned() })
    }
}

const OPTIONS: &[&str] =
    &["connector", "format", "topic", "path", "key.format", "properties.bootstrap.servers"];

fn check_options(table: &TableSpec) -> Result<(), ConnectorError> {
    for key in table.options.keys() {
        if !OPTIONS.contains(&key.as_str()) {
            return Err(ConnectorError::Declaration {
                option: Some(key.clone()),
                column: None,
                message: format!("unknown option '{key}'"),
            });
        }
    }
    Ok(())
}

impl Connector for TestConnector {
    fn name(&self) -> &'static str {
        self.name
    }

    fn metadata(&self) -> Vec<(&'static str, DataType, bool)> {
        let timestamp = DataType::Timestamp(arrow_schema::TimeUnit::Millisecond, Some("UTC".into()));
        vec![
            ("timestamp", timestamp, true),
            ("offset", DataType::Int64, false),
            ("partition", DataType::Int32, false),
        ]
    }

    fn source(
        &self,
        table: &TableSpec,
        scan: &Scan,
        _: &Settings,
    ) -> Result<Arc<dyn Source>, ConnectorError> {
        check_options(table)?;
        let mut scans = self.scans.lock().unwrap();
        scans.push((table.name.clone(), scan.projection.clone()));
        let schema = Arc::new(Schema::new(prune(table, &scan.projection)));
        if let Some(rows) = &self.rows {
            let columns = schema
                .fields()
                .iter()
                .map(|field| prune_array(rows.column_by_name(field.name()).unwrap(), field.data_type()));
            let batch = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
            return Ok(Arc::new(Memory::new(schema, vec![vec![batch]])));
        }
        Ok(Arc::new(Empty { schema, bounded: self.bounded }))
    }

    fn sink(&self, table: &TableSpec, _: &Settings) -> Result<Arc<dyn Sink>, ConnectorError> {
        check_options(table)?;
        Ok(Arc::new(Nowhere))
    }
}

/// A column with the fields of a type alone.
fn prune_array(array: &ArrayRef, data_type: &DataType) -> ArrayRef {
    let (Some(rows), DataType::Struct(fields)) = (array.as_struct_opt(), data_type) else {
        return Arc::clone(array);
    };
    let columns = fields
        .iter()
        .map(|field| prune_array(rows.column_by_name(field.name()).unwrap(), field.data_type()))
        .collect();
    Arc::new(StructArray::new(fields.clone(), columns, rows.nulls().cloned()))
}

/// The schema that a source must have for a projection: written from the contract, not from the planner.
fn prune(table: &TableSpec, projection: &[FieldPath]) -> Fields {
    let fields: Vec<FieldRef> = table
        .columns
        .iter()
        .filter(|column| matches!(column.kind, ColumnKind::Physical | ColumnKind::Metadata { .. }))
        .map(|column| Arc::clone(&column.field))
        .collect();
    let paths: Vec<&[String]> = projection.iter().map(|path| path.0.as_slice()).collect();
    prune_fields(&fields, &paths)
}

fn prune_fields(fields: &[FieldRef], paths: &[&[String]]) -> Fields {
    fields
        .iter()
        .filter_map(|field| {
            let below: Vec<&[String]> =
                paths.iter().filter(|path| path[0] == *field.name()).map(|path| &path[1..]).collect();
            if below.is_empty() {
                return None;
            }
            if below.iter().any(|path| path.is_empty()) {
                return Some(Arc::clone(field));
            }
            let DataType::Struct(inner) = field.data_type() else { panic!("a path into {field}") };
            let inner = prune_fields(&inner.iter().cloned().collect::<Vec<_>>(), &below);
            Some(Arc::new(Field::new(field.name(), DataType::Struct(inner), field.is_nullable())))
        })
        .collect()
}

/// A session with an endless `kafka` and bounded `filesystem`, `print` and `blackhole` tables.
pub(crate) fn session() -> Session {
    Session::new(vec![
        Arc::new(TestConnector { bounded: false, ..TestConnector::new("kafka") }),
        Arc::new(TestConnector::new("filesystem")),
        Arc::new(TestConnector::new("print")),
        Arc::new(TestConnector::new("blackhole")),
    ])
}

/// Executes all statements of a text and gives the last outcome.
pub(crate) fn run(session: &mut Session, text: &str) -> Result<Outcome, SqlError> {
    let mut last = Outcome::Done { notice: None };
    for statement in parse_script(text, "test.sql")? {
        last = session.execute(&statement)?;
    }
    Ok(last)
}

/// The rows of a query without aggregation: an interpreter of sources, filters and projections.
pub(crate) fn rows_of(request: &QueryRequest) -> Result<RecordBatch, EvaluationError> {
    node(&request.plan, request.root)
}

fn node(plan: &Plan, id: NodeId) -> Result<RecordBatch, EvaluationError> {
    let context = EvaluationContext { processing_time: TimestampMs(1_700_000_000_000) };
    let this = &plan.nodes[id.0];
    match &this.operator {
        Operator::Source { source, .. } => {
            let splits = source.splits().unwrap();
            let mut reader = source.open(&splits[0], None).unwrap();
            let waker = std::task::Waker::noop();
            let mut task = std::task::Context::from_waker(waker);
            match reader.poll_next(&mut task) {
                std::task::Poll::Ready(Ok(millstream_engine::source::Read::Batch(batch))) => Ok(batch.rows),
                other => panic!("{other:?}"),
            }
        }
        Operator::Filter { input, predicate } => {
            let rows = node(plan, *input)?;
            let mask = predicate.evaluate(&rows, &context)?;
            Ok(arrow_select::filter::filter_record_batch(&rows, mask.as_boolean())?)
        }
        Operator::Project { input, expressions } => {
            let rows = node(plan, *input)?;
            let columns =
                expressions.iter().map(|e| e.evaluate(&rows, &context)).collect::<Result<Vec<_>, _>>()?;
            let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
            Ok(RecordBatch::try_new_with_options(this.schema.clone(), columns, &options)?)
        }
        other => panic!("no interpreter for {other:?}"),
    }
}

/// Compares a text with the file of a name, or writes the file when `UPDATE_GOLDEN` is set.
pub(crate) fn assert_golden(path: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs (UPDATE_GOLDEN=1 rewrites it):\n{}",
        path.display(),
        first_difference(&expected, actual)
    );
}

fn first_difference(expected: &str, actual: &str) -> String {
    let mut differences = String::new();
    let (left, right): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    for index in 0..left.len().max(right.len()) {
        let (old, new) = (left.get(index).unwrap_or(&""), right.get(index).unwrap_or(&""));
        if old != new && differences.len() < 4_000 {
            differences.push_str(&format!("{}:\n  - {old}\n  + {new}\n", index + 1));
        }
    }
    differences
}
