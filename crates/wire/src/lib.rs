//! Kafka's wire protocol: framing, messages and record batches, without I/O.
