//! The topics there are, as groups see them: names, ids and numbers of partitions.
//!
//! A coordinator that shares partitions out by itself (KIP-848) has to know them; it looks at one consistent state at a time and
//! compares versions to see whether anything has changed since it looked last.

use std::sync::Arc;

use uuid::Uuid;

/// A state of the topics. It does not change while it is held.
pub(crate) trait Topics: Send + Sync {
    /// Grows with every change since the broker's start.
    fn version(&self) -> u64;

    fn id_of(&self, name: &str) -> Option<Uuid>;

    fn name_of(&self, id: Uuid) -> Option<&str>;

    fn partition_count(&self, id: Uuid) -> Option<i32>;

    /// Shows all names, in their order.
    fn visit_names(&self, look: &mut dyn FnMut(&str));
}

/// Where the state of the topics comes from.
pub(crate) trait TopicSource: Send + Sync + 'static {
    /// The topics as of now.
    fn topics(&self) -> Arc<dyn Topics>;
}
