//! Window aggregation in two phases.
//!
//! The *local* phase stands at the end of each upstream task's chain: it assigns panes, judges lateness row by row,
//! groups by (key, pane) and scatters partial states by worker. The *global* phase of each worker merges them and,
//! when the watermark closes a pane, yields its groups. A pane is a window here: only tumbling windows exist.

mod global;
mod groups;
mod local;
mod panes;
mod partials;
mod spec;

pub(crate) use global::GlobalAggregate;
pub(crate) use local::{LocalAggregate, LocalTime};
pub(crate) use partials::PartialBatch;
pub(crate) use spec::AggregateSpec;
