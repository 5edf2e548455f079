//! One switch that stops every pipeline of the process in order, and the list of what it stops.

use std::sync::Arc;

use millstream_engine::pipeline::PipelineHandle;
use parking_lot::Mutex;

/// The switch; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    state: Arc<Mutex<State>>,
}

/// A pipeline that was started.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// `pipeline.name`, which pipelines may share.
    pub(crate) name: String,
    pub(crate) handle: PipelineHandle,
}

#[derive(Debug, Default)]
struct State {
    is_requested: bool,
    pipelines: Vec<Watched>,
}

impl Stop {
    /// Stops every pipeline that is or will be watched.
    pub(crate) fn request(&self) {
        let mut state = self.state.lock();
        state.is_requested = true;
        state.pipelines.iter().for_each(|pipeline| pipeline.handle.stop());
    }

    /// Whether it was requested.
    pub(crate) fn is_requested(&self) -> bool {
        self.state.lock().is_requested
    }

    /// The pipeline is stopped with the others.
    pub(crate) fn watch(&self, name: &str, handle: PipelineHandle) {
        let mut state = self.state.lock();
        if state.is_requested {
            handle.stop();
        }
        state.pipelines.push(Watched { name: name.to_owned(), handle });
    }

    /// Every pipeline that was started, ended ones included, in the order of their statements.
    pub(crate) fn pipelines(&self) -> Vec<Watched> {
        self.state.lock().pipelines.clone()
    }
}
