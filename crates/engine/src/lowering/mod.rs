//! Turns a plan into tasks.
//!
//! A *stage* is what runs without an exchange: a tree of operators rooted at a source – one task per split – or at the
//! global phase of a window aggregation – one task per worker. It ends in sink writers, one per task, and in local
//! phases, which scatter to the tasks of the next stage. A node with several consumers is computed once per task and its
//! batches are shared, not copied.

mod graph;
mod tasks;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::Receiver;

use crate::clock::Clock;
use crate::element::Epoch;
use crate::epoch::{EpochRecord, EpochStore};
use crate::error::EngineError;
use crate::pipeline::{
    Control, Coordinator, CoordinatorStart, Metrics, Report, SinkEntry, Worker, commit_sink,
    unwrap_committable,
};
use crate::plan::{PipelineOptions, Plan};
use crate::sink::Committable;
use graph::Graph;
use tasks::Builder;

/// A pipeline that is ready to run.
pub(crate) struct Assembly {
    pub(crate) workers: Vec<Worker>,
    pub(crate) coordinator: Coordinator,
    pub(crate) reports: Receiver<Report>,
    pub(crate) control: Arc<Control>,
    pub(crate) metrics: Arc<Metrics>,
    /// An earlier run had finished: the workers have nothing to do.
    pub(crate) finished_before: bool,
}

/// Opens everything that `plan` names and makes its tasks, resuming the last epoch of `store`.
pub(crate) fn assemble(
    plan: &Plan,
    options: &PipelineOptions,
    mut store: Option<Box<dyn EpochStore>>,
    clock: Arc<dyn Clock>,
) -> Result<Assembly, EngineError> {
    let graph = Graph::new(plan)?;
    if store.is_some() {
        graph.check_restorable()?;
    }
    let restored = match &mut store {
        Some(store) => {
            store.restore().map_err(|error| EngineError::EpochStore { action: "restored", error })?
        }
        None => None,
    };
    let (sender, reports) = crossbeam_channel::unbounded();
    let control = Arc::new(Control::new(sender));
    if let Some(interrupter) = store.as_ref().and_then(|store| store.interrupter()) {
        control.set_interrupter(interrupter);
    }
    let sinks = graph.sinks(options);
    if let Some(record) = &restored {
        apply_committables(record, &sinks, &control)?;
    }
    let epoch = restored.as_ref().map_or(Epoch(0), |record| record.epoch);
    let finished_before = restored.as_ref().is_some_and(|record| record.finished) && graph.is_bounded();
    control.request_epoch(epoch, false);
    let logged = Arc::new(AtomicBool::new(false));
    let builder =
        Builder::new(&graph, options, (store.is_some(), restored.as_ref()), &control, &clock, &logged)?;
    let built = if finished_before { builder.idle() } else { builder.build()? };
    let metrics = Arc::new(built.metrics);
    metrics.committed_epoch.store(epoch.0, std::sync::atomic::Ordering::Relaxed);
    let coordinator = Coordinator::new(CoordinatorStart {
        control: Arc::clone(&control),
        clock,
        metrics: Arc::clone(&metrics),
        store,
        sources: built.sources,
        sinks,
        expected: built.expected,
        interval: options.epoch_interval,
        epoch,
    });
    Ok(Assembly { workers: built.workers, coordinator, reports, control, metrics, finished_before })
}

/// Does again what the sinks of the last epoch may not have done before the crash.
fn apply_committables(
    record: &EpochRecord,
    sinks: &[SinkEntry],
    control: &Control,
) -> Result<(), EngineError> {
    let mut of_sinks: Vec<Vec<Committable>> = vec![Vec::new(); sinks.len()];
    for wrapped in &record.committables {
        let (name, committable) = unwrap_committable(wrapped).ok_or_else(|| EngineError::Restore {
            message: "it holds a sink's committable of an unknown format; it may come from a newer version"
                .to_owned(),
        })?;
        let index = sinks.iter().position(|sink| sink.name == name).ok_or_else(|| EngineError::Restore {
            message: format!("it holds output of the sink {name}, which the plan no longer has"),
        })?;
        of_sinks[index].push(committable);
    }
    for (sink, committables) in sinks.iter().zip(&of_sinks) {
        if !committables.is_empty() {
            commit_sink(sink, committables, control)?;
        }
    }
    Ok(())
}
