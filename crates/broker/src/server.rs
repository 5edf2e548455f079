//! Connections: from bytes on a socket (or frames from a neighbour in the process) to requests, and back.
//!
//! ```text
//!  listener ── accept ──► tcp::Connection ┐                       ┌─ api::dispatch ─► handlers
//!                                         ├──► session::Session ──┤
//!  connect_in_process ──► in_process ─────┘    order, in flight   └─ answers, in the order of the requests
//! ```
//!
//! A connection is one task. It never waits on a disk: what has to is handed to the disk threads, and the task is woken
//! when the answer is there. Only a connection whose last requests have all been produce requests is served by threads of another
//! runtime, which append by themselves and may wait for it (`docs/adr/0005-producers.md`).

mod budget;
mod in_process;
mod limits;
mod listener;
mod output;
mod session;
#[cfg(test)]
mod stalled_disk;
mod tcp;

pub(crate) use budget::ByteBudget;
pub use in_process::InProcessConnection;
pub(crate) use in_process::connect as connect_in_process;
pub(crate) use limits::{
    ConnectionLimits, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_IP, MAX_CONNECTIONS_PER_IP_OVERRIDES,
    overrides as connection_overrides,
};
pub(crate) use listener::{BoundListener, bind_all, serve};
pub(crate) use session::{Answer, Handling, Records};
