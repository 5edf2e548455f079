//! A topology driver's furniture: expressions, a log-like source, an epoch store and plans over them.

#![allow(dead_code, reason = "each test file uses its share")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use millstream_engine::connector::ConnectorError;
use millstream_engine::element::{Batch, TimestampMs};
use millstream_engine::epoch::{EpochRecord, EpochStore};
use millstream_engine::expression::{EvaluationContext, EvaluationError, Expression};
use millstream_engine::plan::{
    AggregateCall, AggregateFunction, Node, NodeId, Operator, Plan, Window, WindowKind, WindowProperty,
    WindowTime,
};
use millstream_engine::sink::Sink;
use millstream_engine::source::{BadRow, Position, Read, Source, SourceBatch, SplitId, SplitReader};
use parking_lot::Mutex;

/// A small random number generator whose runs can be repeated.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }

    pub(crate) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }
}

/// The value of a column.
#[derive(Debug)]
pub(crate) struct Column(pub(crate) usize);

impl Expression for Column {
    fn evaluate(&self, rows: &RecordBatch, _: &EvaluationContext) -> Result<ArrayRef, EvaluationError> {
        Ok(Arc::clone(rows.column(self.0)))
    }
}

/// A timestamp column less some milliseconds.
#[derive(Debug)]
pub(crate) struct Earlier(pub(crate) usize, pub(crate) i64);

impl Expression for Earlier {
    fn evaluate(&self, rows: &RecordBatch, _: &EvaluationContext) -> Result<ArrayRef, EvaluationError> {
        let times = rows.column(self.0).as_primitive::<TimestampMillisecondType>();
        Ok(Arc::new(times.unary::<_, TimestampMillisecondType>(|time| time - self.1)))
    }
}

/// Whether the DOUBLE column is not negative; NaN has no answer.
#[derive(Debug)]
pub(crate) struct NotNegative(pub(crate) usize);

impl Expression for NotNegative {
    fn evaluate(&self, rows: &RecordBatch, _: &EvaluationContext) -> Result<ArrayRef, EvaluationError> {
        let values = rows.column(self.0).as_primitive::<Float64Type>();
        if values.iter().flatten().any(f64::is_nan) {
            return Err(EvaluationError::Undefined { operation: ">=".into(), reason: "NaN".into() });
        }
        Ok(Arc::new(
            values.iter().map(|value| value.map(|value| value >= 0.0)).collect::<arrow_array::BooleanArray>(),
        ))
    }
}

/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    pub(crate) time_ms: i64,
    pub(crate) key: String,
    pub(crate) value: Option<f64>,
}

pub(crate) fn reading(time_ms: i64, key: &str, value: f64) -> Reading {
    Reading { time_ms, key: key.to_owned(), value: Some(value) }
}

pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

pub(crate) fn reading_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("ts", timestamp(), false),
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
    ]))
}

pub(crate) fn batch_of(readings: &[Reading]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(readings.iter().map(|r| Some(r.time_ms)).collect::<TimestampMillisecondArray>()),
        Arc::new(readings.iter().map(|r| Some(r.key.as_str())).collect::<StringArray>()),
        Arc::new(readings.iter().map(|r| r.value).collect::<Float64Array>()),
    ];
    RecordBatch::try_new(reading_schema(), columns).unwrap()
}

#[derive(Debug, Default)]
struct LogState {
    splits: Vec<Vec<Reading>>,
    /// How many readings of each split can be read.
    visible: Vec<usize>,
    /// Positions of records that cannot be decoded, per split: they take the place of the reading.
    broken: Vec<(usize, usize)>,
    wakers: Vec<Waker>,
    seed: u64,
    bounded: bool,
    max_batch: usize,
    /// Reads answered so far.
    reads: usize,
    positions_per_record: i64,
}

/// Splits of readings like a topic's partitions: read in batches of random sizes, again from any position.
#[derive(Debug, Clone)]
pub(crate) struct Log(Arc<Mutex<LogState>>);

impl Log {
    pub(crate) fn new(splits: Vec<Vec<Reading>>, seed: u64) -> Self {
        let visible = splits.iter().map(Vec::len).collect();
        Self(Arc::new(Mutex::new(LogState {
            splits,
            visible,
            seed,
            bounded: true,
            max_batch: 7,
            positions_per_record: 1,
            ..LogState::default()
        })))
    }

    pub(crate) fn unbounded(self) -> Self {
        self.0.lock().bounded = false;
        self
    }

    pub(crate) fn max_batch(self, rows: usize) -> Self {
        self.0.lock().max_batch = rows;
        self
    }

    /// Leaves holes between positions, as a compacted topic has them.
    pub(crate) fn sparse(self) -> Self {
        self.0.lock().positions_per_record = 3;
        self
    }

    pub(crate) fn broken(self, split: usize, index: usize) -> Self {
        self.0.lock().broken.push((split, index));
        self
    }

    /// Slices the same rows in other ways from now on.
    pub(crate) fn reseed(&self, seed: u64) {
        self.0.lock().seed = seed;
    }

    pub(crate) fn show(&self, split: usize, visible: usize) {
        let mut state = self.0.lock();
        state.visible[split] = visible;
        state.wakers.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn reads(&self) -> usize {
        self.0.lock().reads
    }
}

impl Source for Log {
    fn schema(&self) -> SchemaRef {
        reading_schema()
    }

    fn is_bounded(&self) -> bool {
        self.0.lock().bounded
    }

    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError> {
        Ok((0..self.0.lock().splits.len()).map(|split| SplitId(format!("log-{split}").into())).collect())
    }

    fn open(
        &self,
        split: &SplitId,
        resume: Option<Position>,
    ) -> Result<Box<dyn SplitReader>, ConnectorError> {
        let mut state = self.0.lock();
        let split_index: usize = split.0.trim_start_matches("log-").parse().unwrap();
        let step = state.positions_per_record;
        let next = usize::try_from(resume.map_or(0, |resume| (resume.0 + step - 1) / step)).unwrap();
        state.seed += 1;
        let random = Random::new(state.seed * 1_000 + split_index as u64);
        Ok(Box::new(LogReader { log: self.clone(), id: split.clone(), split: split_index, next, random }))
    }
}

struct LogReader {
    log: Log,
    id: SplitId,
    split: usize,
    next: usize,
    random: Random,
}

impl SplitReader for LogReader {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Read, ConnectorError>> {
        let mut state = self.log.0.lock();
        let visible = state.visible[self.split];
        if self.next >= visible {
            if state.bounded && visible == state.splits[self.split].len() {
                return Poll::Ready(Ok(Read::End));
            }
            state.wakers.push(context.waker().clone());
            return Poll::Pending;
        }
        if self.random.below(5) == 0 {
            // Nothing at hand just now.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        state.reads += 1;
        let count = (1 + self.random.index(state.max_batch)).min(visible - self.next);
        let step = state.positions_per_record;
        let position = |index: usize| Position(i64::try_from(index).unwrap() * step);
        let range = self.next..self.next + count;
        let is_broken = |index: &usize| state.broken.contains(&(self.split, *index));
        let good: Vec<Reading> = range
            .clone()
            .filter(|index| !is_broken(index))
            .map(|i| state.splits[self.split][i].clone())
            .collect();
        let bad_rows = range.clone().filter(is_broken).map(|index| BadRow {
            split: self.id.clone(),
            position: position(index),
            key: None,
            raw: Some(Bytes::from_static(b"{broken")),
            reason: "unexpected end".into(),
        });
        let batch = SourceBatch {
            rows: batch_of(&good),
            first: position(range.start),
            next: position(range.end),
            bad_rows: bad_rows.collect(),
            skipped_rows: 0,
            bytes: count as u64,
        };
        self.next = range.end;
        Poll::Ready(Ok(Read::Batch(batch)))
    }

    fn remaining(&self) -> Option<u64> {
        Some((self.log.0.lock().splits[self.split].len() - self.next) as u64)
    }
}

/// Keeps the last epoch in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryStore(pub(crate) Arc<Mutex<Option<EpochRecord>>>);

impl MemoryStore {
    pub(crate) fn boxed(&self) -> Option<Box<dyn EpochStore>> {
        Some(Box::new(self.clone()))
    }

    pub(crate) fn record(&self) -> Option<EpochRecord> {
        self.0.lock().clone()
    }
}

impl EpochStore for MemoryStore {
    fn restore(&mut self) -> Result<Option<EpochRecord>, ConnectorError> {
        Ok(self.0.lock().clone())
    }

    fn commit(&mut self, record: &EpochRecord) -> Result<(), ConnectorError> {
        let mut last = self.0.lock();
        if let Some(last) = last.as_ref() {
            assert_eq!(record.epoch.0, last.epoch.0 + 1, "epochs rise by one");
            for split in &record.splits {
                let before = last.splits.iter().find(|before| before.split == split.split);
                assert!(
                    before.is_none_or(
                        |before| before.reached <= split.reached && before.horizon <= split.horizon
                    )
                );
                assert!(split.position <= split.reached);
            }
        }
        *last = Some(record.clone());
        Ok(())
    }
}

/// The plans of the tests grow node by node.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    pub(crate) plan: Plan,
}

impl Plans {
    pub(crate) fn add(&mut self, operator: Operator, schema: SchemaRef) -> NodeId {
        self.plan.nodes.push(Node { operator, schema });
        NodeId(self.plan.nodes.len() - 1)
    }

    pub(crate) fn source(&mut self, source: Arc<dyn Source>) -> NodeId {
        let schema = source.schema();
        self.add(Operator::Source { name: "readings".into(), source }, schema)
    }

    pub(crate) fn watermark(
        &mut self,
        input: NodeId,
        delay_ms: i64,
        idle_timeout: Option<Duration>,
    ) -> NodeId {
        let schema = Arc::clone(&self.plan.nodes[input.0].schema);
        let expression = Arc::new(Earlier(0, delay_ms));
        self.add(Operator::Watermark { input, expression, time_column: 0, idle_timeout }, schema)
    }

    pub(crate) fn filter(&mut self, input: NodeId, predicate: Arc<dyn Expression>) -> NodeId {
        let schema = Arc::clone(&self.plan.nodes[input.0].schema);
        self.add(Operator::Filter { input, predicate }, schema)
    }

    /// `key, count, min, max, avg, sum, rows, window_start, window_time` per key of column 1 over column 2.
    pub(crate) fn window(&mut self, input: NodeId, size_ms: i64, time: WindowTime) -> NodeId {
        let call = |function, input| AggregateCall { function, input, filter: None };
        let aggregates = vec![
            call(AggregateFunction::Count, Some(2)),
            call(AggregateFunction::Min, Some(2)),
            call(AggregateFunction::Max, Some(2)),
            call(AggregateFunction::Avg, Some(2)),
            call(AggregateFunction::Sum, Some(2)),
            call(AggregateFunction::Count, None),
        ];
        let schema = Arc::new(Schema::new(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("count", DataType::Int64, false),
            Field::new("min", DataType::Float64, true),
            Field::new("max", DataType::Float64, true),
            Field::new("mean", DataType::Float64, true),
            Field::new("sum", DataType::Float64, true),
            Field::new("rows", DataType::Int64, false),
            Field::new("window_start", timestamp(), false),
            Field::new("window_time", timestamp(), false),
        ]));
        let operator = Operator::WindowAggregate {
            input,
            window: Window { time, kind: WindowKind::Tumble { size_ms, offset_ms: 0 } },
            keys: vec![1],
            aggregates,
            properties: vec![WindowProperty::Start, WindowProperty::Time],
        };
        self.add(operator, schema)
    }

    pub(crate) fn sink(&mut self, input: NodeId, name: &str, sink: Arc<dyn Sink>) -> NodeId {
        let schema = Arc::clone(&self.plan.nodes[input.0].schema);
        self.add(Operator::Sink { input, name: name.into(), sink }, schema)
    }
}

/// Readings in event-time windows of `size_ms` per key, with a watermark `delay_ms` behind the largest time.
pub(crate) fn windows_plan(log: &Log, delay_ms: i64, size_ms: i64, sink: Arc<dyn Sink>) -> Plan {
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    let watermark = plans.watermark(source, delay_ms, None);
    let window = plans.window(watermark, size_ms, WindowTime::Event { column: 0 });
    plans.sink(window, "windows", sink);
    plans.plan
}

/// A window's results.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) count: i64,
    pub(crate) rows: i64,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) sum: Option<f64>,
}

pub(crate) type Windows = BTreeMap<(i64, String), Cell>;

/// The obvious aggregation.
pub(crate) fn naive<'a>(readings: impl IntoIterator<Item = &'a Reading>, size_ms: i64) -> Windows {
    let mut windows = Windows::new();
    for reading in readings {
        let start_ms = reading.time_ms.div_euclid(size_ms) * size_ms;
        let cell = windows.entry((start_ms, reading.key.clone())).or_insert(Cell {
            count: 0,
            rows: 0,
            min: None,
            max: None,
            sum: None,
        });
        cell.rows += 1;
        if let Some(value) = reading.value {
            cell.count += 1;
            cell.min = Some(cell.min.map_or(value, |min| min.min(value)));
            cell.max = Some(cell.max.map_or(value, |max| max.max(value)));
            cell.sum = Some(cell.sum.unwrap_or(0.0) + value);
        }
    }
    windows
}

/// The rows of a window sink in the order in which they came.
pub(crate) fn window_rows(batches: &[Batch]) -> Vec<((i64, String), Cell)> {
    let mut rows = Vec::new();
    for batch in batches {
        let column = |index: usize| Arc::clone(batch.rows.column(index));
        let float = |index: usize, row: usize| {
            let column = column(index);
            let column = column.as_primitive::<Float64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        let whole = |index: usize, row: usize| column(index).as_primitive::<Int64Type>().value(row);
        for row in 0..batch.row_count() {
            let key = column(0).as_string::<i32>().value(row).to_owned();
            let start_ms = column(7).as_primitive::<TimestampMillisecondType>().value(row);
            let cell = Cell {
                count: whole(1, row),
                rows: whole(6, row),
                min: float(2, row),
                max: float(3, row),
                sum: float(5, row),
            };
            let mean = float(4, row);
            assert_eq!(mean.is_some(), cell.sum.is_some());
            if let (Some(mean), Some(sum)) = (mean, cell.sum) {
                #[expect(clippy::cast_precision_loss, reason = "small counts")]
                let expected = sum / cell.count as f64;
                assert!((mean - expected).abs() < 1e-9);
            }
            rows.push(((start_ms, key), cell));
        }
    }
    rows
}

/// The windows of a sink, each of which came once.
pub(crate) fn windows_once(batches: &[Batch]) -> Windows {
    let mut windows = Windows::new();
    for (window, cell) in window_rows(batches) {
        assert!(windows.insert(window.clone(), cell).is_none(), "{window:?} came twice");
    }
    windows
}

pub(crate) fn ms(time_ms: i64) -> TimestampMs {
    TimestampMs(time_ms)
}
