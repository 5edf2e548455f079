//! Tasks: what workers run.

mod source;
mod window;

use std::task::Context;

pub(crate) use source::{Replay, SourceTask, SourceTaskStart};
pub(crate) use window::WindowTask;

use crate::element::TimestampMs;
use crate::error::EngineError;

/// What a task says after a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// It has more to do.
    Progress,
    /// It waits for its waker, or for the clock to reach `timer`.
    Pending { timer: Option<TimestampMs> },
}

/// A share of a pipeline that one worker runs, a bounded step at a time. It never blocks.
pub(crate) trait Task: Send {
    fn step(&mut self, context: &mut Context<'_>) -> Result<Step, EngineError>;
}
