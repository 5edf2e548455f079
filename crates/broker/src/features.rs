//! The features that this broker supports and has switched on (KIP-584), which clients go by: one table.
//!
//! Kafka's brokers agree on levels and raise them one by one; a single broker has each at its highest from the start. Only features
//! are listed that have an effect here.

/// A feature, on at its highest level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) level_min: i16,
    pub(crate) level_max: i16,
}

/// All features.
pub(crate) const FEATURES: &[Feature] = &[
    // Level 1: consumer groups (KIP-848).
    Feature { name: "group.version", level_min: 0, level_max: 1 },
    // Level 2: producers enrol partitions by writing to them, and get a new epoch with each transaction (KIP-890).
    Feature { name: "transaction.version", level_min: 0, level_max: 2 },
];

/// Grows whenever the table changes: clients keep the newest that they have seen.
pub(crate) const FEATURES_EPOCH: i64 = 2;
