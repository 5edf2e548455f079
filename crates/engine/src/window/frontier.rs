//! The watermark that several inputs allow together.
//!
//! It is the minimum over the inputs that are active. With none active it is the maximum of what the idle and the
//! ended ones reached, so that the order in which inputs fall silent does not matter; with all of them ended it is
//! the end of time. It never goes back.

/// What an input says about its event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatermarkStatus {
    /// Its watermark, in milliseconds.
    Active(i64),
    /// It has been silent for so long that it holds nobody back, until it speaks again.
    Idle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Idle,
    Ended,
}

#[derive(Debug, Clone)]
struct Input {
    watermark_ms: i64,
    state: State,
}

/// Combines the watermarks of a fixed number of inputs.
#[derive(Debug, Clone)]
pub(crate) struct Frontier {
    inputs: Vec<Input>,
    combined_ms: i64,
}

impl Frontier {
    /// Begins at `start_ms`, below which the combined watermark never lies.
    pub(crate) fn new(inputs: usize, start_ms: i64) -> Self {
        let input = Input { watermark_ms: i64::MIN, state: State::Active };
        let mut frontier = Self { inputs: vec![input; inputs], combined_ms: start_ms };
        frontier.combine();
        frontier
    }

    pub(crate) fn update(&mut self, input: usize, status: WatermarkStatus) {
        if let Some(input) = self.inputs.get_mut(input) {
            match status {
                WatermarkStatus::Active(watermark_ms) => {
                    input.watermark_ms = input.watermark_ms.max(watermark_ms);
                    input.state = State::Active;
                }
                WatermarkStatus::Idle => input.state = State::Idle,
            }
        }
        self.combine();
    }

    pub(crate) fn end(&mut self, input: usize) {
        if let Some(input) = self.inputs.get_mut(input) {
            input.state = State::Ended;
        }
        self.combine();
    }

    fn combine(&mut self) {
        let active = self.inputs.iter().filter(|input| input.state == State::Active);
        let combined_ms = match active.map(|input| input.watermark_ms).min() {
            Some(minimum_ms) => minimum_ms,
            None if self.has_ended() => i64::MAX,
            None => self.inputs.iter().map(|input| input.watermark_ms).max().unwrap_or(i64::MIN),
        };
        self.combined_ms = self.combined_ms.max(combined_ms);
    }

    /// The combined watermark, in milliseconds.
    pub(crate) fn combined_ms(&self) -> i64 {
        self.combined_ms
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.inputs.iter().all(|input| input.state == State::Ended)
    }

    /// Whether no input is active although not all have ended.
    pub(crate) fn is_idle(&self) -> bool {
        !self.has_ended() && self.inputs.iter().all(|input| input.state != State::Active)
    }
}
