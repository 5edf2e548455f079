//! The Flink dialect of SQL: parser, binder, planner and expressions.
//!
//! A text of statements becomes syntax trees with spans ([`parser`]), a [`session::Session`] gives them meaning with
//! the names, types and coercions of Flink 2.2, and what reads and writes tables comes out as a
//! [`millstream_engine::plan::Plan`], with expressions that evaluate themselves over Arrow's kernels.
//!
//! *Architecture invariant:* nothing here touches the network or a file, and nothing runs: connectors are asked for
//! sources and sinks through [`millstream_engine::connector::Connector`] alone, and plans are the caller's to run.

mod binder;
mod catalog;
pub mod diagnostics;
mod expression;
mod functions;
mod lexer;
pub mod parser;
mod planner;
pub mod session;
pub mod syntax;
pub mod types;

pub use diagnostics::{SqlError, SqlErrorKind};
pub use parser::parse_script;
pub use planner::explain::explain;
pub use planner::lower::VALUES_SOURCE;
pub use session::{Outcome, Session};
