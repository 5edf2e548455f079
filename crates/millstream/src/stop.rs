//! One switch that stops every pipeline of the process in order.

use std::sync::Arc;

use millstream_engine::pipeline::PipelineHandle;
use parking_lot::Mutex;

/// The switch; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_requested: bool,
    handles: Vec<PipelineHandle>,
}

impl Stop {
    /// Stops every pipeline that is or will be watched.
    pub(crate) fn request(&self) {
        let mut state = self.state.lock();
        state.is_requested = true;
        state.handles.iter().for_each(PipelineHandle::stop);
    }

    /// Whether it was requested.
    pub(crate) fn is_requested(&self) -> bool {
        self.state.lock().is_requested
    }

    /// The pipeline is stopped with the others.
    pub(crate) fn watch(&self, handle: PipelineHandle) {
        let mut state = self.state.lock();
        if state.is_requested {
            handle.stop();
        }
        state.handles.push(handle);
    }
}
