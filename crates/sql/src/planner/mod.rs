//! Queries to plans.
//!
//! [`select`] and [`group`] bind a query into a [`relation::Relation`], a small tree in a normal form (filters below
//! projections, neighbouring projections fused). [`lower`] makes the engine's plan of it: it finds out which field
//! paths of which tables are needed ([`need`]), gives each table one source, and translates column numbers.

pub(crate) mod explain;
mod group;
mod known;
pub(crate) mod lower;
mod need;
pub(crate) mod relation;
pub(crate) mod select;
