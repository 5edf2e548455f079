//! Quotas of clients: how much they may produce, fetch, occupy and change, and how long they wait who did more.
//!
//! As Kafka does it (KIP-13, KIP-124, KIP-219, KIP-599): what a request costs is counted when it is answered; if the client is then
//! above its quota, the answer says for how long it is put off, and for so long the broker begins none of its connection's requests. An
//! answer with records is replaced by an empty one, so that what exceeds the quota is not sent at all.
//!
//! While nobody has a quota, a request costs one look at an atomic ([`Quotas::meter`]).
//!
//! Deviations: the time of `request_percentage` is that of the threads that serve sockets, so what disk threads do for a request is
//! left out (connections that only produce append by themselves: theirs is counted). `consumer_byte_rate` counts the bytes of
//! records, not of the whole answers. Quotas of addresses (`connection_creation_rate`) are not offered.
//!
//! Locks: `state` is held for lookups and arithmetic only, never together with another.

mod limits;
mod window;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use millstream_log::Clock;
use millstream_log::config::ConfigMap;
use millstream_log::metadata::QuotaEntity;
use millstream_wire::ErrorCode;
use parking_lot::Mutex;

use limits::Limits;
pub(crate) use limits::{QuotaKind, Sharers};
pub use window::Windows;
use window::{Rate, TokenBucket};

/// Sharers whose use is remembered at most: client ids are whatever clients say.
const USAGES_MAX: usize = 10_000;
/// Use that nothing was added to for so long is forgotten, as in Kafka.
const USAGE_EXPIRES_AFTER_MS: i64 = 60 * 60 * 1000;
/// Nanoseconds of a thread in a percent of a second.
const NANOSECONDS_PER_PERCENT: f64 = 1e7;

/// Over which time it is reckoned what clients with quotas use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaWindows {
    /// `quota.window.*`: bytes and time.
    pub clients: Windows,
    /// `controller.quota.window.*`: partitions that are created and deleted.
    pub mutations: Windows,
}

/// All quotas and what clients have used of them.
pub(crate) struct Quotas {
    /// The kinds that anybody has a quota of: nearly always none.
    kinds: AtomicU8,
    windows: QuotaWindows,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    limits: Limits,
    usages: HashMap<(QuotaKind, Sharers), Usage>,
}

/// What some clients have used of one quota.
struct Usage {
    rate: Rate,
    /// For mutations.
    tokens: TokenBucket,
    /// Milliseconds that they were put off, and how often.
    throttle_ms: Rate,
    throttles: Rate,
}

/// What some clients use of a quota, as a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuotaUsage {
    pub(crate) kind: QuotaKind,
    pub(crate) sharers: Sharers,
    /// Units per second.
    pub(crate) rate: f64,
    /// What is left to change at once, for mutations.
    pub(crate) tokens: Option<f64>,
    /// How long they were put off on average, in milliseconds.
    pub(crate) throttle_ms: f64,
}

impl Quotas {
    pub(crate) fn new(windows: QuotaWindows, clock: Arc<dyn Clock>) -> Self {
        Self { kinds: AtomicU8::new(0), windows, clock, state: Mutex::default() }
    }

    /// Takes over the quotas that are set from now on; what was used stays counted.
    pub(crate) fn set(&self, quotas: &BTreeMap<QuotaEntity, ConfigMap>) {
        let limits = Limits::new(quotas);
        let kinds = limits.kinds();
        let mut state = self.state.lock();
        state.usages.retain(|(kind, _), _| kinds & kind.bit() != 0);
        state.limits = limits;
        self.kinds.store(kinds, Ordering::Relaxed);
    }

    /// What counts for a request of a client; none while nobody has a quota.
    pub(crate) fn meter(self: &Arc<Self>, user: &str, client_id: &str, bytes: usize) -> Option<Arc<Metered>> {
        if self.kinds.load(Ordering::Relaxed) == 0 {
            return None;
        }
        Some(Arc::new(Metered {
            quotas: Arc::clone(self),
            user: user.to_owned(),
            client_id: client_id.to_owned(),
            bytes,
            busy: Mutex::new(Busy { spent: Duration::ZERO, since: Some(Instant::now()) }),
            throttle_ms: AtomicU32::new(0),
        }))
    }

    fn has(&self, kind: QuotaKind) -> bool {
        self.kinds.load(Ordering::Relaxed) & kind.bit() != 0
    }

    fn windows(&self, kind: QuotaKind) -> Windows {
        if kind == QuotaKind::Mutation { self.windows.mutations } else { self.windows.clients }
    }

    /// Does something with a client's quota and what was used of it, if it has one.
    fn with_usage<T>(
        &self,
        kind: QuotaKind,
        metered: &Metered,
        act: impl FnOnce(&mut Usage, f64, i64) -> T,
    ) -> Option<T> {
        if !self.has(kind) {
            return None;
        }
        let now_ms = self.clock.now_ms();
        let windows = self.windows(kind);
        let mut state = self.state.lock();
        let (limit, sharers) = state.limits.of(kind, &metered.user, &metered.client_id)?;
        let key = (kind, sharers);
        if state.usages.len() >= USAGES_MAX && !state.usages.contains_key(&key) {
            state.forget_older_half();
        }
        let usage = state.usages.entry(key).or_insert_with(|| Usage {
            rate: Rate::default(),
            tokens: TokenBucket::full(windows, limit, now_ms),
            throttle_ms: Rate::default(),
            throttles: Rate::default(),
        });
        Some(act(usage, limit, now_ms))
    }

    /// Counts, and says how long the client is put off.
    fn charge(&self, kind: QuotaKind, metered: &Metered, amount: f64) -> i64 {
        let windows = self.windows(kind);
        let charged = self.with_usage(kind, metered, |usage, limit, now_ms| {
            usage.rate.record(windows, amount, now_ms);
            usage.rate.excess_ms(windows, limit, now_ms)
        });
        charged.unwrap_or(0)
    }

    /// Everything that was used lately.
    pub(crate) fn usages(&self) -> Vec<QuotaUsage> {
        let now_ms = self.clock.now_ms();
        let mut state = self.state.lock();
        state.usages.retain(|_, usage| now_ms - usage.rate.last_ms() < USAGE_EXPIRES_AFTER_MS);
        let State { limits, usages } = &mut *state;
        let mut all: Vec<QuotaUsage> = usages
            .iter_mut()
            .map(|((kind, sharers), usage)| {
                let windows = self.windows(*kind);
                let throttled = usage.throttle_ms.per_second(windows, now_ms);
                let throttles = usage.throttles.per_second(windows, now_ms);
                let name = |name: &Option<String>| name.clone().unwrap_or_default();
                let limit = limits.of(*kind, &name(&sharers.user), &name(&sharers.client_id));
                let tokens = (*kind == QuotaKind::Mutation)
                    .then(|| limit.map(|(limit, _)| usage.tokens.tokens(windows, limit, now_ms)));
                QuotaUsage {
                    kind: *kind,
                    sharers: sharers.clone(),
                    rate: usage.rate.per_second(windows, now_ms),
                    tokens: tokens.flatten(),
                    throttle_ms: if throttles > 0.0 { throttled / throttles } else { 0.0 },
                }
            })
            .collect();
        all.sort_by(|one, other| {
            (one.kind.resource(), &one.sharers).cmp(&(other.kind.resource(), &other.sharers))
        });
        all
    }
}

impl State {
    /// Makes room: whoever has been quiet for long is forgotten first.
    fn forget_older_half(&mut self) {
        let mut last: Vec<i64> = self.usages.values().map(|usage| usage.rate.last_ms()).collect();
        let middle = last.len() / 2;
        let (_, &mut median_ms, _) = last.select_nth_unstable(middle);
        let mut too_many = middle;
        self.usages.retain(|_, usage| {
            let is_old = usage.rate.last_ms() <= median_ms && too_many > 0;
            too_many -= usize::from(is_old);
            !is_old
        });
    }
}

/// How long threads were busy with a request.
struct Busy {
    spent: Duration,
    /// Since when one is.
    since: Option<Instant>,
}

/// A request of a client that may have quotas.
pub(crate) struct Metered {
    quotas: Arc<Quotas>,
    user: String,
    client_id: String,
    /// Of the request.
    bytes: usize,
    busy: Mutex<Busy>,
    /// How long the client is put off, as far as it is known.
    throttle_ms: AtomicU32,
}

impl Metered {
    /// A thread goes on with the request.
    pub(crate) fn resume(&self) {
        self.busy.lock().since = Some(Instant::now());
    }

    /// No thread works on the request any more, for now.
    pub(crate) fn pause(&self) {
        let mut busy = self.busy.lock();
        if let Some(since) = busy.since.take() {
            busy.spent += since.elapsed();
        }
    }

    /// How long the client is put off, in milliseconds, as far as it is known.
    pub(crate) fn throttle_ms(&self) -> u32 {
        self.throttle_ms.load(Ordering::Relaxed)
    }

    /// Counts the time that the request has taken. Gives what its answer says: how long the client is put off, in milliseconds.
    pub(crate) fn settle(&self) -> i32 {
        if self.quotas.has(QuotaKind::Request) {
            let busy = self.busy.lock();
            let spent = busy.spent + busy.since.map_or(Duration::ZERO, |since| since.elapsed());
            drop(busy);
            let percent = spent.as_nanos() as f64 / NANOSECONDS_PER_PERCENT;
            // No longer than a window, so that no request that took long by accident locks its client out.
            let excess_ms = self.quotas.charge(QuotaKind::Request, self, percent);
            self.put_off(QuotaKind::Request, excess_ms.min(self.quotas.windows.clients.window_ms));
        }
        i32::try_from(self.throttle_ms()).unwrap_or(i32::MAX)
    }

    /// Counts the bytes of a produce request.
    pub(crate) fn produced(&self) {
        let excess_ms = self.quotas.charge(QuotaKind::Produce, self, self.bytes as f64);
        self.put_off(QuotaKind::Produce, excess_ms);
    }

    /// Counts the bytes of records that were found for a fetch request and settles it: gives how long the client is put off. If it is,
    /// nothing is counted, as nothing may be sent.
    pub(crate) fn fetched(&self, bytes: u64) -> i32 {
        let excess_ms = self.quotas.charge(QuotaKind::Fetch, self, bytes as f64);
        self.put_off(QuotaKind::Fetch, excess_ms);
        let throttle_ms = self.settle();
        if throttle_ms > 0 {
            self.quotas.charge(QuotaKind::Fetch, self, -(bytes as f64));
        }
        throttle_ms
    }

    /// Most bytes of records that can be fetched at all without exceeding the quota.
    pub(crate) fn fetchable_bytes_max(&self) -> u64 {
        let windows = self.quotas.windows(QuotaKind::Fetch);
        let full_windows = f64::from(windows.samples.saturating_sub(1));
        let max = self.quotas.with_usage(QuotaKind::Fetch, self, |_, limit, _| {
            limit * full_windows * windows.window_ms as f64 / 1000.0
        });
        max.map_or(u64::MAX, |max| max as u64)
    }

    /// Counts partitions that are to be created or deleted. With `is_strict`, says whether they may be.
    ///
    /// # Errors
    /// [`ErrorCode::ThrottlingQuotaExceeded`]; nothing is counted then.
    pub(crate) fn mutate(&self, partitions: usize, is_strict: bool) -> Result<(), ErrorCode> {
        let windows = self.quotas.windows(QuotaKind::Mutation);
        let excess = self.quotas.with_usage(QuotaKind::Mutation, self, |usage, limit, now_ms| {
            let before_ms = usage.tokens.excess_ms(windows, limit, now_ms);
            if is_strict && before_ms > 0 {
                return Err(before_ms);
            }
            usage.rate.record(windows, partitions as f64, now_ms);
            usage.tokens.take(windows, limit, partitions as f64, now_ms);
            Ok(if is_strict { 0 } else { usage.tokens.excess_ms(windows, limit, now_ms) })
        });
        match excess {
            None => Ok(()),
            Some(Ok(excess_ms)) => {
                self.put_off(QuotaKind::Mutation, excess_ms);
                Ok(())
            }
            Some(Err(excess_ms)) => {
                self.put_off(QuotaKind::Mutation, excess_ms);
                Err(ErrorCode::ThrottlingQuotaExceeded)
            }
        }
    }

    /// The longest of all reasons counts.
    fn put_off(&self, kind: QuotaKind, excess_ms: i64) {
        let Ok(excess_ms @ 1..) = u32::try_from(excess_ms.min(i64::from(i32::MAX))) else { return };
        self.throttle_ms.fetch_max(excess_ms, Ordering::Relaxed);
        let windows = self.quotas.windows(kind);
        self.quotas.with_usage(kind, self, |usage, _, now_ms| {
            usage.throttle_ms.record(windows, f64::from(excess_ms), now_ms);
            usage.throttles.record(windows, 1.0, now_ms);
        });
    }
}

/// The right of a request to create and delete partitions.
pub(crate) struct Mutations {
    metered: Option<Arc<Metered>>,
    is_strict: bool,
}

impl Mutations {
    /// That of a request; a strict one is refused as soon as it exceeds the quota, another one only has its client put off.
    pub(crate) fn new(metered: Option<Arc<Metered>>, is_strict: bool) -> Self {
        Self { metered, is_strict }
    }

    /// Whether there is a quota to look at.
    pub(crate) fn are_counted(&self) -> bool {
        self.metered.is_some()
    }

    /// As [`Metered::mutate`].
    ///
    /// # Errors
    /// As [`Metered::mutate`].
    pub(crate) fn take(&self, partitions: usize) -> Result<(), ErrorCode> {
        self.metered.as_ref().map_or(Ok(()), |metered| metered.mutate(partitions, self.is_strict))
    }
}

#[cfg(test)]
mod tests;
