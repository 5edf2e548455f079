//! kill -9 at random steps: no reading of any window is lost, and a window that comes again is the same.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_schema::SchemaRef;
use millstream_engine::clock::HeldClock;
use millstream_engine::connector::ConnectorError;
use millstream_engine::driver::Driver;
use millstream_engine::epoch::{EpochRecord, EpochStore, Interrupter};
use millstream_engine::error::EngineErrorKind;
use millstream_engine::pipeline::{Outcome, Pipeline};
use millstream_engine::plan::{PipelineOptions, Plan, WindowTime};
use millstream_engine::sink::Collect;
use millstream_engine::source::{Position, Source, SplitId, SplitReader};
use proptest::prelude::*;
use support::*;

fn start(plan: &Plan, workers: usize, store: &MemoryStore) -> Driver {
    let options = PipelineOptions { workers, ..PipelineOptions::named("test") };
    Driver::start(plan, &options, store.boxed(), Arc::new(HeldClock::default())).unwrap()
}

/// Runs with kills after random numbers of steps, with epochs at random steps, and at last to the end.
fn run_with_kills(plan: &Plan, log: &Log, workers: usize, kills: u64, seed: u64) -> MemoryStore {
    let store = MemoryStore::default();
    let mut random = Random::new(seed);
    for kill in 0..=kills {
        log.reseed(seed.wrapping_add(kill * 17) % 1_000_003);
        let mut driver = start(plan, workers, &store);
        let mut steps = if kill == kills { u64::MAX } else { random.below(400) };
        while driver.outcome().is_none() && steps > 0 {
            if random.below(30) == 0 {
                driver.checkpoint();
            }
            let place = random.index(driver.places());
            driver.step(place).unwrap();
            steps -= 1;
        }
    }
    store
}

/// Every window of `expected` came, and each time the same; nothing else came.
fn check(collect: &Collect, expected: &Windows) -> Result<(), TestCaseError> {
    let mut seen = BTreeMap::new();
    for (window, cell) in window_rows(&collect.batches()) {
        prop_assert_eq!(Some(&cell), expected.get(&window), "window {:?}", &window);
        seen.insert(window, cell);
    }
    prop_assert_eq!(&seen, expected);
    Ok(())
}

fn readings(max: usize, disorder_ms: i64) -> impl Strategy<Value = Vec<Reading>> {
    let step = (0_i64..40, -disorder_ms..=0_i64, 0_u8..4, -50_i32..50);
    prop::collection::vec(step, 0..max).prop_map(|steps| {
        let mut clock_ms = 0;
        let readings = steps.into_iter().map(|(step_ms, back_ms, key, value)| {
            clock_ms += step_ms;
            reading(clock_ms + back_ms, &format!("k{key}"), f64::from(value))
        });
        readings.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Several splits with bounded disorder, dense or sparse positions.
    #[test]
    fn no_reading_is_lost(
        splits in prop::collection::vec(readings(80, 50), 1..4), size_ms in 20_i64..200,
        workers in 1_usize..4, kills in 0_u64..5, seed in any::<u32>(), sparse in any::<bool>(),
    ) {
        let expected = naive(splits.iter().flatten(), size_ms);
        let log = Log::new(splits, 0);
        let log = if sparse { log.sparse() } else { log };
        let collect = Collect::new(None);
        let plan = windows_plan(&log, 51, size_ms, Arc::new(collect.clone()));
        let store = run_with_kills(&plan, &log, workers, kills, u64::from(seed));
        check(&collect, &expected)?;
        prop_assert!(store.record().unwrap().finished);
    }

    /// One split with rows that are late: they stay late after a restart, and all others stay in time.
    #[test]
    fn late_rows_stay_late(
        readings in readings(120, 300), delay_ms in 0_i64..150, size_ms in 20_i64..150,
        workers in 1_usize..4, kills in 0_u64..5, seed in any::<u32>(),
    ) {
        let (mut watermark_ms, mut kept) = (i64::MIN, Vec::new());
        for reading in &readings {
            if reading.time_ms.div_euclid(size_ms) * size_ms + size_ms - 1 > watermark_ms {
                kept.push(reading.clone());
            }
            watermark_ms = watermark_ms.max(reading.time_ms - delay_ms);
        }
        let log = Log::new(vec![readings], 0);
        let collect = Collect::new(None);
        let plan = windows_plan(&log, delay_ms, size_ms, Arc::new(collect.clone()));
        run_with_kills(&plan, &log, workers, kills, u64::from(seed));
        check(&collect, &naive(&kept, size_ms))?;
    }

    /// Two windows over one source close at different times; the replay serves both, and a sink without a window does
    /// not see again what it had before the epoch.
    #[test]
    fn windows_share_a_source(
        splits in prop::collection::vec(readings(60, 50), 1..3), workers in 1_usize..3,
        kills in 0_u64..4, seed in any::<u32>(),
    ) {
        let log = Log::new(splits.clone(), 0);
        let (short, long, plain) = (Collect::new(None), Collect::new(None), Collect::new(None));
        let mut plans = Plans::default();
        let source = plans.source(Arc::new(log.clone()));
        let watermark = plans.watermark(source, 51, None);
        let short_window = plans.window(watermark, 30, WindowTime::Event { column: 0 });
        let long_window = plans.window(watermark, 500, WindowTime::Event { column: 0 });
        plans.sink(short_window, "short", Arc::new(short.clone()));
        plans.sink(long_window, "long", Arc::new(long.clone()));
        plans.sink(watermark, "plain", Arc::new(plain.clone()));
        run_with_kills(&plans.plan, &log, workers, kills, u64::from(seed));
        check(&short, &naive(splits.iter().flatten(), 30))?;
        check(&long, &naive(splits.iter().flatten(), 500))?;
        let rows: usize = splits.iter().map(Vec::len).sum();
        prop_assert!(plain.row_count() >= rows);
        if kills == 0 {
            prop_assert_eq!(plain.row_count(), rows);
        }
    }
}

/// A graceful stop writes and commits what was read; the next run goes on right there.
#[test]
fn a_stop_loses_and_repeats_nothing() {
    let readings: Vec<Reading> = (0..100).map(|i| reading(i * 10, "a", 1.0)).collect();
    let log = Log::new(vec![readings.clone()], 5).unbounded();
    log.show(0, 55);
    let (plain, windows) = (Collect::new(None), Collect::new(None));
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    let watermark = plans.watermark(source, 0, None);
    let window = plans.window(watermark, 100, WindowTime::Event { column: 0 });
    plans.sink(watermark, "plain", Arc::new(plain.clone()));
    plans.sink(window, "windows", Arc::new(windows.clone()));
    let store = MemoryStore::default();
    let mut driver = start(&plans.plan, 2, &store);
    driver.run_until_quiet().unwrap();
    driver.stop();
    assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Stopped));
    assert_eq!((plain.row_count(), windows.row_count()), (55, 5), "[500, 600) stays open");
    let split = store.record().unwrap().splits[0].clone();
    assert_eq!((split.position.0 <= 50, split.reached.0), (true, 55));
    assert_eq!((split.watermark, split.horizon), (ms(540), ms(540)));
    log.show(0, 100);
    let mut driver = start(&plans.plan, 2, &store);
    driver.run_until_quiet().unwrap();
    driver.stop();
    driver.run_until_quiet().unwrap();
    let times: Vec<i64> = plain
        .batches()
        .iter()
        .flat_map(|batch| batch.rows.column(0).as_primitive::<TimestampMillisecondType>().values().to_vec())
        .collect();
    assert_eq!(times, readings.iter().map(|reading| reading.time_ms).collect::<Vec<_>>());
    let expected = naive(readings.iter().filter(|reading| reading.time_ms < 900), 100);
    assert_eq!(windows_once(&windows.batches()), expected);
}

/// A row that no window took, because a filter dropped it, made the watermark all the same: it is not read again after
/// a restart, so the watermark comes from the epoch, and what was late stays late.
#[test]
fn a_filtered_row_keeps_its_watermark() {
    let readings = vec![reading(10, "a", 1.0), reading(900, "a", -1.0), reading(500, "a", 1.0)];
    let log = Log::new(vec![readings], 3).unbounded();
    log.show(0, 2);
    let collect = Collect::new(None);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    let watermark = plans.watermark(source, 0, None);
    let filter = plans.filter(watermark, Arc::new(NotNegative(2)));
    let window = plans.window(filter, 100, WindowTime::Event { column: 0 });
    plans.sink(window, "out", Arc::new(collect.clone()));
    let store = MemoryStore::default();
    let mut driver = start(&plans.plan, 1, &store);
    driver.run_until_quiet().unwrap();
    driver.checkpoint();
    driver.run_until_quiet().unwrap();
    drop(driver);
    let split = store.record().unwrap().splits[0].clone();
    assert_eq!((split.position.0, split.watermark), (2, ms(900)), "nothing is left to replay");
    log.show(0, 3);
    let mut driver = start(&plans.plan, 1, &store);
    driver.run_until_quiet().unwrap();
    assert_eq!(driver.progress().late_rows, 1);
    assert_eq!(collect.row_count(), 1, "only [0, 100) was ever open");
}

/// Windows of the wall clock: rows of the open one are read again after a restart, those of closed ones are not.
#[test]
fn processing_time_windows_resume() {
    let clock = Arc::new(HeldClock::new(ms(1_000)));
    let log = Log::new(vec![(0..9).map(|i| reading(i, "a", 1.0)).collect()], 1).max_batch(1).unbounded();
    let collect = Collect::new(None);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    let window = plans.window(source, 100, WindowTime::Processing);
    plans.sink(window, "out", Arc::new(collect.clone()));
    let store = MemoryStore::default();
    let options = PipelineOptions { workers: 2, ..PipelineOptions::named("test") };
    let start = || Driver::start(&plans.plan, &options, store.boxed(), clock.clone()).unwrap();
    let mut driver = start();
    for (now_ms, visible) in [(1_000, 4), (1_100, 6)] {
        clock.set(ms(now_ms));
        log.show(0, visible);
        driver.run_until_quiet().unwrap();
    }
    driver.checkpoint();
    driver.run_until_quiet().unwrap();
    drop(driver);
    let split = store.record().unwrap().splits[0].clone();
    assert_eq!((split.position.0, split.reached.0, split.horizon), (4, 6, ms(1_099)));
    clock.set(ms(1_250));
    let mut driver = start();
    log.show(0, 9);
    driver.run_until_quiet().unwrap();
    clock.set(ms(1_300));
    driver.run_until_quiet().unwrap();
    let rows: Vec<i64> = window_rows(&collect.batches()).into_iter().map(|(_, cell)| cell.rows).collect();
    assert_eq!(rows, [4, 5], "each row is in one window");
    assert_eq!(driver.progress().late_rows, 0);
}

/// A finished bounded pipeline is recorded and not repeated.
#[test]
fn a_finished_pipeline_is_not_repeated() {
    let log = Log::new(vec![vec![reading(1, "a", 1.0)], Vec::new()], 1);
    let collect = Collect::new(None);
    let plan = windows_plan(&log, 0, 10, Arc::new(collect.clone()));
    let store = MemoryStore::default();
    let options = PipelineOptions::named("test");
    for expected in [Outcome::Finished, Outcome::FinishedBefore] {
        let clock = Arc::new(HeldClock::default());
        let pipeline = Pipeline::start(&plan, options.clone(), store.boxed(), clock).unwrap();
        assert_eq!(pipeline.wait().unwrap().outcome, expected);
        assert_eq!(collect.row_count(), 1);
    }
}

/// A split that appears after the epoch is read from where its source says, behind the horizon.
#[test]
fn a_new_split_joins() {
    let first: Vec<Reading> = (0..50).map(|i| reading(i * 10, "a", 1.0)).collect();
    let log = Log::new(vec![first.clone()], 1).unbounded();
    let collect = Collect::new(None);
    let store = MemoryStore::default();
    let mut driver = start(&windows_plan(&log, 0, 100, Arc::new(collect.clone())), 1, &store);
    driver.run_until_quiet().unwrap();
    driver.checkpoint();
    driver.run_until_quiet().unwrap();
    drop(driver);
    let grown = Log::new(vec![first, vec![reading(5, "b", 1.0), reading(455, "b", 1.0)]], 1);
    let mut driver = start(&windows_plan(&grown, 0, 100, Arc::new(collect.clone())), 1, &store);
    assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Finished));
    let windows = windows_once(&collect.batches());
    assert_eq!(windows.get(&(400, "b".to_owned())).unwrap().rows, 1);
    assert_eq!(windows.get(&(0, "b".to_owned())), None, "that window was closed before");
    assert_eq!(windows.get(&(400, "a".to_owned())).unwrap().rows, 10);
    assert_eq!(driver.progress().late_rows, 1);
}

#[test]
fn chained_windows_with_a_store_are_refused() {
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(Log::new(vec![Vec::new()], 1)));
    let inner = plans.window(source, 10, WindowTime::Event { column: 0 });
    let outer = plans.window(inner, 100, WindowTime::Event { column: 8 });
    plans.plan.nodes[outer.0].schema = {
        let mut fields = plans.plan.nodes[outer.0].schema.fields().to_vec();
        fields[0] = Arc::new(arrow_schema::Field::new("key", arrow_schema::DataType::Int64, false));
        Arc::new(arrow_schema::Schema::new(fields))
    };
    plans.sink(outer, "out", Arc::new(Collect::new(None)));
    let options = PipelineOptions::named("test");
    let store = MemoryStore::default();
    let error = Driver::start(&plans.plan, &options, store.boxed(), Arc::new(HeldClock::default()));
    let error = error.err().unwrap();
    assert_eq!(error.kind(), EngineErrorKind::Plan);
    assert!(error.to_string().contains("window over the results of a window"), "{error}");
}

/// A store whose commits last until they are interrupted.
#[derive(Default)]
struct Blocking(Arc<(parking_lot::Mutex<(bool, bool)>, parking_lot::Condvar)>);

impl EpochStore for Blocking {
    fn restore(&mut self) -> Result<Option<EpochRecord>, ConnectorError> {
        Ok(None)
    }

    fn commit(&mut self, _: &EpochRecord) -> Result<(), ConnectorError> {
        let (state, changed) = &*self.0;
        let mut state = state.lock();
        state.0 = true;
        changed.notify_all();
        changed.wait_while(&mut state, |(_, interrupted)| !*interrupted);
        Err(ConnectorError::Unreachable { message: "interrupted".into() })
    }

    fn interrupter(&self) -> Option<Interrupter> {
        let shared = Arc::clone(&self.0);
        Some(Box::new(move || {
            shared.0.lock().1 = true;
            shared.1.notify_all();
        }))
    }
}

#[test]
fn an_abort_ends_a_commit_that_blocks() {
    let log = Log::new(vec![vec![reading(0, "a", 1.0)]], 1).unbounded();
    let plan = windows_plan(&log, 0, 100, Arc::new(Collect::new(None)));
    let store = Blocking::default();
    let shared = Arc::clone(&store.0);
    let options = PipelineOptions::named("test");
    let pipeline =
        Pipeline::start(&plan, options, Some(Box::new(store)), Arc::new(HeldClock::default())).unwrap();
    pipeline.handle().checkpoint();
    let (state, changed) = &*shared;
    changed.wait_while(&mut state.lock(), |(began, _)| !*began);
    pipeline.handle().abort();
    assert_eq!(pipeline.wait().unwrap().outcome, Outcome::Aborted);
}

/// How a split was opened: where it resumes, or that it was added.
#[derive(Debug, Clone, PartialEq)]
enum Opened {
    At(Option<Position>),
    Added,
}

/// A log that notes how its splits are opened.
#[derive(Debug)]
struct Noting(Log, parking_lot::Mutex<Vec<(String, Opened)>>);

impl Source for Noting {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn is_bounded(&self) -> bool {
        self.0.is_bounded()
    }

    fn splits(&self) -> Result<Vec<SplitId>, ConnectorError> {
        self.0.splits()
    }

    fn open(&self, split: &SplitId, at: Option<Position>) -> Result<Box<dyn SplitReader>, ConnectorError> {
        self.1.lock().push((split.to_string(), Opened::At(at)));
        self.0.open(split, at)
    }

    fn open_added(&self, split: &SplitId) -> Result<Box<dyn SplitReader>, ConnectorError> {
        self.1.lock().push((split.to_string(), Opened::Added));
        self.0.open(split, None)
    }
}

/// Splits that an epoch does not know were added since; an epoch waits until every split was asked where it stands.
#[test]
fn a_split_that_was_added_is_told_from_one_that_is_new() {
    let run = |splits: Vec<Vec<Reading>>, store: &MemoryStore| {
        let source = Arc::new(Noting(Log::new(splits, 1).unbounded(), parking_lot::Mutex::default()));
        let mut plans = Plans::default();
        let node = plans.source(Arc::clone(&source) as Arc<dyn Source>);
        plans.sink(node, "out", Arc::new(Collect::new(None)));
        let mut driver = start(&plans.plan, 1, store);
        driver.checkpoint();
        driver.run_until_quiet().unwrap();
        driver.stop();
        driver.run_until_quiet().unwrap();
        source.1.lock().clone()
    };
    let store = MemoryStore::default();
    let readings = vec![reading(0, "a", 1.0), reading(1, "a", 1.0)];
    let at = |split: &str, position| (split.to_owned(), Opened::At(position));
    let opened = run(vec![readings.clone(), readings.clone()], &store);
    assert_eq!(opened, [at("log-0", None), at("log-1", None)]);
    let opened = run(vec![readings.clone(), readings.clone(), readings], &store);
    let two = Some(Position(2));
    assert_eq!(opened, [at("log-0", two), at("log-1", two), ("log-2".to_owned(), Opened::Added)]);
    assert_eq!(store.record().unwrap().splits.len(), 3);
}
