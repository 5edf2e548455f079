//! Makes the tasks of a checked plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use super::graph::{Graph, dead_letter_name};
use crate::aggregate::{GlobalAggregate, LocalAggregate, LocalTime};
use crate::bad_rows::{BadRows, Policy};
use crate::chain::{Chain, TaskContext};
use crate::clock::Clock;
use crate::element::Epoch;
use crate::epoch::{EpochRecord, SplitProgress};
use crate::error::EngineError;
use crate::exchange::{Inbox, Outbox};
use crate::operator::{Filter, Project, SinkEnd, WatermarkAssigner};
use crate::pipeline::{
    Control, Expected, Metrics, SinkLine, SinkMetrics, SourceEntry, SourceMetrics, WindowMetrics, Worker,
};
use crate::plan::{BadRowPolicy, Operator, PipelineOptions, WindowTime};
use crate::retention::{ClosedCell, Retention};
use crate::sink::{Sink, WriterIndex};
use crate::source::SplitId;
use crate::task::{Replay, SourceTask, SourceTaskStart, WindowTask};
use crate::window::WatermarkBoard;

/// What the lowering made.
pub(super) struct Built {
    pub(super) workers: Vec<Worker>,
    pub(super) sources: Vec<SourceEntry>,
    pub(super) expected: Expected,
    pub(super) metrics: Metrics,
}

/// Where an operator stands while chains are made.
#[derive(Clone)]
struct Place {
    /// The task's place in its stage, and how many there are.
    task: usize,
    tasks: usize,
    /// The nearest watermarks below, and the split's place among them.
    board: Option<(Arc<WatermarkBoard>, usize)>,
    /// The place of the source in the list of sources.
    source: usize,
}

/// Makes tasks.
pub(super) struct Builder<'a> {
    graph: &'a Graph<'a>,
    options: &'a PipelineOptions,
    restored: Option<&'a EpochRecord>,
    control: &'a Arc<Control>,
    clock: &'a Arc<dyn Clock>,
    /// Whether positions will be committed.
    keeps_epochs: bool,
    worker_count: usize,
    shards: u16,
    /// Per source its splits.
    splits: Vec<Vec<SplitId>>,
    /// Per window and worker.
    inboxes: Vec<Vec<Arc<Inbox>>>,
    closed: Vec<Vec<ClosedCell>>,
    boards: BTreeMap<usize, Arc<WatermarkBoard>>,
    /// Per sink of the plan, then per dead-letter sink.
    sink_metrics: Vec<Arc<SinkMetrics>>,
    metrics: Metrics,
    writers: usize,
    /// Per source the dead-letter writers that are open.
    dead_letter_writers: Vec<usize>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        graph: &'a Graph<'a>,
        options: &'a PipelineOptions,
        epochs: (bool, Option<&'a EpochRecord>),
        control: &'a Arc<Control>,
        clock: &'a Arc<dyn Clock>,
        logged: &Arc<AtomicBool>,
    ) -> Result<Self, EngineError> {
        let (keeps_epochs, restored) = epochs;
        let worker_count = options.workers.max(1);
        let mut splits = Vec::new();
        let mut metrics = Metrics::default();
        for node in &graph.sources {
            let (name, source) = graph.source(*node)?;
            let of_source = source.splits().map_err(|error| EngineError::Source {
                source_name: name.to_owned(),
                split: None,
                position: None,
                error: Box::new(error),
            })?;
            metrics.sources.push(Arc::new(SourceMetrics::new(name.to_owned(), of_source.len())));
            splits.push(of_source);
        }
        let pipeline: Arc<str> = options.name.as_str().into();
        let window = || Arc::new(WindowMetrics::new(Arc::clone(&pipeline), Arc::clone(logged)));
        metrics.windows = graph.windows.iter().map(|_| window()).collect();
        let sinks = graph.sinks(options);
        let sink_metrics: Vec<_> =
            sinks.iter().map(|sink| Arc::new(SinkMetrics::new(sink.name.clone()))).collect();
        let mut builder = Self {
            graph,
            options,
            restored,
            control,
            clock,
            keeps_epochs,
            worker_count,
            shards: options.shards.max(1),
            inboxes: Vec::new(),
            closed: Vec::new(),
            boards: BTreeMap::new(),
            sink_metrics,
            writers: 0,
            dead_letter_writers: vec![0; splits.len()],
            splits,
            metrics,
        };
        builder.metrics.sinks = builder.sink_lines();
        for node in &graph.windows {
            let lanes = builder.upstream_tasks(*node);
            builder.inboxes.push((0..worker_count).map(|_| Arc::new(Inbox::new(lanes))).collect());
            let cell = || Arc::new(AtomicI64::new(i64::MIN));
            builder.closed.push((0..worker_count).map(|_| cell()).collect());
        }
        Ok(builder)
    }

    fn sink_lines(&self) -> Vec<SinkLine> {
        let lines = self.graph.sinks.iter().zip(&self.sink_metrics).map(|(node, metrics)| {
            let mut windows = Vec::new();
            let mut root = self.graph.stage_of[*node];
            while let Some(window) = self.graph.windows.iter().position(|window| *window == root) {
                windows.push(Arc::clone(&self.metrics.windows[window]));
                root = self.upstream_stage(root);
            }
            SinkLine { metrics: Arc::clone(metrics), source: self.source_index(*node), windows }
        });
        lines.collect()
    }

    /// The stage that feeds a window.
    fn upstream_stage(&self, window: usize) -> usize {
        match &self.graph.plan.nodes[window].operator {
            Operator::WindowAggregate { input, .. } => self.graph.stage_of[input.0],
            _ => window,
        }
    }

    fn upstream_tasks(&self, window: usize) -> usize {
        self.stage_tasks(self.upstream_stage(window))
    }

    fn stage_tasks(&self, root: usize) -> usize {
        match self.graph.sources.iter().position(|source| *source == root) {
            Some(source) => self.splits[source].len(),
            None => self.worker_count,
        }
    }

    fn source_index(&self, node: usize) -> usize {
        let source = self.graph.source_of[node];
        self.graph.sources.iter().position(|own| *own == source).unwrap_or(0)
    }

    /// Nothing to run.
    pub(super) fn idle(self) -> Built {
        let expected = Expected { sources: 0, window_tasks: 0, writers: 0 };
        Built { workers: Vec::new(), sources: Vec::new(), expected, metrics: self.metrics }
    }

    pub(super) fn build(mut self) -> Result<Built, EngineError> {
        let worker = || Worker::new(Arc::clone(self.clock), Arc::clone(self.control));
        let mut workers: Vec<Worker> = (0..self.worker_count).map(|_| worker()).collect();
        let (mut slots, mut sources) = (Vec::new(), Vec::new());
        for source in 0..self.graph.sources.len() {
            for split in 0..self.splits[source].len() {
                let (task, entry) = self.source_task(source, split, sources.len())?;
                slots.push(workers[sources.len() % self.worker_count].add(Box::new(task)));
                sources.push(entry);
            }
        }
        let mut window_tasks = 0;
        for window in 0..self.graph.windows.len() {
            for (index, worker) in workers.iter_mut().enumerate() {
                slots.push(worker.add(Box::new(self.window_task(window, index)?)));
                window_tasks += 1;
            }
        }
        self.control.set_tasks(slots);
        let expected = Expected { sources: sources.len(), window_tasks, writers: self.writers };
        Ok(Built { workers, sources, expected, metrics: self.metrics })
    }

    fn source_task(
        &mut self,
        source: usize,
        split_index: usize,
        task: usize,
    ) -> Result<(SourceTask, SourceEntry), EngineError> {
        let node = self.graph.sources[source];
        let (name, table) = self.graph.source(node)?;
        let split = self.splits[source][split_index].clone();
        let restored = self.restored_split(name, &split).cloned();
        let position = restored.as_ref().map(|restored| restored.position);
        let has_nothing_left = restored.as_ref().is_some_and(|restored| {
            restored.ended && restored.position >= restored.reached && table.is_bounded()
        });
        let reader = if has_nothing_left {
            None
        } else {
            let opened = match position {
                None if self.is_resumed(name) => table.open_added(&split),
                _ => table.open(&split, position),
            };
            Some(opened.map_err(|error| EngineError::Source {
                source_name: name.to_owned(),
                split: Some(split.clone()),
                position,
                error: Box::new(error),
            })?)
        };
        let place = Place { task: split_index, tasks: self.splits[source].len(), board: None, source };
        let chain = self.chain(node, &place)?;
        let windows = self.graph.windows_of(node);
        let cells: Vec<ClosedCell> = windows.iter().flat_map(|window| self.closed[*window].clone()).collect();
        let keeps = self.keeps_epochs && !windows.is_empty();
        let start = SourceTaskStart {
            task,
            split: split.clone(),
            split_index,
            reader,
            next: position,
            replay: restored.as_ref().map(|restored| Replay {
                until: restored.reached,
                watermark_ms: restored.watermark.0,
                horizon_ms: restored.horizon.0,
            }),
            chain,
            cx: self.context(source, keeps.then(|| Retention::new(cells.into())))?,
            control: Arc::clone(self.control),
            clock: Arc::clone(self.clock),
            metrics: Arc::clone(&self.metrics.sources[source]),
            epoch: self.epoch(),
        };
        Ok((SourceTask::new(start), SourceEntry { source: name.to_owned(), split, windows, restored }))
    }

    fn epoch(&self) -> Epoch {
        self.restored.map_or(Epoch(0), |record| record.epoch)
    }

    /// Whether splits of the source are resumed.
    fn is_resumed(&self, source: &str) -> bool {
        self.restored.is_some_and(|record| record.splits.iter().any(|progress| progress.source == source))
    }

    fn restored_split(&self, source: &str, split: &SplitId) -> Option<&'a SplitProgress> {
        let splits = &self.restored?.splits;
        splits.iter().find(|progress| progress.source == source && progress.split == *split)
    }

    fn window_task(&mut self, window: usize, worker: usize) -> Result<WindowTask, EngineError> {
        let node = self.graph.windows[window];
        let source = self.source_index(node);
        let (name, _) = self.graph.source(self.graph.sources[source])?;
        let restored = self.restored.into_iter().flat_map(|record| &record.splits);
        let horizons = restored.filter(|progress| progress.source == name).map(|progress| progress.horizon.0);
        let horizon_ms = horizons.min().unwrap_or(i64::MIN);
        let lanes = self.upstream_tasks(node);
        let aggregate = GlobalAggregate::new(
            Arc::clone(&self.graph.specs[window]),
            node,
            lanes,
            horizon_ms,
            Arc::clone(&self.metrics.windows[window]),
        )?;
        let place = Place { task: worker, tasks: self.worker_count, board: None, source };
        let chain = self.chain(node, &place)?;
        let cx = self.context(source, None)?;
        Ok(WindowTask::new(
            window,
            aggregate,
            Arc::clone(&self.inboxes[window][worker]),
            lanes,
            chain,
            cx,
            Arc::clone(self.control),
            Arc::clone(self.clock),
            Arc::clone(&self.closed[window][worker]),
        ))
    }

    fn context(&mut self, source: usize, retention: Option<Retention>) -> Result<TaskContext, EngineError> {
        let metrics = Arc::clone(&self.metrics.sources[source]);
        let policy = match self.options.bad_rows.get(&metrics.name) {
            None | Some(BadRowPolicy::Fail) => Policy::Fail,
            Some(BadRowPolicy::Skip) => Policy::Skip,
            Some(BadRowPolicy::DeadLetter(sink)) => Policy::DeadLetter(self.dead_letter(source, sink)?),
        };
        let bad_rows = BadRows::new(policy, metrics);
        Ok(TaskContext {
            now: self.clock.now(),
            replay_horizon_ms: None,
            is_known: false,
            origin: None,
            retention,
            bad_rows,
        })
    }

    fn dead_letter(&mut self, source: usize, sink: &Arc<dyn Sink>) -> Result<SinkEnd, EngineError> {
        let node = self.graph.sources[source];
        let window_tasks = self.graph.windows_of(node).len() * self.worker_count;
        let index = self.dead_letter_writers[source];
        self.dead_letter_writers[source] += 1;
        let writer = WriterIndex { index, count: self.splits[source].len() + window_tasks };
        let name = dead_letter_name(&self.metrics.sources[source].name);
        let place = self.sink_metrics.iter().position(|metrics| metrics.name == name).unwrap_or(0);
        self.open(sink, place, writer)
    }

    fn open(
        &mut self,
        sink: &Arc<dyn Sink>,
        place: usize,
        writer: WriterIndex,
    ) -> Result<SinkEnd, EngineError> {
        let metrics = Arc::clone(&self.sink_metrics[place]);
        let opened = sink.open(writer);
        let writer = opened.map_err(|error| EngineError::Sink { sink: metrics.name.clone(), error })?;
        self.writers += 1;
        Ok(SinkEnd::new(writer, place, metrics))
    }

    /// The chain that begins with the consumers of `root`.
    fn chain(&mut self, root: usize, place: &Place) -> Result<Chain, EngineError> {
        let mut chain = Chain::default();
        let roots = self.outputs(root, place, &mut chain)?;
        chain.set_roots(roots);
        Ok(chain)
    }

    fn outputs(&mut self, node: usize, place: &Place, chain: &mut Chain) -> Result<Vec<usize>, EngineError> {
        let graph = self.graph;
        graph.consumers[node].iter().map(|consumer| self.operator(*consumer, place, chain)).collect()
    }

    fn operator(&mut self, index: usize, place: &Place, chain: &mut Chain) -> Result<usize, EngineError> {
        let node = &self.graph.plan.nodes[index];
        Ok(match &node.operator {
            Operator::Source { .. } => {
                return Err(EngineError::Plan { node: index, message: "a source has no input".to_owned() });
            }
            Operator::Watermark { expression, time_column, idle_timeout, .. } => {
                let board =
                    self.boards.entry(index).or_insert_with(|| Arc::new(WatermarkBoard::new(place.tasks)));
                let board = Arc::clone(board);
                let above = Place { board: Some((Arc::clone(&board), place.task)), ..place.clone() };
                let outputs = self.outputs(index, &above, chain)?;
                let assigner = WatermarkAssigner::new(
                    Arc::clone(expression),
                    *time_column,
                    *idle_timeout,
                    board,
                    place.task,
                    Arc::clone(&self.metrics.sources[place.source]),
                    self.clock.now(),
                );
                chain.add(Box::new(assigner), outputs)
            }
            Operator::Filter { predicate, .. } => {
                let outputs = self.outputs(index, place, chain)?;
                chain.add(Box::new(Filter::new(Arc::clone(predicate))), outputs)
            }
            Operator::Project { expressions, .. } => {
                let outputs = self.outputs(index, place, chain)?;
                let project = Project::new(expressions.clone().into(), Arc::clone(&node.schema));
                chain.add(Box::new(project), outputs)
            }
            Operator::WindowAggregate { window, .. } => {
                let time = match window.time {
                    WindowTime::Event { .. } => LocalTime::Event(place.board.clone()),
                    WindowTime::Processing => LocalTime::Processing { pane_start_ms: None },
                };
                let local = self.local(index, place, time)?;
                chain.add(Box::new(local), Vec::new())
            }
            Operator::Sink { sink, .. } => {
                let of_plan = self.graph.sinks.iter().position(|own| *own == index).unwrap_or(0);
                let writer = WriterIndex { index: place.task, count: place.tasks };
                let end = self.open(sink, of_plan, writer)?;
                chain.add(Box::new(end), Vec::new())
            }
        })
    }

    fn local(&self, node: usize, place: &Place, time: LocalTime) -> Result<LocalAggregate, EngineError> {
        let window = self.graph.windows.iter().position(|own| *own == node).unwrap_or(0);
        LocalAggregate::new(
            Arc::clone(&self.graph.specs[window]),
            node,
            Outbox::new(self.inboxes[window].clone(), place.task),
            time,
            self.shards,
            Arc::clone(&self.metrics.windows[window]),
        )
    }
}
