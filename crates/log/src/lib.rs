//! The log: Kafka's own segment files, their recovery and retention, and the metadata log.
