//! Progress on a terminal: a bar where the end is known, a counter where it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use millstream_engine::pipeline::PipelineHandle;

use crate::cli::Global;

/// How often the line is drawn anew.
const INTERVAL: Duration = Duration::from_millis(100);

/// A line on standard error that follows a pipeline until it is dropped. Off a terminal it is nothing.
#[derive(Debug)]
pub(crate) struct Line {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// Begins to draw.
    pub(crate) fn start(name: &str, handle: PipelineHandle, global: &Global) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        if !global.color.on_stderr() {
            return Self { done, thread: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_prefix(name.to_owned());
        let until = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                draw(&bar, &handle);
                std::thread::park_timeout(INTERVAL);
            }
            bar.finish_and_clear();
        });
        Self { done, thread: Some(thread) }
    }
}

fn draw(bar: &ProgressBar, handle: &PipelineHandle) {
    let progress = handle.progress();
    let rows: u64 = progress.sources.iter().map(|source| source.rows).sum();
    let remaining = progress.sources.iter().map(|source| source.remaining).sum::<Option<u64>>();
    let template = match remaining {
        Some(_) => "{prefix} [{bar:30}] {human_pos}/{human_len} rows {per_sec} {eta}",
        None => "{prefix} {human_pos} rows {per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    if let Some(remaining) = remaining {
        bar.set_length(rows.saturating_add(remaining));
    }
    bar.set_position(rows);
}

impl Drop for Line {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The line has no result; a panic in it has been printed.
            drop(thread.join());
        }
    }
}
