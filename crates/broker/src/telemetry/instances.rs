//! What is known of each client that asks for its subscriptions or pushes.
//!
//! An instance is forgotten when its client has been silent for three intervals, and begins anew when its connection is another or subscriptions
//! have changed, as in Apache Kafka; what it has pushed stays through the latter. Beyond the bound those go first that were not heard of for longest.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use millstream_wire::{ErrorCode, WireError, otlp};
use uuid::Uuid;

use super::series::{ClientSeries, Pushed, SeriesLabels, cut};
use super::subscriptions::{Attribute, Demand, Subscriptions};
use super::{Client, Software};
use crate::api::Caller;

/// Instances at a time, as in Kafka.
const INSTANCES_MAX: usize = 16_384;
/// What the series of one client, and of all, take at most.
const CLIENT_SERIES_BYTES_MAX: usize = 1 << 20;
const ALL_SERIES_BYTES_MAX: usize = 64 << 20;
/// A silent instance lives so long at least, also one that has said that it ends.
const EXPIRY_MS_MIN: i64 = 60_000;
/// How often silent instances are looked for.
const SWEEP_INTERVAL_MS: i64 = 10_000;

/// A client that pushes.
#[derive(Debug)]
pub(super) struct Instance {
    connection: Weak<Caller>,
    pub(super) demand: Demand,
    last_asked_ms: Option<i64>,
    last_pushed_ms: Option<i64>,
    pub(super) is_terminating: bool,
    /// The refusal of its last push.
    pub(super) last_error: Option<ErrorCode>,
    /// When it was last heard of, by the clock and by the order.
    heard_ms: i64,
    turn: u64,
    labels: SeriesLabels,
    series: ClientSeries,
}

impl Instance {
    /// Whether it may ask for its subscriptions now.
    pub(super) fn may_ask(&mut self, now_ms: i64) -> bool {
        let is_due = self.is_over(self.last_asked_ms.max(self.last_pushed_ms), now_ms);
        if is_due {
            self.last_asked_ms = Some(now_ms);
        }
        // Who was refused because of what it was told has to be told anew.
        let is_puzzled = matches!(
            self.last_error,
            Some(ErrorCode::UnknownSubscriptionId | ErrorCode::UnsupportedCompressionType)
        );
        if is_due || is_puzzled {
            self.last_error = None;
        }
        is_due || is_puzzled
    }

    /// Whether it may push now: at once after it has asked, as clients vary their intervals so that they do not all come together.
    pub(super) fn may_push(&mut self, now_ms: i64) -> bool {
        let may = self.last_asked_ms > self.last_pushed_ms || self.is_over(self.last_pushed_ms, now_ms);
        if may {
            self.last_pushed_ms = Some(now_ms);
        }
        may
    }

    /// Whether its interval is over since `last_ms`; it is when the clock was set back.
    fn is_over(&self, last_ms: Option<i64>, now_ms: i64) -> bool {
        let over = |last_ms| !(last_ms..last_ms + i64::from(self.demand.interval_ms)).contains(&now_ms);
        last_ms.is_none_or(over)
    }

    fn is_silent(&self, now_ms: i64) -> bool {
        let intervals_ms = if self.is_terminating { 0 } else { 3 * i64::from(self.demand.interval_ms) };
        now_ms - self.heard_ms > intervals_ms.max(EXPIRY_MS_MIN)
    }
}

/// All of them, with the subscriptions that they go by.
#[derive(Debug, Default)]
pub(super) struct Instances {
    pub(super) subscriptions: Subscriptions,
    by_id: HashMap<Uuid, Instance>,
    /// First who was not heard of for longest.
    by_turn: BTreeMap<u64, Uuid>,
    next_turn: u64,
    series_bytes: usize,
    swept_ms: i64,
}

impl Instances {
    /// The instance of a client that was just heard of.
    pub(super) fn touch(&mut self, id: Uuid, client: Client<'_>, now_ms: i64) -> &mut Instance {
        if (now_ms - self.swept_ms).abs() >= SWEEP_INTERVAL_MS {
            self.expire(now_ms);
        }
        let known = self.remove(id);
        if known.is_none()
            && self.by_id.len() >= INSTANCES_MAX
            && let Some((_, oldest)) = self.by_turn.first_key_value()
        {
            self.remove(*oldest);
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        let series_bytes = known.as_ref().map_or(0, |instance| instance.series.bytes);
        let mut instance = match known {
            Some(instance) if self.is_current(&instance) => instance,
            known => self.begin(id, client, known.map(|instance| instance.series)),
        };
        (instance.heard_ms, instance.turn) = (now_ms, turn);
        self.series_bytes += series_bytes;
        self.by_turn.insert(turn, id);
        self.by_id.entry(id).insert_entry(instance).into_mut()
    }

    fn is_current(&self, instance: &Instance) -> bool {
        instance.connection.strong_count() > 0 && instance.demand.version == self.subscriptions.version
    }

    fn begin(&self, id: Uuid, client: Client<'_>, series: Option<ClientSeries>) -> Instance {
        let caller = client.caller;
        let unknown = || Software { name: "unknown".to_owned(), version: "unknown".to_owned() };
        let software = caller.software.get().cloned().unwrap_or_else(unknown);
        let instance_id = millstream_log::id_text(id);
        let demand = self.subscriptions.demand(id, |attribute| match attribute {
            Attribute::InstanceId => instance_id.clone(),
            Attribute::ClientId => cut(client.client_id),
            Attribute::SoftwareName => software.name.clone(),
            Attribute::SoftwareVersion => software.version.clone(),
            Attribute::SourceAddress => caller.host.clone(),
            Attribute::SourcePort => caller.port.to_string(),
        });
        let labels = vec![
            ("client_instance_id", instance_id),
            ("client_id", cut(client.client_id)),
            ("client_software_name", cut(&software.name)),
            ("client_software_version", cut(&software.version)),
        ];
        Instance {
            connection: Arc::downgrade(caller),
            demand,
            last_asked_ms: None,
            last_pushed_ms: None,
            is_terminating: false,
            last_error: None,
            heard_ms: 0,
            turn: 0,
            labels,
            series: series.unwrap_or_default(),
        }
    }

    fn remove(&mut self, id: Uuid) -> Option<Instance> {
        let instance = self.by_id.remove(&id)?;
        self.by_turn.remove(&instance.turn);
        self.series_bytes -= instance.series.bytes;
        Some(instance)
    }

    /// Remembers that a push was refused after all.
    pub(super) fn fail(&mut self, id: Uuid, error: ErrorCode) {
        if let Some(instance) = self.by_id.get_mut(&id) {
            instance.last_error = Some(error);
        }
    }

    /// Takes in what a client has pushed and was asked for; how many values found no room.
    pub(super) fn record(&mut self, id: Uuid, metrics_data: &[u8]) -> Result<u64, WireError> {
        let Some(instance) = self.by_id.get_mut(&id) else { return Ok(0) };
        let Instance { demand, labels, series, .. } = instance;
        let others = self.series_bytes - series.bytes;
        let (mut dropped, mut key, mut resource) = (0, String::new(), None);
        let outcome = otlp::visit_points(metrics_data, &mut |point| {
            if !demand.includes(point.name) {
                return;
            }
            if !resource
                .replace(point.resource)
                .is_some_and(|known: otlp::Attributes<'_>| known.is_same(point.resource))
            {
                series.describe(labels, point.resource);
            }
            let room = CLIENT_SERIES_BYTES_MAX.saturating_sub(series.bytes);
            let room = room.min(ALL_SERIES_BYTES_MAX.saturating_sub(others + series.bytes));
            dropped += u64::from(!series.record(&point, &mut key, room));
        });
        series.end_push();
        self.series_bytes = others + series.bytes;
        outcome.map(|()| dropped)
    }

    /// Forgets who is silent.
    pub(super) fn expire(&mut self, now_ms: i64) {
        self.swept_ms = now_ms;
        let silent = self.by_id.iter().filter(|(_, instance)| instance.is_silent(now_ms)).map(|(id, _)| *id);
        for id in silent.collect::<Vec<_>>() {
            self.remove(id);
        }
    }

    /// How many there are, and everything that they have pushed.
    pub(super) fn collect(&self) -> (usize, Vec<Pushed>) {
        let mut all = Vec::new();
        for instance in self.by_id.values() {
            instance.series.collect(&mut all);
        }
        (self.by_id.len(), all)
    }
}
