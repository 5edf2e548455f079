//! What is asked of which clients.

use std::collections::{BTreeMap, BTreeSet};

use millstream_wire::crc32c;
use regex::Regex;
use uuid::Uuid;

/// How often clients push, in milliseconds, where no subscription says it.
pub(crate) const INTERVAL_MS_DEFAULT: i32 = 5 * 60 * 1000;

/// Stands for all metrics.
const ALL: &str = "*";

/// What subscriptions can tell clients apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    InstanceId,
    ClientId,
    SoftwareName,
    SoftwareVersion,
    SourceAddress,
    SourcePort,
}

impl Attribute {
    /// Each under its name in `match`.
    const NAMES: [(Self, &str); 6] = [
        (Self::InstanceId, "client_instance_id"),
        (Self::ClientId, "client_id"),
        (Self::SoftwareName, "client_software_name"),
        (Self::SoftwareVersion, "client_software_version"),
        (Self::SourceAddress, "client_source_address"),
        (Self::SourcePort, "client_source_port"),
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find_map(|(attribute, known)| (known == name).then_some(attribute))
    }
}

/// A subscription: prefixes of metrics, for the clients that match all patterns.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) metrics: Vec<String>,
    pub(crate) interval_ms: i32,
    pub(crate) patterns: Vec<(Attribute, Regex)>,
}

/// What all subscriptions together ask of one client.
#[derive(Debug)]
pub(super) struct Demand {
    /// Prefixes of names, or `*` alone; none if nothing is asked.
    pub(super) metrics: Vec<String>,
    pub(super) interval_ms: i32,
    pub(super) subscription_id: i32,
    /// Of the subscriptions that it was made from.
    pub(super) version: u64,
}

impl Demand {
    /// Whether a metric is asked for.
    pub(super) fn includes(&self, metric: &str) -> bool {
        self.metrics.iter().any(|prefix| prefix == ALL || metric.starts_with(prefix.as_str()))
    }
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_name: BTreeMap<String, Subscription>,
    /// Grows with every change.
    pub(super) version: u64,
}

impl Subscriptions {
    pub(super) fn put(&mut self, name: &str, subscription: Option<Subscription>) {
        match subscription {
            Some(subscription) => _ = self.by_name.insert(name.to_owned(), subscription),
            None => _ = self.by_name.remove(name),
        }
        self.version += 1;
    }

    /// What is asked of a client, whose attributes `value_of` knows.
    pub(super) fn demand(&self, instance_id: Uuid, value_of: impl Fn(Attribute) -> String) -> Demand {
        let mut metrics = BTreeSet::new();
        let mut interval_ms = INTERVAL_MS_DEFAULT;
        for subscription in self.by_name.values() {
            let mut patterns = subscription.patterns.iter();
            if patterns.all(|(attribute, pattern)| pattern.is_match(&value_of(*attribute))) {
                metrics.extend(subscription.metrics.iter().cloned());
                interval_ms = interval_ms.min(subscription.interval_ms);
            }
        }
        if metrics.contains(ALL) {
            metrics = BTreeSet::from([ALL.to_owned()]);
        }
        let metrics: Vec<String> = metrics.into_iter().collect();
        let subscription_id = subscription_id(&metrics, interval_ms, instance_id);
        Demand { metrics, interval_ms, subscription_id, version: self.version }
    }
}

/// Changes with what is asked, also over restarts: a client goes on with the id that it has while it is asked for the same.
fn subscription_id(metrics: &[String], interval_ms: i32, instance_id: Uuid) -> i32 {
    let (high, low) = instance_id.as_u64_pair();
    let mixed = high ^ low;
    let hash = (mixed >> 32) as u32 ^ mixed as u32;
    (crc32c(format!("{metrics:?}{interval_ms}").as_bytes()) ^ hash).cast_signed()
}
