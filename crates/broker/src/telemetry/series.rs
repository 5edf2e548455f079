//! The values that one client has pushed, under the names and labels that `/metrics` gives them.
//!
//! `org.apache.kafka.producer.connection.creation.total` becomes `kafka_client_producer_connection_creation_total`: the domain is taken off, what a
//! name cannot hold becomes `_`, and `_total` ends the names of counters and of nothing else. Attributes of a point are its labels, in the same
//! spelling; one that would hide a label of the client's is left out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_wire::otlp::{Attributes, Point, PointKind};

/// All names begin with it, so that clients cannot take those of the broker.
const PREFIX: &str = "kafka_client_";
/// What names of clients' metrics begin with, by KIP-714.
const DOMAIN: &str = "org.apache.kafka.";
/// The end of a counter's name, which the page adds.
const COUNTER_SUFFIX: &str = "_total";

/// Labels of one series at most, and characters of names and of values.
const LABELS_MAX: usize = 16;
const NAME_CHARS_MAX: usize = 200;
const VALUE_CHARS_MAX: usize = 256;
/// What a series takes beside its text, and a label beside its own, roughly.
const SERIES_OVERHEAD_BYTES: usize = 256;
const LABEL_OVERHEAD_BYTES: usize = 112;
/// A value that so many pushes did not have is gone: its client measures it no more.
const PUSHES_KEPT: u64 = 3;

/// What a client says of itself and is shown with every value of it.
const RESOURCE_LABELS: [&str; 5] =
    ["client_rack", "group_id", "group_instance_id", "group_member_id", "transactional_id"];

/// Labels that all series of a client have.
pub(crate) type SeriesLabels = Vec<(&'static str, String)>;

/// A value with its client's labels.
pub(crate) type Pushed = (Arc<SeriesLabels>, Arc<Series>);

/// One value.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) is_counter: bool,
    pub(crate) labels: Vec<(String, String)>,
    bits: AtomicU64,
    /// The push that had it last.
    push: AtomicU64,
    /// What it takes.
    bytes: usize,
}

impl Series {
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }

    fn take(&self, point: &Point<'_>, push: u64) {
        self.push.store(push, Ordering::Relaxed);
        let value = match point.kind {
            PointKind::Gauge | PointKind::Counter => point.value,
            PointKind::Increment => self.value() + point.value.max(0.0),
        };
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }
}

/// Everything of one client.
#[derive(Debug, Default)]
pub(super) struct ClientSeries {
    by_key: HashMap<String, Arc<Series>>,
    labels: Arc<SeriesLabels>,
    /// Pushes before this one.
    push: u64,
    /// What they take: in memory, and each with its line on the page, where the client's labels stand again.
    pub(super) bytes: usize,
}

impl ClientSeries {
    /// Takes in a point, if that takes no more than `room_bytes`; whether it did.
    pub(super) fn record(&mut self, point: &Point<'_>, key: &mut String, room_bytes: usize) -> bool {
        let is_counter = point.kind != PointKind::Gauge;
        key.clear();
        push_name(key, point.name);
        let name_length = key.len();
        let mut labels = self.labels_of(point.attributes);
        labels.sort_unstable();
        for (name, value) in &labels {
            let _ = write!(key, "\0{name}\0{value}");
        }
        key.push(if is_counter { 'c' } else { 'g' });
        if let Some(series) = self.by_key.get(key.as_str()) {
            series.take(point, self.push);
            return true;
        }
        let of_client: usize = self.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = 3 * key.len() + of_client + labels.len() * LABEL_OVERHEAD_BYTES + SERIES_OVERHEAD_BYTES;
        if bytes > room_bytes {
            return false;
        }
        let name = key[..name_length].to_owned();
        let (bits, push) = (AtomicU64::default(), AtomicU64::default());
        let series = Series { name, is_counter, labels, bits, push, bytes };
        series.take(point, self.push);
        self.by_key.insert(key.clone(), Arc::new(series));
        self.bytes += bytes;
        true
    }

    /// Forgets what the last pushes did not have.
    pub(super) fn end_push(&mut self) {
        self.push += 1;
        let oldest = self.push.saturating_sub(PUSHES_KEPT);
        self.by_key.retain(|_, series| {
            let is_heard = series.push.load(Ordering::Relaxed) >= oldest;
            self.bytes -= if is_heard { 0 } else { series.bytes };
            is_heard
        });
    }

    /// Sets what all have: the client's own labels, and what it says of itself. With others, they are other series.
    pub(super) fn describe(&mut self, own: &SeriesLabels, resource: Attributes<'_>) {
        let mut labels = own.clone();
        for (key, value) in resource.iter() {
            let known = RESOURCE_LABELS.into_iter().find(|known| *known == key);
            if let Some(known) = known.filter(|known| !labels.iter().any(|(name, _)| name == known)) {
                labels.push((known, cut(&value.to_string())));
            }
        }
        if *self.labels != labels {
            self.labels = Arc::new(labels);
            self.by_key.clear();
            self.bytes = 0;
        }
    }

    fn labels_of(&self, attributes: Attributes<'_>) -> Vec<(String, String)> {
        let mut labels: Vec<(String, String)> = Vec::new();
        for (key, value) in attributes.iter() {
            let name = label_name(key);
            let is_taken = RESOURCE_LABELS.contains(&name.as_str())
                || self.labels.iter().any(|(taken, _)| *taken == name)
                || labels.iter().any(|(taken, _)| *taken == name);
            if !name.is_empty() && !is_taken && labels.len() < LABELS_MAX {
                labels.push((name, cut(&value.to_string())));
            }
        }
        labels
    }

    pub(super) fn collect(&self, into: &mut Vec<Pushed>) {
        into.extend(self.by_key.values().map(|series| (Arc::clone(&self.labels), Arc::clone(series))));
    }
}

/// A label's or client's text, not longer than it may be.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(VALUE_CHARS_MAX).collect()
}

fn plain(text: &str) -> impl Iterator<Item = char> {
    let plain = text.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' });
    plain.take(NAME_CHARS_MAX)
}

fn push_name(out: &mut String, metric: &str) {
    out.push_str(PREFIX);
    out.extend(plain(metric.strip_prefix(DOMAIN).unwrap_or(metric)));
    out.truncate(out.trim_end_matches(COUNTER_SUFFIX).len());
}

/// Without what begins Prometheus' own labels.
fn label_name(key: &str) -> String {
    let name: String = plain(key.trim_start_matches(|char: char| !char.is_ascii_alphanumeric())).collect();
    if name.starts_with(|char: char| char.is_ascii_digit()) { format!("_{name}") } else { name }
}
