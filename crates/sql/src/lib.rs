//! The Flink dialect of SQL: parser, binder, planner and expressions.
