//! Statements run as Flink's SQL client runs them: one after the other, an INSERT being a pipeline of its own that
//! goes on beside what follows, unless `table.dml-sync` makes the next statement wait for its end.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{self, Receiver, Sender};

use millstream_engine::element::Batch;
use millstream_engine::error::EngineError;
use millstream_engine::pipeline::{Outcome as Ended, PipelineHandle, Summary};
use millstream_engine::plan::{Node, Operator};
use millstream_engine::sink::Collect;
use millstream_sql::session::{Outcome, PipelineRequest, PlannedSink, QueryRequest, TextTable};
use millstream_sql::syntax::Statement;
use millstream_sql::{Session, SqlError, VALUES_SOURCE};

use crate::cli::{Global, Output};
use crate::commands::print;
use crate::exit::{Failure, FailureKind};
use crate::pipelines::{Launcher, Started, Tap};
use crate::progress::Line;
use crate::results;

/// Runs statements.
pub(crate) struct Script<'a> {
    pub(crate) session: Session,
    pub(crate) launcher: Launcher,
    pub(crate) global: &'a Global,
    pub(crate) output: Output,
    /// Rows of a SELECT to show at most.
    pub(crate) limit: Option<u64>,
    /// The pipelines that have not ended, by the order of their statements.
    running: BTreeMap<usize, Running>,
    started: usize,
    ends: (Sender<End>, Receiver<End>),
    /// The rows of the last INSERT that has ended.
    last: Option<(usize, Tap)>,
}

/// The end of the pipeline of this number.
type End = (usize, Result<Summary, EngineError>);

/// A pipeline that another thread waits for.
struct Running {
    name: String,
    handle: PipelineHandle,
    tap: Option<Tap>,
    /// Where its statement begins.
    place: String,
}

impl<'a> Script<'a> {
    /// A script that has not begun.
    pub(crate) fn new(session: Session, launcher: Launcher, global: &'a Global, output: Output) -> Self {
        Self {
            session,
            launcher,
            global,
            output,
            limit: None,
            running: BTreeMap::new(),
            started: 0,
            ends: mpsc::channel(),
            last: None,
        }
    }

    /// Runs the statements and waits until every pipeline has ended.
    ///
    /// # Errors
    /// The first error, of whichever pipeline; those that are still running are stopped in order.
    pub(crate) fn run(&mut self, statements: &[Statement]) -> anyhow::Result<()> {
        let mut outcome = self.run_statements(statements);
        while let (Ok(()), Some(first)) = (&outcome, self.running.keys().next().copied()) {
            outcome = self.wait_for(first);
        }
        if outcome.is_err() {
            self.launcher.stop.request();
        }
        while !self.running.is_empty() {
            if let Err(error) = self.next_end() {
                tracing::warn!("while stopping: {error}");
            }
        }
        outcome?;
        self.show_last()
    }

    fn run_statements(&mut self, statements: &[Statement]) -> anyhow::Result<()> {
        for statement in statements {
            if self.launcher.stop.is_requested() {
                return Ok(());
            }
            match self.session.execute(statement).map_err(sql_error)? {
                Outcome::Done { notice } => {
                    if let Some(notice) = notice {
                        tracing::warn!("{notice}");
                    }
                }
                Outcome::Rows(table) => show_text(&table, self.output)?,
                Outcome::Explain(text) => print(|out| writeln!(out, "{text}"))?,
                Outcome::Pipeline(request) => self.pipeline(*request, statement)?,
                Outcome::Query(request) => self.query(*request, statement)?,
                Outcome::Quit => return Ok(()),
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, request: PipelineRequest, statement: &Statement) -> anyhow::Result<()> {
        let waits = request.is_synchronous;
        let started = self.launcher.start(request, statement.text(), self.session.settings())?;
        let number = self.watch(started, place(statement))?;
        if waits { self.wait_for(number) } else { Ok(()) }
    }

    /// Lets a thread wait for a pipeline, so that the end of any of them is noticed at once.
    fn watch(&mut self, started: Started, place: String) -> anyhow::Result<usize> {
        let Started { pipeline, handle, name, tap } = started;
        self.started += 1;
        let number = self.started;
        let ends = self.ends.0.clone();
        std::thread::Builder::new()
            .name(format!("{name}-end"))
            // Nobody listens any more when the process is ending for another reason.
            .spawn(move || drop(ends.send((number, pipeline.wait()))))?;
        self.running.insert(number, Running { name, handle, tap, place });
        Ok(number)
    }

    /// Waits for the end of one pipeline.
    ///
    /// # Errors
    /// That of the first pipeline that fails meanwhile, be it another one.
    fn wait_for(&mut self, number: usize) -> anyhow::Result<()> {
        let Some(running) = self.running.get(&number) else { return Ok(()) };
        let _line = Line::start(&running.name, running.handle.clone(), self.global);
        while self.running.contains_key(&number) {
            self.next_end()?;
        }
        Ok(())
    }

    /// Waits for the end of whichever pipeline ends next, and prints its summary.
    fn next_end(&mut self) -> anyhow::Result<()> {
        let (number, ended) = self.ends.1.recv()?;
        let running = self.running.remove(&number);
        let place = running.as_ref().map(|running| running.place.as_str()).unwrap_or_default();
        summary(&ended.map_err(|error| at_place(error, place))?, self.output)?;
        let is_last = self.last.as_ref().is_none_or(|(last, _)| *last < number);
        if let (Some(tap), true) = (running.and_then(|running| running.tap), is_last) {
            self.last = Some((number, tap));
        }
        Ok(())
    }

    /// Shows the rows of a SELECT once it has ended or has given as many as are wanted.
    fn query(&mut self, request: QueryRequest, statement: &Statement) -> anyhow::Result<()> {
        let limit = self.limit.into_iter().chain(request.limit).min();
        if !request.is_bounded && limit.is_none() {
            let message =
                "the query never ends: read bounded tables ('scan.bounded.mode'), or add LIMIT or --limit";
            return Err(Failure::new(FailureKind::Invalid, message).into());
        }
        let rows = Collect::new(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)));
        let schema = request.plan.nodes[request.root.0].schema.clone();
        let pipeline = as_pipeline(request, rows.clone(), statement);
        let started = self.launcher.start(pipeline, statement.text(), self.session.settings())?;
        let handle = started.handle.clone();
        let line = Line::start("query", handle.clone(), self.global);
        let watched = limit.map(|limit| stop_at(limit, rows.clone(), handle));
        let ended = started.pipeline.wait();
        drop(line);
        drop(watched);
        ended.map_err(|error| at_place(error, &place(statement)))?;
        let batches: Vec<Batch> = rows.batches();
        show(&schema, &batches, self.output)
    }

    fn show_last(&self) -> anyhow::Result<()> {
        let Some((_, tap)) = &self.last else { return Ok(()) };
        if self.output == Output::Table && self.launcher.shown.is_some() {
            print(|out| writeln!(out, "\n{} (first {} rows)", tap.table, tap.rows.row_count()))?;
        }
        show(&tap.schema, &tap.rows.batches(), self.output)
    }
}

/// `FILE:LINE:COLUMN` of a statement.
fn place(statement: &Statement) -> String {
    let (line, column) = statement.source.line_and_column(statement.span.start);
    format!("{}:{line}:{column}", statement.source.name)
}

/// A row of VALUES, or the one of a SELECT without FROM, comes from no table: its statement says where it stands.
fn at_place(error: EngineError, place: &str) -> anyhow::Error {
    match error {
        EngineError::BadRow { source_name, reason, .. } if source_name.starts_with(VALUES_SOURCE) => {
            Failure::new(FailureKind::Invalid, format!("{place}: {reason}")).into()
        }
        error => error.into(),
    }
}

/// A pipeline that writes the query's rows to memory.
fn as_pipeline(request: QueryRequest, rows: Collect, statement: &Statement) -> PipelineRequest {
    let mut plan = request.plan;
    let schema = plan.nodes[request.root.0].schema.clone();
    let sink = std::sync::Arc::new(rows);
    plan.nodes.push(Node {
        operator: Operator::Sink { input: request.root, name: "result".to_owned(), sink },
        schema,
    });
    PipelineRequest {
        plan,
        name: "query".to_owned(),
        is_named: false,
        sinks: Vec::<PlannedSink>::new(),
        sources: request.sources,
        views: Vec::new(),
        is_bounded: request.is_bounded,
        is_synchronous: true,
        shards: 128,
        workers: None,
        epoch_interval: None,
        span: statement.span,
    }
}

/// Stops the pipeline once the rows are there; ends when dropped.
fn stop_at(limit: u64, rows: Collect, handle: millstream_engine::pipeline::PipelineHandle) -> Watcher {
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let until = std::sync::Arc::clone(&done);
    let thread = std::thread::spawn(move || {
        while !until.load(std::sync::atomic::Ordering::Relaxed) {
            if rows.row_count() as u64 >= limit {
                handle.abort();
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
    });
    Watcher { done, thread: Some(thread) }
}

struct Watcher {
    done: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.done.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

fn show(schema: &arrow_schema::SchemaRef, batches: &[Batch], output: Output) -> anyhow::Result<()> {
    let mut text = Vec::new();
    results::write(schema, batches, output, &mut text)?;
    print(|out| out.write_all(&text))
}

fn show_text(table: &TextTable, output: Output) -> anyhow::Result<()> {
    let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let mut listing = crate::listing::Listing::new(&columns);
    for row in &table.rows {
        listing.push(row.iter().map(|cell| cell.clone().into()).collect());
    }
    print(|out| listing.write(output, out))
}

/// One line per INSERT. With JSON rows on standard output it goes to standard error.
fn summary(summary: &Summary, output: Output) -> anyhow::Result<()> {
    let seconds = summary.elapsed.as_secs_f64();
    for sink in &summary.sinks {
        let line = match summary.outcome {
            Ended::FinishedBefore => format!("{}: finished in an earlier run, not repeated", sink.name),
            outcome => format!(
                "{}: {} rows in, {} rows out, {} late, {} bad, {:.0} events/s{}",
                sink.name,
                sink.rows_in,
                sink.rows_out,
                sink.late_rows,
                sink.bad_rows,
                sink.rows_in as f64 / seconds.max(1e-9),
                if outcome == Ended::Stopped { " (stopped)" } else { "" },
            ),
        };
        match output {
            Output::Table => print(|out| writeln!(out, "{line}"))?,
            Output::Json => writeln!(std::io::stderr(), "{line}")?,
        }
    }
    Ok(())
}

/// An error of SQL as the command's: invalid input, whatever is wrong with it.
pub(crate) fn sql_error(error: SqlError) -> anyhow::Error {
    Failure::new(FailureKind::Invalid, error.to_string()).into()
}
