//! How fast something goes, and how long somebody has to wait who goes too fast: by Kafka's reckoning.
//!
//! A [`Rate`] is what was counted in the last `samples` windows over the time that they span; windows that were never begun count as
//! empty ones, so that a first burst is not a rate without end. A [`TokenBucket`] fills at the rate of a quota up to what `samples`
//! windows of it amount to, and may be overdrawn. Both are told the time.

/// How rates are measured: `quota.window.num` and `quota.window.size.seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Windows that are looked at, the current one included.
    pub samples: u32,
    /// Length of a window, in milliseconds.
    pub window_ms: i64,
}

impl Windows {
    /// All of them, in seconds.
    fn span_seconds(self) -> f64 {
        f64::from(self.samples) * self.window_ms as f64 / 1000.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    started_ms: i64,
    last_ms: i64,
    value: f64,
}

impl Sample {
    fn new(now_ms: i64) -> Self {
        Self { started_ms: now_ms, last_ms: now_ms, value: 0.0 }
    }
}

/// What was counted lately.
#[derive(Debug, Clone, Default)]
pub(super) struct Rate {
    /// One more than are looked at: the oldest reaches into the span as long as its last count does.
    samples: Vec<Sample>,
    current: usize,
}

impl Rate {
    /// Counts `value`, which may be negative: it takes back what was counted before.
    pub(super) fn record(&mut self, windows: Windows, value: f64, now_ms: i64) {
        if self.samples.is_empty() {
            self.samples.push(Sample::new(now_ms));
        }
        if now_ms - self.samples[self.current].started_ms >= windows.window_ms {
            self.current = (self.current + 1) % (windows.samples as usize + 1);
            match self.samples.get_mut(self.current) {
                Some(sample) => *sample = Sample::new(now_ms),
                None => self.samples.push(Sample::new(now_ms)),
            }
        }
        let sample = &mut self.samples[self.current];
        sample.value += value;
        sample.last_ms = now_ms;
    }

    /// Units per second.
    pub(super) fn per_second(&mut self, windows: Windows, now_ms: i64) -> f64 {
        self.forget(windows, now_ms);
        let sum: f64 = self.samples.iter().map(|sample| sample.value).sum();
        sum / (self.span_ms(windows, now_ms) as f64 / 1000.0)
    }

    /// How long nothing may be counted until the rate is down to `limit`; 0 when it is not above.
    pub(super) fn excess_ms(&mut self, windows: Windows, limit: f64, now_ms: i64) -> i64 {
        let rate = self.per_second(windows, now_ms);
        if rate <= limit {
            return 0;
        }
        ((rate - limit) / limit * self.span_ms(windows, now_ms) as f64).round() as i64
    }

    /// When something was counted last.
    pub(super) fn last_ms(&self) -> i64 {
        self.samples.iter().map(|sample| sample.last_ms).max().unwrap_or(i64::MIN)
    }

    fn forget(&mut self, windows: Windows, now_ms: i64) {
        let span_ms = i64::from(windows.samples) * windows.window_ms;
        for sample in &mut self.samples {
            if now_ms - sample.last_ms >= span_ms {
                *sample = Sample::new(now_ms);
            }
        }
    }

    fn span_ms(&self, windows: Windows, now_ms: i64) -> i64 {
        let oldest_ms = self.samples.iter().map(|sample| sample.started_ms).min().unwrap_or(now_ms);
        let elapsed_ms = now_ms - oldest_ms;
        let missing = i64::from(windows.samples) - 1 - elapsed_ms / windows.window_ms;
        (elapsed_ms + missing.max(0) * windows.window_ms).max(1)
    }
}

/// A right to so many operations a second that can be saved up for a while.
#[derive(Debug, Clone)]
pub(super) struct TokenBucket {
    tokens: f64,
    filled_ms: i64,
}

impl TokenBucket {
    /// A full one.
    pub(super) fn full(windows: Windows, limit: f64, now_ms: i64) -> Self {
        Self { tokens: windows.span_seconds() * limit, filled_ms: now_ms }
    }

    fn fill(&mut self, windows: Windows, limit: f64, now_ms: i64) {
        let elapsed_seconds = (now_ms - self.filled_ms).max(0) as f64 / 1000.0;
        self.tokens = (self.tokens + elapsed_seconds * limit).min(windows.span_seconds() * limit);
        self.filled_ms = now_ms;
    }

    /// What is left; negative while it is overdrawn.
    pub(super) fn tokens(&mut self, windows: Windows, limit: f64, now_ms: i64) -> f64 {
        self.fill(windows, limit, now_ms);
        self.tokens
    }

    /// Takes tokens, more than there are if need be.
    pub(super) fn take(&mut self, windows: Windows, limit: f64, count: f64, now_ms: i64) {
        self.fill(windows, limit, now_ms);
        self.tokens -= count;
    }

    /// How long until it is not overdrawn any more; 0 when it is not.
    pub(super) fn excess_ms(&mut self, windows: Windows, limit: f64, now_ms: i64) -> i64 {
        let tokens = self.tokens(windows, limit, now_ms);
        if tokens < 0.0 { (-tokens / limit * 1000.0).round() as i64 } else { 0 }
    }
}

#[cfg(test)]
mod tests;
