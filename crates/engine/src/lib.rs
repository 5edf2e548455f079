//! The streaming engine: operators, event time, epochs and the workers that run them.
//!
//! The engine takes a [`plan::Plan`] – a typed graph of sources, operators and sinks – and runs it on worker
//! threads. It owns the contracts that the rooms around it fill in: [`source::Source`], [`sink::Sink`],
//! [`expression::Expression`], [`epoch::EpochStore`] and, for whoever turns tables into sources and sinks,
//! [`connector::Connector`].
//!
//! *Architecture invariant:* this crate knows neither SQL nor Kafka, and no async runtime. Whatever waits for a
//! socket lives behind `poll_*` methods that wake the worker through a [`std::task::Waker`].

pub mod accumulator;
mod aggregate;
mod bad_rows;
mod chain;
pub mod clock;
pub mod connector;
pub mod driver;
pub mod element;
pub mod epoch;
pub mod error;
mod exchange;
pub mod expression;
mod key;
mod lowering;
mod operator;
pub mod pipeline;
pub mod plan;
mod retention;
pub mod sink;
pub mod source;
mod task;
mod window;
