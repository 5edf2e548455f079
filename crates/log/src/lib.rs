//! The log: Kafka's own segment files, their recovery and retention, and the metadata log.
#![allow(dead_code)]
pub mod checkpoint;
mod clock;
mod data_directory;
mod error;
pub mod config;
pub mod fs;
pub mod metadata;
mod names;
mod topic_id;
pub use clock::{Clock, HeldClock, SystemClock};
pub use data_directory::{FORMAT_VERSION, PreviousRun};
pub use error::{ErrorKind, LogError, Result};
pub use names::check_topic_name;
pub use topic_id::{id_text, parse_id, random_id};
