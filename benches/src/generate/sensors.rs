//! Sensor readings: `{"sensor_id": "s-331", "ts": 1767225600000, "temperature": 24.23}`, keyed by the sensor.
//!
//! 1,000 sensors, each chosen with equal probability; 10,000 readings per second of event time, each up to 2 s behind its place;
//! temperatures of 10.00 to 39.99 with the zeros that a JSON writer leaves out. A window of 10 s therefore holds about 100 readings of a sensor.

use std::io::Write as _;

use super::{FIRST_EVENT_MS, Generator, Record};

/// How many sensors there are.
pub(crate) const SENSORS: u64 = 1_000;
/// The farthest that a reading lies behind the newest before it, in ms.
pub(crate) const DISORDER_MS: u64 = 2_000;
const READINGS_PER_MS: u64 = 10;

/// The readings of one seed, from the first.
#[derive(Debug)]
pub(crate) struct SensorReadings {
    seed: u64,
    number: u64,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl SensorReadings {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, number: 0, key: Vec::new(), value: Vec::new() }
    }
}

impl Generator for SensorReadings {
    fn next_record(&mut self) -> Record<'_> {
        let random = mix(self.seed ^ mix(self.number));
        let sensor = random % SENSORS;
        let behind_ms = (random >> 16) % (DISORDER_MS + 1);
        let hundredths = 1_000 + (random >> 32) % 3_000;
        // The first readings are not late: time starts after the disorder's width.
        let ts = FIRST_EVENT_MS + DISORDER_MS + self.number / READINGS_PER_MS - behind_ms;
        self.number += 1;

        self.key.clear();
        self.value.clear();
        let temperature = hundredths as f64 / 100.0;
        // Writing to a vector cannot fail.
        let _ = write!(self.key, "s-{sensor}");
        let _ = write!(
            self.value,
            r#"{{"sensor_id": "s-{sensor}", "ts": {ts}, "temperature": {temperature:?}}}"#
        );
        Record { key: Some(&self.key), value: &self.value }
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that scatters neighbouring numbers.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
