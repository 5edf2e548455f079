//! Threads that serve connections which do nothing but produce, and may wait for disks.
//!
//! Each is a runtime of its own: nothing is handed from one to another, so that a request costs no wake-up but that of its socket.
//! A connection stays where it has come: while its thread waits for a disk, it waits for that disk too, as its own appends would.

use std::io;
use std::sync::OnceLock;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::MAY_WAIT;

/// The threads, which are started when the first connection comes.
#[derive(Default)]
pub(super) struct Producers(OnceLock<Vec<Thread>>);

/// It ends, without being waited for, when this is dropped: its tasks have ended, or the broker is dropped as in a crash.
struct Thread {
    runtime: Handle,
    _stop: oneshot::Sender<()>,
}

impl Producers {
    /// The thread with the fewest connections of `count`.
    pub(super) fn least_busy(&self, count: usize) -> Option<&Handle> {
        let start = |index| {
            Thread::start(index)
                .inspect_err(
                    |error| tracing::warn!(%error, "a thread for producers is missing, which costs speed"),
                )
                .ok()
        };
        let threads = self.0.get_or_init(|| (0..count).filter_map(start).collect());
        let runtimes = threads.iter().map(|thread| &thread.runtime);
        runtimes.min_by_key(|runtime| runtime.metrics().num_alive_tasks())
    }
}

impl Thread {
    fn start(index: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new().name(format!("produce-{index}")).spawn(move || {
            MAY_WAIT.set(true);
            // Nothing is ever sent: the sender is dropped.
            _ = runtime.block_on(stopped);
        })?;
        Ok(Self { runtime: handle, _stop: stop })
    }
}
