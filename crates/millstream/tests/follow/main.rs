//! `run --follow` as its users see it: resuming after clean stops and crashes, bad rows, and how each error is said.
//!
//! Nothing here waits for a time to pass: deadlines only turn a hang into a failure.

#[cfg(test)]
mod errors;
#[cfg(test)]
mod resume;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;
#[cfg(test)]
mod topics;
