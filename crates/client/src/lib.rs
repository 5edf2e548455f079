//! Kafka client: whole-batch producer and fetcher, groups and admin, over TCP and in process.
