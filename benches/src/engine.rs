//! The engine alone: decoded batches in, window results out to a sink that drops them.
//!
//! The figure is the CPU time of the workers per row of input; generating the rows is not part of it.

use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Result;
use arrow_array::builder::StringViewBuilder;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, PrimitiveArray, RecordBatch, TimestampMillisecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use clap::Args;
use millstream_engine::clock::SystemClock;
use millstream_engine::connector::ConnectorError;
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::expression::{EvaluationContext, EvaluationError, Expression};
use millstream_engine::pipeline::Pipeline;
use millstream_engine::plan::{
    AggregateCall, AggregateFunction, Node, NodeId, Operator, PipelineOptions, Plan, Window, WindowKind,
    WindowProperty, WindowTime,
};
use millstream_engine::sink::{ChangelogMode, Committable, Sink, SinkWriter, WriterIndex};
use millstream_engine::source::Memory;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Nanoseconds per row of window aggregations over decoded batches.
#[derive(Args)]
pub(crate) struct Options {
    /// Rows of input.
    #[arg(long, default_value_t = 8_000_000)]
    rows: usize,
    /// Rows per batch.
    #[arg(long, default_value_t = 8_192)]
    batch_rows: usize,
    /// Worker threads, each with one split.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Runs of each measurement; the fastest is printed.
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    println!("workload                                        ns/row   M rows/s    rows out");
    for per_second in [1_000, 20_000] {
        let splits =
            splits(options, |random, rows| sensor_batches(random, rows, options.batch_rows, per_second));
        let plan = sensor_plan(splits);
        measure(&format!("sensor, 10 s tumble, {per_second}/s, 1,000 keys"), &plan, options)?;
    }
    for keys in [1_000, 100_000, 2_000_000] {
        let splits = splits(options, |random, rows| bid_batches(random, rows, options.batch_rows, keys));
        let plan = bidder_plan(splits);
        measure(&format!("q12, COUNT(*) per bidder, {keys} keys"), &plan, options)?;
    }
    Ok(())
}

fn splits(
    options: &Options,
    batches: impl Fn(&mut StdRng, usize) -> Vec<RecordBatch>,
) -> Vec<Vec<RecordBatch>> {
    let mut random = StdRng::seed_from_u64(1);
    (0..options.workers).map(|_| batches(&mut random, options.rows / options.workers)).collect()
}

fn measure(name: &str, plan: &Plan, options: &Options) -> Result<()> {
    let mut fastest = (f64::INFINITY, 0);
    for _ in 0..options.runs {
        let pipeline_options =
            PipelineOptions { workers: options.workers, ..PipelineOptions::named("bench") };
        let summary = Pipeline::start(plan, pipeline_options, None, Arc::new(SystemClock))?.wait()?;
        let nanos = summary.worker_cpu.as_secs_f64() * 1e9 / summary.sinks[0].rows_in as f64;
        if nanos < fastest.0 {
            fastest = (nanos, summary.sinks[0].rows_out);
        }
    }
    let (nanos, rows_out) = fastest;
    println!("{name:<46} {nanos:>7.1} {:>10.1} {rows_out:>11}", 1e3 / nanos);
    Ok(())
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

fn sensor_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("sensor_id", DataType::Utf8View, false),
        Field::new("ts", timestamp(), false),
        Field::new("temperature", DataType::Float64, false),
    ]))
}

/// Readings up to 2 s out of order.
fn sensor_batches(
    random: &mut StdRng,
    rows: usize,
    batch_rows: usize,
    per_second: usize,
) -> Vec<RecordBatch> {
    let batch = |start: usize| {
        let count = batch_rows.min(rows - start);
        let mut keys = StringViewBuilder::with_capacity(count);
        let mut times = Vec::with_capacity(count);
        let mut values = Vec::with_capacity(count);
        for row in start..start + count {
            keys.append_value(format!("s-{}", random.random_range(0..1_000)));
            times.push((row * 1_000 / per_second) as i64 - random.random_range(0..2_000_i64));
            values.push(f64::from(random.random_range(1_000..4_000_i32)) / 100.0);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(keys.finish()),
            Arc::new(TimestampMillisecondArray::from(times)),
            Arc::new(Float64Array::from(values)),
        ];
        RecordBatch::try_new(sensor_schema(), columns)
    };
    (0..rows).step_by(batch_rows).map(batch).collect::<Result<_, _>>().unwrap_or_default()
}

fn sensor_plan(splits: Vec<Vec<RecordBatch>>) -> Plan {
    let schema = sensor_schema();
    let call = |function| AggregateCall { function, input: Some(2), filter: None };
    let output = Arc::new(Schema::new(vec![
        Field::new("sensor_id", DataType::Utf8View, false),
        Field::new("count", DataType::Int64, false),
        Field::new("min", DataType::Float64, true),
        Field::new("max", DataType::Float64, true),
        Field::new("mean", DataType::Float64, true),
        Field::new("window_end", timestamp(), false),
    ]));
    let watermark = Operator::Watermark {
        input: NodeId(0),
        expression: Arc::new(TwoSecondsEarlier),
        time_column: 1,
        idle_timeout: None,
    };
    let window = Operator::WindowAggregate {
        input: NodeId(1),
        window: Window {
            time: WindowTime::Event { column: 1 },
            kind: WindowKind::Tumble { size_ms: 10_000, offset_ms: 0 },
        },
        keys: vec![0],
        aggregates: vec![
            call(AggregateFunction::Count),
            call(AggregateFunction::Min),
            call(AggregateFunction::Max),
            call(AggregateFunction::Avg),
        ],
        properties: vec![WindowProperty::End],
    };
    plan(splits, &schema, vec![(watermark, Arc::clone(&schema)), (window, output)])
}

fn bid_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("bidder", DataType::Int64, false)]))
}

fn bid_batches(random: &mut StdRng, rows: usize, batch_rows: usize, keys: i64) -> Vec<RecordBatch> {
    let batch = |start: usize| {
        let bidders = (0..batch_rows.min(rows - start)).map(|_| random.random_range(1_000..1_000 + keys));
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(bidders));
        RecordBatch::try_new(bid_schema(), vec![column])
    };
    (0..rows).step_by(batch_rows).map(batch).collect::<Result<_, _>>().unwrap_or_default()
}

fn bidder_plan(splits: Vec<Vec<RecordBatch>>) -> Plan {
    let schema = bid_schema();
    let output = Arc::new(Schema::new(vec![
        Field::new("bidder", DataType::Int64, false),
        Field::new("bid_count", DataType::Int64, false),
        Field::new("starttime", timestamp(), false),
    ]));
    let window = Operator::WindowAggregate {
        input: NodeId(0),
        window: Window {
            time: WindowTime::Processing,
            kind: WindowKind::Tumble { size_ms: 10_000, offset_ms: 0 },
        },
        keys: vec![0],
        aggregates: vec![AggregateCall { function: AggregateFunction::Count, input: None, filter: None }],
        properties: vec![WindowProperty::Start],
    };
    plan(splits, &schema, vec![(window, output)])
}

/// A source, the operators one after the other, and a sink that drops its rows.
fn plan(splits: Vec<Vec<RecordBatch>>, schema: &SchemaRef, operators: Vec<(Operator, SchemaRef)>) -> Plan {
    let source = Arc::new(Memory::new(Arc::clone(schema), splits));
    let source = Operator::Source { name: "memory".into(), source };
    let mut nodes = vec![Node { operator: source, schema: Arc::clone(schema) }];
    nodes.extend(operators.into_iter().map(|(operator, schema)| Node { operator, schema }));
    let input = NodeId(nodes.len() - 1);
    let schema = Arc::clone(&nodes[input.0].schema);
    let sink = Operator::Sink { input, name: "dropped".into(), sink: Arc::new(Drop) };
    nodes.push(Node { operator: sink, schema });
    Plan { nodes }
}

#[derive(Debug)]
struct TwoSecondsEarlier;

impl Expression for TwoSecondsEarlier {
    fn evaluate(&self, rows: &RecordBatch, _: &EvaluationContext) -> Result<ArrayRef, EvaluationError> {
        let times = rows.column(1).as_any().downcast_ref::<TimestampMillisecondArray>();
        let earlier: PrimitiveArray<TimestampMillisecondType> =
            times.map(|times| times.unary(|time| time - 2_000)).unwrap_or_else(|| Vec::<i64>::new().into());
        Ok(Arc::new(earlier))
    }
}

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Drop;

impl Sink for Drop {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Append
    }

    fn open(&self, _writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(Self))
    }
}

impl SinkWriter for Drop {
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, _batch: &Batch) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn seal(&mut self, _epoch: Epoch) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn poll_prepared(
        &mut self,
        _context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>> {
        Poll::Ready(Ok(None))
    }
}
