//! The streaming engine: operators, event time, epochs and the workers that run them.
