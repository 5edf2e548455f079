//! What pipelines do besides windows: bad rows, fan-out, backpressure, stops and errors.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use millstream_engine::clock::{HeldClock, SystemClock};
use millstream_engine::connector::ConnectorError;
use millstream_engine::driver::Driver;
use millstream_engine::element::{Batch, Epoch};
use millstream_engine::error::{EngineError, EngineErrorKind};
use millstream_engine::pipeline::{Outcome, Pipeline};
use millstream_engine::plan::{BadRowPolicy, NodeId, Operator, PipelineOptions, Plan, WindowTime};
use millstream_engine::sink::{ChangelogMode, Collect, Committable, Sink, SinkWriter, Tee, WriterIndex};
use parking_lot::Mutex;
use support::*;

fn numbers(count: i64) -> Vec<Reading> {
    (0..count).map(|i| reading(i, &format!("k{i}"), 1.0)).collect()
}

fn driver(plan: &Plan, options: &PipelineOptions) -> Driver {
    Driver::start(plan, options, None, Arc::new(HeldClock::default())).unwrap()
}

fn with_policy(policy: BadRowPolicy) -> PipelineOptions {
    PipelineOptions {
        bad_rows: BTreeMap::from([("readings".to_owned(), policy)]),
        ..PipelineOptions::named("test")
    }
}

/// Ten readings, of which number 3 cannot be decoded and numbers 5 and 8 make the filter fail.
fn flawed_plan(collect: &Collect) -> Plan {
    let mut readings = numbers(10);
    readings[5].value = Some(f64::NAN);
    readings[8].value = Some(f64::NAN);
    let log = Log::new(vec![readings], 3).max_batch(40).broken(0, 3);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log));
    let filter = plans.filter(source, Arc::new(NotNegative(2)));
    plans.sink(filter, "good", Arc::new(collect.clone()));
    plans.plan
}

#[test]
fn the_first_bad_row_fails_the_pipeline_by_default() {
    let plan = flawed_plan(&Collect::new(None));
    let error = driver(&plan, &PipelineOptions::named("test")).run_until_quiet().unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::Data);
    assert_eq!(error.to_string(), "source readings, split log-0, position 3: unexpected end");
}

#[test]
fn a_row_without_a_value_is_shown() {
    let mut readings = numbers(8);
    readings[6].value = Some(f64::NAN);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(Log::new(vec![readings], 3).max_batch(40)));
    let filter = plans.filter(source, Arc::new(NotNegative(2)));
    plans.sink(filter, "good", Arc::new(Collect::new(None)));
    let error = driver(&plans.plan, &PipelineOptions::named("test")).run_until_quiet().unwrap_err();
    assert_eq!(
        error.to_string(),
        "source readings, split log-0, position 6: >=: NaN; \
         the row is {ts: 1970-01-01T00:00:00.006, key: k6, value: NaN}"
    );
}

#[test]
fn bad_rows_can_be_skipped() {
    let collect = Collect::new(None);
    let plan = flawed_plan(&collect);
    let mut driver = driver(&plan, &with_policy(BadRowPolicy::Skip));
    assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Finished));
    assert_eq!((collect.row_count(), driver.progress().bad_rows), (7, 3));
    assert_eq!(driver.summary().unwrap().sinks[0].bad_rows, 3);
}

#[test]
fn bad_rows_go_to_the_dead_letter_sink() {
    let (collect, dead) = (Collect::new(None), Collect::new(None));
    let plan = flawed_plan(&collect);
    let mut driver = driver(&plan, &with_policy(BadRowPolicy::DeadLetter(Arc::new(dead.clone()))));
    assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Finished));
    assert_eq!((collect.row_count(), dead.row_count()), (7, 3));
    let mut letters = Vec::new();
    for batch in dead.batches() {
        let positions = batch.rows.column(1).as_primitive::<Int64Type>().values().to_vec();
        let reasons = batch.rows.column(4).as_string_view();
        letters.extend(positions.into_iter().zip(reasons.iter().map(|reason| reason.unwrap().to_owned())));
    }
    letters.sort();
    assert_eq!(letters[0], (3, "unexpected end".to_owned()));
    assert_eq!((letters[1].0, letters[2].0), (5, 8), "the record that has no row is counted in");
    assert!(letters[1].1.starts_with(">=: NaN; the row is {"), "{letters:?}");
}

/// A node with two consumers is computed once; its rows reach both.
#[test]
fn sinks_share_a_source() {
    let (all, good) = (Collect::new(None), Collect::new(Some(4)));
    let log = Log::new(vec![numbers(6)], 1).max_batch(40);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    let filter = plans.filter(source, Arc::new(NotNegative(2)));
    plans.sink(filter, "good", Arc::new(good.clone()));
    let counted = Collect::new(None);
    plans.sink(source, "all", Arc::new(Tee::new(Arc::new(counted.clone()), all.clone())));
    driver(&plans.plan, &PipelineOptions::named("test")).run_until_quiet().unwrap();
    assert_eq!((all.row_count(), counted.row_count(), good.row_count()), (6, 6, 4));
    assert!(log.reads() <= 6, "the source was read once");
}

/// A sink that takes batches only while it is open, and shows committables.
#[derive(Debug, Clone, Default)]
struct Valve(Arc<ValveState>);

#[derive(Debug, Default)]
struct ValveState {
    open: AtomicBool,
    largest_batch: AtomicUsize,
    rows: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
    committed: Mutex<Vec<Committable>>,
    fails: AtomicUsize,
}

impl Valve {
    fn open_up(&self) {
        self.0.open.store(true, Ordering::SeqCst);
        self.0.wakers.lock().drain(..).for_each(Waker::wake);
    }
}

impl Sink for Valve {
    fn accepts(&self) -> ChangelogMode {
        ChangelogMode::Append
    }

    fn open(&self, _writer: WriterIndex) -> Result<Box<dyn SinkWriter>, ConnectorError> {
        Ok(Box::new(self.clone()))
    }

    fn commit(&self, committables: &[Committable]) -> Result<(), ConnectorError> {
        if self.0.fails.load(Ordering::SeqCst) > 0 {
            self.0.fails.fetch_sub(1, Ordering::SeqCst);
            return Err(ConnectorError::Unreachable { message: "not now".into() });
        }
        self.0.committed.lock().extend_from_slice(committables);
        Ok(())
    }
}

impl SinkWriter for Valve {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        if self.0.open.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        self.0.wakers.lock().push(context.waker().clone());
        Poll::Pending
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ConnectorError> {
        self.0.largest_batch.fetch_max(batch.row_count(), Ordering::SeqCst);
        self.0.rows.fetch_add(batch.row_count(), Ordering::SeqCst);
        Ok(())
    }

    fn seal(&mut self, _epoch: Epoch) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn poll_prepared(
        &mut self,
        _context: &mut Context<'_>,
    ) -> Poll<Result<Option<Committable>, ConnectorError>> {
        Poll::Ready(Ok(Some(Committable(b"staged".as_slice().into()))))
    }
}

#[test]
fn a_full_sink_stops_the_reading() {
    let valve = Valve::default();
    let log = Log::new(vec![numbers(1_000)], 1);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    plans.sink(source, "valve", Arc::new(valve.clone()));
    let mut driver = driver(&plans.plan, &PipelineOptions::named("test"));
    assert_eq!(driver.run_until_quiet().unwrap(), None);
    assert_eq!(log.reads(), 0);
    valve.open_up();
    assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Finished));
    assert_eq!(valve.0.rows.load(Ordering::SeqCst), 1_000);
}

/// With a window between, what waits in memory is bounded although the sink takes nothing.
#[test]
fn a_full_sink_behind_an_exchange_stops_the_reading_too() {
    let valve = Valve::default();
    let readings: Vec<Reading> = (0..200_000).map(|i| reading(i, &format!("k{i}"), 1.0)).collect();
    let log = Log::new(vec![readings], 1).max_batch(4_096);
    let plan = windows_plan(&log, 0, 4_096, Arc::new(valve.clone()));
    let mut driver = driver(&plan, &PipelineOptions::named("test"));
    assert_eq!(driver.run_until_quiet().unwrap(), None);
    let rows = driver.progress().sources[0].rows;
    assert!(rows < 120_000, "{rows} rows were read while nothing left");
    valve.open_up();
    assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Finished));
    assert_eq!(valve.0.rows.load(Ordering::SeqCst), 200_000);
}

#[test]
fn a_large_window_leaves_in_chunks() {
    let valve = Valve::default();
    valve.open_up();
    let log = Log::new(vec![numbers(50_000)], 1).max_batch(4_096);
    let plan = windows_plan(&log, 0, 1_000_000, Arc::new(valve.clone()));
    driver(&plan, &PipelineOptions::named("test")).run_until_quiet().unwrap();
    assert_eq!(valve.0.rows.load(Ordering::SeqCst), 50_000);
    assert!(valve.0.largest_batch.load(Ordering::SeqCst) <= 8_192);
}

/// Committables are applied after the epoch, tried again when the outside does not answer, and applied again after a
/// restart, since the crash may have come before.
#[test]
fn committables_are_applied_until_they_are() {
    let valve = Valve::default();
    valve.open_up();
    valve.0.fails.store(2, Ordering::SeqCst);
    let store = MemoryStore::default();
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(Log::new(vec![numbers(10)], 1)));
    plans.sink(source, "valve", Arc::new(valve.clone()));
    let options = PipelineOptions::named("test");
    for _ in 0..2 {
        let clock = Arc::new(HeldClock::default());
        Driver::start(&plans.plan, &options, store.boxed(), clock).unwrap().run_until_quiet().unwrap();
    }
    let staged = Committable(b"staged".as_slice().into());
    assert_eq!(*valve.0.committed.lock(), [staged.clone(), staged]);
    if let Some(Operator::Sink { name, .. }) = plans.plan.nodes.last_mut().map(|node| &mut node.operator) {
        *name = "renamed".into();
    }
    let clock = Arc::new(HeldClock::default());
    let error = Driver::start(&plans.plan, &options, store.boxed(), clock).err().unwrap();
    assert!(matches!(error, EngineError::Restore { .. }), "{error}");
}

#[test]
fn pipelines_stop_and_abort_from_other_threads() {
    for stops in [true, false] {
        let log = Log::new(vec![numbers(100)], 1).unbounded();
        let collect = Collect::new(None);
        let plan = windows_plan(&log, 0, 10, Arc::new(collect.clone()));
        let options = PipelineOptions { workers: 2, ..PipelineOptions::named("test") };
        let pipeline = Pipeline::start(&plan, options, None, Arc::new(SystemClock)).unwrap();
        let handle = pipeline.handle();
        let other = std::thread::spawn(move || if stops { handle.stop() } else { handle.abort() });
        let summary = pipeline.wait().unwrap();
        other.join().unwrap();
        assert_eq!(summary.outcome, if stops { Outcome::Stopped } else { Outcome::Aborted });
    }
}

#[test]
fn the_epoch_interval_is_the_clocks() {
    let clock = Arc::new(HeldClock::new(ms(0)));
    let log = Log::new(vec![numbers(10)], 1).unbounded();
    let store = MemoryStore::default();
    let plan = windows_plan(&log, 0, 10, Arc::new(Collect::new(None)));
    let interval = Some(std::time::Duration::from_secs(1));
    let options = PipelineOptions { epoch_interval: interval, ..PipelineOptions::named("test") };
    let mut driver = Driver::start(&plan, &options, store.boxed(), clock.clone()).unwrap();
    driver.run_until_quiet().unwrap();
    assert_eq!(store.record(), None);
    for epoch in 1..4 {
        clock.set(ms(i64::try_from(epoch).unwrap() * 1_000));
        driver.run_until_quiet().unwrap();
        assert_eq!(store.record().unwrap().epoch, Epoch(epoch));
        assert_eq!(driver.progress().epoch, Some(Epoch(epoch)));
    }
}

/// A file without readings, or a table without splits, ends at once.
/// A pipeline of one split on several workers did not end: the others had no task, and so nothing that woke them.
#[test]
fn workers_without_tasks_do_not_hold_up_the_end() {
    let collect = Collect::new(None);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(Log::new(vec![numbers(3)], 3)));
    plans.sink(source, "out", Arc::new(collect.clone()));
    let options = PipelineOptions { workers: 3, ..PipelineOptions::named("idle workers") };
    let pipeline = Pipeline::start(&plans.plan, options, None, Arc::new(SystemClock)).unwrap();
    assert_eq!(pipeline.wait().unwrap().outcome, Outcome::Finished);
    assert_eq!(collect.row_count(), 3);
}

#[test]
fn empty_sources_finish() {
    for splits in [Vec::new(), vec![Vec::new()]] {
        let collect = Collect::new(None);
        let plan = windows_plan(&Log::new(splits, 1), 0, 10, Arc::new(collect.clone()));
        let store = MemoryStore::default();
        let options = PipelineOptions { workers: 2, ..PipelineOptions::named("test") };
        let clock = Arc::new(HeldClock::default());
        let mut driver = Driver::start(&plan, &options, store.boxed(), clock).unwrap();
        assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Finished));
        assert!(store.record().unwrap().finished);
    }
}

#[test]
fn wrong_plans_are_refused() {
    let log = Log::new(vec![Vec::new()], 1);
    let refused = |change: &dyn Fn(&mut Plan)| {
        let mut plan = windows_plan(&log, 0, 10, Arc::new(Collect::new(None)));
        change(&mut plan);
        let started = Driver::start(&plan, &PipelineOptions::named("test"), None, Arc::new(SystemClock));
        let error = started.err().unwrap();
        assert_eq!(error.kind(), EngineErrorKind::Plan, "{error}");
        error.to_string()
    };
    let message = refused(&|plan| {
        if let Operator::WindowAggregate { input, .. } = &mut plan.nodes[2].operator {
            *input = NodeId(3);
        }
    });
    assert!(message.contains("does not come before"), "{message}");
    let message = refused(&|plan| {
        if let Operator::WindowAggregate { keys, .. } = &mut plan.nodes[2].operator {
            keys[0] = 17;
        }
    });
    assert!(message.contains("no input column 17"), "{message}");
    let message = refused(&|plan| {
        if let Operator::WindowAggregate { aggregates, .. } = &mut plan.nodes[2].operator {
            aggregates[4].input = Some(1);
        }
    });
    assert!(message.contains("Sum(Utf8)"), "{message}");
    let message = refused(&|plan| {
        if let Operator::WindowAggregate { window, .. } = &mut plan.nodes[2].operator {
            window.time = WindowTime::Event { column: 1 };
        }
    });
    assert!(message.contains("must be a TIMESTAMP"), "{message}");
}
