//! Running the pipelines that a script asks for: options, epochs, the tap on the last table, and stopping them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use millstream_connectors::kafka::Kafka;
use millstream_engine::clock::SystemClock;
use millstream_engine::connector::{Settings, TableSpec};
use millstream_engine::epoch::EpochStore;
use millstream_engine::pipeline::{Pipeline, PipelineHandle};
use millstream_engine::plan::{BadRowPolicy, Operator, PipelineOptions, Plan};
use millstream_engine::sink::{Collect, Tee};
use millstream_engine::source::Source;
use millstream_sql::session::{BadRows, PipelineRequest, PlannedSource};

use crate::cli::Output;
use crate::stop::Stop;

/// The rows of the last table that are shown as a table.
pub(crate) const SHOWN_ROWS: usize = 20;

/// The time between epochs of a pipeline that is kept up, unless the file sets another.
const DEFAULT_EPOCH_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

/// How pipelines run.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// The connector that keeps epochs and dead letters.
    pub(crate) kafka: Kafka,
    /// Whether they resume and are kept up.
    pub(crate) follow: bool,
    /// `--parallelism`.
    pub(crate) workers: Option<usize>,
    /// What will be shown of the last table; `None` shows nothing.
    pub(crate) shown: Option<Output>,
    /// Stops what was started.
    pub(crate) stop: Stop,
    /// How often each statement was started: equal ones are told apart by their order.
    pub(crate) started: HashMap<String, u32>,
}

/// A pipeline that was started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pipeline: Pipeline,
    pub(crate) handle: PipelineHandle,
    pub(crate) name: String,
    pub(crate) tap: Option<Tap>,
}

/// The rows of the last table that a pipeline writes.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    pub(crate) table: String,
    pub(crate) schema: SchemaRef,
    pub(crate) rows: Collect,
}

impl Launcher {
    /// Starts a pipeline. `statement` is its text: with the group, it is the name under which it resumes.
    ///
    /// # Errors
    /// When the plan cannot be run or resumed, or the outside does not answer.
    pub(crate) fn start(
        &mut self,
        mut request: PipelineRequest,
        statement: &str,
        settings: &Settings,
    ) -> anyhow::Result<Started> {
        let tap = self.shown.and_then(|output| tap(&mut request, output));
        let sources = sources(&request.plan);
        let epochs: Option<Box<dyn EpochStore>> = if self.follow {
            let key = self.resume_key(&request, statement);
            Some(Box::new(self.kafka.epochs(&sources, &request.name, &key)?))
        } else {
            None
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut options = PipelineOptions::named(&request.name);
        options.workers = self.workers.or(request.workers).unwrap_or(cores).max(1);
        options.shards = request.shards;
        options.epoch_interval = match self.follow {
            true => Some(request.epoch_interval.unwrap_or(DEFAULT_EPOCH_INTERVAL)),
            false => request.epoch_interval,
        };
        for planned in &request.sources {
            let policy = self.bad_rows(planned, &request.name, &sources, settings)?;
            options.bad_rows.insert(planned.table.name.clone(), policy);
        }
        let pipeline = Pipeline::start(&request.plan, options, epochs, Arc::new(SystemClock))?;
        let handle = pipeline.handle();
        self.stop.watch(&request.name, handle.clone());
        Ok(Started { pipeline, handle, name: request.name, tap })
    }

    /// The name of a statement among those of its group, the same in every run of the same file.
    fn resume_key(&mut self, request: &PipelineRequest, statement: &str) -> String {
        let tables = request.sources.iter().map(|source| &source.table);
        let tables = tables.chain(request.sinks.iter().map(|sink| &sink.table));
        let data = tables.flat_map(identity).chain(request.views.iter().map(String::as_str));
        let key = fingerprint(statement, data);
        let count = self.started.entry(key.clone()).or_default();
        *count += 1;
        if *count == 1 { key } else { format!("{key}-{count}") }
    }

    fn bad_rows(
        &self,
        planned: &PlannedSource,
        pipeline: &str,
        sources: &[(String, Arc<dyn Source>)],
        settings: &Settings,
    ) -> anyhow::Result<BadRowPolicy> {
        Ok(match &planned.bad_rows {
            BadRows::Fail => BadRowPolicy::Fail,
            BadRows::Skip => BadRowPolicy::Skip,
            BadRows::DeadLetter { topic } => {
                match sources.iter().find(|(name, _)| *name == planned.table.name) {
                    Some((_, source)) => {
                        BadRowPolicy::DeadLetter(self.kafka.dead_letters(topic, pipeline, source, settings)?)
                    }
                    None => BadRowPolicy::Fail,
                }
            }
        })
    }
}

/// The sources of a plan by name.
fn sources(plan: &Plan) -> Vec<(String, Arc<dyn Source>)> {
    let source = |operator: &Operator| match operator {
        Operator::Source { name, source } => Some((name.clone(), Arc::clone(source))),
        _ => None,
    };
    plan.nodes.iter().filter_map(|node| source(&node.operator)).collect()
}

/// Puts a tap before the last sink of the plan.
fn tap(request: &mut PipelineRequest, output: Output) -> Option<Tap> {
    let planned = request.sinks.last()?;
    let node = request.plan.nodes.get_mut(planned.node.0)?;
    let Operator::Sink { sink, name, .. } = &mut node.operator else { return None };
    let limit = (output == Output::Table).then_some(SHOWN_ROWS);
    let rows = Collect::new(limit);
    *sink = Arc::new(Tee::new(Arc::clone(sink), rows.clone()));
    Some(Tap { table: name.clone(), schema: Arc::clone(&node.schema), rows })
}

/// The options that say what a table's data is, as opposed to how it is read and written. A statement over other data
/// is another statement: it must not be taken for one that has finished.
const IDENTITY: [&str; 3] = ["connector", "path", "topic"];

fn identity(table: &TableSpec) -> impl Iterator<Item = &str> {
    let options = IDENTITY.iter().filter_map(|key| table.options.get(*key));
    std::iter::once(table.name.as_str()).chain(options.map(String::as_str))
}

/// A short name for a statement that stays the same when its spaces change: 64-bit FNV-1a over its words, what its
/// tables are, and the words of its views.
fn fingerprint<'a>(statement: &'a str, data: impl Iterator<Item = &'a str>) -> String {
    let words = statement.split_whitespace().chain(["\0"]).chain(data.flat_map(str::split_whitespace));
    let bytes = words.flat_map(|word| word.bytes().chain([b' ']));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;
