//! The server side of Kafka's protocol over the log.
