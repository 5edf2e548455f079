//! The wall clock, passed in so that tests can hold it still.
//!
//! This is the only place in the engine that asks the system for the time of day.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::element::TimestampMs;

/// Tells the time and how long to sleep for it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall-clock time.
    fn now(&self) -> TimestampMs;

    /// How long a thread may sleep that wants to wake at `instant`; `None` when sleeping does not bring it nearer and
    /// the listeners of [`Clock::on_change`] are called instead.
    fn sleep_until(&self, instant: TimestampMs) -> Option<Duration>;

    /// Registers a listener that is called whenever the time jumps. A clock that runs by itself drops it.
    fn on_change(&self, listener: Box<dyn Fn() + Send + Sync>) {
        drop(listener);
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> TimestampMs {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        TimestampMs(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, instant: TimestampMs) -> Option<Duration> {
        let millis = u64::try_from(instant.0.saturating_sub(self.now().0)).unwrap_or(0);
        Some(Duration::from_millis(millis))
    }
}

/// A clock that moves only when it is told to.
///
/// ```
/// use millstream_engine::clock::{Clock, HeldClock};
/// use millstream_engine::element::TimestampMs;
///
/// let clock = HeldClock::new(TimestampMs(1_000));
/// clock.set(TimestampMs(2_000));
/// assert_eq!(clock.now(), TimestampMs(2_000));
/// ```
#[derive(Default)]
pub struct HeldClock {
    now_ms: AtomicI64,
    listeners: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl HeldClock {
    /// A clock that stands at `now`.
    pub fn new(now: TimestampMs) -> Self {
        Self { now_ms: AtomicI64::new(now.0), listeners: Mutex::new(Vec::new()) }
    }

    /// Moves the clock and wakes whoever sleeps by it.
    pub fn set(&self, now: TimestampMs) {
        self.now_ms.store(now.0, Ordering::Release);
        for listener in self.listeners.lock().iter() {
            listener();
        }
    }
}

impl fmt::Debug for HeldClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HeldClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Clock for HeldClock {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.now_ms.load(Ordering::Acquire))
    }

    fn sleep_until(&self, instant: TimestampMs) -> Option<Duration> {
        (instant <= self.now()).then_some(Duration::ZERO)
    }

    fn on_change(&self, listener: Box<dyn Fn() + Send + Sync>) {
        self.listeners.lock().push(listener);
    }
}
