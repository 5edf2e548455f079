//! Authorized operations (KIP-430) as bit fields, for clients that ask.
//!
//! Without an authorizer everybody may do everything that a resource has: the bits are those that Apache Kafka sets then.

/// Read, write, create, delete, alter, describe, describe and alter configs.
pub(super) const TOPIC: i32 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
/// Create, alter, describe, cluster action, describe and alter configs, idempotent write.
pub(super) const CLUSTER: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
/// Read, delete, describe, describe and alter configs.
pub(super) const GROUP: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
