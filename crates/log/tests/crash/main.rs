//! The log on the simulated file system, stopped at every one of its operations by a kill or a power cut, again and again.
//!
//! [`store`] plays what a partition and its topic go through, [`transactions`] what producers commit and abort, [`compaction`]
//! what is left of it when keys are superseded. `cargo test` plays a few hundred histories of each;
//! `MILLSTREAM_CRASH_SEEDS=100000 cargo test --release -p millstream-log --test crash` plays so many, and
//! `MILLSTREAM_CRASH_SEEDS=4711..4712` the one that failed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod compaction;
mod machine;
mod store;
mod transactions;
