//! Event-time windows against the obvious aggregation, under random slicing, interleaving and numbers of workers.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use millstream_engine::clock::{HeldClock, SystemClock};
use millstream_engine::driver::Driver;
use millstream_engine::pipeline::{Outcome, Pipeline};
use millstream_engine::plan::{PipelineOptions, Plan, WindowTime};
use millstream_engine::sink::Collect;
use proptest::prelude::*;
use support::*;

/// Runs to the end, taking steps at random places.
fn run(plan: &Plan, workers: usize, seed: u64) -> (Driver, u64) {
    let options = PipelineOptions { workers, ..PipelineOptions::named("test") };
    let mut driver = Driver::start(plan, &options, None, Arc::new(HeldClock::default())).unwrap();
    let mut random = Random::new(seed);
    while driver.outcome().is_none() {
        let place = random.index(driver.places());
        driver.step(place).unwrap();
    }
    let late = driver.progress().late_rows;
    (driver, late)
}

fn readings(max: usize, disorder_ms: i64) -> impl Strategy<Value = Vec<Reading>> {
    let step = (0_i64..40, -disorder_ms..=0_i64, 0_u8..4, prop::option::weighted(0.9, -50_i32..50));
    prop::collection::vec(step, 0..max).prop_map(|steps| {
        let mut clock_ms = 0;
        let readings = steps.into_iter().map(|(step_ms, back_ms, key, value)| {
            clock_ms += step_ms;
            let key = if key == 3 { "a key of more than twelve bytes".to_owned() } else { format!("k{key}") };
            Reading { time_ms: clock_ms + back_ms, key, value: value.map(f64::from) }
        });
        readings.collect()
    })
}

/// The readings that are in time, by a running watermark over one split.
fn in_time(readings: &[Reading], delay_ms: i64, size_ms: i64) -> (Vec<Reading>, u64) {
    let (mut watermark_ms, mut kept, mut late) = (i64::MIN, Vec::new(), 0);
    for reading in readings {
        let last_ms = reading.time_ms.div_euclid(size_ms) * size_ms + size_ms - 1;
        if last_ms <= watermark_ms {
            late += 1;
        } else {
            kept.push(reading.clone());
        }
        watermark_ms = watermark_ms.max(reading.time_ms - delay_ms);
    }
    (kept, late)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// One partition: neither results nor late rows depend on how batches are cut, on the number of workers or on
    /// the order of steps.
    #[test]
    fn slicing_does_not_matter(
        readings in readings(120, 300), delay_ms in 0_i64..200, size_ms in 20_i64..150,
        seeds in prop::collection::vec(any::<u32>(), 3), workers in 1_usize..4,
    ) {
        let (kept, late) = in_time(&readings, delay_ms, size_ms);
        let expected = naive(&kept, size_ms);
        for seed in seeds {
            let log = Log::new(vec![readings.clone()], u64::from(seed)).max_batch(1 + seed as usize % 60);
            let collect = Collect::new(None);
            let plan = windows_plan(&log, delay_ms, size_ms, Arc::new(collect.clone()));
            let (_, counted) = run(&plan, workers, u64::from(seed));
            prop_assert_eq!(windows_once(&collect.batches()), expected.clone());
            prop_assert_eq!(counted, late);
        }
    }

    /// Several partitions whose disorder stays within the watermark's delay: every interleaving gives all rows.
    #[test]
    fn interleavings_do_not_matter(
        splits in prop::collection::vec(readings(60, 50), 1..4), size_ms in 20_i64..150,
        seed in any::<u32>(), workers in 1_usize..4,
    ) {
        let expected = naive(splits.iter().flatten(), size_ms);
        let log = Log::new(splits, u64::from(seed));
        let collect = Collect::new(None);
        let plan = windows_plan(&log, 51, size_ms, Arc::new(collect.clone()));
        let (driver, late) = run(&plan, workers, u64::from(seed));
        prop_assert_eq!(windows_once(&collect.batches()), expected.clone());
        prop_assert_eq!(late, 0);
        let summary = driver.summary().unwrap();
        prop_assert_eq!(summary.outcome, Outcome::Finished);
        prop_assert_eq!(summary.sinks[0].rows_out, expected.len() as u64);
    }

    /// Threads instead of steps.
    #[test]
    fn threads_give_the_same(splits in prop::collection::vec(readings(200, 50), 1..4), workers in 1_usize..4) {
        let expected = naive(splits.iter().flatten(), 100);
        let collect = Collect::new(None);
        let plan = windows_plan(&Log::new(splits, 1), 51, 100, Arc::new(collect.clone()));
        let options = PipelineOptions { workers, ..PipelineOptions::named("test") };
        let pipeline = Pipeline::start(&plan, options, None, Arc::new(SystemClock)).unwrap();
        prop_assert_eq!(pipeline.wait().unwrap().outcome, Outcome::Finished);
        prop_assert_eq!(windows_once(&collect.batches()), expected);
    }
}

/// A window over the results of a window.
#[test]
fn windows_chain() {
    let readings: Vec<Reading> = (0..1_000).map(|i| reading(i * 7, &format!("k{}", i % 5), 1.0)).collect();
    let log = Log::new(vec![readings[..500].to_vec(), readings[500..].to_vec()], 3);
    let collect = Collect::new(None);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log));
    let watermark = plans.watermark(source, 0, None);
    let inner = plans.window(watermark, 50, WindowTime::Event { column: 0 });
    // Column 1 of the inner window is its count, column 2 its minimum, column 8 its time.
    let outer = plans.window(inner, 1_000, WindowTime::Event { column: 8 });
    plans.plan.nodes[outer.0].schema = {
        let mut fields = plans.plan.nodes[outer.0].schema.fields().to_vec();
        fields[0] = Arc::new(arrow_schema::Field::new("key", arrow_schema::DataType::Int64, false));
        Arc::new(arrow_schema::Schema::new(fields))
    };
    plans.sink(outer, "out", Arc::new(collect.clone()));
    let (_, late) = run(&plans.plan, 2, 9);
    assert_eq!(late, 0);
    let inner_windows = naive(&readings, 50);
    let rows: i64 = collect
        .batches()
        .iter()
        .flat_map(|batch| {
            use arrow_array::cast::AsArray;
            batch.rows.column(6).as_primitive::<arrow_array::types::Int64Type>().values().to_vec()
        })
        .sum();
    assert_eq!(rows, i64::try_from(inner_windows.len()).unwrap(), "each inner result is counted once");
}

/// A silent partition holds windows back only until it counts as idle, and its late rows are then counted.
#[test]
fn idle_partitions_hold_nobody_back() {
    let clock = Arc::new(HeldClock::new(ms(0)));
    let fast = (0..20).map(|i| reading(i * 10, "a", 1.0)).collect();
    let slow = vec![reading(0, "b", 1.0), reading(5, "b", 1.0), reading(195, "b", 1.0)];
    let log = Log::new(vec![fast, slow], 1).unbounded();
    log.show(1, 1);
    let collect = Collect::new(None);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    let watermark = plans.watermark(source, 0, Some(Duration::from_millis(500)));
    let window = plans.window(watermark, 50, WindowTime::Event { column: 0 });
    plans.sink(window, "out", Arc::new(collect.clone()));
    let options = PipelineOptions::named("test");
    let mut driver = Driver::start(&plans.plan, &options, None, clock.clone()).unwrap();
    driver.run_until_quiet().unwrap();
    assert_eq!(collect.row_count(), 0, "the slow partition stands at 0");
    clock.set(ms(499));
    driver.run_until_quiet().unwrap();
    assert_eq!(collect.row_count(), 0, "it is not idle yet");
    clock.set(ms(500));
    driver.run_until_quiet().unwrap();
    let windows = windows_once(&collect.batches());
    assert_eq!(windows.len(), 4, "[0,50) of both, [50,100) and [100,150) of the fast one: {windows:?}");
    log.show(1, 3);
    driver.run_until_quiet().unwrap();
    assert_eq!(
        driver.progress().late_rows,
        1,
        "the row at 5 lies in a closed window, the one at 195 does not"
    );
    assert_eq!(collect.row_count(), 4);
}

/// Windows of the wall clock close by timer, and at the end of bounded input.
#[test]
fn processing_time_windows_close_by_the_clock() {
    let clock = Arc::new(HeldClock::new(ms(1_000)));
    let log = Log::new(vec![(0..6).map(|_| reading(0, "a", 1.0)).collect(), Vec::new()], 1);
    log.show(0, 2);
    let collect = Collect::new(None);
    let mut plans = Plans::default();
    let source = plans.source(Arc::new(log.clone()));
    let window = plans.window(source, 100, WindowTime::Processing);
    plans.sink(window, "out", Arc::new(collect.clone()));
    let options = PipelineOptions { workers: 2, ..PipelineOptions::named("test") };
    let mut driver = Driver::start(&plans.plan, &options, None, clock.clone()).unwrap();
    driver.run_until_quiet().unwrap();
    clock.set(ms(1_099));
    log.show(0, 3);
    driver.run_until_quiet().unwrap();
    assert_eq!(collect.row_count(), 0);
    clock.set(ms(1_100));
    driver.run_until_quiet().unwrap();
    let cell = |batches: &[_], start_ms| windows_once(batches)[&(start_ms, "a".to_owned())].rows;
    assert_eq!(cell(&collect.batches(), 1_000), 3, "the clock closed it without a further row");
    log.show(0, 6);
    assert_eq!(driver.run_until_quiet().unwrap(), Some(Outcome::Finished));
    assert_eq!(cell(&collect.batches(), 1_100), 3, "the end closed it");
    assert_eq!(driver.progress().late_rows, 0);
}
